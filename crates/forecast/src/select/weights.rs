//! Weights of models from their losses, and the spread of what they say together.
//!
//! # Source
//! Weights fall with a power of the loss, as in J. M. Bates, C. W. J. Granger, "The combination of forecasts" (1969), and are
//! shrunk towards equal ones, because with few origins a loss is mostly luck (J. H. Stock, M. W. Watson, "Combination
//! forecasts of output growth", 2004).

use super::guard::Guard;
use super::losses::{Losses, Of};
use crate::Levels;
use crate::score::pinball;
use serde::{Deserialize, Serialize};

/// The power of the relative loss. On the training parts of M4 Hourly 2, 4 and 8 give MASE
/// 0.750, 0.748 and 0.752.
const POWER: f64 = 4.0;
/// A model whose loss is more than this many times the best's gets nothing.
const TRIM: f64 = 2.0;
/// Share of a stretch's own losses in its weights; the rest is the loss over the whole horizon.
const OWN: f64 = 0.5;
/// How far from the weighted median a model is followed, in widths of the inner 80 %. On the training parts of M4 Hourly ¼ to 2
/// lose the same within 0.4 %, and all lose less than following every model anywhere.
const NEAR: f64 = 0.5;
/// Spreads that are tried, as powers of this.
const SPREAD_BASE: f64 = 1.1;
const SPREAD_STEPS: i32 = 9;

/// Weights and spread of one stretch of the horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// Its last step; the last stretch holds on beyond.
    pub(super) to: usize,
    /// One per member, summing to 1: in the quantiles, by pinball loss.
    pub(super) weights: Vec<f64>,
    /// The same in the point, by absolute error: a model may know the middle and not the spread.
    pub(super) point_weights: Vec<f64>,
    /// What distances from the median are multiplied by.
    pub(super) spread: f64,
}

/// What one model said at one origin, `steps × levels`, and what came.
pub(super) struct Past<'a> {
    /// By model: values step by step; none where the model could not be fitted.
    pub(super) said: Vec<Option<&'a [f64]>>,
    /// By model: points; none where there are no values.
    pub(super) points: Vec<Option<&'a [f64]>>,
    pub(super) actual: &'a [f64],
}

/// Ends of the stretches of a horizon: an eighth, a quarter, a half, all.
pub(super) fn ends(horizon: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = [8, 4, 2, 1].iter().map(|part| horizon.div_ceil(*part)).collect();
    ends.dedup();
    ends
}

/// Each relative to the smallest; 1 for all when none is known or the smallest is 0 (then only those of 0 are 1).
pub(super) fn relative(losses: &[f64]) -> Vec<f64> {
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = |loss: &f64| match () {
        () if !least.is_finite() => 1.0,
        () if *loss <= least => 1.0,
        () if least > 0.0 => loss / least,
        () => f64::INFINITY,
    };
    losses.iter().map(ratio).collect()
}

/// Weights from relative losses, a share of 1/origins of them equal among those that are not trimmed.
pub(super) fn weights(relative: &[f64], origins: f64) -> Vec<f64> {
    let kept = |ratio: &f64| *ratio <= TRIM;
    let count = relative.iter().filter(|ratio| kept(ratio)).count().max(1) as f64;
    let power = |ratio: &f64| if kept(ratio) { libm::pow(*ratio, -POWER) } else { 0.0 };
    let total: f64 = relative.iter().map(power).sum();
    let equal = 1.0 / (1.0 + origins);
    relative.iter().map(|r| (1.0 - equal) * power(r) / total + if kept(r) { equal / count } else { 0.0 }).collect()
}

/// Weights of one stretch from the losses at the origins that `counts` says yes to, of `origins` in all.
pub(super) fn weigh(table: &Losses, counts: &dyn Fn(usize) -> bool, origins: usize, stretch: usize) -> Vec<f64> {
    from_losses(&table.mean(counts, Some(stretch)), &table.mean(counts, None), origins as f64)
}

/// Weights of one stretch from the mean losses in it and over the whole horizon, at so many origins.
pub(super) fn from_losses(own: &[f64], whole: &[f64], origins: f64) -> Vec<f64> {
    let (own, whole) = (relative(own), relative(whole));
    let both = own.iter().zip(whole).map(|(own, all)| OWN * own + (1.0 - OWN) * all);
    weights(&relative(&both.collect::<Vec<f64>>()), origins)
}

