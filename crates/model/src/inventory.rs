//! What a driver reports of the workloads it runs: which are there, in which phase, and what of their limits is enforced.

use crate::id::{Generation, ReplicaId, TaskId, WorkloadId};
use crate::quantity::Timestamp;
use crate::spec::Resources;
use serde::{Deserialize, Serialize};

/// Where a workload is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The process runs; its health check has not passed yet. Jobs go from here to `Running` at once.
    Starting,
    /// A replica whose health check passed.
    Ready,
    /// A replica that was ready and whose health check fails now.
    Unready,
    /// A job's process runs.
    Running,
    /// No new requests; finishing those in flight, or told to stop.
    Draining,
    /// The process is gone.
    Exited,
}

impl Phase {
    /// The process exists and was not told to stop.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Unready | Self::Running)
    }

    /// The process exists, so its resources are taken.
    #[must_use]
    pub const fn holds_resources(self) -> bool {
        !matches!(self, Self::Exited)
    }
}

/// What ended a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum ExitCause {
    /// It returned this status by itself.
    Status {
        /// 0 to 255.
        code: i32,
    },
    /// A signal ended it that nobody here sent.
    Signal {
        /// The signal's number.
        signal: i32,
    },
    /// The kernel (or the watchdog, where no cgroup can be written) killed it for memory.
    OutOfMemory,
    /// It was told to stop and did.
    Stopped,
    /// It was told to stop, did not within the grace time, and was killed.
    KilledAfterGrace,
    /// It could not be started.
    StartFailed {
        /// Why, in one line.
        message: String,
    },
    /// It was never ready within the time allowed, and was stopped.
    NeverReady,
    /// It was not there any more when the daemon came back, and nothing recorded why.
    Lost,
}

/// An ended process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exited {
    /// Why it ended.
    #[serde(flatten)]
    pub cause: ExitCause,
    /// When, trace time.
    pub at: Timestamp,
}

/// How far a limit or a sandbox holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "level")]
pub enum Enforcement {
    /// The kernel enforces it.
    Enforced {
        /// By which mechanism: `cgroup v2`, `landlock`, …
        by: String,
    },
    /// Best effort: sampled or advisory.
    Soft {
        /// By which mechanism.
        by: String,
    },
    /// Not enforced.
    None {
        /// Why not.
        why: String,
    },
}

/// What is enforced for one workload, dimension by dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// CPU quota.
    pub cpu: Enforcement,
    /// Memory limit.
    pub memory: Enforcement,
    /// Process count.
    pub pids: Enforcement,
    /// File system.
    pub filesystem: Enforcement,
    /// Network.
    pub network: Enforcement,
    /// System calls.
    pub syscalls: Enforcement,
}

/// One workload as its driver sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaStatus {
    /// Which workload.
    pub id: WorkloadId,
    /// The policy generation it was started under.
    pub generation: Generation,
    /// Where it is in its life.
    pub phase: Phase,
    /// When its process started, trace time.
    pub started_at: Timestamp,
    /// When its health check first passed, trace time.
    #[serde(default)]
    pub ready_at: Option<Timestamp>,
    /// How it ended, once `phase` is `Exited`.
    #[serde(default)]
    pub exited: Option<Exited>,
    /// What it was given.
    pub requests: Resources,
}

impl ReplicaStatus {
    /// The replica id, when this is a replica.
    #[must_use]
    pub fn replica(&self) -> Option<&ReplicaId> {
        match &self.id {
            WorkloadId::Replica(id) => Some(id),
            WorkloadId::Task(_) => None,
        }
    }

    /// The task id, when this is a run of a job.
    #[must_use]
    pub fn task(&self) -> Option<&TaskId> {
        match &self.id {
            WorkloadId::Task(id) => Some(id),
            WorkloadId::Replica(_) => None,
        }
    }
}
