//! One replica as the Kubernetes algorithms see a pod. Built only where a policy looks at single replicas.

use plimsoll_model::MetricReading;
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Timestamp};
use plimsoll_model::spec::Resources;
use std::collections::BTreeMap;

/// Where a pod is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodPhase {
    /// Not started yet.
    Pending,
    /// Its process runs.
    Running,
    /// It ended badly.
    Failed,
    /// It was told to stop.
    Deleting,
}

/// What was measured of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodSample {
    /// When the sample ended.
    pub at: Timestamp,
    /// The span that it covers.
    pub window: Millis,
    /// CPU used.
    pub cpu: Option<Millicores>,
    /// Memory used.
    pub memory: Option<Bytes>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its number.
    pub ordinal: u64,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// When its process started.
    pub started_at: Option<Timestamp>,
    /// Whether its health check passes; none while it was never asked.
    pub ready: Option<bool>,
    /// When `ready` last changed.
    pub ready_changed_at: Option<Timestamp>,
    /// The last sample; none while there is none.
    pub sample: Option<PodSample>,
    /// What it is reserved.
    pub requests: Resources,
    /// Figures of its own, by name.
    pub metrics: BTreeMap<String, MetricReading>,
}
