//! Scores of quantiles and intervals.
//!
//! # Source
//! R. Koenker, G. Bassett, "Regression quantiles", *Econometrica* 46 (1978) for the pinball loss; T. Gneiting, A. E. Raftery,
//! "Strictly proper scoring rules, prediction, and estimation", *JASA* 102 (2007) for the interval score; the M4 competitors'
//! guide for MSIS; GluonTS's evaluator for the weighted quantile loss (with its factor 2).

use crate::{Levels, Prediction};

/// The pinball loss of `said` as the quantile `level` of what turned out to be `actual`: level × what was missing, or
/// (1 − level) × what was too much.
#[must_use]
pub fn pinball(actual: f64, said: f64, level: f64) -> f64 {
    if actual >= said { level * (actual - said) } else { (1.0 - level) * (said - actual) }
}

/// Losses of quantiles summed over any number of series, for scores that are pooled: each unit of demand weighs the same.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantileTally {
    levels: Levels,
    /// Σ pinball, per level.
    losses: Vec<f64>,
    /// Steps that were at most the quantile, per level.
    below: Vec<u64>,
    /// Σ |actual|.
    demand: f64,
    steps: u64,
}

impl QuantileTally {
    /// Nothing tallied yet.
    #[must_use]
    pub fn new(levels: &Levels) -> Self {
        let (losses, below) = (vec![0.0; levels.len()], vec![0; levels.len()]);
        Self { levels: levels.clone(), losses, below, demand: 0.0, steps: 0 }
    }

    /// Adds a prediction and what came: `actual[i]` against step i. Steps not measured, or beyond the horizon, do not count.
    ///
    /// # Panics
    /// When the prediction has other levels: a caller's mistake.
    pub fn add(&mut self, actual: &[f64], said: &Prediction) {
        assert_eq!(said.levels(), &self.levels, "invariant: one tally, one set of levels");
        for (actual, row) in actual.iter().zip(said.values().chunks(self.levels.len())) {
            if !actual.is_finite() {
                continue;
            }
            self.demand += actual.abs();
            self.steps += 1;
            for (place, (said, level)) in row.iter().zip(self.levels.as_slice()).enumerate() {
                self.losses[place] += pinball(*actual, *said, *level);
                self.below[place] += u64::from(actual <= said);
            }
        }
    }

    /// Adds what another tally of the same levels holds.
    pub fn merge(&mut self, other: &Self) {
        self.losses.iter_mut().zip(&other.losses).for_each(|(sum, more)| *sum += more);
        self.below.iter_mut().zip(&other.below).for_each(|(sum, more)| *sum += more);
        self.demand += other.demand;
        self.steps += other.steps;
    }

    /// Weighted quantile loss: the mean over levels of 2 Σ pinball / Σ |actual|.
    #[must_use]
    pub fn weighted_quantile_loss(&self) -> f64 {
        2.0 * self.losses.iter().sum::<f64>() / self.losses.len() as f64 / self.demand
    }

    /// Mean pinball loss per step and level, in the unit of the series.
    #[must_use]
    pub fn mean_pinball(&self) -> f64 {
        self.losses.iter().sum::<f64>() / self.losses.len() as f64 / self.steps as f64
    }

    /// Share of the steps at most their quantile, one per level; the level itself when the forecast is calibrated.
    #[must_use]
    pub fn coverage(&self) -> Vec<f64> {
        self.below.iter().map(|below| *below as f64 / self.steps as f64).collect()
    }

    /// Mean over levels of |coverage − level|.
    #[must_use]
    pub fn miscoverage(&self) -> f64 {
        let gaps = self.coverage().into_iter().zip(self.levels.as_slice()).map(|(share, level)| (share - level).abs());
        gaps.sum::<f64>() / self.levels.len() as f64
    }
}

fn tally(actual: &[f64], said: &Prediction) -> QuantileTally {
    let mut tally = QuantileTally::new(said.levels());
    tally.add(actual, said);
    tally
}

/// Weighted quantile loss of one series: the mean over levels of 2 Σ pinball / Σ |actual|.
#[must_use]
pub fn weighted_quantile_loss(actual: &[f64], said: &Prediction) -> f64 {
    tally(actual, said).weighted_quantile_loss()
}

