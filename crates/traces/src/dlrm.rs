//! Alibaba's trace of recommendation models served in parts: instances of services on CPU and GPU nodes, with a limit on how
//! many of one application share a node.
//!
//! `instance_sn, role (CN on CPU nodes, HN on GPU nodes), app_name, cpu_*, gpu_*, rdma_*, memory_*, disk_*` (each `request`
//! and `limit`; CPU in cores, RDMA in percent of a node's, memory and disk in GiB), `max_instance_per_node` (-1 for no limit),
//! `creation_time, scheduled_time, deletion_time` (s; empty where it lies outside the trace).
//!
//! An instance is a service. It was there from the start where it has no creation time; it never ends where it has no
//! deletion time. RDMA is the extended resource `rdma_percent`, of which a node has 200, so that eight
//! one-GPU instances of 25 %, which the trace allows on one node, fit. A limit of instances per node is an
//! extended resource too, `slots/APP/LIMIT`: a node has as many as an instance's limit says and each instance takes one, which
//! is exact and counts only what it must.
//!
//! **Nodes** are not in the trace. They are made up: `cpu-0000` on with 192 cores, 1 TiB and 10 TiB of disk, `gpu-0000` on with
//! the same and 8 GPUs; of each as many as hold 125 % of what runs at once (the limits bind before the sums do).
//!
//! # Source
//! Alibaba cluster-trace-gpu-v2025 (disaggregated DLRM).

use crate::ReadError;
use crate::cluster::{ClusterSet, RecordedTask};
use crate::columns::{Columns, GPUS, Seen};
use crate::csv::{Row, Rows};
use crate::dataset::find;
use crate::sets::SetError;
use crate::source::Source;
use plimsoll_model::cluster::{
    Capacity, Demand, GPU_WHOLE, GpuDemand, Gpus, Node, Operator, Requirement, Task, TaskKind,
};
use plimsoll_model::{Bytes, Millicores, Millis, Timestamp};
use std::collections::BTreeMap;
use std::io::Read;

/// The table's columns.
pub(crate) const COLUMNS: &[&str] = &[
    "instance_sn",
    "role",
    "app_name",
    "cpu_request",
    "cpu_limit",
    "gpu_request",
    "gpu_limit",
    "rdma_request",
    "rdma_limit",
    "memory_request",
    "memory_limit",
    "disk_request",
    "disk_limit",
    "max_instance_per_node",
    "creation_time",
    "scheduled_time",
    "deletion_time",
];
const TABLE: &str = "alibaba-gpu-2025-2026/disaggregated_DLRM_trace.csv.gz";
const GIB: u64 = 1 << 30;
const NODE_CORES: u64 = 192;
const NODE_GIB: u64 = 1_024;
const NODE_DISK_GIB: u64 = 10_240;
const NODE_GPUS: u32 = 8;
const NODE_RDMA_PERCENT: u64 = 200;
const SPARE_PERMILLE: u64 = 1_250;
/// Nodes made up at most, for a table whose requests are absurd.
const NODES_MAX: u64 = 100_000;

