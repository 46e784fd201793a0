//! Who gave what to whom when capacity is short.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a service was granted the replicas it was granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SharingReason {}

impl fmt::Display for SharingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("shared")
    }
}
