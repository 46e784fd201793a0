//! Scores that are linear in what is left: best fit, worst fit, least and most allocated.
//!
//! With free `f`, need `n`, capacity `c`, the largest node's capacity `m` and weights `w` that are scaled to sum to 1,
//! summed over the weighted resources:
//!
//! | scorer | term |
//! | --- | --- |
//! | best fit | `1 - Σ w (f - n) / m` |
//! | worst fit | `Σ w (f - n) / m` |
//! | least allocated | `Σ w (f - n) / c` |
//! | most allocated | `1 - Σ w (f - n) / c` |
//!
//! Each is `base + Σ slope (f - n)` with numbers that depend on the kind of node alone. That is why an ordered index can
//! find the best node without scoring any: within one kind, the order by `Σ slope f` is the same for all tasks. For the
//! allocated ones a resource that the node does not have is left out, and the other weights scaled up.
//!
//! # Source
//! Best fit: the FGD paper's simulator (`best_fit_score.go`); allocated: Kubernetes, `noderesources/least_allocated.go`
//! and `most_allocated.go`, without their rounding per resource.

use super::{ONE, Scorer, Weights};
use crate::fleet::{Fleet, LANES, Row};

/// `base + Σ slope × (free - need)` for one kind of node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinearKind {
    /// The term where nothing would be left.
    pub base: i64,
    /// Change of the term per unit left, lane by lane.
    pub slopes: [i64; LANES],
}

impl LinearKind {
    /// `Σ slope × amount`.
    #[inline]
    #[must_use]
    pub fn dot(&self, row: &Row) -> i64 {
        let mut sum = 0;
        for lane in 0..LANES {
            sum += self.slopes[lane] * i64::from(row.0[lane]);
        }
        sum
    }

    fn add(&mut self, other: &Self, weight: i64) {
        self.base += weight * other.base;
        for lane in 0..LANES {
            self.slopes[lane] += weight * other.slopes[lane];
        }
    }
}

/// A linear scorer, or a weighted sum of some, for every kind of node of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linear {
    /// By kind.
    pub kinds: Vec<LinearKind>,
    /// Whether slopes are the same for all kinds, so that nodes of different kinds have one order.
    pub is_uniform: bool,
}

impl Linear {
    /// The weighted sum of these scorers; none where one of them is not linear.
    #[must_use]
    pub fn of(terms: &[(Scorer, i64)], fleet: &Fleet) -> Option<Self> {
        let kinds = fleet.nodes().kinds.len();
        let mut sum = Self { kinds: vec![LinearKind::default(); kinds], is_uniform: true };
        for (scorer, weight) in terms {
            for kind in 0..kinds {
                let capacity = &fleet.nodes().kinds[kind].capacity;
                sum.kinds[kind].add(&of_kind(*scorer, capacity, fleet.largest())?, *weight);
            }
        }
        sum.is_uniform = sum.kinds.windows(2).all(|pair| pair[0].slopes == pair[1].slopes);
        Some(sum)
    }
}

/// One scorer on one kind of node.
fn of_kind(scorer: Scorer, capacity: &Row, largest: &Row) -> Option<LinearKind> {
    Some(match scorer {
        Scorer::Constant => LinearKind::default(),
        Scorer::BestFit(weights) => LinearKind { base: ONE, slopes: slopes(weights, largest, Round::Down).map(|s| -s) },
        Scorer::WorstFit(weights) => LinearKind { base: 0, slopes: slopes(weights, largest, Round::Up) },
        Scorer::LeastAllocated(weights) => {
            // From what is taken, so that an empty node has exactly one whatever its capacity.
            let slopes = slopes(weights, capacity, Round::Down);
            LinearKind { base: ONE - LinearKind { base: 0, slopes }.dot(capacity), slopes }
        }
        Scorer::MostAllocated(weights) => {
            let slopes = slopes(weights, capacity, Round::Up);
            LinearKind { base: LinearKind { base: 0, slopes }.dot(capacity), slopes: slopes.map(|s| -s) }
        }
        _ => return None,
    })
}

enum Round {
    Up,
    Down,
}

/// `weight / (sum of weights × against)` per lane; lanes of which there is nothing are left out.
fn slopes(weights: Weights, against: &Row, round: Round) -> [i64; LANES] {
    let sum: i64 = weights.lanes().filter(|(lane, _)| against.0[*lane] > 0).map(|(_, weight)| weight).sum();
    let mut slopes = [0; LANES];
    for (lane, weight) in weights.lanes().filter(|(lane, _)| against.0[*lane] > 0) {
        let (share, whole) = (weight * ONE, sum * i64::from(against.0[lane]));
        slopes[lane] = match round {
            Round::Up => (share + whole - 1) / whole,
            Round::Down => share / whole,
        };
    }
    slopes
}
