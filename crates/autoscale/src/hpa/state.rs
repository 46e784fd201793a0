//! What the autoscaler remembers: proposals, changes, and whether zero was its own choice.
//!
//! Slots are used again exactly as the controller does it, because which slot is overwritten can decide what a later
//! window sees: a change upwards that its own policies need no more may be overwritten though a longer policy downwards
//! would still count it.
//!
//! # Source
//! The Kubernetes autoscaler's recommendations and scale events; KEP-2021 (scale from zero).

use super::inputs::HpaInputs;
use super::rules::{Behavior, older};
use super::vote::HpaVote;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::scaling::hpa::HpaSpec;
use serde::{Deserialize, Serialize};

/// Most slots of one log. A controller that runs every second for an hour needs 3,600; beyond it the oldest is overwritten.
const SLOTS_MAX: usize = 8_192;

/// The memory of one autoscaler.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HpaState {
    /// Proposals as the metrics made them, before windows, rates and bounds.
    pub(super) proposals: Vec<Proposed>,
    /// Changes upwards.
    pub(super) ups: Vec<Scaled>,
    /// Changes downwards.
    pub(super) downs: Vec<Scaled>,
    /// Zero replicas were this autoscaler's own decision, so it may rise again.
    pub(super) scaled_to_zero: bool,
}

/// One proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proposed {
    /// When.
    pub at: Timestamp,
    /// Replicas.
    pub replicas: u32,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scaled {
    /// When.
    pub at: Timestamp,
    /// Replicas added or removed.
    pub replicas: u32,
    /// No policy of its own direction looks at it any more.
    pub outdated: bool,
}

/// What a decision came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decided {
    /// When.
    pub at: Timestamp,
    /// Replicas before.
    pub current: u32,
    /// What the metrics proposed.
    pub proposed: Option<u32>,
    /// Replicas from now on.
    pub target: u32,
}

impl HpaState {
    /// Proposals to be looked at: before the first there is one of the present number.
    pub(super) fn seen(&self, at: Timestamp, current: u32) -> impl Iterator<Item = Proposed> {
        let first = self.proposals.is_empty().then_some(Proposed { at, replicas: current });
        self.proposals.iter().copied().chain(first)
    }

    /// Remembers a decision: `vote` as proposed from this very state, `target` as the replicas wanted from now on (which
    /// may be more than the vote where something else wanted more).
    pub fn record(&mut self, spec: &HpaSpec, inputs: &HpaInputs<'_>, vote: &HpaVote, target: u32) {
        let decided = Decided { at: inputs.at, current: inputs.current, proposed: vote.basis.proposed, target };
        self.remember(spec, decided, inputs.owns_zero);
    }

    /// Remembers what a decision came to.
    pub(super) fn remember(&mut self, spec: &HpaSpec, decided: Decided, owns_zero: bool) {
        let Decided { at, current, proposed, target } = decided;
        let owned_zero = self.scaled_to_zero || (owns_zero && self.proposals.is_empty());
        if self.proposals.is_empty() {
            self.proposals.push(Proposed { at, replicas: current });
        }
        let behavior = spec.behavior.as_ref().map(|behavior| Behavior::of(behavior, &spec.controller));
        if let Some(proposed) = proposed {
            let span = match &behavior {
                None => spec.controller.downscale_stabilization,
                Some(behavior) => behavior.up.window.max(behavior.down.window),
            };
            self.keep(at, span, proposed);
        }
        if let Some(behavior) = &behavior {
            let change = target.abs_diff(current);
            match target > current {
                true => log(&mut self.ups, at, behavior.up.longest_period(), change),
                false if change > 0 => log(&mut self.downs, at, behavior.down.longest_period(), change),
                false => {}
            }
        }
        self.scaled_to_zero = target == 0 && (current > 0 || owned_zero);
    }

    /// Over the last slot that is older than the span, or into a new one.
    fn keep(&mut self, at: Timestamp, span: Millis, replicas: u32) {
        let proposed = Proposed { at, replicas };
        match self.proposals.iter().rposition(|slot| older(slot.at, at, span)) {
            Some(slot) => self.proposals[slot] = proposed,
            None if self.proposals.len() < SLOTS_MAX => self.proposals.push(proposed),
            None => {
                self.proposals.remove(0);
                self.proposals.push(proposed);
            }
        }
    }
}

/// Marks what is older than the longest period, and writes over the last of those.
fn log(changes: &mut Vec<Scaled>, at: Timestamp, longest: Millis, replicas: u32) {
    for change in changes.iter_mut().filter(|change| older(change.at, at, longest)) {
        change.outdated = true;
    }
    let scaled = Scaled { at, replicas, outdated: false };
    match changes.iter().rposition(|change| change.outdated) {
        Some(slot) => changes[slot] = scaled,
        None if changes.len() < SLOTS_MAX => changes.push(scaled),
        None => {
            changes.remove(0);
            changes.push(scaled);
        }
    }
}
