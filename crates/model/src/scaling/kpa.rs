//! The Knative autoscaler's settings.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Concurrency over a stable and a panic window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KpaSpec {}

/// Why the Knative autoscaler votes as it does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KpaReason {}

impl fmt::Display for KpaReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("concurrency")
    }
}
