//! Round robin: each endpoint in turn. The yardstick that the others are measured against.
//!
//! Blind to weight, load and latency, so a slow endpoint gets as much as a fast one and its queue grows. Workers start
//! at different endpoints, or a restart would send the first requests of all workers to the same one.

use super::View;
use crate::pool::Pool;
use plimsoll_stats::Random;

/// Whose turn it is.
#[derive(Debug)]
pub(crate) struct RoundRobin {
    next: usize,
}

impl RoundRobin {
    pub(crate) fn new(pool: &Pool, random: &mut Random) -> Self {
        Self { next: random.below(pool.len() as u64) as usize }
    }

    #[inline]
    pub(crate) fn pick(&mut self, view: &View<'_>) -> Option<usize> {
        let index = view.first_from(self.next)?;
        self.next = if index + 1 < view.pool.len() { index + 1 } else { 0 };
        Some(index)
    }
}
