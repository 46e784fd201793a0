//! Least connections: the endpoint with the fewest requests in flight per weight, ties at random by weight.
//!
//! Counts are shared by all workers, so the answer is right however many there are. Ties matter: at low load nearly all
//! endpoints are idle, and taking the first of them would send everything to it. An endpoint that fails at once is
//! always idle and would draw nearly everything, so failures count as load ([`super::floor::failure_factor`]).
//!
//! # Source
//! The rule of HAProxy's `leastconn` and nginx's `least_conn`; ties by reservoir sampling (J. Vitter, ACM TOMS 11(1),
//! 1985) in the same pass. The failure factor is this project's.

use super::{View, floor};
use plimsoll_stats::Random;

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let mut best = None;
    let mut least = f32::INFINITY;
    let mut tied = 0;
    for (index, endpoint) in view.pool.endpoints().iter().enumerate() {
        if !view.allows(index) {
            continue;
        }
        let weight = view.pool.effective_weight(index, view.now);
        // Counts the new request in, so that weights decide among idle endpoints too.
        let in_flight = endpoint.in_flight() as f32 + 1.0;
        let load = in_flight * floor::failure_factor(endpoint, view.now) / weight as f32;
        if load < least {
            (best, least, tied) = (Some(index), load, weight);
        } else if load == least {
            tied += weight;
            if random.below(tied) < weight {
                best = Some(index);
            }
        }
    }
    best
}
