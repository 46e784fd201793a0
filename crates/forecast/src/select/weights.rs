//! Weights of models from their losses, and the spread of what they say together.
//!
//! # Source
//! Weights fall with a power of the loss, as in J. M. Bates, C. W. J. Granger, "The combination of forecasts" (1969), and are
//! shrunk towards equal ones, because with few origins a loss is mostly luck (J. H. Stock, M. W. Watson, "Combination
//! forecasts of output growth", 2004).

use crate::Levels;
use crate::score::pinball;
use serde::{Deserialize, Serialize};

/// The power of the relative loss. Tuned on the training parts of M4 Hourly: 1 to 8 give 0.788, 0.776, 0.766, 0.761.
const POWER: f64 = 4.0;
/// A model whose loss is more than this many times the best's gets nothing.
const TRIM: f64 = 2.0;
/// Share of a stretch's own losses in its weights; the rest is the loss over the whole horizon.
const OWN: f64 = 0.5;
/// Spreads that are tried, as powers of this.
const SPREAD_BASE: f64 = 1.1;
const SPREAD_STEPS: i32 = 9;

/// Weights and spread of one stretch of the horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// Its last step; the last stretch holds on beyond.
    pub(super) to: usize,
    /// One per member, summing to 1.
    pub(super) weights: Vec<f64>,
    /// What distances from the median are multiplied by.
    pub(super) spread: f64,
}

/// What one model said at one origin, `steps × levels`, and what came.
pub(super) struct Past<'a> {
    /// By model: values step by step; none where the model could not be fitted.
    pub(super) said: Vec<Option<&'a [f64]>>,
    pub(super) actual: &'a [f64],
}

/// Ends of the stretches of a horizon: an eighth, a quarter, a half, all.
pub(super) fn ends(horizon: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = [8, 4, 2, 1].iter().map(|part| horizon.div_ceil(*part)).collect();
    ends.dedup();
    ends
}

/// Mean pinball loss of every model over the steps `from..to` of all origins; infinite where it has not been seen at all.
fn losses(pasts: &[Past<'_>], levels: &Levels, models: usize, from: usize, to: usize) -> Vec<f64> {
    let width = levels.len();
    let loss = |model: usize| {
        let (mut sum, mut count) = (0.0, 0_u32);
        for past in pasts {
            let Some(said) = past.said[model] else { return f64::INFINITY };
            for step in (from..to).filter(|step| past.actual.get(*step).is_some_and(|actual| actual.is_finite())) {
                let row = said[step * width..(step + 1) * width].iter().zip(levels.as_slice());
                sum += row.map(|(said, level)| pinball(past.actual[step], *said, *level)).sum::<f64>();
                count += 1;
            }
        }
        if count == 0 { f64::INFINITY } else { sum / f64::from(count) / width as f64 }
    };
    (0..models).map(loss).collect()
}

/// Each relative to the smallest; 1 for all when none is known or the smallest is 0 (then only those of 0 are 1).
fn relative(losses: &[f64]) -> Vec<f64> {
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
fn weights(relative: &[f64], origins: usize) -> Vec<f64> {
    let kept = |ratio: &f64| *ratio <= TRIM;
    let count = relative.iter().filter(|ratio| kept(ratio)).count().max(1) as f64;
    let power = |ratio: &f64| if kept(ratio) { libm::pow(*ratio, -POWER) } else { 0.0 };
    let total: f64 = relative.iter().map(power).sum();
    let equal = 1.0 / (1.0 + origins as f64);
    relative.iter().map(|r| (1.0 - equal) * power(r) / total + if kept(r) { equal / count } else { 0.0 }).collect()
}

/// Weights and spreads of every stretch, and every model's mean loss over the whole horizon.
pub(super) fn stretches(
    pasts: &[Past<'_>],
    levels: &Levels,
    models: usize,
    horizon: usize,
) -> (Vec<Stretch>, Vec<f64>) {
    let whole = losses(pasts, levels, models, 0, horizon);
    let overall = relative(&whole);
    let mut from = 0;
    let stretch = |to: usize| {
        let own = relative(&losses(pasts, levels, models, from, to));
        let both: Vec<f64> = own.iter().zip(&overall).map(|(own, all)| OWN * own + (1.0 - OWN) * all).collect();
        let weights = weights(&relative(&both), pasts.len());
        let spread = spread(pasts, levels, &weights, from, to);
        from = to;
        Stretch { to, weights, spread }
    };
    (ends(horizon).into_iter().map(stretch).collect(), whole)
}

/// Weighted means of the models' values at each level: Vincentization, which keeps the shape of a spread where a mixture of
/// distributions would widen it.
pub(super) fn fused(rows: &[&[f64]], weights: &[f64]) -> Vec<f64> {
    let width = rows.first().map_or(0, |row| row.len());
    let at = |place: usize| rows.iter().zip(weights).map(|(row, weight)| row[place] * weight).sum();
    (0..width).map(at).collect()
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
            let row = fused(&rows, &known.iter().map(|(_, weight)| *weight).collect::<Vec<_>>());
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
        let found = weights(&relative(&[1.0, 1.5, 5.0, f64::INFINITY]), 3);
        assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // 1.5⁻⁴ = 0.1975: shares 0.835 and 0.165, a quarter of them equal.
        assert!((found[0] - (0.75 * 0.835_05 + 0.125)).abs() < 1e-3, "{found:?}");
        assert_eq!(found[2..], [0.0, 0.0]);
        assert_eq!(weights(&relative(&[0.0, 0.0, 1.0]), 1), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_spread_that_was_too_narrow_is_widened() {
        let levels = Levels::try_new(vec![0.1, 0.5, 0.9]).unwrap();
        let said: Vec<f64> = (0..40).flat_map(|_| [9.0, 10.0, 11.0]).collect();
        let actual: Vec<f64> = (0..40).map(|i| 10.0 + f64::from(i % 21 - 10) / 4.0).collect();
        let pasts = [Past { said: vec![Some(&said)], actual: &actual }];
        let (found, losses) = stretches(&pasts, &levels, 1, 40);
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
