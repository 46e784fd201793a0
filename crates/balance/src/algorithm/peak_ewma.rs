//! Peak EWMA: of two endpoints drawn at random by weight, the one with the lower expected cost.
//!
//! Cost = latency × (requests in flight + 1) / weight × (1 + penalty × failure rate). Latency is a peak EWMA: one slow
//! answer raises it at once. Three complaints about its relatives are answered here:
//! - an endpoint that fails fast looked fast and drew traffic; latency is learnt from successes only, and the failure
//!   rate multiplies the cost;
//! - an endpoint that looked slow once was never asked again; its average fades with time, and it has a floor
//!   ([`super::floor`]);
//! - an endpoint that has not answered yet has no latency; it is compared by load and failures alone.
//!
//! # Source
//! Peak EWMA: Finagle's `PeakEwma` and linkerd's balancer, described in "Beyond Round Robin: Load Balancing for
//! Latency" (Buoyant, 2016). Failure factor and floor are this project's.

use super::{View, floor, random};
use plimsoll_stats::Random;

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    if let Some(index) = floor::pick(view, random) {
        return Some(index);
    }
    let first = random::pick(view, random)?;
    let Some(second) = random::pick_other(view, first, random) else { return Some(first) };
    let latency = |index: usize| view.pool.endpoints()[index].latency_peak(view.now);
    let known = (latency(first), latency(second));
    let (left, right) = if let (Some(left), Some(right)) = known { (left, right) } else { (1.0, 1.0) };
    Some(if cost(view, second, right) < cost(view, first, left) { second } else { first })
}

#[inline]
fn cost(view: &View<'_>, index: usize, latency: f32) -> f32 {
    let endpoint = &view.pool.endpoints()[index];
    let load = (endpoint.in_flight() as f32 + 1.0) / view.pool.effective_weight(index, view.now) as f32;
    latency * load * floor::failure_factor(endpoint, view.now)
}
