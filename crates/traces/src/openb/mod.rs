//! Alibaba's `openb` trace of a GPU cluster: one table of nodes, many of pods.
//!
//! Nodes: `sn, cpu_milli, memory_mib, gpu, model`. Pods: `name, cpu_milli, memory_mib, num_gpu, gpu_milli` and, except in
//! the five-column lists, `gpu_spec, qos, pod_phase, creation_time, deletion_time, scheduled_time`. `gpu_milli` is the share
//! of one GPU where `num_gpu` is 1, and 1,000 above; `gpu_spec` names the models that will do, joined by `|` (a set: it is
//! kept in byte order). Times are seconds. Order and names are the file's.
//!
//! A pod of quality of service `LS` (latency-sensitive) is a service, every other is batch. Its run time is deletion less
//! scheduling; the trace has no estimates, so the estimate is the same. A pod that was never scheduled has neither.
//!
//! # Source
//! Weng et al., "Beware of Fragmentation" (FGD), USENIX ATC 2023; Alibaba cluster-trace-gpu-v2023.

mod workload;

pub use workload::workload;

use crate::ReadError;
use crate::cluster::{ClusterSet, RecordedTask};
use crate::columns::{CPU_MILLI, Columns, GPUS, MEMORY_MIB, SECONDS, Seen, Whole};
use crate::csv::{Row, Rows};
use crate::dataset::{Missing, find};
use crate::sets::SetError;
use crate::source::Source;
use plimsoll_model::cluster::{Capacity, Demand, GPU_WHOLE, GpuDemand, Gpus, Node, Task, TaskKind};
use plimsoll_model::{Bytes, Millicores, Millis, Timestamp};
use std::io::Read;

/// Columns of a node list.
pub(crate) const NODE_COLUMNS: &[&str] = &["sn", "cpu_milli", "memory_mib", "gpu", "model"];
/// Columns that every pod list has.
pub(crate) const POD_COLUMNS: &[&str] = &["name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"];
const POD_COLUMNS_MORE: &[&str] = &["gpu_spec", "qos", "pod_phase", "creation_time", "deletion_time", "scheduled_time"];
const SHARE: Whole = Whole { max: GPU_WHOLE as u64, expected: "a whole number of GPU thousandths from 0 to 1000" };
const MIB: u64 = 1 << 20;
const FOLDER: &str = "openb-gpu-v2023/csv";

/// The pod lists of the set by their short names.
pub const LISTS: &[&str] = &[
    "default",
    "cpu0",
    "cpu037",
    "cpu050",
    "cpu072",
    "cpu100",
    "cpu200",
    "cpu250",
    "gpushare40",
    "gpushare60",
    "gpushare80",
    "gpushare100",
    "gpuspec05",
    "gpuspec10",
    "gpuspec20",
    "gpuspec25",
    "gpuspec33",
    "multigpu20",
    "multigpu30",
    "multigpu40",
    "multigpu50",
];

/// Which node list goes with the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// The 1,213 nodes with GPUs: the published protocol.
    WithGpus,
    /// All 1,523.
    All,
}

/// A pod list of the set with its nodes.
///
/// # Errors
/// [`SetError`] when the set is not here or cannot be read.
pub fn set(list: &str, nodes: Nodes) -> Result<ClusterSet, SetError> {
    let of_nodes = match nodes {
        Nodes::WithGpus => "gpu_node",
        Nodes::All => "all_node",
    };
    Ok(ClusterSet {
        name: format!("openb:{list}"),
        nodes: read(&format!("openb_node_list_{of_nodes}"), self::nodes)?,
        tasks: read(&format!("openb_pod_list_{list}"), tasks)?,
        notes: vec!["the estimated run time of a pod is its true one, because the trace has no estimates".into()],
        ..ClusterSet::default()
    })
}

/// The set's tables are compressed in the collection this was written for, and plain where they were published.
fn read<T>(table: &str, read: fn(&str, &mut dyn Read) -> Result<Vec<T>, ReadError>) -> Result<Vec<T>, SetError> {
    let names = ["csv.xz", "csv.gz", "csv"].map(|ending| format!("{FOLDER}/{table}.{ending}"));
    let mut missing: Option<Missing> = None;
    for name in &names {
        match find(name) {
            Ok(path) => return Ok(Source { path, member: None }.with_reader(|reader| read(name, reader))?),
            Err(error) => missing = missing.or(Some(error)),
        }
    }
    Err(missing.unwrap_or_else(|| Missing::Name { name: table.to_owned() }).into())
}

