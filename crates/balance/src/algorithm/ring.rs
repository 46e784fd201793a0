//! Ring hash with bounded loads: a key belongs to the next endpoint on a ring, unless that one has more than its share
//! in flight; then to the next that has not.
//!
//! No endpoint exceeds ceil(5/4 × its share of all requests in flight, this one included), the share taken among the
//! endpoints that may be picked and by weight and slow start. So a popular key cannot drown an endpoint, and at low load
//! keys stay where they belong.
//!
//! The ring is found by an index over the hash's top bits, in constant expected time. An idle owner is taken at once;
//! otherwise the bound needs the sum of requests in flight, one pass over the endpoints.
//!
//! # Source
//! V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018, with c = 1.25: their
//! expected number of endpoints visited is O(1/ε²) at ε = 1/4. 160 points per endpoint as in ketama (R. Jones, 2007).

use super::{Tables, View};
use crate::endpoint::Endpoint;
use plimsoll_stats::Random;
use plimsoll_stats::random::mix;
use std::sync::Arc;

/// Points of the lightest endpoint, give or take a factor of two; shares then vary by about 8 %.
const POINTS: u64 = 160;

/// Most points of one endpoint: a weight over a hundred times the lightest counts as that.
const POINTS_MAX: u64 = POINTS * 100;

/// Points in order of their hash, whose they are, and where to look first.
#[derive(Debug)]
pub(crate) struct Ring {
    hashes: Vec<u64>,
    owners: Vec<u32>,
    /// For each value of the top bits, the first point with at least that value.
    starts: Vec<u32>,
    shift: u32,
}

impl Ring {
    pub(crate) fn new(endpoints: &[Arc<Endpoint>], weights: &[u32]) -> Self {
        // The unit only changes when the lightest weight passes a power of two, so that a change of one endpoint does
        // not move the points of the others.
        let unit = u64::from(weights.iter().copied().min().unwrap_or(1).checked_ilog2().map_or(1, |log| 1_u32 << log));
        let mut points: Vec<(u64, u32)> = Vec::new();
        for (owner, endpoint) in (0..).zip(endpoints) {
            let count = (POINTS * u64::from(weights[owner as usize]) / unit).min(POINTS_MAX);
            points.extend((0..count).map(|point| (mix(mix(endpoint.id()) ^ point), owner)));
        }
        // Ties, which are next to impossible, go by id, so that the order of endpoints does not matter.
        points.sort_unstable_by_key(|(hash, owner)| (*hash, endpoints[*owner as usize].id()));
        let buckets = points.len().max(2).next_power_of_two();
        let shift = u64::BITS - buckets.ilog2();
        let mut starts = Vec::with_capacity(buckets);
        let mut point = 0;
        for bucket in 0..buckets as u64 {
            while points.get(point).is_some_and(|(hash, _)| hash >> shift < bucket) {
                point += 1;
            }
            starts.push(point as u32);
        }
        let (hashes, owners) = points.into_iter().unzip();
        Self { hashes, owners, starts, shift }
    }

    /// The first point at or after the hash, around.
    #[inline]
    fn find(&self, hash: u64) -> usize {
        let mut point = self.starts[(hash >> self.shift) as usize] as usize;
        while self.hashes.get(point).is_some_and(|at| *at < hash) {
            point += 1;
        }
        if point < self.hashes.len() { point } else { 0 }
    }
}

/// What all endpoints that may be picked carry and weigh.
struct Bound {
    in_flight: u64,
    weight: u64,
}

impl Bound {
    fn new(view: &View<'_>) -> Self {
        let mut bound = Self { in_flight: 0, weight: 0 };
        for (index, endpoint) in view.pool.endpoints().iter().enumerate() {
            if view.allows(index) {
                bound.in_flight += u64::from(endpoint.in_flight());
                bound.weight += view.pool.effective_weight(index, view.now);
            }
        }
        bound
    }

    /// load + 1 ≤ ceil(5/4 (m + 1) w / W), in whole numbers: load × 4 W < 5 (m + 1) w.
    fn admits(&self, view: &View<'_>, index: usize) -> bool {
        let load = u128::from(view.pool.endpoints()[index].in_flight());
        let weight = u128::from(view.pool.effective_weight(index, view.now));
        load * 4 * u128::from(self.weight) < 5 * (u128::from(self.in_flight) + 1) * weight
    }
}

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let Tables::Ring(ring) = &view.pool.tables else { return None };
    if ring.hashes.is_empty() {
        return None;
    }
    let start = ring.find(mix(view.key.unwrap_or_else(|| random.bits())));
    let owner = ring.owners[start] as usize;
    if view.pool.endpoints()[owner].in_flight() == 0 && view.allows(owner) {
        return Some(owner);
    }
    let bound = Bound::new(view);
    // Far enough to meet nearly every endpoint once; an endless walk would cost more than the order is worth.
    let steps = view.pool.len() * 8;
    let around = ring.owners[start..].iter().chain(&ring.owners[..start]).take(steps).map(|owner| *owner as usize);
    let count = view.pool.len();
    let by_index = (owner..count).chain(0..owner);
    // Loads sum to less than the bounds, so one endpoint admits unless others change under way: then any will do.
    around
        .chain(by_index)
        .find(|index| view.allows(*index) && bound.admits(view, *index))
        .or_else(|| view.first_from(owner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ring(weights: &[u32]) -> Ring {
        let endpoints: Vec<_> = weights.iter().zip(1..).map(|(w, id)| Arc::new(Endpoint::new(id, *w, 0))).collect();
        Ring::new(&endpoints, weights)
    }

    #[test]
    fn points_are_bounded_whatever_the_weights() {
        for (weights, points) in [(&[1, 1][..], 320), (&[1, 3], 640), (&[1, 1 << 20], 160 + 16_000), (&[100, 100], 500)]
        {
            assert_eq!(ring(weights).hashes.len(), points, "{weights:?}");
        }
        assert!(ring(&[]).hashes.is_empty());
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_search_finds(
            weights in proptest::collection::vec(1_u32..9, 1..12),
            hashes in proptest::collection::vec(any::<u64>(), 50),
        ) {
            let ring = ring(&weights);
            let edges = [0, u64::MAX, ring.hashes[0], ring.hashes[ring.hashes.len() - 1]];
            for hash in hashes.into_iter().chain(edges) {
                let searched = ring.hashes.partition_point(|point| *point < hash) % ring.hashes.len();
                prop_assert_eq!(ring.find(hash), searched);
            }
        }
    }
}
