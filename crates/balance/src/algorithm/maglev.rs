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
    next: usize,
    skip: usize,
    claim: u64,
}

impl MaglevTable {
    /// Takes time in proportion to slots × ln slots: about a millisecond for the small table.
    pub(crate) fn new(endpoints: &[Arc<Endpoint>], weights: &[u32]) -> Self {
        let count = if endpoints.len() * 100 <= SLOTS { SLOTS } else { SLOTS_LARGE };
        let weight_max = u64::from(weights.iter().copied().max().unwrap_or(1));
        let mut preferences: Vec<Preference> = endpoints
            .iter()
            .map(|endpoint| {
                let hash = mix(endpoint.id());
                let next = (hash % count as u64) as usize;
                let skip = (mix(!hash) % (count as u64 - 1)) as usize + 1;
                Preference { next, skip, claim: 0 }
            })
            .collect();
        if preferences.is_empty() {
            return Self { slots: Vec::new() };
        }
        let mut slots = vec![u32::MAX; count];
        let mut left = count;
        loop {
            for (index, preference) in preferences.iter_mut().enumerate() {
                preference.claim += u64::from(weights[index]);
                if preference.claim < weight_max {
                    continue;
                }
                preference.claim -= weight_max;
                while slots[preference.next] != u32::MAX {
                    preference.advance(count);
                }
                slots[preference.next] = index as u32;
                left -= 1;
                if left == 0 {
                    return Self { slots };
                }
            }
        }
    }

    fn owner(&self, hash: u64) -> usize {
        self.slots[(hash % self.slots.len() as u64) as usize] as usize
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