/// Reads a node list; `file` is what errors call it.
///
/// # Errors
/// [`ReadError`] with line and column.
pub fn nodes(file: &str, reader: &mut dyn Read) -> Result<Vec<Node>, ReadError> {
    let mut rows = Rows::new(file, reader);
    let columns = Columns::read(file, &mut rows, NODE_COLUMNS, &[])?;
    let (mut seen, mut found) = (Seen::default(), Vec::new());
    while let Some(row) = rows.next_row()? {
        let fields = columns.fields(&row)?;
        let [name, cpu, memory, gpus, model] = [0, 1, 2, 3, 4].map(|column| fields[column].as_ref());
        seen.add(&row, name, "sn")?;
        let count = GPUS.parse(&row, gpus, "gpu")? as u32;
        if (count == 0) != model.is_empty() {
            return Err(row.refuse("model", model, "the model of the node's GPUs, or empty where it has none"));
        }
        let capacity = Capacity {
            cpu: Millicores(CPU_MILLI.parse(&row, cpu, "cpu_milli")?),
            memory: Bytes(MEMORY_MIB.parse(&row, memory, "memory_mib")? * MIB),
            gpus: Gpus { count, model: model.to_owned() },
            ..Capacity::default()
        };
        found.push(crate::cluster::node(name, capacity));
    }
    Ok(found)
}

/// Reads a whole pod list; `file` is what errors call it.
///
/// # Errors
/// [`ReadError`] with line and column.
pub fn tasks(file: &str, reader: &mut dyn Read) -> Result<Vec<RecordedTask>, ReadError> {
    let mut pods = Pods::new(file, reader)?;
    let mut found = Vec::new();
    while let Some(task) = pods.next_task()? {
        found.push(task);
    }
    Ok(found)
}

/// A stream of the tasks of a pod list.
pub struct Pods<'a> {
    rows: Rows<'a>,
    columns: Columns,
    seen: Seen,
}

impl<'a> Pods<'a> {
    /// Reads the header; `file` is what errors call it.
    ///
    /// # Errors
    /// [`ReadError`] when the header is not that of a pod list.
    pub fn new(file: &'a str, reader: &'a mut dyn Read) -> Result<Self, ReadError> {
        let mut rows = Rows::new(file, reader);
        let columns = Columns::read(file, &mut rows, POD_COLUMNS, POD_COLUMNS_MORE)?;
        Ok(Self { rows, columns, seen: Seen::default() })
    }

    /// The next pod, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError`] with line and column.
    pub fn next_task(&mut self) -> Result<Option<RecordedTask>, ReadError> {
        let Some(row) = self.rows.next_row()? else { return Ok(None) };
        let fields = self.columns.fields(&row)?;
        let field = |column: usize| fields[column].as_ref();
        self.seen.add(&row, field(0), "name")?;
        let cpu = Millicores(CPU_MILLI.parse(&row, field(1), "cpu_milli")?);
        let memory = Bytes(MEMORY_MIB.parse(&row, field(2), "memory_mib")? * MIB);
        let gpu = gpu_demand(&row, field(3), field(4), field(5))?;
        let [created, deleted, scheduled] = [(8, "creation_time"), (9, "deletion_time"), (10, "scheduled_time")]
            .map(|(column, name)| SECONDS.parse_known(&row, field(column), name));
        let (created, deleted, scheduled) = (created?.unwrap_or(0), deleted?, scheduled?);
        let span = |from: u64, to: u64, column, value| {
            to.checked_sub(from)
                .map(Millis::from_secs)
                .ok_or_else(|| row.refuse(column, value, "a time that is not before the pod's earlier ones"))
        };
        let wait = scheduled.map(|at| span(created, at, "scheduled_time", field(10))).transpose()?;
        let run_time =
            scheduled.zip(deleted).map(|(from, to)| span(from, to, "deletion_time", field(9))).transpose()?;
        let kind = if field(6) == "LS" { TaskKind::Service } else { TaskKind::Batch };
        let task = Task {
            id: field(0).to_owned(),
            kind,
            requests: Demand { cpu, memory, gpu, ..Demand::default() },
            submitted: Timestamp(created.cast_signed().saturating_mul(1_000)),
            run_time,
            ..Task::default()
        };
        Ok(Some(RecordedTask { task, run_time_true: run_time, wait }))
    }
}

