//! The Knative autoscaler.

use crate::inputs::Inputs;
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::KpaSpec;
use plimsoll_model::{Term, Withheld};
use serde::{Deserialize, Serialize};

/// What it remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KpaState {}

impl KpaState {
    /// Its vote from what it remembers and what is measured; changes nothing.
    pub(crate) fn vote(&self, _spec: &KpaSpec, inputs: &Inputs<'_>, _withheld: &mut Vec<Withheld>) -> Term {
        Term { replicas: inputs.base(), basis: Basis::NoData { metric: "concurrency".to_owned(), age_ms: None } }
    }

    /// Remembers what was measured, its own vote and the target that became of all votes.
    pub(crate) fn record(&mut self, _spec: &KpaSpec, _inputs: &Inputs<'_>, _vote: &Term, _target: u32) {}
}
