//! Stops workloads: the shim is told how long it may take and then does everything itself, with or without a daemon.

use super::ProcessDriver;
use super::table::{Table, Workload};
use crate::record::{self, FORMAT, Stop};
use plimsoll_model::{Millis, Phase, WorkloadId};
use rustix::process::{Signal, pidfd_send_signal};

impl ProcessDriver {
    /// Marks a workload as draining: it takes no new requests and its health is not checked any more. Returns whether
    /// it is there and was live.
    pub fn drain(&mut self, id: &WorkloadId) -> bool {
        let is_live = self.table.workloads.borrow().get(id).is_some_and(|workload| workload.phase.is_live());
        self.table.enter(id, Phase::Draining);
        is_live
    }

    /// Tells a workload to stop: SIGTERM now, SIGKILL after `grace` of physical time. Called again it can only shorten
    /// the time. Returns whether there was something to stop.
    pub fn stop(&mut self, id: &WorkloadId, grace: Millis) -> bool {
        stop(&self.table, id, grace)
    }

    /// Kills a workload at once, with everything it started.
    pub fn kill(&mut self, id: &WorkloadId) -> bool {
        self.table.enter(id, Phase::Draining);
        let workloads = self.table.workloads.borrow();
        workloads.get(id).is_some_and(|workload| tell(workload, Millis::ZERO, Signal::USR1))
    }
}

/// [`ProcessDriver::stop`], for the watching task too.
pub fn stop(table: &Table, id: &WorkloadId, grace: Millis) -> bool {
    table.enter(id, Phase::Draining);
    table.workloads.borrow().get(id).is_some_and(|workload| tell(workload, grace, Signal::TERM))
}

fn tell(workload: &Workload, grace: Millis, signal: Signal) -> bool {
    let Some(shim) = &workload.shim else { return false };
    // Without the file (a full disk) the shim takes the grace time of the launch.
    let _disk_full = record::write(&workload.directory, record::STOP, &Stop { format: FORMAT, grace });
    pidfd_send_signal(&shim.pidfd, signal).is_ok()
}
