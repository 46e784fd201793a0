//! What was requested, used and left idle, as integers that add up in any order.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// One resource over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Held {
    /// What was reserved, times how long.
    pub requested: u128,
    /// What was used, times how long; only where it was measured.
    pub used: u128,
    /// What was reserved and not used, sample by sample; only where it was measured.
    pub idle: u128,
}

impl AddAssign for Held {
    fn add_assign(&mut self, other: Self) {
        self.requested = self.requested.saturating_add(other.requested);
        self.used = self.used.saturating_add(other.used);
        self.idle = self.idle.saturating_add(other.idle);
    }
}

/// What one owner is accounted for. Times are physical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sums {
    /// CPU, in millicore-milliseconds.
    pub cpu: Held,
    /// Memory, in byte-milliseconds.
    pub memory: Held,
    /// Received and sent, bytes; only where a workload has a network of its own.
    pub network_bytes: u128,
    /// Read from and written to disks, bytes; only where that was measured.
    pub disk_bytes: u128,
    /// Time of replicas and runs, milliseconds.
    pub held_ms: u128,
    /// Of that, time without a figure of the CPU used: the first interval of each, its last, and what could not be read.
    pub unmeasured_ms: u128,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.memory += other.memory;
        self.network_bytes = self.network_bytes.saturating_add(other.network_bytes);
        self.disk_bytes = self.disk_bytes.saturating_add(other.disk_bytes);
        self.held_ms = self.held_ms.saturating_add(other.held_ms);
        self.unmeasured_ms = self.unmeasured_ms.saturating_add(other.unmeasured_ms);
    }
}
