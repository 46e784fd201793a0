//! Least connections: the endpoint with the fewest requests in flight per weight, ties at random by weight.
//!
//! Counts are shared by all workers, so the answer is right however many there are. Ties matter: at low load nearly all
//! endpoints are idle, and taking the first of them would send everything to it.
//!
//! # Source
//! The rule of HAProxy's `leastconn` and nginx's `least_conn`; ties by reservoir sampling (J. Vitter, ACM TOMS 11(1),
//! 1985) in the same pass.

use super::View;
use plimsoll_stats::Random;

#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let mut best: Option<(usize, u64, u64)> = None;
    let mut tied = 0;
    for (index, endpoint) in view.pool.endpoints().iter().enumerate() {
        if !view.allows(index) {
            continue;
        }
        // Counts itself in, so that weights decide among idle endpoints too.
        let load = u64::from(endpoint.in_flight()) + 1;
        let weight = view.pool.effective_weight(index, view.now);
        let order = best.map(|(_, least, its_weight)| {
            (u128::from(load) * u128::from(its_weight)).cmp(&(u128::from(least) * u128::from(weight)))
        });
        match order {
            Some(std::cmp::Ordering::Greater) => {}
            Some(std::cmp::Ordering::Equal) => {
                tied += weight;
                if random.below(tied) < weight {
                    best = Some((index, load, weight));
                }
            }
            Some(std::cmp::Ordering::Less) | None => {
                tied = weight;
                best = Some((index, load, weight));
            }
        }
    }
    best.map(|(index, _, _)| index)
}
