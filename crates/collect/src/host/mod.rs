//! The node: what everything on it uses, and what may be given to workloads.
//!
//! CPU used is all time that is not idle, not waiting for I/O and not stolen by a hypervisor. Memory used is what is
//! not available without swapping (`MemTotal − MemAvailable`). Pressure is the share of the last 10 s in which some
//! task waited; from `/proc/pressure`, or the root of a cgroup v2 mount where only that exists.
//!
//! # Source
//! proc_stat(5), proc_meminfo(5), and the kernel's "PSI - Pressure Stall Information".

mod own_limits;

use crate::counter::{Counter, Step};
use crate::gpu::GpuSampler;
use crate::kept::Kept;
use crate::parse::{pressure_some_avg10, value_of};
use own_limits::OwnLimits;
use plimsoll_model::spec::{NodeSpec, Resources};
use plimsoll_model::{Bytes, HostObservation, Micros, Millicores, Permille, Quality};
use std::path::{Path, PathBuf};

/// What the machine has, or what of it this process may use when it runs inside a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
}

/// Samples the host, keeping its files open in between.
#[derive(Debug)]
pub struct HostSampler {
    cpu: Counter,
    stat: Option<Kept>,
    meminfo: Option<Kept>,
    pressure: [Option<Kept>; 3],
    limits: OwnLimits,
    cores: u64,
    disk_path: PathBuf,
    gpu: Option<GpuSampler>,
    quality: Quality,
    buffer: Vec<u8>,
}

impl HostSampler {
    /// A sampler of this host; `disk_path` is on the file system whose free space matters, where the state lives.
    #[must_use]
    pub fn new(disk_path: impl Into<PathBuf>) -> Self {
        Self::with_roots(disk_path, Path::new("/proc"), Path::new("/sys/fs/cgroup"))
    }

    /// Likewise with `/proc` and the cgroup mounts elsewhere, as in a container that has the host's mounted.
    #[must_use]
    pub fn with_roots(disk_path: impl Into<PathBuf>, proc: &Path, cgroup: &Path) -> Self {
        let pressure = ["cpu", "memory", "io"].map(|resource| {
            let in_cgroup = format!("{resource}.pressure");
            let places = [
                proc.join("pressure").join(resource),
                cgroup.join(&in_cgroup),
                cgroup.join("unified").join(&in_cgroup),
            ];
            places.iter().find_map(|path| Kept::open(path).ok())
        });
        Self {
            cpu: Counter::default(),
            stat: Kept::open(&proc.join("stat")).ok(),
            meminfo: Kept::open(&proc.join("meminfo")).ok(),
            pressure,
            limits: OwnLimits::find(proc),
            cores: cores(),
            disk_path: disk_path.into(),
            gpu: GpuSampler::open().ok(),
            quality: Quality::default(),
            buffer: Vec::new(),
        }
    }

    /// What there is to give: the cores this process may run on and the machine's memory, each no more than the limit
    /// of the cgroups it is in. Zero memory when `/proc/meminfo` cannot be read.
    pub fn capacity(&mut self) -> Capacity {
        let (limit_cpu, limit_memory) = self.limits.read();
        let cpu = Millicores(self.cores.saturating_mul(1_000));
        let memory = Bytes(self.meminfo("MemTotal").unwrap_or(0));
        Capacity {
            cpu: limit_cpu.map_or(cpu, |limit| limit.min(cpu)),
            memory: limit_memory.map_or(memory, |limit| limit.min(memory)),
        }
    }

    /// What may be given to workloads under `node`: what it states, or the capacity less what it reserves. A stated
    /// CPU may exceed the cores, which shares them out more than once; a limit of our own cgroup caps both.
    pub fn allocatable(&mut self, node: &NodeSpec) -> Resources {
        let (limit_cpu, limit_memory) = self.limits.read();
        let capacity = self.capacity();
        let cpu = node.cpu.unwrap_or(capacity.cpu.saturating_sub(node.reserved_cpu));
        let memory = node.memory.unwrap_or(capacity.memory.saturating_sub(node.reserved_memory));
        Resources {
            cpu: limit_cpu.map_or(cpu, |limit| limit.min(cpu)),
            memory: limit_memory.map_or(memory, |limit| limit.min(memory)),
        }
    }

    /// The host at `now`, a monotonic physical time of any origin. CPU covers the time since the last call and is
    /// none in the first. What cannot be read is none.
    pub fn sample(&mut self, now: Micros, node: &NodeSpec) -> HostObservation {
        let ticks = read(self.stat.as_ref(), &mut self.buffer).and_then(busy_ticks);
        let step = ticks.map(|ticks| self.cpu.step(ticks, now.get()));
        if ticks.is_none() {
            self.quality.gaps += 1;
        }
        if step == Some(Step::Reset) {
            self.quality.resets += 1;
        }
        let tick_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
        let memory_used = self.meminfo("MemTotal").zip(self.meminfo("MemAvailable"));
        let [pressure_cpu, pressure_memory, pressure_io] = [0, 1, 2].map(|index: usize| {
            let text = read(self.pressure[index].as_ref(), &mut self.buffer)?;
            pressure_some_avg10(text).map(Permille)
        });
        HostObservation {
            allocatable: self.allocatable(node),
            cpu_used: step.and_then(|step| step.scaled(tick_us.saturating_mul(1_000))).map(Millicores),
            memory_used: memory_used.map(|(total, available)| Bytes(total.saturating_sub(available))),
            disk_free: disk_free(&self.disk_path),
            pressure_cpu,
            pressure_memory,
            pressure_io,
            gpus: self.gpu.as_ref().map(GpuSampler::sample).unwrap_or_default(),
        }
    }

    /// How good the figures are, since the sampler was made.
    #[must_use]
    pub const fn quality(&self) -> Quality {
        self.quality
    }

    fn meminfo(&mut self, key: &str) -> Option<u64> {
        let text = read(self.meminfo.as_ref(), &mut self.buffer)?;
        value_of(text, key)?.checked_mul(1_024)
    }
}

/// Cores that this process may be scheduled on. Not `available_parallelism`, which rounds a quota of 1.5 cores down.
fn cores() -> u64 {
    rustix::thread::sched_getaffinity(None).map_or(1, |cores| u64::from(cores.count()).max(1))
}

fn read<'b>(file: Option<&Kept>, buffer: &'b mut Vec<u8>) -> Option<&'b str> {
    file?.read(buffer).ok()
}

/// User, nice, system and the two kinds of interrupt time of all cores, in clock ticks. Guests' time is in user time.
fn busy_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || fields.next()?.ok();
    let (user, nice, system, _idle, _iowait, irq, softirq) =
        (next()?, next()?, next()?, next()?, next()?, next()?, next()?);
    Some([user, nice, system, irq, softirq].into_iter().fold(0, u64::saturating_add))
}

/// Bytes that an unprivileged process may still write on the file system of `path`.
fn disk_free(path: &Path) -> Option<Bytes> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(Bytes(found.f_bavail.saturating_mul(found.f_frsize)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_waiting_and_stolen_time_is_not_used() {
        assert_eq!(busy_ticks("cpu  1 20 300 4000 50000 600000 7000000 8 9 10\ncpu0 1"), Some(7_600_321));
        assert_eq!(busy_ticks("cpu0 1 2 3 4 5 6 7"), None);
        assert_eq!(busy_ticks("cpu  1 2 3"), None);
    }
}
