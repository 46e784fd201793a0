//! Quantiles of a slice, by two definitions that differ where it matters.
//!
//! [`quantile_sorted`] interpolates, for summaries of continuous values. [`nearest_rank_sorted`] returns a value that
//! occurred, for latencies and for residuals whose coverage must hold: at least a share `q` of the values is at or below
//! it. Both take sorted values, so that several quantiles cost one sort.

/// Sorts values ascending, with NaN last.
pub fn sort(values: &mut [f64]) {
    values.sort_unstable_by(f64::total_cmp);
}

/// The quantile `q` (0 to 1, held to that) of ascending values, interpolated between neighbours; none of an empty slice.
///
/// # Source
/// R. Hyndman, Y. Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50(4), 1996, definition 7:
/// position (n - 1) q.
#[must_use]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = last as f64 * q.clamp(0.0, 1.0);
    let below = libm::floor(position) as usize;
    let (low, high) = (*sorted.get(below)?, sorted[(below + 1).min(last)]);
    // Not low + (high - low) × share: that overflows for values of opposite sign, and is not exact at the ends.
    let share = position - below as f64;
    Some(if share == 0.0 { low } else { low * (1.0 - share) + high * share })
}

/// The smallest of ascending values such that at least a share `q` (0 to 1, held to that) is at or below it; none of an
/// empty slice.
///
/// # Source
/// Definition 1 of Hyndman and Fan: rank ⌈n q⌉, at least 1.
#[must_use]
pub fn nearest_rank_sorted<T: Copy>(sorted: &[T], q: f64) -> Option<T> {
    let count = sorted.len();
    // Decimal shares are not exact in binary: 0.07 × 100 is a hair over 7, which must not become rank 8.
    let rank = libm::ceil(count as f64 * q.clamp(0.0, 1.0) - 1e-9) as usize;
    sorted.get(rank.clamp(1, count.max(1)) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_definitions_on_four_values() {
        let sorted = [1.0, 2.0, 3.0, 10.0];
        for (q, interpolated, ranked) in [
            (0.0, 1.0, 1.0),
            (0.25, 1.75, 1.0),
            (0.5, 2.5, 2.0),
            (0.75, 4.75, 3.0),
            (0.99, 9.79, 10.0),
            (1.0, 10.0, 10.0),
        ] {
            assert!((quantile_sorted(&sorted, q).unwrap() - interpolated).abs() < 1e-12, "{q}");
            assert_eq!(nearest_rank_sorted(&sorted, q), Some(ranked), "{q}");
        }
        assert_eq!((quantile_sorted(&[], 0.5), nearest_rank_sorted::<u64>(&[], 0.5)), (None, None));
        assert_eq!(nearest_rank_sorted(&(1..=100).collect::<Vec<_>>(), 0.07), Some(7));
    }

    proptest! {
        #[test]
        fn the_ranked_quantile_covers_its_share(mut values in proptest::collection::vec(-1e6_f64..1e6, 1..80), q in 0.0_f64..=1.0) {
            sort(&mut values);
            let at = nearest_rank_sorted(&values, q).unwrap();
            let covered = values.iter().filter(|value| **value <= at).count() as f64;
            prop_assert!(covered + 1e-6 >= q * values.len() as f64);
            let between = quantile_sorted(&values, q).unwrap();
            prop_assert!(values[0] <= between + 1e-9 && between <= values[values.len() - 1] + 1e-9);
        }
    }
}
