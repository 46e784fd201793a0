//! What is made of the load that endpoints report with their answers.

use crate::quantity::{Millis, Permille};
use serde::{Deserialize, Serialize};

/// Weights from reported load. Times are physical.
///
/// # Source
/// The numbers of gRFC A58, `weighted_round_robin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadSpec {
    /// Reports must have come for so long before they count.
    pub blackout: Millis,
    /// A report counts for no longer than this.
    pub expiry: Millis,
    /// Time between two looks at the weights, at least 100.
    pub update: Millis,
    /// How much an error rate of one adds to the utilization, in thousandths.
    pub error_penalty: Permille,
    /// Reports are passed on to clients.
    pub keep: bool,
}

impl Default for LoadSpec {
    fn default() -> Self {
        Self {
            blackout: Millis(10_000),
            expiry: Millis(180_000),
            update: Millis(1_000),
            error_penalty: Permille(1_000),
            keep: false,
        }
    }
}
