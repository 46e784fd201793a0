//! The Knative autoscaler among the other policies: which figure it averages, and what its vote becomes.

use super::{KpaInputs, KpaState, KpaVote, propose};
use crate::inputs::{Inputs, Reading};
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::kpa::{KpaMetric, KpaSpec};
use plimsoll_model::{Term, Withheld};

impl KpaState {
    /// Its vote from what it remembers and what is measured; changes nothing.
    pub(crate) fn vote(&self, spec: &KpaSpec, inputs: &Inputs<'_>, withheld: &mut Vec<Withheld>) -> Term {
        let _ = withheld;
        match decided(self, spec, inputs) {
            Some(vote) => Term { replicas: vote.replicas, basis: Basis::Concurrency(Box::new(vote.basis)) },
            None => {
                let metric = "concurrency".to_owned();
                Term { replicas: inputs.base(), basis: Basis::NoData { metric, age_ms: age(spec, inputs) } }
            }
        }
    }

    /// Remembers what was measured and its own vote.
    pub(crate) fn note(&mut self, spec: &KpaSpec, inputs: &Inputs<'_>) {
        let vote = decided(self, spec, inputs);
        self.record(spec, inputs.at, sample(spec, inputs), vote.as_ref());
    }
}

fn decided(state: &KpaState, spec: &KpaSpec, inputs: &Inputs<'_>) -> Option<KpaVote> {
    // A figure that lacks now holds the number, even where older ones are still in the windows.
    let sample = sample(spec, inputs)?;
    let (stable_milli, panic_milli) = state.averages(spec, inputs.at, Some(sample));
    let ready = Some(inputs.ready);
    propose(state, spec, &KpaInputs { at: inputs.at, ready, stable_milli, panic_milli, is_reachable: true })
}

fn reading(spec: &KpaSpec, inputs: &Inputs<'_>) -> Reading<u64> {
    match spec.measure {
        KpaMetric::Concurrency => inputs.in_flight_milli,
        KpaMetric::Rps => inputs.rate.map(|rate| rate.0),
    }
}

fn sample(spec: &KpaSpec, inputs: &Inputs<'_>) -> Option<u64> {
    match reading(spec, inputs) {
        Reading::Fresh(value) => Some(value),
        Reading::Stale { .. } | Reading::Absent => None,
    }
}

fn age(spec: &KpaSpec, inputs: &Inputs<'_>) -> Option<u64> {
    match reading(spec, inputs) {
        Reading::Stale { age_ms, .. } => Some(age_ms),
        Reading::Fresh(_) | Reading::Absent => None,
    }
}
