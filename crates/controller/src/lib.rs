//! The core: observe → forecast → autoscale → placement → guarded decision, as one pure function on one value.
//!
//! [`step`] takes the [`State`], the trace time and what came in since the last step, and returns a
//! [`Decision`](plimsoll_model::Decision). It is total: bad input becomes a finding in the rationale, never an error and
//! never a panic. It has no clock, no I/O and no randomness, and everything it decides with is an integer, so the same
//! inputs give the same bytes on any CPU. The live daemon and the twin drive the same function.
//!
//! Where to look: `input` what comes in; `state` everything remembered; `observe` what a report of the world changes;
//! `scale` from figures to a target; `service` from a target to starts and stops; `emit` numbers the actions;
//! [`explain`](mod@explain) turns reasons into text.
//!
//! This crate must never fail, block, or read a clock.

mod emit;
mod input;
mod observe;
mod scale;
mod service;
mod state;
mod step;

pub use input::Input;
pub use state::{ReplicaState, ServiceState, State, Stopping};
pub use step::step;
