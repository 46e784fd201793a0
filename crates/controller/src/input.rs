//! What comes into a step. Each value is journaled, so that a replay sees exactly what the controller saw.

use plimsoll_model::id::{Generation, JobName, ServiceName};
use plimsoll_model::quantity::{MilliRps, Timestamp};
use plimsoll_model::{Observation, Spec};
use serde::{Deserialize, Serialize};

/// One thing that happened since the last step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "input")]
pub enum Input {
    /// A new policy. Its generation has to be above the present one. It also ends a shutdown.
    Policy {
        /// Its version.
        generation: Generation,
        /// The whole of it.
        spec: Box<Spec>,
    },
    /// What was measured since the last step.
    Observed(Box<Observation>),
    /// Recorded demand from before, oldest first, to warm a service's forecast.
    History {
        /// Whose.
        service: ServiceName,
        /// When, trace time, and how much.
        samples: Vec<(Timestamp, MilliRps)>,
    },
    /// Somebody asks for a run of a job.
    RunJob {
        /// Which.
        job: JobName,
    },
    /// Stop everything and start nothing any more.
    Shutdown,
    /// The record cannot be kept (the disk is full): decide nothing until [`Input::Thawed`]. Observations that come in
    /// meanwhile are not looked at; a shutdown still stops everything.
    Frozen {
        /// Why.
        why: String,
    },
    /// The record can be kept again.
    Thawed,
}
