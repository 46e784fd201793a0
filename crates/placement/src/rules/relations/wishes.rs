//! What a shape would like: neighbours, evenness, and what its data cost to move.
//!
//! A wish never refuses a node. It is a share between none and all of what was wished, so that a policy can weigh it
//! against room like any other score.

use super::{Relations, SITES, WEIGHT_MAX};
use crate::rules::sites::{Way, transfer_per_hour};
use crate::score::ONE;
use plimsoll_model::cluster::LatencyBound;

/// `count` of `most` as a part of [`ONE`].
fn part(count: u32, most: u32) -> i64 {
    if most == 0 { 0 } else { i64::from(count.min(most)) * ONE / i64::from(most) }
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

    pub(super) fn way(&self, bound: &LatencyBound, node: u32) -> Option<Way> {
        let domain = self.topologies.of(SITES, node)?;
        self.sites.way(&bound.site, self.topologies.name(SITES, domain)?)
    }

    /// The way from the shape's users or data to the node; none where it has no latency bound or nobody stated a way.
    #[must_use]
    pub fn way_to(&self, shape: u32, node: u32) -> Option<Way> {
        self.rules[shape as usize].near.as_ref().and_then(|bound| self.way(bound, node))
    }

    /// The site that the shape's users or data are at.
    #[must_use]
    pub fn home(&self, shape: u32) -> Option<&str> {
        self.rules[shape as usize].near.as_ref().map(|bound| bound.site.as_str())
    }

    /// What moving the shape's data to and from the node costs per hour, in millionths; zero where it says nothing.
    #[must_use]
    pub fn transfer_price(&self, shape: u32, node: u32) -> u64 {
        let Some(bound) = &self.rules[shape as usize].near else { return 0 };
        self.way(bound, node).map_or(0, |way| transfer_per_hour(way, bound.transfer_per_hour))
    }
}
