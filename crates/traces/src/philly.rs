//! Microsoft's Philly trace of deep-learning jobs: `timestamp, duration, num_gpus, gpu_time, cluster`.
//!
//! A job of up to 8 GPUs is one task; a larger one is a gang of tasks of 8 GPUs, the last with the rest, named
//! `job-00001/0` on. Duration (s) is the true run time; there is no estimate. `cluster` is the tenant's virtual cluster: the
//! task's queue, and a quota of weight 1 for each, since the trace does not say what anybody is entitled to.
//!
//! **Machines** are not in the table, and the real cluster is never contended by this part of the trace (its running
//! requests reach 1,243 GPUs at once if nobody waits, 379 on average), so these are made up: 64 machines of 8 GPUs, which
//! 74 % of the time would be busy. CPU and memory were not recorded: 1,000 millicores and 1 GiB go with each GPU, on both
//! sides, so that they never decide.
//!
//! # Source
//! M. Jeon et al., "Analysis of Large-Scale Multi-Tenant GPU Clusters for DNN Training Workloads", USENIX ATC 2019; the table
//! is that of the artefact of S. Jayaram Subramanya et al., "Sia", SOSP 2023.

use crate::cluster::{ClusterSet, RecordedTask};
use crate::columns::{Columns, GPUS};
use crate::csv::Rows;
use crate::dataset::find;
use crate::sets::SetError;
use crate::source::Source;
use crate::{ReadError, date};
use plimsoll_model::cluster::{
    Amounts, Capacity, Demand, GPU_WHOLE, GangSpec, GpuDemand, Gpus, Node, QuotaSpec, Task, TaskKind,
};
use plimsoll_model::{Bytes, Millicores, Millis, Timestamp};
use std::collections::BTreeSet;
use std::io::Read;

/// The table's columns.
pub(crate) const COLUMNS: &[&str] = &["timestamp", "duration", "num_gpus", "gpu_time", "cluster"];
const TABLE: &str = "philly/philly_dev_first70pct.csv.xz";
const MACHINES: u32 = 64;
const GPUS_PER_MACHINE: u32 = 8;
const CPU_PER_GPU: u64 = 1_000;
const MEMORY_PER_GPU: u64 = 1 << 30;
/// Three thousand years.
const SECONDS_MAX: f64 = 1e11;

/// The machines, made up as the page of this module says.
#[must_use]
pub fn machines() -> Vec<Node> {
    let gpus = Gpus { count: GPUS_PER_MACHINE, model: "GPU".into() };
    let capacity = Capacity {
        cpu: Millicores(CPU_PER_GPU * u64::from(GPUS_PER_MACHINE)),
        memory: Bytes(MEMORY_PER_GPU * u64::from(GPUS_PER_MACHINE)),
        gpus,
        ..Capacity::default()
    };
    (0..MACHINES).map(|index| crate::cluster::node(&format!("philly-{index:03}"), capacity.clone())).collect()
}

/// The given part of the trace.
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
    let mut set = ClusterSet {
        name: "philly".into(),
        nodes: machines(),
        notes: vec![
            "machines are made up: 64 of 8 GPUs".into(),
            "CPU and memory were not recorded: 1,000 millicores and 1 GiB go with each GPU".into(),
        ],
        ..ClusterSet::default()
    };
    let (mut job, mut tenants) = (0_u64, BTreeSet::new());
    while let Some(row) = rows.next_row()? {
        let fields = columns.fields(&row)?;
        let field = |column: usize| fields[column].as_ref();
        let submitted = date::parse_time(field(0)).ok_or_else(|| row.refuse("timestamp", field(0), "a time"))?;
        let run =
            seconds(field(1)).ok_or_else(|| row.refuse("duration", field(1), "seconds from 0 to 100000000000"))?;
        let gpus = GPUS.parse(&row, field(2), "num_gpus")? as u32;
        if field(4).is_empty() {
            return Err(row.refuse("cluster", "", "the name of a virtual cluster"));
        }
        job += 1;
        if gpus == 0 || run.0 == 0 {
            set.skipped.add("it asks for no GPU or did not run", file, row.number);
            continue;
        }
        tenants.insert(field(4).to_owned());
        gang(job, gpus, submitted, run, field(4), &mut set.tasks);
    }
    let quota = |holder| QuotaSpec { holder, weight: 1, most: Amounts::default(), guaranteed: Amounts::default() };
    set.quotas = tenants.into_iter().map(quota).collect();
    set.tasks.sort_by_key(|recorded| recorded.task.submitted);
    Ok(set)
}

