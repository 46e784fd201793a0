//! What a shape would like of what runs elsewhere: neighbours and evenness.
//!
//! A wish never refuses a node. It is a share between none and all of what was wished, so that a policy can weigh it
//! against room like any other score.

use super::{Relations, WEIGHT_MAX};
use crate::score::ONE;

/// `count` of `most` as a part of [`ONE`].
fn part(count: u32, most: u32) -> i64 {
    if most == 0 { 0 } else { (i128::from(count.min(most)) * i128::from(ONE) / i128::from(most)) as i64 }
}

impl Relations {
    /// Whether the shape wishes for anything that depends on what runs elsewhere.
    #[must_use]
    pub fn has_wishes(&self, shape: u32) -> bool {
        let rules = &self.rules[shape as usize];
        !rules.wishes.is_empty() || rules.spread.iter().any(|term| !term.required)
    }

    /// How well the node meets what the shape wishes: 0 is not at all, [`ONE`] is wholly.
    ///
    /// Each wish gives a share, and the shares are averaged by weight. Neighbours wanted: those in the domain ÷ those in
    /// the domain with the most. Not wanted: one less that. A spread: one less (tasks above the emptiest domain ÷ by how
    /// much the fullest is above it, but at least `skew_max`, so that an unevenness that the rule allows counts little),
    /// with weight 100. A node without the label is as good as a domain without neighbours, and as bad as the fullest.
    #[must_use]
    pub fn score(&self, shape: u32, node: u32) -> i64 {
        let rules = &self.rules[shape as usize];
        let (mut sum, mut weights) = (0_i64, 0_i64);
        for wish in &rules.wishes {
            let counter = &self.counters.all[wish.counter];
            let count = self.topologies.of(wish.topology, node).map_or(0, |domain| counter.of(domain));
            let near = part(count, counter.most());
            sum += i64::from(wish.weight) * if wish.anti { ONE - near } else { near };
            weights += i64::from(wish.weight);
        }
        for term in rules.spread.iter().filter(|term| !term.required) {
            let tracker = &self.trackers[term.tracker];
            let domain = self.topologies.of(term.topology, node);
            let count = domain.map_or(u32::MAX, |domain| self.counters.all[term.counter].of(domain));
            let range = tracker.most().saturating_sub(tracker.least()).max(term.skew_max);
            sum += i64::from(WEIGHT_MAX) * (ONE - part(count.saturating_sub(tracker.least()), range));
            weights += i64::from(WEIGHT_MAX);
        }
        if weights == 0 { ONE } else { sum / weights }
    }
}