/// Limit by role and slot.
type Slots = BTreeMap<(&'static str, String), u64>;

/// The trace.
///
/// # Errors
/// [`SetError`] when it is not here or cannot be read.
pub fn set() -> Result<ClusterSet, SetError> {
    let source = Source { path: find(TABLE)?, member: None };
    Ok(source.with_reader(|reader| read(TABLE, reader))?)
}

/// Reads a table; `file` is what errors call it.
///
/// # Errors
/// [`ReadError`] with line and column.
pub fn read(file: &str, reader: &mut dyn Read) -> Result<ClusterSet, ReadError> {
    let mut rows = Rows::new(file, reader);
    let columns = Columns::read(file, &mut rows, COLUMNS, &[])?;
    let mut set = ClusterSet { name: "dlrm".into(), ..ClusterSet::default() };
    let (mut seen, mut slots) = (Seen::default(), BTreeMap::new());
    while let Some(row) = rows.next_row()? {
        let fields = columns.fields(&row)?;
        seen.add(&row, &fields[0], "instance_sn")?;
        let fields: Vec<&str> = fields.iter().map(AsRef::as_ref).collect();
        set.tasks.push(instance(&row, &fields, &mut slots)?);
    }
    set.tasks.sort_by_key(|recorded| recorded.task.submitted);
    set.nodes = nodes(&set.tasks, &slots);
    set.notes.push("nodes are made up: 192 cores, 1 TiB, 10 TiB of disk, those for GPU roles with 8 GPUs".into());
    set.notes.push(
        "an instance without a creation time is there from the start; without a deletion time it never ends".into(),
    );
    Ok(set)
}

fn instance(row: &Row<'_>, fields: &[&str], slots: &mut Slots) -> Result<RecordedTask, ReadError> {
    let amount = |place: usize, unit: u64| scaled(row, fields[place], COLUMNS[place], unit);
    let time = |place: usize| if fields[place].is_empty() { Ok(None) } else { amount(place, 1_000).map(Some) };
    let (created, scheduled, deleted) = (time(14)?, time(15)?, time(16)?);
    let role = match fields[1] {
        "CN" => "cpu",
        "HN" => "gpu",
        other => return Err(row.refuse("role", other, "CN or HN")),
    };
    let gpus = GPUS.parse(row, fields[5], "gpu_request")? as u32;
    let mut extended = BTreeMap::from([("rdma_percent".to_owned(), amount(7, 1)?)]);
    let most = fields[13];
    if most != "-1" {
        let limit = most.parse::<u64>().ok().filter(|limit| (1..=100_000).contains(limit));
        let limit = limit.ok_or_else(|| row.refuse("max_instance_per_node", most, "a whole number from 1, or -1"))?;
        let slot = format!("slots/{}/{limit}", fields[2]);
        extended.insert(slot.clone(), 1);
        slots.insert((role, slot), limit);
    }
    let gpu = GpuDemand { count: gpus, milli: if gpus == 0 { 0 } else { GPU_WHOLE }, models: Vec::new() };
    let requests = Demand {
        cpu: Millicores(amount(3, 1_000)?),
        memory: Bytes(amount(9, GIB)?),
        disk: Bytes(amount(11, GIB)?),
        gpu: gpu.clone(),
        extended,
        ..Demand::default()
    };
    let limits = Demand {
        cpu: Millicores(amount(4, 1_000)?),
        memory: Bytes(amount(10, GIB)?),
        disk: Bytes(amount(12, GIB)?),
        gpu,
        ..Demand::default()
    };
    let submitted = created.unwrap_or(0);
    let later = |at: u64, place: usize| {
        at.checked_sub(submitted)
            .map(Millis)
            .ok_or_else(|| row.refuse(COLUMNS[place], fields[place], "a time that is not before the creation"))
    };
    let wait = scheduled.map(|at| later(at, 15)).transpose()?;
    let run_time_true = deleted
        .map(|at| later(at, 16))
        .transpose()?
        .map(|lived| Millis(lived.0.saturating_sub(wait.unwrap_or_default().0).max(1)));
    let task = Task {
        id: fields[0].to_owned(),
        kind: TaskKind::Service,
        requests,
        limits: Some(limits),
        submitted: Timestamp(submitted.cast_signed()),
        queue: fields[2].to_owned(),
        selector: vec![Requirement { key: "role".into(), operator: Operator::In, values: vec![role.into()] }],
        ..Task::default()
    };
    Ok(RecordedTask { task, run_time_true, wait })
}

fn scaled(row: &Row<'_>, text: &str, column: &'static str, unit: u64) -> Result<u64, ReadError> {
    let (most, expected) = match column {
        "disk_request" | "disk_limit" => (1e7, "a number from 0 to 10000000"),
        "creation_time" | "scheduled_time" | "deletion_time" => (1e11, "seconds from 0 to 100000000000"),
        _ => (1e6, "a number from 0 to 1000000"),
    };
    match text.parse::<f64>() {
        Ok(amount) if (0.0..=most).contains(&amount) => Ok((amount * unit as f64).round() as u64),
        _ => Err(row.refuse(column, text, expected)),
    }
}

fn nodes(tasks: &[RecordedTask], slots: &Slots) -> Vec<Node> {
    let mut found = Vec::new();
    for (role, gpus) in [("cpu", 0), ("gpu", NODE_GPUS)] {
        let of_role = slots.iter().filter(|((own, _), _)| *own == role);
        let mut extended: BTreeMap<String, u64> = of_role.map(|((_, slot), limit)| (slot.clone(), *limit)).collect();
        extended.insert("rdma_percent".to_owned(), NODE_RDMA_PERCENT);
        let model = if gpus == 0 { String::new() } else { "GPU".to_owned() };
        let capacity = Capacity {
            cpu: Millicores(NODE_CORES * 1_000),
            memory: Bytes(NODE_GIB * GIB),
            disk: Bytes(NODE_DISK_GIB * GIB),
            gpus: Gpus { count: gpus, model },
            extended,
            ..Capacity::default()
        };
        let labels = BTreeMap::from([("role".to_owned(), role.to_owned())]);
        let own =
            |recorded: &&RecordedTask| recorded.task.selector.iter().any(|rule| rule.values.iter().any(|v| v == role));
        let count = hosts_for(tasks.iter().filter(own), &capacity);
        found.extend((0..count).map(|index| Node {
            labels: labels.clone(),
            ..crate::cluster::node(&format!("{role}-{index:04}"), capacity.clone())
        }));
    }
    found
}

/// As many nodes as hold what runs at once, by the resource that needs most, and a quarter more.
fn hosts_for<'a>(tasks: impl Iterator<Item = &'a RecordedTask>, capacity: &Capacity) -> u64 {
    let mut changes: Vec<(i64, bool, [u64; 5])> = Vec::new();
    for RecordedTask { task, run_time_true, .. } in tasks {
        let of = &task.requests;
        let rdma = of.extended.get("rdma_percent").copied().unwrap_or(0);
        // Bytes as MiB, so that the sums of a whole cluster stay far from the limit of their type.
        let asked = [of.cpu.0, of.memory.0 >> 20, of.disk.0 >> 20, u64::from(of.gpu.count), rdma];
        changes.push((task.submitted.0, true, asked));
        if let Some(run) = run_time_true {
            changes.push((task.submitted.plus(*run).0, false, asked));
        }
    }
    changes.sort_unstable();
    let (mut now, mut most) = ([0_u64; 5], [0_u64; 5]);
    for (_, is_start, asked) in changes {
        for (resource, amount) in asked.into_iter().enumerate() {
            now[resource] =
                if is_start { now[resource].saturating_add(amount) } else { now[resource].saturating_sub(amount) };
            most[resource] = most[resource].max(now[resource]);
        }
    }
    let c = capacity;
    let has = [c.cpu.0, c.memory.0 >> 20, c.disk.0 >> 20, u64::from(c.gpus.count), NODE_RDMA_PERCENT];
    let needed = |(most, has): (&u64, &u64)| {
        if *has == 0 { 0 } else { most.saturating_mul(SPARE_PERMILLE).div_ceil(has * 1_000) }
    };
    most.iter().zip(&has).map(needed).max().unwrap_or(0).min(NODES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_rows(rows: &str) -> Result<ClusterSet, String> {
        let text = format!("{}\n{rows}\n", COLUMNS.join(","));
        read("d.csv", &mut text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_instance_asks_for_its_share_of_a_node_and_a_slot() {
        let set = read_rows("i0,HN,app_0,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,,,\ni1,CN,app_1,64,64,0,0,1,1,320.0,320.0,340.0,400.0,-1,10.0,12.5,20.5").unwrap();
        let (one, two) = (&set.tasks[0], &set.tasks[1]);
        assert_eq!(
            one.task.requests.extended,
            BTreeMap::from([("rdma_percent".into(), 25), ("slots/app_0/8".into(), 1)])
        );
        assert_eq!((one.task.requests.memory.0, one.run_time_true), (120 * GIB, None));
        assert_eq!(
            (two.task.submitted.0, two.wait, two.run_time_true),
            (10_000, Some(Millis(2_500)), Some(Millis(8_000)))
        );
        let names: Vec<(&str, u64)> =
            set.nodes.iter().map(|node| (node.name.as_str(), node.capacity.extended.len() as u64)).collect();
        assert_eq!(names, [("cpu-0000", 1), ("gpu-0000", 2)], "slots only where they are asked for");
        assert_eq!(crate::check(&set.nodes, &set.tasks), []);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (row, message) in [
            ("i0,XN,a,1,1,0,0,1,1,1,1,1,1,-1,,,", "column role: \"XN\" is not CN or HN"),
            ("i0,CN,a,-1,1,0,0,1,1,1,1,1,1,-1,,,", "column cpu_request: \"-1\" is not a number from 0 to 1000000"),
            (
                "i0,CN,a,1,1,0,0,1,1,1,1,1,1,0,,,",
                "column max_instance_per_node: \"0\" is not a whole number from 1, or -1",
            ),
            (
                "i0,CN,a,1,1,0,0,1,1,1,1,1,1,-1,9,8,",
                "column scheduled_time: \"8\" is not a time that is not before the creation",
            ),
        ] {
            assert_eq!(read_rows(row).unwrap_err(), format!("d.csv, line 2, {message}"));
        }
    }
}
