//! The approximate mode: the best of a few nodes that fit, and what that costs in score. Off unless a policy asks for it.
//!
//! Nodes are looked at in order of their numbers from a place that the decision's random number says, and the look ends when
//! enough of them fit. So room is never missed, and only the score suffers. Every [`CHECK_EVERY`]th decision is made by the exact
//! structure too, and the difference is the [`Regret`]; that is part of the mode and cannot be left out.
//!
//! # Source
//! The idea of kube-scheduler's `percentageOfNodesToScore`, which stops likewise and says nothing of the loss.

use super::tie;
use crate::fleet::{Fleet, NodeIx, ShapeId};
use serde::{Deserialize, Serialize};

/// One decision of so many is checked against the exact one.
pub const CHECK_EVERY: u64 = 16;
/// Keeps the place where a look begins apart from random ties.
const SALT: u64 = 0x5a4d_0b1e;

/// What approximate decisions lost against the exact ones, over those that were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Regret {
    /// Decisions that were checked.
    pub checked: u64,
    /// Of these, how many took a node that scores less.
    pub worse: u64,
    /// Sum of the scores lost, in the unit that `unit` says is a whole term.
    pub lost: i64,
    /// The most that one decision lost.
    pub lost_most: i64,
    /// The score of a whole term.
    pub unit: i64,
}

impl Regret {
    pub(super) fn note(&mut self, lost: i64, unit: i64) {
        self.unit = unit;
        self.checked += 1;
        self.worse += u64::from(lost > 0);
        self.lost = self.lost.saturating_add(lost);
        self.lost_most = self.lost_most.max(lost);
    }

    /// Both together; of policies with one unit.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            checked: self.checked + other.checked,
            worse: self.worse + other.worse,
            lost: self.lost.saturating_add(other.lost),
            lost_most: self.lost_most.max(other.lost_most),
            unit: self.unit.max(other.unit),
        }
    }
}

/// The first nodes that fit, at most `most`, from a place that the decision says; all that fit where they are fewer.
pub(super) fn fitting(fleet: &Fleet, shape: ShapeId, (seed, decision): (u64, u64), most: u32) -> Vec<NodeIx> {
    let nodes = fleet.len() as u64;
    let from = tie::draw(seed ^ SALT, decision) % nodes.max(1);
    let around = (from..nodes).chain(0..from).map(|node| NodeIx(node as u32));
    around.filter(|node| fleet.fits(shape, *node)).take(most as usize).collect()
}