/// Weights and spreads of every stretch, and every model's mean loss over the whole horizon. `simple` is each simple model's
/// mean absolute error over many origins, infinite for the others; `origins` are those of `pasts`.
pub(super) fn stretches(
    pasts: &[Past<'_>],
    origins: &[usize],
    levels: &Levels,
    simple: &[f64],
    horizon: usize,
) -> (Vec<Stretch>, Vec<f64>) {
    let (ends, models) = (ends(horizon), simple.len());
    let quantiles = Losses::new(pasts, Of::Quantiles(levels), models, &ends);
    let points = Losses::new(pasts, Of::Points, models, &ends);
    let guard = Guard::new(pasts, origins, &points, simple, &ends);
    let stretch = |(place, to): (usize, &usize)| {
        let weights = weigh(&quantiles, &|_| true, pasts.len(), place);
        let fused = weigh(&points, &|_| true, pasts.len(), place);
        let point_weights = guard.as_ref().map_or_else(|| fused.clone(), |guard| guard.applied(&fused));
        let from = if place == 0 { 0 } else { ends[place - 1] };
        let spread = spread(pasts, levels, &weights, from, *to);
        Stretch { to: *to, weights, point_weights, spread }
    };
    (ends.iter().enumerate().map(stretch).collect(), quantiles.mean(&|_| true, None))
}

/// Weighted means of the models' values at each level (Vincentization, which keeps the shape of a spread where a mixture of
/// distributions would widen it), each value first held near the weighted median of its level: within [`NEAR`] times the
/// width of the inner 80 % of those medians. A model that runs away then moves the whole no further than one that is merely
/// at the edge, and where all but one agree on one value that value is said.
pub(super) fn fused(rows: &[&[f64]], weights: &[f64], levels: &Levels) -> Vec<f64> {
    let medians: Vec<f64> = (0..levels.len()).map(|place| weighted_median(rows, weights, place)).collect();
    let near = near(&medians, levels);
    let held = |place: usize| {
        let (low, high) = (medians[place] - near, medians[place] + near);
        rows.iter().zip(weights).map(|(row, weight)| row[place].clamp(low, high) * weight).sum()
    };
    (0..levels.len()).map(held).collect()
}

/// How far from the median a model is followed.
fn near(medians: &[f64], levels: &Levels) -> f64 {
    let levels = levels.as_slice();
    let low = levels.iter().position(|level| *level >= 0.1 - 1e-9).unwrap_or(0);
    let high = levels.iter().rposition(|level| *level <= 0.9 + 1e-9).unwrap_or(levels.len() - 1);
    NEAR * (medians[high.max(low)] - medians[low]).abs()
}

/// The value at which half of the weight lies on either side, between two where it falls between their middles.
pub(super) fn weighted_median(rows: &[&[f64]], weights: &[f64], place: usize) -> f64 {
    let mut sorted: Vec<(f64, f64)> = rows
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(row, weight)| (row[place], *weight))
        .collect();
    sorted.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
    let half = sorted.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let (mut before, mut last) = (0.0, None);
    for (value, weight) in sorted {
        let middle = before + weight / 2.0;
        if middle >= half {
            let Some((from, at)) = last else { return value };
            return from + (value - from) * (half - at) / (middle - at);
        }
        last = Some((value, middle));
        before += weight;
    }
    last.map_or(0.0, |(value, _)| value)
}