fn gpu_demand(row: &Row<'_>, count: &str, share: &str, models: &str) -> Result<GpuDemand, ReadError> {
    let count_text = count;
    let count = GPUS.parse(row, count, "num_gpu")? as u32;
    let milli = SHARE.parse(row, share, "gpu_milli")? as u32;
    let is_fitting = match count {
        0 => milli == 0,
        1 => milli > 0,
        _ => milli == GPU_WHOLE,
    };
    if !is_fitting {
        let expected = "0 without a GPU, 1 to 1000 of one GPU, 1000 of several";
        return Err(row.refuse("gpu_milli", &format!("{share} of {count_text}"), expected));
    }
    let mut models: Vec<String> =
        models.split('|').map(str::trim).filter(|m| !m.is_empty()).map(str::to_owned).collect();
    models.sort_unstable();
    models.dedup();
    Ok(GpuDemand { count, milli, models })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,\
                        scheduled_time\n";

    fn pods(rows: &str) -> Result<Vec<RecordedTask>, ReadError> {
        tasks("p.csv", &mut format!("{PODS}{rows}").as_bytes())
    }

    #[test]
    fn a_pod_becomes_a_task_with_its_share_models_and_times() {
        let found =
            pods("b,6000,12288,1,460,V100M32|V100M16,LS,Running,10,100,15\na,1,0,0,0,,BE,Pending,7,9,\n").unwrap();
        let names: Vec<&str> = found.iter().map(|one| one.task.id.as_str()).collect();
        assert_eq!(names, ["b", "a"], "the order of the file");
        let one = &found[0];
        assert_eq!(
            one.task.requests.gpu,
            GpuDemand { count: 1, milli: 460, models: vec!["V100M16".into(), "V100M32".into()] }
        );
        assert_eq!((one.task.requests.cpu.0, one.task.requests.memory.0), (6_000, 12_288 << 20));
        assert_eq!(
            (one.task.submitted.0, one.wait, one.run_time_true),
            (10_000, Some(Millis(5_000)), Some(Millis(85_000)))
        );
        assert_eq!((one.task.kind, found[1].task.kind), (TaskKind::Service, TaskKind::Batch));
        assert_eq!((found[1].run_time_true, found[1].wait), (None, None), "it was never scheduled");
    }

    #[test]
    fn the_five_column_lists_have_no_times_and_any_model_will_do() {
        let found =
            tasks("p.csv", &mut "name,cpu_milli,memory_mib,num_gpu,gpu_milli\nx,1,2,8,1000\n".as_bytes()).unwrap();
        assert_eq!(found[0].task.requests.gpu, GpuDemand { count: 8, milli: 1_000, models: Vec::new() });
        assert_eq!(found[0].run_time_true, None);
    }

    #[test]
    fn what_is_wrong_is_said_with_file_line_column_and_range() {
        for (row, message) in [
            ("a,-5,1,0,0,,,,,,", "column cpu_milli: \"-5\" is not a whole number of millicores from 0 to 4000000000"),
            ("a,NaN,1,0,0,,,,,,", "column cpu_milli: \"NaN\" is not a whole number of millicores from 0 to 4000000000"),
            (
                "a,1,99999999999999999999,0,0,,,,,,",
                "column memory_mib: \"99999999999999999999\" is not a whole number of MiB from 0 to 4294967296",
            ),
            (
                "a,1,1,1,0,,,,,,",
                "column gpu_milli: \"0 of 1\" is not 0 without a GPU, 1 to 1000 of one GPU, 1000 of several",
            ),
            (
                "a,1,1,2,500,,,,,,",
                "column gpu_milli: \"500 of 2\" is not 0 without a GPU, 1 to 1000 of one GPU, 1000 of several",
            ),
            (
                "a,1,1,0,0,,,,9,8,9",
                "column deletion_time: \"8\" is not a time that is not before the pod's earlier ones",
            ),
            (",1,1,0,0,,,,,,", "column name: \"\" is not a name"),
            ("a,1,1", "column (whole line): \"a,1,1\" is not a row with as many fields as the header"),
        ] {
            let error = pods(&format!("{row}\n")).unwrap_err();
            assert_eq!(error.to_string(), format!("p.csv, line 2, {message}"));
        }
        let twice = pods("a,1,1,0,0,,,,,,\nb,1,1,0,0,,,,,,\na,1,1,0,0,,,,,,\n").unwrap_err();
        assert_eq!(twice.to_string(), "p.csv, line 4, column name: \"a\" stands already in line 2");
        let node = nodes("n.csv", &mut "sn,cpu_milli,memory_mib,gpu,model\na,1,1,2,\n".as_bytes()).unwrap_err();
        assert_eq!(
            node.to_string(),
            "n.csv, line 2, column model: \"\" is not the model of the node's GPUs, or empty where it has none"
        );
    }

    #[test]
    fn a_header_with_a_wrong_or_missing_column_names_it() {
        let read = |header: &str| nodes("n.csv", &mut header.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            read("sn,cpu_mili,memory_mib,gpu,model\n"),
            "n.csv, line 1: the column \"cpu_mili\" is not known (did you mean \"cpu_milli\"?); known are sn, cpu_milli, \
             memory_mib, gpu, model"
        );
        assert_eq!(
            read("sn,memory_mib,gpu,model\n"),
            "n.csv, line 1: the column \"cpu_milli\" is missing; the header is \"sn,memory_mib,gpu,model\""
        );
        assert_eq!(
            read("sn,sn,gpu,model\n"),
            "n.csv, line 1, column (header): \"sn\" is not a column that stands once"
        );
        assert_eq!(read(""), "n.csv: the file is empty, and its first line has to say what it is");
    }
}
