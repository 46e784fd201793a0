//! One workload's files and counters.

use crate::counter::{Counter, Step};
use crate::kept::Kept;
use crate::parse::{network_bytes, value_of};
use crate::usage::cgroup::{CgroupFiles, Throttling};
use crate::usage::table::ProcessTable;
use crate::usage::{CgroupPaths, Target};
use plimsoll_model::{Bytes, Micros, Millicores, Permille, Quality, ReplicaUsage};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Everything that is kept of one workload between samples.
#[derive(Debug)]
pub(crate) struct Source {
    pid: u32,
    start_ticks: u64,
    paths: CgroupPaths,
    proc: PathBuf,
    cgroup: CgroupFiles,
    network_file: Option<Kept>,
    disk_files: BTreeMap<u32, Kept>,
    cpu: Counter,
    throttling: Option<Throttling>,
    disk: Counter,
    network: Counter,
    gaps: u64,
    resets: u64,
}

impl Source {
    pub(crate) fn open(target: &Target, proc: &Path) -> Self {
        Self {
            pid: target.pid,
            start_ticks: target.start_ticks,
            paths: target.cgroup.clone(),
            proc: proc.to_owned(),
            cgroup: CgroupFiles::open(&target.cgroup),
            network_file: own_network(proc, target.pid),
            disk_files: BTreeMap::new(),
            cpu: Counter::default(),
            throttling: None,
            disk: Counter::default(),
            network: Counter::default(),
            gaps: 0,
            resets: 0,
        }
    }

    pub(crate) fn is_of(&self, target: &Target) -> bool {
        (self.pid, self.start_ticks) == (target.pid, target.start_ticks) && same_paths(&self.paths, &target.cgroup)
    }

    /// Whether some figure has to come from the process tree.
    pub(crate) const fn needs_tree(&self) -> bool {
        !self.cgroup.is_complete()
    }

    /// Opens again what was refused. A counter that comes from another file then starts over.
    pub(crate) fn open_refused(&mut self) {
        if !self.cgroup.was_refused() {
            return;
        }
        let before = std::mem::replace(&mut self.cgroup, CgroupFiles::open(&self.paths));
        if before.cpu_source() != self.cgroup.cpu_source() {
            self.cpu = Counter::default();
        }
        if before.disk_source() != self.cgroup.disk_source() {
            self.disk = Counter::default();
        }
        // The hierarchies need not have counted alike, and a difference would be taken for a reset.
        if before.has_throttling() != self.cgroup.has_throttling() {
            self.throttling = None;
        }
    }

    /// The processes of the workload.
    pub(crate) fn processes(&self, table: &ProcessTable, buffer: &mut Vec<u8>) -> Option<Vec<u32>> {
        self.cgroup.processes(buffer).or_else(|| table.tree(self.pid, self.start_ticks))
    }

