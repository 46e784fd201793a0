//! Gives a running workload another size, and writes it down so that a later driver knows it.

use super::ProcessDriver;
use crate::cgroup;
use crate::record;
use plimsoll_model::WorkloadId;
use plimsoll_model::spec::{Limits, Resources};

/// What became of another size.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum ResizeOutcome {
    /// It has it.
    Resized,
    /// It had it already; nothing was done.
    Same,
    /// No such workload runs.
    NotRunning,
    /// It keeps its size until it is started next, for this reason.
    AtNextStart {
        /// Why.
        why: String,
    },
}

impl ProcessDriver {
    /// Gives a workload another size while it runs. The inventory reports the new requests only where that was done.
    ///
    /// Groups first, then the record: a driver that dies between the two reports the old size, is told again, and does the
    /// same writes again.
    pub fn resize(&mut self, id: &WorkloadId, requests: Resources, limits: Limits) -> ResizeOutcome {
        let mut workloads = self.table.workloads.borrow_mut();
        let Some(workload) = workloads.get_mut(id).filter(|workload| workload.phase.is_live()) else {
            return ResizeOutcome::NotRunning;
        };
        if (workload.launch.requests, workload.launch.limits) == (requests, limits) {
            return ResizeOutcome::Same;
        }
        let Some(status) = &workload.status else {
            return ResizeOutcome::AtNextStart { why: "it is being started".to_owned() };
        };
        let before = (workload.launch.requests, &workload.launch.limits);
        if let Err(error) = cgroup::resize(&status.cgroup, &workload.launch.cgroup, before, (requests, &limits)) {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            return ResizeOutcome::AtNextStart { why: format!("{error}{cause}") };
        }
        (workload.launch.requests, workload.launch.limits) = (requests, limits);
        // On a full disk a later driver reports the size that was asked for first, and is told again.
        let _disk_full = record::write(&workload.directory, record::LAUNCH, &workload.launch);
        ResizeOutcome::Resized
    }
}
