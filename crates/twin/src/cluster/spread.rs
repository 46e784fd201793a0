//! Times of many tasks as one row: mean, quantiles, largest.

use plimsoll_model::Millis;
use plimsoll_stats::nearest_rank_sorted;
use serde::Serialize;

/// How a time is spread over tasks. The quantiles are times that occurred.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spread {
    /// Tasks counted.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Half of the tasks were at or below it.
    pub p50_ms: u64,
    /// 95 % were.
    pub p95_ms: u64,
    /// 99 % were.
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

impl Spread {
    /// Of these times, in any order; zeros of none.
    #[must_use]
    pub fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let rank = |q: f64| nearest_rank_sorted(&times, q).unwrap_or(0);
        // The sum is exact; one division rounds once.
        let sum: u128 = times.iter().map(|time| u128::from(*time)).sum();
        Self {
            count: times.len() as u64,
            mean_ms: sum as f64 / times.len().max(1) as f64,
            p50_ms: rank(0.50),
            p95_ms: rank(0.95),
            p99_ms: rank(0.99),
            max_ms: times.last().copied().unwrap_or(0),
        }
    }
}

/// Slowdown of a task, bounded: response over run time, where a run shorter than `tau` counts as `tau`, and never below 1.
///
/// # Source
/// D. Feitelson, L. Rudolph, "Metrics and Benchmarking for Parallel Job Scheduling", JSSPP 1998.
#[must_use]
pub fn bounded_slowdown(response: Millis, run: Millis, tau: Millis) -> f64 {
    (response.get() as f64 / run.get().max(tau.get()).max(1) as f64).max(1.0)
}

/// Fairness of shares: 1 where all are equal, 1/n where one has everything; none of no shares or of nothing but zeros.
///
/// # Source
/// R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared
/// Computer Systems", DEC-TR-301, 1984: (Σx)² / (n Σx²).
#[must_use]
pub fn jain(shares: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (count, sum, squares) =
        shares.into_iter().fold((0_u64, 0.0, 0.0), |(n, sum, squares), x| (n + 1, sum + x, squares + x * x));
    (squares > 0.0).then(|| sum * sum / (count as f64 * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_occurred() {
        let spread = Spread::of((1..=100).rev().collect());
        assert_eq!((spread.p50_ms, spread.p95_ms, spread.p99_ms, spread.max_ms), (50, 95, 99, 100));
        assert_eq!((spread.count, spread.mean_ms), (100, 50.5));
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn a_short_run_counts_as_ten_seconds() {
        let tau = Millis(10_000);
        assert_eq!(bounded_slowdown(Millis(100_000), Millis(1_000), tau), 10.0);
        assert_eq!(bounded_slowdown(Millis(2_000), Millis(1_000), tau), 1.0);
        assert_eq!(bounded_slowdown(Millis(60_000), Millis(20_000), tau), 3.0);
    }

    #[test]
    fn fairness_is_one_for_equals_and_one_over_n_for_a_monopoly() {
        assert_eq!(jain([2.0, 2.0, 2.0]), Some(1.0));
        assert_eq!(jain([5.0, 0.0, 0.0, 0.0]), Some(0.25));
        assert_eq!((jain([]), jain([0.0])), (None, None));
    }
}