    /// Usage since the last sample; none when neither CPU nor memory could be read, which is a gap.
    pub(crate) fn read(&mut self, now: Micros, table: &ProcessTable, buffer: &mut Vec<u8>) -> Option<ReplicaUsage> {
        let tree = if self.needs_tree() { table.tree(self.pid, self.start_ticks) } else { None };
        let sums = tree.as_ref().map(|pids| table.sum(pids));
        let (cpu_ns, throttling) = if self.cgroup.has_cpu() {
            self.cgroup.cpu(buffer).map_or((None, None), |(cpu, throttling)| (Some(cpu), throttling))
        } else {
            (sums.map(|(ticks, _)| ticks.saturating_mul(tick_ns())), None)
        };
        let memory = if self.cgroup.has_memory() {
            self.cgroup.memory(buffer)
        } else {
            sums.map(|(_, pages)| pages.saturating_mul(rustix::param::page_size() as u64))
        };
        if cpu_ns.is_none() || memory.is_none() {
            self.gaps += 1;
        }
        if cpu_ns.is_none() && memory.is_none() {
            return None;
        }
        let throttling = self.cgroup.v1_throttling(buffer).or(throttling);
        let disk = if self.cgroup.has_disk() {
            self.cgroup.disk(buffer)
        } else {
            tree.and_then(|pids| self.disk_of(&pids, buffer))
        };
        let network = self.network_file.as_ref().and_then(|file| network_bytes(file.read(buffer).ok()?));
        let at = now.get();
        // Nanoseconds per microsecond is exactly the number of thousandths of a core.
        let cpu = cpu_ns.map(|value| self.cpu.step(value, at));
        let disk = disk.map(|value| self.disk.step(value, at));
        let network = network.map(|value| self.network.step(value, at));
        let throttled = throttling.and_then(|counts| self.throttled(counts));
        let steps = [cpu, disk, network];
        self.resets += steps.iter().filter(|step| **step == Some(Step::Reset)).count() as u64;
        Some(ReplicaUsage {
            cpu: cpu.and_then(|step| step.scaled(1)).map(Millicores),
            throttled,
            memory: memory.map(Bytes),
            network_bytes_per_s: network.and_then(Step::per_second),
            disk_bytes_per_s: disk.and_then(Step::per_second),
            connections: None,
            // The gateway knows.
            in_flight_milli: None,
            quality: Quality { age_ms: 0, gaps: self.gaps, resets: self.resets },
        })
    }

    /// Share of the periods since the last sample in which the quota was used up. A group that has never had a period
    /// has no quota; one that has, and was idle, was not throttled.
    fn throttled(&mut self, now: Throttling) -> Option<Permille> {
        let last = self.throttling.replace(now)?;
        let Some((periods, throttled)) =
            now.periods.checked_sub(last.periods).zip(now.throttled.checked_sub(last.throttled))
        else {
            self.resets += 1;
            return None;
        };
        match throttled.saturating_mul(1_000).checked_div(periods) {
            Some(share) => Some(Permille(share)),
            None => (now.periods > 0).then_some(Permille(0)),
        }
    }

    /// Bytes that the tree's processes read from and wrote to block devices; none where that may not be read.
    fn disk_of(&mut self, pids: &[u32], buffer: &mut Vec<u8>) -> Option<u64> {
        self.disk_files.retain(|pid, _| pids.contains(pid));
        let mut total = None;
        for pid in pids {
            if !self.disk_files.contains_key(pid) {
                let Ok(file) = Kept::open(&self.proc.join(pid.to_string()).join("io")) else { continue };
                self.disk_files.insert(*pid, file);
            }
            let Some(text) = self.disk_files.get(pid).and_then(|file| file.read(buffer).ok()) else { continue };
            let bytes = value_of(text, "read_bytes")?.saturating_add(value_of(text, "write_bytes")?);
            total = Some(u64::saturating_add(total.unwrap_or(0), bytes));
        }
        total
    }
}

/// Compares the text of the paths: comparing them as paths takes them apart, which for a thousand workloads costs as much
/// as reading a counter.
fn same_paths(one: &CgroupPaths, other: &CgroupPaths) -> bool {
    let pairs = [
        (&one.v2, &other.v2),
        (&one.v1_cpu, &other.v1_cpu),
        (&one.v1_cpuacct, &other.v1_cpuacct),
        (&one.v1_memory, &other.v1_memory),
        (&one.v1_blkio, &other.v1_blkio),
    ];
    pairs
        .iter()
        .all(|(one, other)| one.as_ref().map(|path| path.as_os_str()) == other.as_ref().map(|path| path.as_os_str()))
}

/// The interface counters of a process whose network namespace is not ours.
fn own_network(proc: &Path, pid: u32) -> Option<Kept> {
    let namespace = |pid: &str| {
        let found = std::fs::metadata(proc.join(pid).join("ns/net")).ok()?;
        Some((found.dev(), found.ino()))
    };
    let pid_text = pid.to_string();
    (namespace(&pid_text)? != namespace("self")?)
        .then(|| Kept::open(&proc.join(&pid_text).join("net/dev")).ok())
        .flatten()
}

/// Length of a clock tick.
fn tick_ns() -> u64 {
    1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)
}
