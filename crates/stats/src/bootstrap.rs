//! How sure a measured ratio is: a bootstrap interval over paired rounds.
//!
//! A benchmark runs both sides in each round; noise that hits a whole round cancels in the pair. The interval says which
//! ratios of totals the rounds at hand would also have given. With few rounds it is narrower than the truth: print the
//! number of rounds beside it.
//!
//! # Source
//! B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13 (percentile interval), pairs resampled
//! together.

use crate::quantile::{quantile_sorted, sort};
use crate::random::Random;

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioInterval {
    /// Sum of the numerators / sum of the denominators.
    pub ratio: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The ratio of sums over pairs (numerator, denominator) and its interval at `confidence` (0 to 1), from `resamples`
/// draws with this seed. None without pairs, without resamples, or when the denominators sum to nothing.
#[must_use]
pub fn paired_ratio(pairs: &[(f64, f64)], confidence: f64, resamples: u32, seed: u64) -> Option<RatioInterval> {
    let ratio = |(top, bottom): (f64, f64)| (bottom > 0.0).then_some(top / bottom);
    let sum = |left: (f64, f64), right: &(f64, f64)| (left.0 + right.0, left.1 + right.1);
    let measured = ratio(pairs.iter().fold((0.0, 0.0), sum))?;
    let mut random = Random::new(seed);
    let mut resampled: Vec<f64> = (0..resamples)
        .filter_map(|_| {
            let draw = (0..pairs.len()).map(|_| &pairs[random.below(pairs.len() as u64) as usize]);
            ratio(draw.fold((0.0, 0.0), sum))
        })
        .collect();
    sort(&mut resampled);
    let tail = (1.0 - confidence.clamp(0.0, 1.0)) / 2.0;
    let low = quantile_sorted(&resampled, tail)?;
    let high = quantile_sorted(&resampled, 1.0 - tail)?;
    Some(RatioInterval { ratio: measured, low, high })
}

/// A mean difference with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DifferenceInterval {
    /// Mean of left − right.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The mean difference over pairs (left, right) and its interval at `confidence` (0 to 1), from `resamples` draws with
/// this seed. None without pairs or without resamples. One pair, and pairs that all differ by the same, give an interval
/// without width: print the number of pairs beside it.
#[must_use]
pub fn paired_difference(
    pairs: &[(f64, f64)],
    confidence: f64,
    resamples: u32,
    seed: u64,
) -> Option<DifferenceInterval> {
    if pairs.is_empty() {
        return None;
    }
    let differences: Vec<f64> = pairs.iter().map(|(left, right)| left - right).collect();
    let count = differences.len();
    let mut random = Random::new(seed);
    let mut resampled: Vec<f64> = (0..resamples)
        .map(|_| (0..count).map(|_| differences[random.below(count as u64) as usize]).sum::<f64>() / count as f64)
        .collect();
    sort(&mut resampled);
    let tail = (1.0 - confidence.clamp(0.0, 1.0)) / 2.0;
    let low = quantile_sorted(&resampled, tail)?;
    let high = quantile_sorted(&resampled, 1.0 - tail)?;
    Some(DifferenceInterval { mean: differences.iter().sum::<f64>() / count as f64, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_shared_by_a_round_cancels() {
        let mut random = Random::new(9);
        let pairs: Vec<(f64, f64)> = (0..20)
            .map(|_| {
                let round = random.log_normal(100.0, 0.5);
                (0.8 * round * (1.0 + 0.01 * random.normal()), round)
            })
            .collect();
        let interval = paired_ratio(&pairs, 0.95, 2_000, 1).unwrap();
        assert!(interval.low < 0.8 && 0.8 < interval.high, "{interval:?}");
        assert!(interval.high - interval.low < 0.03, "{interval:?}");
        assert!(interval.low <= interval.ratio && interval.ratio <= interval.high);
    }

    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        let mut random = Random::new(5);
        let covered = (0..200).filter(|seed| {
            let pairs: Vec<_> =
                (0..30).map(|_| (2.0 * random.log_normal(1.0, 0.2), random.log_normal(1.0, 0.2))).collect();
            paired_ratio(&pairs, 0.9, 300, *seed).is_some_and(|interval| interval.low <= 2.0 && 2.0 <= interval.high)
        });
        assert!((165..=195).contains(&covered.count()));
    }

    #[test]
    fn a_difference_shared_by_all_pairs_is_certain_and_noise_widens_it() {
        let shift = |noise: f64| -> Vec<(f64, f64)> {
            let mut random = Random::new(4);
            (0..20).map(|n| (f64::from(n) + 2.0 + noise * random.normal(), f64::from(n))).collect()
        };
        let certain = paired_difference(&shift(0.0), 0.95, 500, 1).unwrap();
        assert_eq!((certain.low, certain.mean, certain.high), (2.0, 2.0, 2.0));
        let noisy = paired_difference(&shift(1.0), 0.95, 2_000, 1).unwrap();
        assert!(noisy.low < noisy.mean && noisy.mean < noisy.high);
        // Standard error 1 / √20 = 0.22: the interval is about ±0.44 wide.
        assert!((0.5..1.2).contains(&(noisy.high - noisy.low)), "{noisy:?}");
    }

    #[test]
    fn nothing_to_compare_is_no_interval() {
        assert_eq!(paired_difference(&[], 0.95, 100, 1), None);
        assert_eq!(paired_difference(&[(1.0, 0.0)], 0.95, 0, 1), None);
        assert_eq!(paired_ratio(&[], 0.95, 100, 1), None);
        assert_eq!(paired_ratio(&[(1.0, 0.0)], 0.95, 100, 1), None);
        assert_eq!(paired_ratio(&[(1.0, 1.0)], 0.95, 0, 1), None);
    }
}
