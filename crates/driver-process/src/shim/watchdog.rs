//! Holds a memory limit by sampling, where no cgroup can.
//!
//! The sum of resident pages counts shared pages once per process, so a sum over the limit is checked against the
//! proportional set size before anything is killed. Samples are 250 ms apart, and 20 ms while more than half of the
//! limit is used or the workload is young: growth is what this looks for.

use super::family::Family;
use crate::procfs;
use std::time::{Duration, Instant};

/// Between two samples of a workload that is far from its limit.
const INTERVAL: Duration = Duration::from_millis(250);
/// Between two samples of one that is near it, or that has just started.
const INTERVAL_NEAR: Duration = Duration::from_millis(20);
/// How long a workload counts as young.
const YOUNG: Duration = Duration::from_millis(1_000);
/// Between two walks over all processes.
const WALK: Duration = Duration::from_secs(2);

/// The watchdog of one workload.
#[derive(Debug)]
pub struct Watchdog {
    limit: u64,
    family: Family,
    started: Instant,
    walked: Instant,
    next: Instant,
    peak: u64,
}

impl Watchdog {
    /// Watches the family of `child`; `limit` in bytes.
    #[must_use]
    pub fn new(limit: u64, shim: i32, child: i32) -> Self {
        let now = Instant::now();
        Self { limit, family: Family::new(shim, child), started: now, walked: now, next: now, peak: 0 }
    }

    /// When the next sample is due.
    #[must_use]
    pub const fn next(&self) -> Instant {
        self.next
    }

    /// The most memory seen, in bytes.
    #[must_use]
    pub const fn peak(&self) -> u64 {
        self.peak
    }

    /// Takes a sample. Returns the bytes in use when they are over the limit.
    pub fn sample(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.walked) >= WALK || self.is_young(now) {
            self.family.walk();
            self.walked = now;
        }
        let page = rustix::param::page_size() as u64;
        let pages = self.family.members().filter_map(|pid| procfs::stat(pid).ok()).map(|stat| stat.rss_pages);
        let resident = pages.sum::<u64>().saturating_mul(page);
        self.peak = self.peak.max(resident);
        let is_near = resident > self.limit / 2 || self.is_young(now);
        self.next = now + if is_near { INTERVAL_NEAR } else { INTERVAL };
        (resident > self.limit).then(|| self.proportional(resident)).filter(|bytes| *bytes > self.limit)
    }

    fn is_young(&self, now: Instant) -> bool {
        now.duration_since(self.started) < YOUNG
    }

    /// What the family uses with shared pages counted once; `otherwise` where the kernel does not say.
    fn proportional(&self, otherwise: u64) -> u64 {
        let mut members = self.family.members().peekable();
        if members.peek().is_none() {
            return 0;
        }
        members.map(|pid| procfs::proportional_memory(pid).ok()).sum::<Option<u64>>().unwrap_or(otherwise)
    }
}
