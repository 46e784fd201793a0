//! The Kubernetes HorizontalPodAutoscaler, exactly: the same inputs give the same number of replicas.
//!
//! [`propose`] is a pure function of the memory ([`HpaState`]), the policy ([`HpaSpec`](plimsoll_model::scaling::hpa::HpaSpec))
//! and what is observed ([`HpaInputs`]); [`HpaState::record`] remembers what became of it. What surprises people is kept,
//! because it is part of what they have tuned against: utilization is truncated to whole per cent before the ratio, pods
//! that are not measured hold a change back but can never turn it around, partial data never remove, and a ratio is
//! computed in binary64 with its rounding ([`double`]).
//!
//! Better rules stand beside this one, not in it. It must not know Plimsoll's own figures.
//!
//! # Source
//! Kubernetes API reference and design documents (autoscaling/v2, KEP-853, 1610, 2021, 4951); research section 2.1. Cases
//! are compared with the public test tables of the controller in `tests`.

mod damping;
mod double;
mod inputs;
mod join;
mod pods;
mod ratio;
mod rules;
mod state;
mod vote;

#[cfg(test)]
mod tests;

pub use inputs::{
    ContainerRequests, HpaInputs, HpaPod, HpaPods, HpaReading, PodPhase, PodSample, PodSelector, Readiness,
};
pub use state::HpaState;
pub use vote::{HpaVote, propose};
