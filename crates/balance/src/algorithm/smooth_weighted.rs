//! Smooth weighted round robin: in turn by weight, heavy endpoints spread out instead of picked in a row.
//!
//! At each pick every endpoint gains its weight; the one with the most is picked and pays the sum of all. Weights 5, 1,
//! 1 give a a b a c a a. One pass over all endpoints per pick; slow start only makes a gain smaller for a while, which
//! is why this form is used and not a precomputed schedule.
//!
//! # Source
//! nginx, `ngx_http_upstream_round_robin.c`, "smooth weighted round-robin balancing" (I. Sysoev's 2012 change); here
//! re-derived from its description.

use super::View;
use crate::pool::{FULL, Pool};
use plimsoll_stats::Random;

/// What each endpoint has gained and not yet paid.
#[derive(Debug)]
pub(crate) struct SmoothWeighted {
    credit: Vec<i64>,
}

impl SmoothWeighted {
    /// Credits start at random below one weight, so that workers do not move in step.
    pub(crate) fn new(pool: &Pool, random: &mut Random) -> Self {
        let start = |weight: &u32| random.below(u64::from(*weight) * FULL) as i64;
        Self { credit: pool.weights().iter().map(start).collect() }
    }

    #[inline]
    pub(crate) fn pick(&mut self, view: &View<'_>) -> Option<usize> {
        let mut sum = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, credit) in self.credit.iter_mut().enumerate() {
            if !view.allows(index) {
                continue;
            }
            // At most 2^42 for one endpoint: no number of endpoints that fits memory overflows the sum.
            let weight = view.pool.effective_weight(index, view.now) as i64;
            *credit += weight;
            sum += weight;
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((index, *credit));
            }
        }
        let (index, _) = best?;
        self.credit[index] -= sum;
        Some(index)
    }
}
