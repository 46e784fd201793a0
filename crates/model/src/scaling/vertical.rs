//! How large one replica should be.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Right-sizing of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerticalSpec {}

/// Why replicas have the size they have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerticalReason {}

impl fmt::Display for VerticalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("size")
    }
}
