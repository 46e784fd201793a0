//! Source-address hash over a Maglev table: the same client goes to the same endpoint, and few clients move when
//! endpoints change.
//!
//! One table lookup per pick. When the endpoint a key belongs to may not be picked (ejected, full, excluded), the key is
//! hashed again, so that the clients of a lost endpoint spread over all others instead of falling on one neighbour; they
//! come back when it does. In slow start an endpoint takes over its keys one after another, each once and for good.
//!
//! # Source
//! D. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, section 3.4. Weights as
//! in Envoy's Maglev: an endpoint takes its turn in a share of the rounds that is its weight / the largest weight.

use super::{Tables, View};
use crate::endpoint::Endpoint;
use crate::pool::FULL;
use plimsoll_stats::Random;
use plimsoll_stats::random::mix;
use std::sync::Arc;

/// Slots for up to 655 endpoints: the paper's smaller table. It asks for a hundred slots per endpoint, which keeps
/// shares within about 1 %.
const SLOTS: usize = 65_537;

/// Slots for more endpoints: the paper's larger table.
const SLOTS_LARGE: usize = 655_373;

/// Hashes tried for one key before a scan decides.
const ATTEMPTS: u64 = 8;

/// Which endpoint owns each slot.
#[derive(Debug)]
pub(crate) struct MaglevTable {
    slots: Vec<u32>,
}

/// One endpoint's order of preference over the slots, and its claim on turns.
struct Preference {
    index: u32,
    weight: u64,
    next: usize,
    skip: usize,
    claim: u64,
}

impl MaglevTable {
    /// Takes time in proportion to slots × ln slots: about a millisecond for the small table.
    pub(crate) fn new(endpoints: &[Arc<Endpoint>], weights: &[u32]) -> Self {
        let count = if endpoints.len() * 100 <= SLOTS { SLOTS } else { SLOTS_LARGE };
        let weight_max = u64::from(weights.iter().copied().max().unwrap_or(1));
        let mut preferences: Vec<Preference> = (0..)
            .zip(endpoints)
            .map(|(index, endpoint)| {
                let hash = mix(endpoint.id());
                let next = (hash % count as u64) as usize;
                let skip = (mix(!hash) % (count as u64 - 1)) as usize + 1;
                Preference { index, weight: u64::from(weights[index as usize]), next, skip, claim: 0 }
            })
            .collect();
        if preferences.is_empty() {
            return Self { slots: Vec::new() };
        }
        // Turns go by id, so that every gateway builds the same table in whatever order it learnt of the endpoints.
        preferences.sort_unstable_by_key(|preference| endpoints[preference.index as usize].id());
        let mut slots = vec![u32::MAX; count];
        let mut left = count;
        loop {
            for preference in &mut preferences {
                preference.claim += preference.weight;
                if preference.claim < weight_max {
                    continue;
                }
                preference.claim -= weight_max;
                while slots[preference.next] != u32::MAX {
                    preference.advance(count);
                }
                slots[preference.next] = preference.index;
                left -= 1;
                if left == 0 {
                    return Self { slots };
                }
            }
        }
    }

    fn owner(&self, hash: u64) -> usize {
        // The high word of a product spreads as evenly as a remainder, without the division.
        let slot = (u128::from(hash) * self.slots.len() as u128) >> 64;
        self.slots[slot as usize] as usize
    }
}

impl Preference {
    fn advance(&mut self, count: usize) {
        self.next += self.skip;
        if self.next >= count {
            self.next -= count;
        }
    }
}

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let Tables::Maglev(table) = &view.pool.tables else { return None };
    if table.slots.is_empty() {
        return None;
    }
    let mut hash = mix(view.key.unwrap_or_else(|| random.bits()));
    let mut fallback = None;
    for attempt in 0..ATTEMPTS {
        let index = table.owner(hash);
        let ramp = view.pool.ramp(index, view.now);
        hash = mix(hash ^ attempt);
        if view.allows(index) {
            if ramp == FULL || hash % FULL < ramp {
                return Some(index);
            }
            fallback = fallback.or(Some(index));
        }
    }
    fallback.or_else(|| view.first_from((hash % view.pool.len() as u64) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots_of(weights: &[u32]) -> Vec<usize> {
        let endpoints: Vec<_> = weights.iter().zip(1..).map(|(w, id)| Arc::new(Endpoint::new(id, *w, 0))).collect();
        let table = MaglevTable::new(&endpoints, weights);
        let mut counts = vec![0; weights.len()];
        table.slots.iter().for_each(|owner| counts[*owner as usize] += 1);
        counts
    }

    #[test]
    fn every_slot_has_an_owner_and_shares_are_equal_to_a_slot() {
        for count in [1, 2, 7, 100] {
            let counts = slots_of(&vec![1; count]);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert_eq!((counts.iter().sum::<usize>(), most - least <= 1), (SLOTS, true), "{count}");
        }
    }

    #[test]
    fn shares_follow_weights_within_a_percent() {
        let weights = [1, 3, 6, 1_000];
        for (count, weight) in slots_of(&weights).into_iter().zip(weights) {
            let expected = SLOTS as f64 * f64::from(weight) / 1_010.0;
            assert!((count as f64 - expected).abs() <= (expected * 0.01).max(2.0), "{count} for {expected}");
        }
    }

    #[test]
    fn the_order_of_endpoints_does_not_matter() {
        let endpoints: Vec<_> = (1..=20).map(|id| Arc::new(Endpoint::new(id, 1, 0))).collect();
        let reversed: Vec<_> = endpoints.iter().rev().cloned().collect();
        let (left, right) = (MaglevTable::new(&endpoints, &[1; 20]), MaglevTable::new(&reversed, &[1; 20]));
        assert!(left.slots.iter().zip(&right.slots).all(|(left, right)| left + right == 19));
    }
}
