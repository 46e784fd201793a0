//! The Kubernetes horizontal autoscaler's object: metrics, behavior, tolerance.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a `HorizontalPodAutoscaler` (autoscaling/v2) says; the bounds are the service's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HpaSpec {}

/// Why the horizontal autoscaler votes as it does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HpaReason {}

impl fmt::Display for HpaReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("horizontal autoscaler")
    }
}
