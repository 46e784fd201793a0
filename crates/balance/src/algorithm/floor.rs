//! What latency-aware algorithms need on both ends: a floor, so that no healthy endpoint starves because it looked slow
//! once, and a penalty, so that an endpoint that fails fast does not look fast.
//!
//! One pick in [`ODDS`] goes to an endpoint drawn at random, if that one is idle and does not fail; so each keeps at
//! least 1/64 of its fair share, and its latency figures stay alive. Busy endpoints do not need it, failing ones do not
//! deserve it.
//!
//! # Source
//! This project's; the complaint is Traefik's issue 12306 (5 of 1,500 requests to a healthy server).

use super::{View, random};
use crate::endpoint::Endpoint;
use plimsoll_stats::Random;

/// One pick in so many.
const ODDS: u64 = 64;

/// Above this failure rate an endpoint does not count as healthy: one failure among the last eight or so.
const FAILURE_RATE_MAX: f32 = 0.1;

/// Cost factor added at a failure rate of one: an endpoint that only fails counts as 51 times slower. One failure in a
/// while (rate 1/8) counts as 7 times slower for the next few answers.
const FAILURE_PENALTY: f32 = 50.0;

/// How many times slower an endpoint counts for its failures; 1 for none.
#[inline]
pub(crate) fn failure_factor(endpoint: &Endpoint, now: u64) -> f32 {
    1.0 + FAILURE_PENALTY * endpoint.failure_rate(now)
}

/// The endpoint that gets this request by the floor, if one does.
#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    if !random.bits().is_multiple_of(ODDS) {
        return None;
    }
    let index = random::pick(view, random)?;
    let endpoint = &view.pool.endpoints()[index];
    (endpoint.in_flight() == 0 && endpoint.failure_rate(view.now) < FAILURE_RATE_MAX).then_some(index)
}
