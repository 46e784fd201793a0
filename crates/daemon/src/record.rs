//! What the journal's payloads contain: JSON of inputs, decisions and remarks.
//!
//! JSON and not a binary form: a record written today must be readable by every later release and by a person with a
//! journal in hand; the journal compresses long payloads, so the cost is small.

use plimsoll_controller::Input;
use plimsoll_model::{Bytes, Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The inputs of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepInputs {
    /// Number of the step they led to.
    pub step: u64,
    /// Trace time of the step.
    pub at: Timestamp,
    /// The inputs, in order.
    pub inputs: Vec<Input>,
}

/// Said after the actions of a step were handed to the driver, so that a restart does not hand them over again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Number of the step.
    pub step: u64,
}

/// A remark of the daemon, for whoever reads the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// A service was forgotten; which one is forgotten too.
    Forgot {
        /// Wall clock, milliseconds since the Unix epoch.
        wall_ms: i64,
        /// Records of which something is gone.
        records: u64,
    },
    /// Retention took something.
    Dropped {
        /// Wall clock, milliseconds since the Unix epoch.
        wall_ms: i64,
        /// What, and by which bound.
        #[serde(flatten)]
        what: Dropped,
    },
}

impl Note {
    /// When it was written, wall clock, milliseconds since the Unix epoch.
    #[must_use]
    pub const fn wall_ms(&self) -> i64 {
        match self {
            Self::Forgot { wall_ms, .. } | Self::Dropped { wall_ms, .. } => *wall_ms,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forgot { records, .. } => write!(f, "a service was forgotten; {records} records have something gone"),
            Self::Dropped { what, .. } => write!(f, "dropped {what}"),
        }
    }
}

/// What retention took and why. Ages in milliseconds of physical time where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Dropped {
    /// Segments of the journal.
    Journal {
        /// How many.
        segments: usize,
        /// Their length.
        bytes: u64,
        /// Of those, such as were too old; the others made it too large.
        too_old: usize,
        /// `history.journal`.
        age_max_ms: u64,
        /// `history.journal_size_max`.
        size_max_bytes: u64,
    },
    /// What records of the audit held.
    Audit {
        /// How many.
        records: u64,
        /// `retention.audit`.
        age_max_ms: u64,
    },
    /// Logs of what ended.
    EndedLogs {
        /// Of how many replicas and runs.
        workloads: usize,
        /// `retention.ended_logs`.
        age_max_ms: u64,
    },
    /// Proposals that are over.
    Proposals {
        /// How many.
        proposals: usize,
        /// `retention.proposals`, trace time.
        age_max_ms: u64,
    },
    /// Samples and summaries of the history, keys and values.
    Samples {
        /// Too old.
        too_old_bytes: u64,
        /// More than the store may have.
        too_much_bytes: u64,
        /// `history.raw`, trace time.
        raw_max_ms: u64,
        /// `history.summary`, trace time.
        summary_max_ms: u64,
        /// `history.size_max`.
        size_max_bytes: u64,
    },
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = |ms: &u64| Millis(*ms);
        match self {
            Self::Journal { segments, bytes, too_old, age_max_ms, size_max_bytes } => write!(
                f,
                "{segments} segments of the journal ({}): {too_old} older than {}, {} above the size of {}",
                Bytes(*bytes),
                age(age_max_ms),
                segments - too_old,
                Bytes(*size_max_bytes)
            ),
            Self::Audit { records, age_max_ms } => {
                write!(f, "the content of {records} records of the audit older than {}", age(age_max_ms))
            }
            Self::EndedLogs { workloads, age_max_ms } => {
                write!(f, "logs of {workloads} replicas and runs that ended, older than {}", age(age_max_ms))
            }
            Self::Proposals { proposals, age_max_ms } => {
                write!(f, "{proposals} proposals that are over, older than {}", age(age_max_ms))
            }
            Self::Samples { too_old_bytes, too_much_bytes, raw_max_ms, summary_max_ms, size_max_bytes } => write!(
                f,
                "{} of samples and summaries older than {} and {}, {} above the size of {}",
                Bytes(*too_old_bytes),
                age(raw_max_ms),
                age(summary_max_ms),
                Bytes(*too_much_bytes),
                Bytes(*size_max_bytes)
            ),
        }
    }
}