/// Scaled quantile loss of one series: twice the mean pinball loss over `scale` (see [`super::seasonal_scale`]), so that a
/// forecast whose every quantile is the point scores its MASE.
#[must_use]
pub fn scaled_quantile_loss(actual: &[f64], said: &Prediction, scale: f64) -> f64 {
    2.0 * tally(actual, said).mean_pinball() / scale
}

/// Share of the steps at most their quantile, one per level.
#[must_use]
pub fn coverage(actual: &[f64], said: &Prediction) -> Vec<f64> {
    tally(actual, said).coverage()
}

/// Mean scaled interval score of the central interval of probability 1 − `alpha` (0.05 in M4) with bounds `low` and `high`: its
/// width, and 2/α for each unit that the value lies outside, over `scale`.
#[must_use]
pub fn msis(actual: &[f64], low: &[f64], high: &[f64], alpha: f64, scale: f64) -> f64 {
    let scored = actual.iter().zip(low.iter().zip(high)).filter(|(actual, _)| actual.is_finite());
    let (sum, count) = scored.fold((0.0, 0_u64), |(sum, count), (actual, (low, high))| {
        let outside = (low - actual).max(0.0) + (actual - high).max(0.0);
        (sum + (high - low) + 2.0 / alpha * outside, count + 1)
    });
    sum / count as f64 / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(points: Vec<f64>, values: Vec<f64>) -> Prediction {
        Prediction::new(&Levels::try_new(vec![0.1, 0.9]).unwrap(), points, values)
    }

    #[test]
    fn pinball_prices_what_is_missing_by_the_level() {
        assert_eq!(pinball(10.0, 8.0, 0.9), 1.8);
        assert!((pinball(8.0, 10.0, 0.9) - 0.2).abs() < 1e-12);
        assert_eq!(pinball(3.0, 3.0, 0.5), 0.0);
    }

    #[test]
    fn losses_pool_over_series_by_demand() {
        let (one, two) = (said(vec![10.0], vec![8.0, 12.0]), said(vec![100.0, 0.0], vec![90.0, 95.0, 0.0, 0.0]));
        // One: 0.1·(11−8) = 0.3 and 0.1·(12−11) = 0.1. Two: 0.1·10 = 1 and 0.9·5 = 4.5; the gap counts nowhere.
        assert!((weighted_quantile_loss(&[11.0], &one) - 2.0 * 0.4 / 2.0 / 11.0).abs() < 1e-12);
        let mut pooled = QuantileTally::new(one.levels());
        pooled.add(&[11.0], &one);
        let mut other = QuantileTally::new(one.levels());
        other.add(&[100.0, f64::NAN], &two);
        pooled.merge(&other);
        assert!((pooled.weighted_quantile_loss() - 2.0 * 5.9 / 2.0 / 111.0).abs() < 1e-12);
        assert_eq!(pooled.coverage(), [0.0, 0.5]);
        assert!((pooled.miscoverage() - (0.1 + 0.4) / 2.0).abs() < 1e-12);
    }

    #[test]
    fn quantiles_that_all_equal_the_point_score_its_mase() {
        let flat = said(vec![5.0, 5.0], vec![5.0; 4]);
        let actual = [7.0, 4.0];
        // Errors 2 and 1: the two levels of each step weigh 0.1 and 0.9, so their mean times 2 is the error itself.
        let mase = crate::score::mase(&actual, flat.points(), 3.0);
        assert!((scaled_quantile_loss(&actual, &flat, 3.0) - mase).abs() < 1e-12);
    }

    #[test]
    fn an_interval_pays_for_its_width_and_for_what_lies_outside() {
        // Widths 4 and 4; the second value lies 1 above: 2/0.05 = 40. Mean (4 + 44) / 2 = 24, scale 2.
        assert_eq!(msis(&[5.0, 8.0, f64::NAN], &[3.0, 3.0, 0.0], &[7.0, 7.0, 0.0], 0.05, 2.0), 12.0);
    }
}
