//! Announced events: a name, a span and the load that is expected in it.
//!
//! The same shape for what stands in the spec and for what is announced as it happens.

use crate::quantity::{MilliRps, Millis, Permille, Timestamp};
use serde::{Deserialize, Serialize};

/// An event that stands in the spec. Trace time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSpec {
    /// What it is called.
    pub name: String,
    /// First moment of its load.
    pub start: Timestamp,
    /// First moment after its load.
    pub end: Timestamp,
    /// The load that is expected, rising by `at`; the first holds from the start on, each up to the next.
    pub curve: Vec<CurvePoint>,
}

/// The load that is expected from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Time after the start of the event.
    pub at: Millis,
    /// The load from then on.
    pub expected: Expected,
}

/// A load, in relation to the usual one or by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// This multiple, in thousandths, of what the load would be without the event.
    Factor(Permille),
    /// This many requests per second.
    Rate(MilliRps),
}

/// An event that was announced as it happened. It starts at `start` and is forgotten at `end`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Name, span and load.
    #[serde(flatten)]
    pub spec: EventSpec,
    /// Who announced it, for the reason; may be empty.
    #[serde(default)]
    pub by: String,
}
