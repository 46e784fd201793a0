//! The files of one workload's cgroups, opened once. Which of them exist decides, figure by figure, what has to be made
//! up for from `/proc`.

use crate::kept::Kept;
use crate::parse::{blkio_total, number, sum_of_words, value_of};
use crate::usage::CgroupPaths;
use std::io::ErrorKind;
use std::path::Path;

/// The open files.
#[derive(Debug, Default)]
pub(crate) struct CgroupFiles {
    cpu: Option<CpuFile>,
    v1_throttling: Option<Kept>,
    memory: Option<MemoryFiles>,
    disk: Option<DiskFile>,
    processes: Option<Kept>,
    was_refused: bool,
}

#[derive(Debug)]
enum CpuFile {
    /// `cpu.stat`: time in microseconds, and throttling.
    V2(Kept),
    /// `cpuacct.usage`: time in nanoseconds.
    V1(Kept),
}

#[derive(Debug)]
struct MemoryFiles {
    usage: Kept,
    stat: Kept,
    /// The key of inactive file cache, descendants included.
    inactive: &'static str,
}

#[derive(Debug)]
enum DiskFile {
    V2(Kept),
    V1(Kept),
}

/// Counts of scheduler periods under a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Throttling {
    pub periods: u64,
    pub throttled: u64,
}

/// Opens files of the groups, and notes whether one that may be there did not open, as for lack of descriptors.
struct Opener {
    was_refused: bool,
}

impl Opener {
    fn open(&mut self, dir: Option<&Path>, file: &str) -> Option<Kept> {
        let opened = Kept::open(&dir?.join(file));
        let is_final =
            |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied);
        self.was_refused |= opened.as_ref().is_err_and(|error| !is_final(error.kind()));
        opened.ok()
    }

    fn memory(&mut self, dir: Option<&Path>, usage: &str, inactive: &'static str) -> Option<MemoryFiles> {
        let usage = self.open(dir, usage)?;
        Some(MemoryFiles { usage, stat: self.open(dir, "memory.stat")?, inactive })
    }
}

impl CgroupFiles {
    pub(crate) fn open(paths: &CgroupPaths) -> Self {
        let mut opener = Opener { was_refused: false };
        let v2 = paths.v2.as_deref();
        let cpu = match opener.open(v2, "cpu.stat") {
            Some(file) => Some(CpuFile::V2(file)),
            None => opener.open(paths.v1_cpuacct.as_deref(), "cpuacct.usage").map(CpuFile::V1),
        };
        let memory = match opener.memory(v2, "memory.current", "inactive_file") {
            Some(files) => Some(files),
            None => opener.memory(paths.v1_memory.as_deref(), "memory.usage_in_bytes", "total_inactive_file"),
        };
        let v1_blkio = paths.v1_blkio.as_deref();
        let disk = match opener.open(v2, "io.stat") {
            Some(file) => Some(DiskFile::V2(file)),
            None => opener.open(v1_blkio, "blkio.throttle.io_service_bytes_recursive").map(DiskFile::V1),
        };
        let dirs = [&paths.v2, &paths.v1_cpu, &paths.v1_cpuacct, &paths.v1_memory, &paths.v1_blkio];
        let processes = dirs.into_iter().find_map(|dir| opener.open(dir.as_deref(), "cgroup.procs"));
        let v1_throttling = opener.open(paths.v1_cpu.as_deref(), "cpu.stat");
        Self { cpu, v1_throttling, memory, disk, processes, was_refused: opener.was_refused }
    }

    /// Whether opening again may find more: a file was refused, and not for being absent or forbidden.
    pub(crate) const fn was_refused(&self) -> bool {
        self.was_refused
    }

    /// Whether CPU, memory and disk can all be read here.
    pub(crate) const fn is_complete(&self) -> bool {
        self.cpu.is_some() && self.memory.is_some() && self.disk.is_some()
    }

    pub(crate) const fn has_cpu(&self) -> bool {
        self.cpu.is_some()
    }

    pub(crate) const fn has_memory(&self) -> bool {
        self.memory.is_some()
    }

    pub(crate) const fn has_disk(&self) -> bool {
        self.disk.is_some()
    }

    /// Which hierarchy counts CPU time, if one does.
    pub(crate) const fn cpu_source(&self) -> Option<u8> {
        match &self.cpu {
            Some(CpuFile::V2(_)) => Some(2),
            Some(CpuFile::V1(_)) => Some(1),
            None => None,
        }
    }

    /// Which hierarchy counts disk bytes, if one does.
    pub(crate) const fn disk_source(&self) -> Option<u8> {
        match &self.disk {
            Some(DiskFile::V2(_)) => Some(2),
            Some(DiskFile::V1(_)) => Some(1),
            None => None,
        }
    }

    pub(crate) const fn has_throttling(&self) -> bool {
        self.v1_throttling.is_some()
    }

    /// CPU time in nanoseconds, and throttling where the same file tells it.
    pub(crate) fn cpu(&self, buffer: &mut Vec<u8>) -> Option<(u64, Option<Throttling>)> {
        match self.cpu.as_ref()? {
            CpuFile::V1(file) => Some((number(file.read(buffer).ok()?)?, None)),
            CpuFile::V2(file) => {
                let text = file.read(buffer).ok()?;
                Some((value_of(text, "usage_usec")?.saturating_mul(1_000), throttling(text)))
            }
        }
    }

    /// Throttling by the v1 controller.
    pub(crate) fn v1_throttling(&self, buffer: &mut Vec<u8>) -> Option<Throttling> {
        throttling(self.v1_throttling.as_ref()?.read(buffer).ok()?)
    }

    /// Working set in bytes.
    pub(crate) fn memory(&self, buffer: &mut Vec<u8>) -> Option<u64> {
        let files = self.memory.as_ref()?;
        let usage = number(files.usage.read(buffer).ok()?)?;
        let inactive = value_of(files.stat.read(buffer).ok()?, files.inactive)?;
        Some(usage.saturating_sub(inactive))
    }

    /// Bytes read and written.
    pub(crate) fn disk(&self, buffer: &mut Vec<u8>) -> Option<u64> {
        match self.disk.as_ref()? {
            DiskFile::V1(file) => blkio_total(file.read(buffer).ok()?),
            DiskFile::V2(file) => Some(sum_of_words(file.read(buffer).ok()?, &["rbytes", "wbytes"])),
        }
    }

    /// The processes in the cgroup itself; none where no cgroup is known.
    pub(crate) fn processes(&self, buffer: &mut Vec<u8>) -> Option<Vec<u32>> {
        let text = self.processes.as_ref()?.read(buffer).ok()?;
        Some(text.lines().filter_map(|line| line.parse().ok()).collect())
    }
}

fn throttling(text: &str) -> Option<Throttling> {
    Some(Throttling { periods: value_of(text, "nr_periods")?, throttled: value_of(text, "nr_throttled")? })
}
