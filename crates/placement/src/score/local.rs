//! Scores that look at one node and are not linear in what is left: dominant resource, balanced, dot product, fastest.
//!
//! With free `f`, need `n`, capacity `c` and the largest node's capacity `m`:
//!
//! - dominant resource: `1 - max (c - f + n) / c` over all resources of the node: the node whose fullest resource will be
//!   emptiest, which levels load;
//! - balanced allocation: `1 - σ` with σ the standard deviation of the shares `(c - f + n) / c` of the weighted resources;
//! - dot product: `1 - Σ (f / m) (n / m) / k` over the `k` weighted resources: room that points another way than the
//!   request, which is how the FGD paper reads Tetris (Tetris itself prefers the larger product);
//! - fastest: speed for the task's class over twice the reference speed, at most 1.
//!
//! # Source
//! Balanced: Kubernetes, `noderesources/balanced_allocation.go`. Dot product: the FGD simulator's `dot_product_score.go`
//! with `dimExtMethod` merge and `normMethod` max; R. Grandl et al., "Multi-resource Packing for Cluster Schedulers",
//! SIGCOMM 2014.

use super::{ONE, Weights};
use crate::fleet::{LANES, Lane, Row};

/// Lanes that count an amount of which a share can be taken.
const AMOUNTS: [usize; 6] = [
    Lane::Cpu as usize,
    Lane::Memory as usize,
    Lane::Disk as usize,
    Lane::Network as usize,
    Lane::GpuTotal as usize,
    Lane::Extended as usize,
];

/// One over each lane, in the fixed point of scores, rounded down; 0 where there is nothing.
pub type Reciprocals = [i64; LANES];

/// The reciprocals of a row.
#[must_use]
pub fn reciprocals(row: &Row) -> Reciprocals {
    row.0.map(|amount| if amount > 0 { ONE / i64::from(amount) } else { 0 })
}

/// See the top of this file.
#[inline]
#[must_use]
pub fn dominant_resource(capacity: &Row, over: &Reciprocals, free: &Row, need: &Row) -> i64 {
    let share = |lane: usize| i64::from(capacity.0[lane] - free.0[lane] + need.0[lane]) * over[lane];
    ONE - AMOUNTS.into_iter().map(share).max().unwrap_or(0)
}

/// See the top of this file.
#[must_use]
pub fn balanced(weights: Weights, capacity: &Row, over: &Reciprocals, free: &Row, need: &Row) -> i64 {
    // Shares in 30 bits, so that the sum of squares of all lanes fits 64.
    let share = |lane: usize| (i64::from(capacity.0[lane] - free.0[lane] + need.0[lane]) * over[lane]) >> 10;
    let lanes = || weights.lanes().map(|(lane, _)| lane).filter(|lane| capacity.0[*lane] > 0);
    let count = lanes().count() as i64;
    if count == 0 {
        return ONE;
    }
    let mean = lanes().map(share).sum::<i64>() / count;
    let squares: u64 = lanes().map(|lane| (share(lane) - mean).unsigned_abs().pow(2)).sum();
    ONE - (((squares / count as u64).isqrt() << 10) as i64)
}

/// See the top of this file.
#[inline]
#[must_use]
pub fn dot_product(weights: Weights, over_largest: &Reciprocals, free: &Row, need: &Row) -> i64 {
    let mut sum = 0;
    let mut count = 0;
    for (lane, _) in weights.lanes() {
        let of_largest = |amount: i32| (i64::from(amount) * over_largest[lane]) >> 10;
        sum += (of_largest(free.0[lane]) * of_largest(need.0[lane])) >> 20;
        count += 1;
    }
    if count == 0 { ONE } else { ONE - sum / count }
}

/// See the top of this file.
#[must_use]
pub const fn fastest(speed_permille: u64) -> i64 {
    let speed = if speed_permille > 2_000 { 2_000 } else { speed_permille };
    (speed as i64 * ONE) / 2_000
}
