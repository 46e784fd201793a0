//! The core: observe → forecast → autoscale → placement → guarded decision, as one pure function on one value.
//!
//! [`step`] takes the [`State`], the trace time and what came in since the last step, and returns a
//! [`Decision`](plimsoll_model::Decision). It is total: bad input becomes a finding in the rationale, never an error and
//! never a panic. It has no clock, no I/O and no randomness, and everything it decides with is an integer, so the same
//! inputs give the same bytes on any CPU. The live daemon and the twin drive the same function.
//!
//! Where to look: `input` what comes in; `state` everything remembered, `process` of one process; `policy` what a new
//! spec changes, `observe` what a report of the world changes, `exit` what the end of a process means; `decide` the order
//! of a decision; `scale` from figures to a target, `plan` from a target to stops and starts, `room` the node's books,
//! `queue` the jobs, `stop` what goes in any case; `emit` numbers the actions; [`explain`](explain()) turns reasons into
//! text.
//!
//! This crate must never fail, block, or read a clock.

mod admit;
mod announce;
mod backfill;
mod decide;
mod emit;
mod exit;
mod explain;
pub mod fit;
mod input;
mod late;
mod observe;
mod plan;
mod pods;
mod policy;
mod process;
mod proposed;
mod queue;
mod resize;
mod room;
mod scale;
mod seen;
mod sharing;
mod state;
mod step;
mod stop;
mod what_if;
mod wheel;

pub use explain::{
    concerns_job, concerns_service, explain, explain_action, explain_findings, explain_job, explain_service,
};
pub use input::{Fit, Input};
pub use plimsoll_autoscale::{EVENTS_MAX, TurningPoint, WhatIf};
pub use process::{ProcessState, Stopping};
pub use proposed::ProposalState;
pub use queue::waiting;
pub use sharing::share_room;
pub use state::{JobState, QueuedTask, ServiceState, State, TaskState};
pub use step::step;
pub use what_if::what_if_load;
