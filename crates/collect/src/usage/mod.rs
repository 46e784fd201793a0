//! What each workload used since the last sample.
//!
//! Its cgroup is read where there is one (v2 first, then the v1 controllers that were named), because the kernel has
//! added up the whole tree there, processes that are gone included. What a cgroup does not give is added up over the
//! process tree: the root process, its descendants by parent pid, and, where the root leads a session, every process
//! of that session, so that an orphan that was given to another parent still counts. One pass over `/proc` serves all
//! workloads of a sample.
//!
//! - CPU: time used ÷ interval. From `/proc` it has the resolution of a clock tick (10 ms).
//! - memory: working set. Cgroup: usage less inactive file cache, which the kernel gives up first. `/proc`: the sum of
//!   resident sizes, which counts shared pages once per process.
//! - disk: bytes per second that reached block devices or were charged as such.
//! - network: only for a workload with a network namespace of its own; otherwise the figures are the host's.
//! - connections: open sockets, listening ones included.
//!
//! Every workload keeps up to seven files open, so a process that samples a thousand needs a limit on descriptors
//! (`RLIMIT_NOFILE`) of 8,000 and more. Below it some are refused: their figures come from `/proc` or are absent, and
//! opening is tried again with every sample.
//!
//! # Source
//! Working set as usage − `inactive_file`: the kubelet's definition. CPU of a process tree as the sum of user, system
//! and waited-for children's time: proc_pid_stat(5); a child's time moves to its parent's when it is waited for, so the
//! sum over the living only grows.

mod cgroup;
mod connections;
mod source;
mod table;

use crate::usage::connections::Budget;
use crate::usage::source::Source;
use crate::usage::table::ProcessTable;
use plimsoll_model::{Micros, ReplicaUsage, WorkloadId};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the cgroups of one workload are, each a directory. Absent ones are made up for from `/proc`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CgroupPaths {
    /// Unified hierarchy, with or without controllers.
    pub v2: Option<PathBuf>,
    /// v1 `cpu`: throttling.
    pub v1_cpu: Option<PathBuf>,
    /// v1 `cpuacct`: CPU time.
    pub v1_cpuacct: Option<PathBuf>,
    /// v1 `memory`.
    pub v1_memory: Option<PathBuf>,
    /// v1 `blkio`: disk.
    pub v1_blkio: Option<PathBuf>,
}

/// One workload to sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whose usage it is.
    pub id: WorkloadId,
    /// The root of its process tree.
    pub pid: u32,
    /// That process's start time in clock ticks since boot, field 22 of `/proc/PID/stat`: another process with the
    /// same pid is not the workload.
    pub start_ticks: u64,
    /// Its cgroups.
    pub cgroup: CgroupPaths,
}

/// Samples the usage of workloads, keeping their files open in between.
#[derive(Debug)]
pub struct UsageSampler {
    sources: BTreeMap<WorkloadId, Source>,
    table: ProcessTable,
    /// Where the next sample's count of connections begins, when one sample cannot afford all.
    connections_from: Option<WorkloadId>,
    buffer: Vec<u8>,
}

impl Default for UsageSampler {
    fn default() -> Self {
        Self::new()
    }
}

impl UsageSampler {
    /// A sampler that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with_proc("/proc")
    }

    /// A sampler whose `/proc` is elsewhere, as in a container that has the host's mounted.
    #[must_use]
    pub fn with_proc(root: impl Into<PathBuf>) -> Self {
        let table = ProcessTable::new(root.into());
        Self { sources: BTreeMap::new(), table, connections_from: None, buffer: Vec::new() }
    }

    /// Usage of each target at `now`, a monotonic physical time of any origin. CPU and the other rates cover the time
    /// since the last call that could read them, and are none in the first. Targets of which nothing could be read are
    /// absent; the next figure of such a target counts the gap in its quality. Targets that are no longer given are
    /// forgotten.
    pub fn sample(&mut self, now: Micros, targets: &[Target]) -> BTreeMap<WorkloadId, ReplicaUsage> {
        let given: BTreeMap<&WorkloadId, &Target> = targets.iter().map(|target| (&target.id, target)).collect();
        self.sources.retain(|id, source| given.get(id).is_some_and(|target| source.is_of(target)));
        for (id, target) in &given {
            if !self.sources.contains_key(id) {
                self.sources.insert((*id).clone(), Source::open(target, self.table.root()));
            }
        }
        self.sources.values_mut().for_each(Source::open_refused);
        if self.sources.values().any(Source::needs_tree) {
            self.table.scan(&mut self.buffer);
        }
        let mut usage = BTreeMap::new();
        for (id, source) in &mut self.sources {
            if let Some(read) = source.read(now, &self.table, &mut self.buffer) {
                usage.insert(id.clone(), read);
            }
        }
        self.count_connections(&mut usage);
        usage
    }

    /// Looking at every descriptor of every process is the one thing here that grows with the load, so a sample looks
    /// at a bounded number of them, and goes round: a workload whose turn it is not has no figure, not an old one.
    fn count_connections(&mut self, usage: &mut BTreeMap<WorkloadId, ReplicaUsage>) {
        let mut budget = Budget::default();
        let ids: Vec<WorkloadId> = usage.keys().cloned().collect();
        let start = self.connections_from.take().map_or(0, |from| ids.partition_point(|id| *id < from));
        for id in ids[start..].iter().chain(&ids[..start]) {
            if budget.is_spent() {
                self.connections_from = Some(id.clone());
                break;
            }
            let Some((source, usage)) = self.sources.get(id).zip(usage.get_mut(id)) else { continue };
            usage.connections = source
                .processes(&self.table, &mut self.buffer)
                .and_then(|pids| connections::count(self.table.root(), &pids, &mut budget));
        }
    }
}
