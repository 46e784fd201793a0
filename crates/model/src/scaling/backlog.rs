//! A pool of workers over a queue.

use crate::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Replicas by the work that waits. Trace time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogSpec {
    /// Longest time from now until what waits is done.
    pub within: Millis,
    /// The moment by which everything has to be done; the earlier of the two holds.
    pub deadline: Option<Timestamp>,
    /// Work of one item in one replica, where the queue does not say what remains.
    pub item: Option<Millis>,
    /// Items that one replica works on at a time.
    pub concurrency: u32,
    /// Shortest time for which a replica is paid, so that none is started for less.
    pub billed_min: Millis,
}

/// Why the queue asks for so many replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogReason {
    /// Items that wait.
    pub waiting: u64,
    /// Work that remains, in milliseconds of one replica.
    pub work_ms: u64,
    /// Time left to do it, less the start-up time of a new replica.
    pub left: Millis,
    /// The moment by which it has to be done.
    pub due: Timestamp,
}

impl fmt::Display for BacklogReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waiting, work_ms, left, due } = self;
        write!(f, "{waiting} items wait, {} of one replica's work, due at {due}, {left} left", Millis(*work_ms))
    }
}
