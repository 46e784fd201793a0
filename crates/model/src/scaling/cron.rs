//! A window between two cron expressions in a time zone.

use serde::{Deserialize, Serialize};
use std::fmt;

/// So many replicas from one cron expression to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CronSpec {
    /// Replicas within the window.
    pub replicas: u32,
}

/// Why a cron window votes as it does.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CronReason {}

impl fmt::Display for CronReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cron window")
    }
}
