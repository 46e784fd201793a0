//! What a node has and what a task asks for, resource by resource.

use crate::quantity::{Bytes, Millicores};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Thousandths of one GPU that make a whole one.
pub const GPU_WHOLE: u32 = 1_000;

/// What a node has in all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capacity {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
    /// Local disk that may be given out.
    #[serde(default)]
    pub disk: Bytes,
    /// Network bandwidth in megabits per second.
    #[serde(default)]
    pub network_mbps: u64,
    /// GPUs, all of one model.
    #[serde(default)]
    pub gpus: Gpus,
    /// Anything else that is counted, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extended: BTreeMap<String, u64>,
}

/// The GPUs of one node; each is divisible in thousandths.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gpus {
    /// How many.
    pub count: u32,
    /// Their model; empty where there are none.
    #[serde(default)]
    pub model: String,
}

/// What a task asks for, or is limited to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Demand {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    #[serde(default)]
    pub memory: Bytes,
    /// Local disk.
    #[serde(default)]
    pub disk: Bytes,
    /// Network bandwidth in megabits per second.
    #[serde(default)]
    pub network_mbps: u64,
    /// GPUs.
    #[serde(default)]
    pub gpu: GpuDemand,
    /// Anything else that is counted, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extended: BTreeMap<String, u64>,
}

/// GPUs that a task asks for: none, a share of one, or several whole ones on one node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct GpuDemand {
    /// How many GPUs.
    pub count: u32,
    /// Thousandths asked of each; less than [`GPU_WHOLE`] only where `count` is 1.
    pub milli: u32,
    /// Models that will do; empty is any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

impl GpuDemand {
    /// Thousandths asked in all.
    #[must_use]
    pub const fn total_milli(&self) -> u64 {
        self.count as u64 * self.milli as u64
    }

    /// Whether it asks for part of one GPU.
    #[must_use]
    pub const fn is_share(&self) -> bool {
        self.count == 1 && self.milli < GPU_WHOLE
    }
}
