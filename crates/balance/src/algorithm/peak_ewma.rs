//! Peak EWMA: of two endpoints drawn at random by weight, the one with the lower expected cost.
//!
//! Cost = latency × (requests in flight + 1) / weight × (1 + penalty × failure rate). Latency is a peak EWMA: one slow
//! answer raises it at once. Three complaints about its relatives are answered here:
//! - an endpoint that fails fast looked fast and drew traffic; latency is learnt from successes only, and the failure
//!   rate multiplies the cost;
//! - an endpoint that looked slow once was never asked again; its average fades with time, and one draw in
//!   [`FLOOR_ODDS`] goes to the first endpoint drawn without comparison if it is idle and does not fail;
//! - an endpoint that has not answered yet has no latency; it is compared by load and failures alone.
//!
//! # Source
//! Peak EWMA: Finagle's `PeakEwma` and linkerd's balancer, described in "Beyond Round Robin: Load Balancing for
//! Latency" (Buoyant, 2016). Failure factor and floor are this project's.

use super::{View, random};
use plimsoll_stats::Random;

/// Cost factor added at a failure rate of one: an endpoint that only fails counts as 51 times slower. One failure in a
/// while (rate 1/8) counts as 7 times slower for the next few answers.
const FAILURE_PENALTY: f32 = 50.0;

/// One pick in so many skips the comparison, so a healthy idle endpoint keeps at least 1/64 of its fair share.
const FLOOR_ODDS: u64 = 64;

/// Above this failure rate an endpoint does not count as healthy for the floor: one failure in the last eight or so.
const FLOOR_FAILURE_RATE: f32 = 0.1;

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let first = random::pick(view, random)?;
    let Some(second) = random::pick_other(view, first, random) else { return Some(first) };
    let endpoint = &view.pool.endpoints()[first];
    if random.below(FLOOR_ODDS) == 0
        && endpoint.in_flight() == 0
        && endpoint.failure_rate(view.now) < FLOOR_FAILURE_RATE
    {
        return Some(first);
    }
    let known = (endpoint.latency_peak(view.now), view.pool.endpoints()[second].latency_peak(view.now));
    let (left, right) = if let (Some(left), Some(right)) = known { (left, right) } else { (1.0, 1.0) };
    Some(if cost(view, second, right) < cost(view, first, left) { second } else { first })
}

#[inline]
fn cost(view: &View<'_>, index: usize, latency: f32) -> f32 {
    let endpoint = &view.pool.endpoints()[index];
    let load = (endpoint.in_flight() as f32 + 1.0) / view.pool.effective_weight(index, view.now) as f32;
    latency * load * (1.0 + FAILURE_PENALTY * endpoint.failure_rate(view.now))
}
