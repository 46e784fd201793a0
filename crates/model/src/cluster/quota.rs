//! What users and groups may have, and what they are promised.

use crate::quantity::{Bytes, Millicores};
use serde::{Deserialize, Serialize};

/// Amounts of the countable resources; none is no statement about that resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Amounts {
    /// CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Millicores>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Thousandths of GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_milli: Option<u64>,
    /// Tasks that run at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u64>,
}

/// One user's or group's entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaSpec {
    /// `user:NAME` or the path of a queue, such as `research/vision`.
    pub holder: String,
    /// Weight of its share among its siblings, at least 1.
    pub weight: u32,
    /// Most it may hold, borrowed room included.
    #[serde(default)]
    pub most: Amounts,
    /// What it gets whenever it asks, by reclaiming what others borrowed.
    #[serde(default)]
    pub guaranteed: Amounts,
}
