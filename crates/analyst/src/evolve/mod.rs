//! Searches a formula of replicas on a service's own recorded load, in the background of a running installation, and makes at most one
//! proposal of what it finds.
//!
//! It sees what a proposer may see and nothing else. Of that the first three quarters are searched on: formulas are rehearsed by the
//! thousand ([`plimsoll_twin::rehearsal`]), with the prices of learnt headroom that suit the load best. The best few are then held
//! against the gate's own judge on the last quarter, under its own stresses, and only what passes there, half as surely as the gate
//! will ask, is proposed. The history that nobody saw stays the gate's alone: to look at it here as well would be to choose by it.
//!
//! Abstaining is an answer, with its reason and numbers ([`Outcome`]). Nothing here reads a clock: whoever calls says whether there is
//! time left. The same history, spec, terms and time give the same search.

mod choice;
mod outcome;
mod search;

pub use outcome::{Outcome, Searched};

use crate::diagnosis::Diagnosis;
use crate::features::Features;
use crate::gate::Terms;
use crate::history::History;
use crate::proposal::Proposal;
use plimsoll_autoscale::Formula;
use plimsoll_autoscale::formula::formula_schema;
use plimsoll_expr::{Dimension, Expr, Unit};
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::Spec;
use plimsoll_search::evolve::{Grammar, GrammarError};

/// What a formula may name if nobody says otherwise: all inputs that a load alone gives a value.
pub const INPUTS: [&str; 13] = [
    "needed",
    "expected",
    "error",
    "start_margin",
    "keep_margin",
    "rise_50",
    "rise_90",
    "rise_99",
    "mean_5min",
    "mean_1h",
    "last",
    "since_change",
    "startup",
];
/// Fewest samples that may be seen for a search: learnt headroom learns for 240 decisions before its own margins count, and as many as
/// half of these again are needed to choose.
pub const SEEN_MIN: usize = 360;
/// Most nodes of a formula: what a person still reads.
const NODES: u64 = 25;

/// What a search is about.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The spec with the operator's own policy.
    pub spec: &'a Spec,
    /// Which service.
    pub service: &'a ServiceName,
    /// The part of its history that a proposer may see.
    pub seen: &'a History,
    /// The same in few numbers,
    pub features: &'a Features,
    /// and what the rules say of it.
    pub diagnosis: &'a Diagnosis,
    /// Terms of the gate.
    pub terms: &'a Terms,
    /// Formulas that earlier searches found good: it begins from them, too. What is none is left out.
    pub begin: &'a [String],
}

/// What may be written.
///
/// # Errors
/// [`GrammarError`] for inputs that there are not, or a number of nodes out of range.
pub fn grammar(inputs: &[&str], nodes: u64) -> Result<Grammar, GrammarError> {
    Grammar::of_unit(formula_schema().clone(), inputs, nodes, Unit::of(Dimension::Replica), Some(proof))
}

/// Whether a formula can be a policy, or what is not proved of it.
fn proof(expr: &Expr) -> Result<(), String> {
    Formula::of(expr, "").and_then(|formula| formula.comes_down()).map_err(|error| error.to_string())
}

/// Searches, chooses, and proposes at most one formula. `has_time` is asked between looks, of which each takes well under a second.
#[must_use]
pub fn search(task: &Task<'_>, has_time: &mut dyn FnMut() -> bool) -> (Searched, Option<Proposal>) {
    let samples = task.seen.samples.len();
    if samples < SEEN_MIN {
        return (Searched::of(Outcome::TooLittle { samples, least: SEEN_MIN }), None);
    }
    match search::run(task, has_time) {
        Ok(found) => choice::choose(task, found),
        Err(outcome) => (Searched::of(outcome), None),
    }
}