fn seconds(text: &str) -> Option<Millis> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..=SECONDS_MAX).contains(seconds))?;
    Some(Millis((seconds * 1_000.0).round() as u64))
}

fn gang(job: u64, gpus: u32, submitted: Timestamp, run: Millis, tenant: &str, tasks: &mut Vec<RecordedTask>) {
    let members = gpus.div_ceil(GPUS_PER_MACHINE);
    let name = format!("job-{job:05}");
    for member in 0..members {
        let count = (gpus - member * GPUS_PER_MACHINE).min(GPUS_PER_MACHINE);
        let requests = Demand {
            cpu: Millicores(CPU_PER_GPU * u64::from(count)),
            memory: Bytes(MEMORY_PER_GPU * u64::from(count)),
            gpu: GpuDemand { count, milli: GPU_WHOLE, models: Vec::new() },
            ..Demand::default()
        };
        let is_gang = members > 1;
        let task = Task {
            id: if is_gang { format!("{name}/{member}") } else { name.clone() },
            kind: TaskKind::Training,
            requests,
            submitted,
            queue: tenant.to_owned(),
            gang: is_gang.then(|| GangSpec { name: name.clone(), size: members, together: None }),
            ..Task::default()
        };
        tasks.push(RecordedTask { task, run_time_true: Some(run), wait: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "timestamp,duration,num_gpus,gpu_time,cluster\n";

    #[test]
    fn a_job_above_a_machine_is_a_gang() {
        let rows = format!(
            "{HEADER}\n2017-09-04 10:30:41,189.0,20,3780.0,7f\n2017-09-04 10:30:40,5.5,1,5.5,0e\n2017-09-05 00:00:00,0.0,1,0,0e\n"
        );
        let set = read("p.csv", &mut rows.as_bytes()).unwrap();
        let tasks: Vec<(&str, u32)> =
            set.tasks.iter().map(|one| (one.task.id.as_str(), one.task.requests.gpu.count)).collect();
        assert_eq!(tasks, [("job-00002", 1), ("job-00001/0", 8), ("job-00001/1", 8), ("job-00001/2", 4)]);
        assert_eq!(set.tasks[1].task.gang, Some(GangSpec { name: "job-00001".into(), size: 3, together: None }));
        assert_eq!((set.tasks[0].run_time_true, set.tasks[0].task.gang.is_none()), (Some(Millis(5_500)), true));
        assert_eq!(set.tasks[0].task.submitted.to_string(), "2017-09-04 10:30:40Z");
        let holders: Vec<&str> = set.quotas.iter().map(|quota| quota.holder.as_str()).collect();
        assert_eq!(holders, ["0e", "7f"]);
        assert_eq!(set.skipped.to_string(), "1 rows left out: it asks for no GPU or did not run (first: p.csv:5)");
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (row, message) in [
            ("soon,1,1,1,a", "column timestamp: \"soon\" is not a time"),
            ("2017-09-04 10:30:41,NaN,1,1,a", "column duration: \"NaN\" is not seconds from 0 to 100000000000"),
            ("2017-09-04 10:30:41,1,-1,1,a", "column num_gpus: \"-1\" is not a whole number of GPUs from 0 to 1024"),
            ("2017-09-04 10:30:41,1,1,1,", "column cluster: \"\" is not the name of a virtual cluster"),
        ] {
            let error = read("p.csv", &mut format!("{HEADER}{row}\n").as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), format!("p.csv, line 2, {message}"));
        }
    }
}
