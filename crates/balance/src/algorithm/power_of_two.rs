//! Power of two choices: of two endpoints drawn at random by weight, the one with fewer requests in flight per weight.
//!
//! Two draws take the longest queue from log n / log log n to log log n, at constant cost and without the herd that a
//! global minimum draws when its figures are a little old. The default for services.
//!
//! # Source
//! M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.

use super::{View, random};
use plimsoll_stats::Random;

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let first = random::pick(view, random)?;
    let Some(second) = random::pick_other(view, first, random) else { return Some(first) };
    let load = |index: usize| u64::from(view.pool.endpoints()[index].in_flight()) + 1;
    let weight = |index: usize| view.pool.effective_weight(index, view.now);
    let (left, right) =
        (u128::from(load(first)) * u128::from(weight(second)), u128::from(load(second)) * u128::from(weight(first)));
    Some(if right < left { second } else { first })
}