/// The spread that would have lost least, shrunk towards 1 by the number of origins it was seen at.
fn spread(pasts: &[Past<'_>], levels: &Levels, weights: &[f64], from: usize, to: usize) -> f64 {
    let tried = || (-SPREAD_STEPS..=SPREAD_STEPS).map(|step| libm::pow(SPREAD_BASE, f64::from(step)));
    let mut losses = vec![0.0; tried().count()];
    let width = levels.len();
    for past in pasts {
        let known: Vec<(&[f64], f64)> = past
            .said
            .iter()
            .zip(weights)
            .filter_map(|(said, weight)| Some(((*said)?, *weight)))
            .filter(|(_, w)| *w > 0.0)
            .collect();
        for step in (from..to).filter(|step| past.actual.get(*step).is_some_and(|actual| actual.is_finite())) {
            let rows: Vec<&[f64]> = known.iter().map(|(said, _)| &said[step * width..(step + 1) * width]).collect();
            let row = fused(&rows, &known.iter().map(|(_, weight)| *weight).collect::<Vec<_>>(), levels);
            let middle = median(&row, levels);
            for (loss, factor) in losses.iter_mut().zip(tried()) {
                let pairs = row.iter().zip(levels.as_slice());
                *loss += pairs
                    .map(|(said, level)| pinball(past.actual[step], middle + factor * (said - middle), *level))
                    .sum::<f64>();
            }
        }
    }
    let best = tried().zip(&losses).min_by(|a, b| a.1.total_cmp(b.1)).map_or(1.0, |(factor, _)| factor);
    if losses.iter().all(|loss| *loss == losses[0]) {
        1.0
    } else {
        libm::pow(best, pasts.len() as f64 / (pasts.len() as f64 + 1.0))
    }
}

/// The value at level ½, between the two levels around it; the nearest where all lie on one side.
pub(super) fn median(row: &[f64], levels: &Levels) -> f64 {
    let levels = levels.as_slice();
    let above = levels.iter().position(|level| *level >= 0.5).unwrap_or(levels.len() - 1);
    match above {
        0 => row[0],
        _ if levels[above] < 0.5 => row[above],
        _ => {
            let share = (0.5 - levels[above - 1]) / (levels[above] - levels[above - 1]);
            row[above - 1] + share * (row[above] - row[above - 1])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_model_gets_more_and_a_hopeless_one_nothing() {
        let found = weights(&relative(&[1.0, 1.5, 5.0, f64::INFINITY]), 3.0);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // 1.5⁻⁴ = 0.1975: shares 0.835 and 0.165, a quarter of them equal.
        assert!((found[0] - (0.75 * 0.835_05 + 0.125)).abs() < 1e-3, "{found:?}");
        assert_eq!(found[2..], [0.0, 0.0]);
        assert_eq!(weights(&relative(&[0.0, 0.0, 1.0]), 1.0), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_model_that_runs_away_is_followed_only_so_far() {
        let levels = Levels::try_new(vec![0.1, 0.5, 0.9]).unwrap();
        let (calm, wild) = ([9.0, 10.0, 11.0], [1e9, 2e9, 3e9]);
        let row = fused(&[&calm, &calm, &wild], &[0.4, 0.4, 0.2], &levels);
        assert!(row[1] > 10.0 && row[1] < 10.5, "{row:?}");
        let zero = [0.0; 3];
        let mostly = fused(&[&zero, &zero, &wild], &[0.4, 0.4, 0.2], &levels);
        assert!(mostly[1] < 1e9);
        assert_eq!(fused(&[&calm], &[1.0], &levels), calm);
        assert_eq!(weighted_median(&[&[1.0], &[2.0], &[9.0]], &[0.25, 0.5, 0.25], 0), 2.0);
    }

    #[test]
    fn a_spread_that_was_too_narrow_is_widened() {
        let levels = Levels::try_new(vec![0.1, 0.5, 0.9]).unwrap();
        let said: Vec<f64> = (0..40).flat_map(|_| [9.0, 10.0, 11.0]).collect();
        let actual: Vec<f64> = (0..40).map(|i| 10.0 + f64::from(i % 21 - 10) / 4.0).collect();
        let points = vec![10.0; 40];
        let pasts = [Past { said: vec![Some(&said)], points: vec![Some(&points)], actual: &actual }];
        let (found, losses) = stretches(&pasts, &[0], &levels, &[f64::INFINITY], 40);
        assert_eq!(found.iter().map(|stretch| stretch.to).collect::<Vec<_>>(), [5, 10, 20, 40]);
        assert!(found[3].spread > 1.2, "{:?}", found[3]);
        assert!(losses[0] > 0.0);
    }

    #[test]
    fn the_median_lies_between_the_levels_around_it() {
        let levels = Levels::try_new(vec![0.25, 0.75]).unwrap();
        assert_eq!(median(&[1.0, 3.0], &levels), 2.0);
        assert_eq!(median(&[4.0], &Levels::try_new(vec![0.9]).unwrap()), 4.0);
        assert_eq!(median(&[4.0, 5.0], &Levels::try_new(vec![0.1, 0.2]).unwrap()), 5.0);
    }
}
