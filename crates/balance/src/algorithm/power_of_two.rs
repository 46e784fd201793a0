//! Power of two choices: of two endpoints drawn at random by weight, the one with fewer requests in flight per weight.
//!
//! Two draws take the longest queue from log n / log log n to log log n, at constant cost and without the herd that a
//! global minimum draws when its figures are a little old. The default for services.
//!
//! An endpoint that fails at once has nothing in flight and would draw the most requests, so failures count as load, up
//! to 51 times ([`super::floor::failure_factor`]).
//!
//! # Source
//! M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001. The failure factor
//! is this project's; the complaint is Envoy's issue 39737.

use super::{View, floor, random};
use plimsoll_stats::Random;

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let first = random::pick(view, random)?;
    let Some(second) = random::pick_other(view, first, random) else { return Some(first) };
    Some(if load(view, second) < load(view, first) { second } else { first })
}

#[inline]
fn load(view: &View<'_>, index: usize) -> f32 {
    let endpoint = &view.pool.endpoints()[index];
    let in_flight = endpoint.in_flight() as f32 + 1.0;
    in_flight * floor::failure_factor(endpoint, view.now) / view.pool.effective_weight(index, view.now) as f32
}
