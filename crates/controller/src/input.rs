//! What comes into a step. Each value is journaled, so that a replay sees exactly what the controller saw.

use plimsoll_model::id::{Generation, JobName, ServiceName};
use plimsoll_model::quantity::{MilliRps, Timestamp};
use plimsoll_model::{Event, Hand, Observation, ProposalHand, Spec};
use serde::{Deserialize, Serialize};

/// One model's parameters, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// The model's name.
    pub model: String,
    /// The fitted model as JSON, as text so that the record holds exactly what was taken; or the reason in words.
    pub parameters: Result<String, String>,
}

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
    /// What an [`ActionKind::Fit`](plimsoll_model::ActionKind::Fit) brought. `until` and `data_hash` are the order's.
    Fitted {
        /// Whose demand.
        service: ServiceName,
        /// Last moment of the data.
        until: Timestamp,
        /// Hash of the data.
        data_hash: u64,
        /// One per model asked for.
        fits: Vec<Fit>,
    },
    /// Somebody asks for a run of a job.
    RunJob {
        /// Which.
        job: JobName,
    },
    /// Something that is expected to change a service's load has just been announced. It starts at once and ends by
    /// itself; one of the same name is replaced.
    Event {
        /// Whose load.
        service: ServiceName,
        /// What.
        event: Event,
    },
    /// An operator takes the wheel of a service, or gives it back.
    Operator {
        /// Which.
        service: ServiceName,
        /// What they do.
        hand: Hand,
    },
    /// A proved proposal comes into force for a service, or is taken back.
    Proposal {
        /// Which.
        service: ServiceName,
        /// What is done.
        hand: ProposalHand,
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
