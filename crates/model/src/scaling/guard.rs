//! What holds every decision back, whatever the policies say.

use crate::quantity::Millis;
use serde::{Deserialize, Serialize};

/// Guards of one service. Trace time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GuardSpec {
    /// Add no replica.
    #[serde(default)]
    pub pause_out: bool,
    /// Remove no replica.
    #[serde(default)]
    pub pause_in: bool,
    /// Most changes of direction within a period; then nothing is removed.
    #[serde(default)]
    pub flaps: Option<FlapBudget>,
    /// Most changes of the target within an hour; then nothing is removed.
    #[serde(default)]
    pub changes_per_hour: Option<u32>,
    /// What to do when the figures stay away.
    #[serde(default)]
    pub fallback: Option<FallbackSpec>,
}

/// Changes of direction that are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapBudget {
    /// Most of them within the period.
    pub changes_max: u32,
    /// The period.
    pub period: Millis,
}

/// What to do when the figures stay away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackSpec {
    /// After a policy has been without its figure for so long; until then it votes for the present number.
    pub after: Millis,
    /// What then.
    pub behaviour: Fallback,
}

/// A number of replicas without figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "then")]
pub enum Fallback {
    /// The target stays.
    Hold,
    /// This many.
    Replicas {
        /// How many.
        replicas: u32,
    },
    /// The present number, or this many where that is more.
    CurrentIfHigher {
        /// How many.
        replicas: u32,
    },
    /// The present number, or this many where that is fewer.
    CurrentIfLower {
        /// How many.
        replicas: u32,
    },
}
