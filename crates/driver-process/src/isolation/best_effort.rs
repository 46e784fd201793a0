//! The lowest rung: rlimits, niceness, and the shim's watchdog, where no cgroup holds a limit.
//!
//! - Memory: the watchdog samples and kills ([`crate::shim`]). `RLIMIT_DATA` stands behind it at four times the limit
//!   plus 256 MiB, so that a process that allocates faster than anybody samples hits a wall. Not at the limit itself:
//!   `RLIMIT_DATA` counts reserved memory (thread stacks, heaps of run-times) that is never touched.
//! - CPU: niceness only moves a workload behind others; it is no quota.
//! - Processes: `RLIMIT_NPROC` counts all processes of the user and does not bind root.
//!
//! Source: getrlimit(2), setpriority(2), proc_pid_oom_score_adj(5).

use super::{NOT_ASKED, none, soft};
use crate::cgroup::Outcome;
use plimsoll_model::spec::Limits;
use plimsoll_model::{Bytes, Enforcement};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Niceness of a workload with a CPU limit that nothing enforces.
const NICENESS: i32 = 5;
/// Makes the kernel, when the whole host is out of memory, take a workload before the daemon or a shim.
const OOM_SCORE: &[u8] = b"200";

/// Enforcement of CPU, memory and number of processes, after filling the gaps that the cgroups left.
#[must_use]
pub fn fill(limits: &Limits, cpu: &Outcome, memory: &Outcome, pids: &Outcome, duty_cycle: bool) -> [Enforcement; 3] {
    let _not_there = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    [
        level(cpu, |why| cpu_by_niceness(why, duty_cycle)),
        level(memory, |why| memory_by_watchdog(why, limits.memory)),
        level(pids, |why| pids_by_rlimit(why, limits.pids)),
    ]
}

/// Whether the kernel holds this limit not, though it was asked for, so that the shim has to.
#[must_use]
pub const fn is_left_over(limit: &Outcome) -> bool {
    matches!(limit, Outcome::Failed(_))
}

fn level(outcome: &Outcome, otherwise: impl FnOnce(&str) -> Enforcement) -> Enforcement {
    match outcome {
        Outcome::NotAsked => none(NOT_ASKED),
        Outcome::Held(by) => super::enforced(*by),
        Outcome::Failed(why) => otherwise(why),
    }
}

fn cpu_by_niceness(why: &str, duty_cycle: bool) -> Enforcement {
    match rustix::process::setpriority_process(None, NICENESS) {
        Ok(()) if duty_cycle => soft(format!("niceness {NICENESS} and a duty cycle; {why}")),
        Ok(()) => soft(format!("niceness {NICENESS}; {why}")),
        Err(error) => none(format!("{why}; niceness: {error}")),
    }
}

fn memory_by_watchdog(why: &str, limit: Option<Bytes>) -> Enforcement {
    let wall = limit.map_or(u64::MAX, |limit| limit.get().saturating_mul(4).saturating_add(256 << 20));
    // The watchdog holds the limit with or without the wall behind it.
    let _refused = lower(Resource::Data, wall);
    soft(format!("watchdog; {why}"))
}

fn pids_by_rlimit(why: &str, limit: Option<u64>) -> Enforcement {
    if rustix::process::getuid().is_root() {
        return none(format!("{why}; RLIMIT_NPROC does not bind root"));
    }
    let Some(limit) = limit else { return none(why) };
    match lower(Resource::Nproc, own_processes().saturating_add(limit)) {
        Ok(()) => soft(format!("RLIMIT_NPROC over all of this user's processes; {why}")),
        Err(error) => none(format!("{why}; RLIMIT_NPROC: {error}")),
    }
}

/// Lowers the soft limit, and the hard one with it so that the workload cannot raise it again.
fn lower(resource: Resource, value: u64) -> rustix::io::Result<()> {
    let maximum = getrlimit(resource).maximum.map_or(value, |maximum| maximum.min(value));
    setrlimit(resource, Rlimit { current: Some(maximum), maximum: Some(maximum) })
}

/// Threads that this user has now, which `RLIMIT_NPROC` counts too.
fn own_processes() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let user = rustix::process::getuid().as_raw();
    let is_own = |pid: &i32| std::fs::metadata(format!("/proc/{pid}")).is_ok_and(|entry| entry.uid() == user);
    let threads = |pid: i32| std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, |tasks| tasks.count() as u64);
    crate::procfs::pids().map_or(0, |pids| pids.filter(is_own).map(threads).sum())
}
