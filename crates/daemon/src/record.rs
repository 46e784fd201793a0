//! What the journal's payloads contain: JSON of inputs and decisions.
//!
//! JSON and not a binary form: a record written today must be readable by every later release and by a person with a
//! journal in hand; the journal compresses long payloads, so the cost is small.

use plimsoll_controller::Input;
use plimsoll_model::Timestamp;
use serde::{Deserialize, Serialize};

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
