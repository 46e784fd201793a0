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
use crate::endpoint::Endpoint;
use plimsoll_stats::Random;

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let mut best = None;
    let (mut least, mut least_weight) = (1 << 33, 0);
    let mut tied = 0;
    for (index, endpoint) in view.pool.endpoints().iter().enumerate() {
        let weight = view.pool.effective_weight(index, view.now);
        let requests = u64::from(endpoint.in_flight()) + 1;
        // Failures only add, so most endpoints are out of the question by one counter, before anything else is read.
        if requests * least_weight > least * weight || !view.allows(index) {
            continue;
        }
        let load = load(endpoint, requests, view.now);
        // Crosswise instead of divided: 33 bits times 30 bits is exact, so equal loads do tie. While there is no best
        // yet its weight is zero, so whoever comes first goes before it.
        let (own, best_yet) = (load * least_weight, least * weight);
        if own < best_yet {
            (best, least, least_weight, tied) = (Some(index), load, weight, weight);
        } else if own == best_yet {
            tied += weight;
            if random.below(tied) < weight {
                best = Some(index);
            }
        }
    }
    best
}

/// Requests in flight with the new one, so that weights decide among idle endpoints too, times its failures: never less
/// than `requests`.
#[inline]
fn load(endpoint: &Endpoint, requests: u64, now: u64) -> u64 {
    let factor = floor::failure_factor(endpoint, now);
    // Nearly always 1. Otherwise in whole requests, rounded up, and held to 33 bits.
    if factor == 1.0 { requests } else { (libm::ceilf(requests as f32 * factor) as u64).clamp(requests, 1 << 32) }
}
