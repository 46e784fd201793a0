//! What the public cluster traces become: nodes, tasks with what was recorded of them, and what was left out and why.
//!
//! One form for every format, so that a simulation reads any of them by name and cannot tell which it got. What a format
//! does not record (machines, estimates) is filled by a stated rule and said in [`ClusterSet::notes`]; a row that is no
//! task is counted in [`ClusterSet::skipped`] with its place. Nothing here decides anything about placing.

mod check;
mod find;
mod skipped;

pub use check::{Lack, NeverRunnable, check};
pub use find::{ClusterError, cluster_set, cluster_set_names};
pub use skipped::{Place, Skipped, SkippedFor};

use plimsoll_model::cluster::{Capacity, Node, QuotaSpec, Site, Task};
use plimsoll_model::{Millis, Timestamp};

/// A cluster and its work, as recorded or made up by a stated rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterSet {
    /// How reports call it.
    pub name: String,
    /// The machines, in the order of the file.
    pub nodes: Vec<Node>,
    /// The work, in the order of the file unless the format's page says otherwise.
    pub tasks: Vec<RecordedTask>,
    /// Places with nodes.
    pub sites: Vec<Site>,
    /// What users and groups may have.
    pub quotas: Vec<QuotaSpec>,
    /// When nodes were lost.
    pub faults: Vec<Fault>,
    /// Rows that became no task.
    pub skipped: Skipped,
    /// What was assumed because the trace does not record it, one sentence each.
    pub notes: Vec<String>,
}

/// A task with what only the past knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordedTask {
    /// What a scheduler may look at.
    pub task: Task,
    /// How long it really ran on the reference node; none where it did not end within the trace.
    pub run_time_true: Option<Millis>,
    /// How long it waited where the trace was recorded (or, for results of a simulation, in that simulation).
    pub wait: Option<Millis>,
}

/// A node that is lost for a while.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// The node's name.
    pub node: String,
    /// When it is lost, trace time.
    #[serde(rename = "at_ms")]
    pub at: Timestamp,
    /// When it is back; none is never.
    #[serde(rename = "until_ms", default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl ClusterSet {
    /// Thousandths of GPUs that all nodes have.
    #[must_use]
    pub fn gpu_capacity_milli(&self) -> u64 {
        let whole = u64::from(plimsoll_model::cluster::GPU_WHOLE);
        self.nodes.iter().map(|node| u64::from(node.capacity.gpus.count) * whole).sum()
    }
}

/// A ready node that has nothing but its capacity.
pub(crate) fn node(name: &str, capacity: Capacity) -> Node {
    Node { name: name.to_owned(), capacity, ..Node::default() }
}
