//! What a run on one machine came to.

use crate::service::exact::Window;
use plimsoll_model::id::{JobName, ServiceName};
use std::collections::BTreeMap;

/// Everything that was seen.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// By service of the spec.
    pub services: BTreeMap<ServiceName, ServiceOutcome>,
    /// By job of the spec.
    pub jobs: BTreeMap<JobName, JobOutcome>,
    /// Most of the machine's CPU that was reserved at one look, millicores.
    pub reserved_most: u64,
    /// Decisions taken.
    pub steps: u64,
}

/// One service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceOutcome {
    /// All its requests.
    pub window: Window,
    /// Ready replicas at each tick.
    pub supply: Vec<u32>,
}

/// The runs of one job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobOutcome {
    /// Runs that were started.
    pub started: u64,
    /// Runs that came to their end.
    pub finished: u64,
    /// Runs that were told to stop before.
    pub stopped: u64,
}
