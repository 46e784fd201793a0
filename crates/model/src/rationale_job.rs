//! Why a run of a job was started, waits, was refused, made way, or is over.

use crate::id::TaskId;
use crate::inventory::ExitCause;
use crate::quantity::{Bytes, Timestamp};
use crate::spec::Resources;
use serde::{Deserialize, Serialize};

/// Why a job runs or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum JobRationale {
    /// It was started.
    Started {
        /// The run.
        task: TaskId,
        /// What it was given.
        requests: Resources,
        /// What was free.
        free: Resources,
        /// The job whose turn it was and that it passed, where it started before its turn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passed: Option<Passed>,
    },
    /// It waits for room.
    Waiting {
        /// The run.
        task: TaskId,
        /// Since when.
        since: Timestamp,
        /// What it asks.
        asked: Resources,
        /// What is free.
        free: Resources,
        /// Its place in the queue, from 1.
        position: u32,
        /// When it is expected to start, where the queue reserved room for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected: Option<Timestamp>,
    },
    /// It can never fit.
    Refused {
        /// The run.
        task: TaskId,
        /// What it asks.
        asked: Resources,
        /// What the node has.
        allocatable: Resources,
    },
    /// It was stopped for something more important, and waits again.
    Preempted {
        /// The run.
        task: TaskId,
        /// For whom.
        by: String,
        /// Its own priority.
        priority: i32,
        /// The other's.
        by_priority: i32,
    },
    /// It ended well.
    Succeeded {
        /// The run.
        task: TaskId,
    },
    /// It failed and is tried again.
    Retrying {
        /// The run that failed.
        task: TaskId,
        /// Why.
        cause: ExitCause,
        /// Tries left after the coming one.
        retries_left: u32,
        /// The memory it gets next.
        memory: Bytes,
    },
    /// It failed for good.
    Failed {
        /// The run.
        task: TaskId,
        /// Why.
        cause: ExitCause,
    },
}

/// How a run could start before its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The run whose turn it was.
    pub head: TaskId,
    /// When that one is expected to start; none where nothing is reserved for it.
    #[serde(default)]
    pub shadow: Option<Timestamp>,
    /// When the one that started is expected to end; none where nobody said how long it runs.
    #[serde(default)]
    pub ends: Option<Timestamp>,
}
