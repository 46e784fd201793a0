//! Which process: a pid alone is reused, so a process is named by pid, start time and boot.
//!
//! Source: proc_pid_stat(5), field 22 (start time in clock ticks since boot); proc_sys_kernel(5), `random/boot_id`.

use crate::procfs;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One process of one boot of this machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id.
    pub pid: i32,
    /// Start time, clock ticks since boot.
    pub start_ticks: u64,
    /// Which boot the ticks count from.
    pub boot_id: String,
}

impl ProcessIdentity {
    /// The process that has this pid now.
    ///
    /// # Errors
    /// When it does not exist (any more) or /proc cannot be read.
    pub fn of(pid: i32) -> std::io::Result<Self> {
        Ok(Self { pid, start_ticks: procfs::stat(pid)?.start_ticks, boot_id: procfs::boot_id()? })
    }

    /// Whether exactly this process, and not another that was given its pid, exists and is no zombie.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let same_boot = procfs::boot_id().is_ok_and(|boot| boot == self.boot_id);
        same_boot && procfs::stat(self.pid).is_ok_and(|stat| stat.start_ticks == self.start_ticks && !stat.is_dead())
    }

    /// Physical time since it started; only meaningful in the same boot.
    #[must_use]
    pub fn age(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let since_boot = Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or_default());
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        since_boot.saturating_sub(Duration::from_millis(self.start_ticks.saturating_mul(1_000) / ticks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_pid_with_another_start_is_not() {
        let own = ProcessIdentity::of(std::process::id().cast_signed()).unwrap();
        assert!(own.is_alive());
        assert!(own.age() < Duration::from_secs(3_600));
        assert!(!ProcessIdentity { start_ticks: own.start_ticks + 1, ..own.clone() }.is_alive());
        assert!(!ProcessIdentity { boot_id: "another".to_owned(), ..own }.is_alive());
    }
}
