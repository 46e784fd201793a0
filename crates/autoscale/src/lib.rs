//! Observation, forecast and policy in, a target number of replicas out, with every term that was weighed.
//!
//! Two stages, both pure. [`propose`] turns each scaling policy into a [`Term`](plimsoll_model::Term) and takes the
//! highest. [`Stabilizer::settle`] turns that proposal into the target: reserve, stabilization windows, step limits,
//! bounds. Both are monotone (more load never gives fewer replicas from the same state), which is what makes the exact
//! [`counterfactual`] possible and is checked as a property.
//!
//! What carries the design: forecasts only add, because every reactive policy votes at each step and the highest vote
//! wins; missing or stale figures vote for the present number, so that they never remove anything.
//!
//! This crate must not choose a node or a victim, and keeps no clock.
//!
//! # Source
//! The Kubernetes horizontal autoscaler's published algorithm (ratio with tolerance, conservative treatment of replicas
//! without a sample, stabilization windows and rate policies), in exact rational arithmetic instead of truncated percent.

mod counterfactual;
mod cron;
mod hpa;
mod inputs;
mod kpa;
mod pod;
pub mod pools;
mod propose;
mod scaler;
mod stabilizer;
mod track;
pub mod vertical;

pub use counterfactual::counterfactual;
pub use cron::CronState;
pub use hpa::HpaState;
pub use inputs::{Demand, Inputs, Reading, Usage};
pub use kpa::KpaState;
pub use pod::{Pod, PodPhase, PodSample};
pub use propose::{Proposal, propose};
pub use scaler::{EVENTS_MAX, PolicyState, Scaler};
pub use stabilizer::{Settled, Stabilizer};

use plimsoll_model::ServiceRationale;

/// Proposes, settles and explains in one call, and records the result in `scaler`. The rationale's `current` and
/// `ready` are left at zero for the caller, who knows the replicas.
pub fn decide(scaler: &mut Scaler, inputs: &Inputs<'_>) -> ServiceRationale {
    scaler.serve(&inputs.scaling.policies);
    let proposal = propose(scaler, inputs);
    let settled = scaler.stabilizer.settle(inputs, proposal.damped, proposal.ready_made);
    let counterfactual = counterfactual(scaler, inputs, &proposal, settled.target);
    scaler.record(inputs, &proposal, &settled);
    ServiceRationale {
        current: 0,
        ready: 0,
        target: settled.target,
        terms: proposal.terms,
        winner: proposal.winner,
        bounds: settled.bounds,
        counterfactual,
        withheld: proposal.withheld,
        vertical: None,
        sharing: None,
    }
}
