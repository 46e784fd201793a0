//! Which processes belong to a workload where no cgroup says so: its session, and whatever descends from the shim.
//!
//! A walk over /proc costs 20 µs per process, too much to do four times a second beside a thousand other shims. So pids
//! that turned out to be strangers are remembered and skipped, and forgotten once a minute because pids are reused.

use crate::procfs;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a stranger is remembered.
const STRANGERS_FOR: Duration = Duration::from_secs(60);

/// The processes of one workload.
#[derive(Debug)]
pub struct Family {
    shim: i32,
    members: BTreeSet<i32>,
    strangers: Vec<i32>,
    since: Instant,
}

impl Family {
    /// The family whose first member is `child`, a child of the process `shim`.
    #[must_use]
    pub fn new(shim: i32, child: i32) -> Self {
        Self { shim, members: BTreeSet::from([child]), strangers: Vec::new(), since: Instant::now() }
    }

    /// The members found by the last walk, in order of pid.
    pub fn members(&self) -> impl Iterator<Item = i32> {
        self.members.iter().copied()
    }

    /// Looks for members that came or went.
    pub fn walk(&mut self) {
        if self.since.elapsed() > STRANGERS_FOR {
            self.strangers.clear();
            self.since = Instant::now();
        }
        let mut pids: Vec<i32> = procfs::pids().map(Iterator::collect).unwrap_or_default();
        pids.sort_unstable();
        self.strangers.retain(|pid| pids.binary_search(pid).is_ok());
        self.members.retain(|pid| pids.binary_search(pid).is_ok());
        for pid in pids {
            if pid == self.shim || self.members.contains(&pid) || self.strangers.binary_search(&pid).is_ok() {
                continue;
            }
            let Ok(stat) = procfs::stat(pid) else { continue };
            // Children have higher pids than their parents except after a wrap, which the next walk makes good.
            if stat.sid == self.shim || stat.ppid == self.shim || self.members.contains(&stat.ppid) {
                self.members.insert(pid);
            } else if let Err(place) = self.strangers.binary_search(&pid) {
                self.strangers.insert(place, pid);
            }
        }
    }
}
