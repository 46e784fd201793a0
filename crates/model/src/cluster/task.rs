//! A task as a queue sees it.

use super::{
    Demand, ElasticRange, GangSpec, Isolation, LatencyBound, Requirement, SpreadRule, TaskAffinity, Toleration,
    VolumeRequest,
};
use crate::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Work that wants room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Task {
    /// Unique name.
    pub id: String,
    /// What sort of work it is.
    #[serde(default)]
    pub kind: TaskKind,
    /// Its class where the submitter names one; otherwise rules or history do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What it is reserved.
    pub requests: Demand,
    /// What it may use at most; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Demand>,
    /// Higher goes first.
    #[serde(default)]
    pub priority: i32,
    /// When it was first submitted, trace time.
    #[serde(default)]
    pub submitted: Timestamp,
    /// Estimated run time on the reference node, trace time; none is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_time: Option<Millis>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// The queue (group, project) it is charged to; levels of a hierarchy are separated by `/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub queue: String,
    /// Whose secrets it may see; the unit of isolation. Empty is the queue's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// What affinity and spread of other tasks compare.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Conditions on the node's labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selector: Vec<Requirement>,
    /// Wishes and conditions on the node's labels, with a weight of 1 to 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefers: Vec<(Requirement, u32)>,
    /// Towards or away from other tasks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affinity: Vec<TaskAffinity>,
    /// Even spread over domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<SpreadRule>,
    /// Taints that do not keep it away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Its gang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gang: Option<GangSpec>,
    /// Storage it needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<VolumeRequest>,
    /// Whom it shares a node with.
    #[serde(default)]
    pub isolation: Isolation,
    /// How far its users or data may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<LatencyBound>,
    /// May be stopped for something more important.
    #[serde(default)]
    pub preemptible: bool,
    /// Workers it can run with, where that is not fixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic: Option<ElasticRange>,
}

/// What sort of work a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// A replica of a service: runs until it is stopped.
    Service,
    /// Runs to its end.
    #[default]
    Batch,
    /// Trains a model: runs to its end, often as a gang on GPUs.
    Training,
    /// Belongs to the installation itself.
    System,
}
