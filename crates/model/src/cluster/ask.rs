//! Further things a task may ask for: companions, storage, nearness, room to grow.

use crate::quantity::{Bytes, Micros, Permille};
use serde::{Deserialize, Serialize};

/// Membership in a gang: tasks that start together or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GangSpec {
    /// The gang's name, unique per submission.
    pub name: String,
    /// Members it starts with.
    pub size: u32,
    /// A node label; the gang wishes to be on the fewest of its domains. None is no wish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<String>,
}

/// Storage that a task needs where it runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VolumeRequest {
    /// Name; tasks that name the same block or shared volume mean the same one.
    pub name: String,
    /// What it is.
    pub kind: VolumeKind,
    /// Size; a local volume is taken from the node's disk.
    #[serde(default)]
    pub size: Bytes,
    /// The zone it lies in, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// What a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeKind {
    /// On the node's own disk; lies where the task runs.
    Local,
    /// A network disk that one node at a time may hold, within its zone.
    Block,
    /// A file system that any number of nodes may hold.
    Shared,
}

/// The longest way to the task's users or data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LatencyBound {
    /// Where the users or the data are.
    pub site: String,
    /// Longest round trip, physical time.
    pub latency_max: Micros,
    /// Data moved to and from there per hour of run time, which transfer prices count.
    #[serde(default)]
    pub transfer_per_hour: Bytes,
}

/// A job that can run with more or fewer workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElasticRange {
    /// Fewest workers.
    pub workers_min: u32,
    /// Most workers.
    pub workers_max: u32,
    /// How much faster more workers are.
    pub speed_up: SpeedUp,
}

/// Speed against the number of workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "law")]
pub enum SpeedUp {
    /// Amdahl's law: `n / (1 + (n - 1) × serial)`.
    Amdahl {
        /// Share of the work that only one worker can do.
        serial: Permille,
    },
    /// Speeds in thousandths of one worker's, for 1, 2, 3 … workers; the last holds for more.
    Table {
        /// The speeds, rising.
        speeds: Vec<u64>,
    },
}
