//! A pool of workers over a queue.

use crate::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Replicas by the work that waits. Trace time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogSpec {
    /// Longest time from an item's arrival until it is done; none where only the deadline counts.
    #[serde(default)]
    pub within: Option<Millis>,
    /// The moment by which everything has to be done; the earlier of the two holds.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
    /// Work of one item, where the queue does not say what remains.
    #[serde(default)]
    pub item: Option<Millis>,
    /// Items that one replica works on at a time, at least 1.
    pub concurrency: u32,
}

/// Why the queue asks for so many replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogReason {
    /// Items that wait or are being worked on.
    pub waiting: u64,
    /// Work that remains, as time of one worker.
    pub work: Millis,
    /// Items that one replica works on at a time.
    pub concurrency: u32,
    /// When it has to be done.
    pub due: Timestamp,
    /// Replicas that work already.
    pub ready: u32,
    /// When a replica started now would begin.
    pub startup: Millis,
    /// The due time cannot be kept any more, so it is done as soon as the rule allows.
    pub late: bool,
}

impl fmt::Display for BacklogReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waiting, work, concurrency, due, ready, startup, late } = self;
        write!(
            f,
            "{waiting} items wait, {work} of work, {concurrency} at a time per replica, due {due}; {ready} work, a new one after {startup}"
        )?;
        if *late { f.write_str("; too late to be in time") } else { Ok(()) }
    }
}
