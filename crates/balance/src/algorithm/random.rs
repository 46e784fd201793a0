//! A draw at random, by weight and slow start; on its own an algorithm, and the first half of several others.
//!
//! # Source
//! Alias table in constant time per draw: M. Vose, "A Linear Algorithm for Generating Random Numbers with a Given
//! Distribution", IEEE TSE 17(9), 1991. Slow start by rejection (J. von Neumann, 1951): an endpoint at a third of its
//! weight turns down two draws of three.

use super::{Tables, View};
use crate::pool::FULL;
use plimsoll_stats::Random;

/// Draws before a scan decides: with half of the endpoints out, 16 fail once in 65,536 picks.
const DRAWS: usize = 16;

/// Draws an index with probability proportional to its weight.
#[derive(Debug)]
pub(crate) struct AliasTable {
    /// Per column: keep it below this share of 2^32, else take the alias. Empty when all weights are equal.
    columns: Vec<(u32, u32)>,
}

impl AliasTable {
    pub(crate) fn new(weights: &[u32]) -> Self {
        if weights.windows(2).all(|pair| pair[0] == pair[1]) {
            return Self { columns: Vec::new() };
        }
        let count = weights.len() as u128;
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        // A column is full at `total`; scaled weights sum to count × total, so whole columns always come out even.
        let mut left: Vec<u128> = weights.iter().map(|weight| u128::from(*weight) * count).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|index| left[*index] < total);
        let mut columns: Vec<(u32, u32)> = (0..weights.len()).map(|index| (u32::MAX, index as u32)).collect();
        while let (Some(lower), Some(upper)) = (small.pop(), large.last().copied()) {
            columns[lower] = (((left[lower] << 32) / total) as u32, upper as u32);
            left[upper] -= total - left[lower];
            if left[upper] < total {
                large.pop();
                small.push(upper);
            }
        }
        Self { columns }
    }

    #[inline]
    fn draw(&self, count: usize, random: &mut Random) -> usize {
        let index = random.below(count as u64) as usize;
        match self.columns.get(index) {
            Some((keep, alias)) if random.bits() as u32 >= *keep => *alias as usize,
            _ => index,
        }
    }
}

/// An endpoint by weight and slow start among those that may be picked.
#[inline]
pub(crate) fn pick(view: &View<'_>, random: &mut Random) -> Option<usize> {
    let Tables::Draw(table) = &view.pool.tables else { return None };
    let count = view.pool.len();
    if count == 0 {
        return None;
    }
    let mut fallback = None;
    for _ in 0..DRAWS {
        let index = table.draw(count, random);
        if !view.allows(index) {
            continue;
        }
        let ramp = view.pool.ramp(index, view.now);
        if ramp == FULL || random.below(FULL) < ramp {
            return Some(index);
        }
        fallback = Some(index);
    }
    // Every draw was turned down: a pool in slow start as a whole shares as if it were not.
    fallback.or_else(|| view.first_from(random.below(count as u64) as usize))
}

/// A second endpoint, different from `first`; none when no other may be picked.
#[inline]
pub(crate) fn pick_other(view: &View<'_>, first: usize, random: &mut Random) -> Option<usize> {
    if view.pool.len() < 2 {
        return None;
    }
    for _ in 0..4 {
        let index = pick(view, random)?;
        if index != first {
            return Some(index);
        }
    }
    // Two endpoints, or one of far more weight than the rest: the next in order will do.
    view.first_from(first + 1).filter(|index| *index != first)
}
