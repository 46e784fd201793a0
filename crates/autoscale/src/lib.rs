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

mod backlog;
mod counterfactual;
pub mod cron;
mod event;
pub mod formula;
mod guard;
mod headroom;
pub mod hpa;
mod inputs;
pub mod kpa;
mod lazy;
mod need;
mod pod;
pub mod pools;
mod predictive;
mod propose;
mod reserve;
mod scaler;
mod seasonal;
mod settle;
mod stabilizer;
mod track;
pub mod vertical;
mod what_if;

pub use counterfactual::counterfactual;
pub use cron::CronState;
pub use event::EventState;
pub use formula::{Formula, FormulaError, FormulaState};
pub use guard::GuardState;
pub use headroom::HeadroomState;
pub use hpa::HpaState;
pub use inputs::{Demand, Inputs, Reading, Usage};
pub use kpa::KpaState;
pub use lazy::LazyState;
pub use need::{cpu_per_request_ns, per_replica};
pub use pod::{Pod, PodPhase, PodSample};
pub use predictive::newsvendor;
pub use propose::{Proposal, propose};
pub use reserve::{Burst, BurstSketch};
pub use scaler::{Announced, EVENTS_MAX, PolicyState, Scaler};
pub use seasonal::SeasonMemory;
pub use stabilizer::Stabilizer;
pub use what_if::{LOAD_MAX, TurningPoint, WhatIf, at_load, what_if};

use plimsoll_model::ServiceRationale;

/// Proposes, settles and explains in one call, and records the result in `scaler`. The rationale's `current` and
/// `ready` are left at zero for the caller, who knows the replicas.
pub fn decide(scaler: &mut Scaler, inputs: &Inputs<'_>) -> ServiceRationale {
    scaler.serve(&inputs.scaling.policies);
    let proposal = propose(scaler, inputs);
    let mut bounds = Vec::new();
    let votes = (proposal.damped, proposal.ready_made);
    let target = settle::settle(scaler, inputs, votes, |bound| bounds.push(bound));
    let counterfactual = counterfactual(scaler, inputs, &proposal, target);
    scaler.record(inputs, &proposal, target);
    ServiceRationale {
        current: 0,
        ready: 0,
        target,
        terms: proposal.terms,
        winner: proposal.winner,
        bounds,
        counterfactual,
        withheld: proposal.withheld,
        vertical: None,
        victims: Vec::new(),
        sharing: None,
        order: None,
    }
}
