//! The fitted regression: coefficients per stretch, quantiles of its residuals, and the values it looks back on.

use super::features::{History, Shape};
use crate::explanation::{Explanation, NamedPart, SeasonPart};
use crate::{Ahead, Forecaster, Levels, Prediction, Sample};
use plimsoll_stats::quantile_sorted;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Residual quantiles kept per stretch, at levels (i + ½) / this.
pub(super) const QUANTILES: usize = 64;

/// The model of one stretch of the horizon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stretch {
    /// Its last step.
    pub(super) to: usize,
    pub(super) coefficients: Vec<f64>,
    /// Residuals, sorted.
    pub(super) errors: Vec<f64>,
}

/// A direct seasonal regression: [`super::SeasonalRegression`] on one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedSeasonalRegression {
    pub(super) shape: Shape,
    /// Whether `recent` are logarithms.
    pub(super) is_log: bool,
    /// What values were divided by, where they are not logarithms.
    pub(super) scale: f64,
    pub(super) stretches: Vec<Stretch>,
    /// Length of `recent`.
    pub(super) kept: usize,
    /// The newest values as they are modelled; none where not measured.
    pub(super) recent: VecDeque<Option<f64>>,
}

impl FittedSeasonalRegression {
    fn restored(&self, value: f64) -> f64 {
        if self.is_log { libm::exp(value) } else { value * self.scale }
    }

    /// The newest measured value of a place in the season, or the newest of any place, or 0.
    fn base(&self, mut place: usize) -> f64 {
        loop {
            match self.recent.get(place) {
                Some(Some(value)) => return *value,
                _ if place >= self.shape.short => place -= self.shape.short,
                _ => return self.recent.iter().rev().find_map(|value| *value).unwrap_or(0.0),
            }
        }
    }

    /// The point `ahead` steps ahead, as it is modelled, and the stretch it is of.
    fn point(&self, history: &History, ahead: usize) -> (f64, &Stretch) {
        let last = self.stretches.len() - 1;
        let stretch = self.stretches.iter().find(|stretch| ahead <= stretch.to).unwrap_or(&self.stretches[last]);
        let origin = self.recent.len() - 1;
        let (base, row) = history.row(self.shape, origin, ahead);
        let seasons = ahead.div_ceil(self.shape.short);
        let base = if base.is_finite() { base } else { self.base(origin + ahead - seasons * self.shape.short) };
        let known = |(term, weight): (&f64, &f64)| if term.is_finite() { term * weight } else { 0.0 };
        (base + row.iter().zip(&stretch.coefficients).map(known).sum::<f64>(), stretch)
    }
}

impl Forecaster for FittedSeasonalRegression {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let history = History::new(self.recent.iter().map(|value| value.unwrap_or(f64::NAN)).collect());
        let mut points = Vec::with_capacity(ahead.horizon);
        let mut values = Vec::with_capacity(ahead.horizon * levels.len());
        for step in 1..=ahead.horizon {
            let (point, stretch) = self.point(&history, step);
            points.push(self.restored(point));
            for level in levels.as_slice() {
                // Level (i + ½) / n of the kept residuals is their i-th.
                let rank = (level * QUANTILES as f64 - 0.5) / (QUANTILES - 1) as f64;
                values.push(self.restored(point + quantile_sorted(&stretch.errors, rank).unwrap_or(0.0)));
            }
        }
        Prediction::new(levels, points, values)
    }

    /// Takes the value into what the terms look back on; the coefficients stay. A logarithm of nothing is a gap.
    fn update(&mut self, sample: &Sample<'_>) {
        let value = if self.is_log { libm::log(sample.value) } else { sample.value / self.scale };
        self.recent.push_back(Some(value).filter(|value| value.is_finite()));
        while self.recent.len() > self.kept {
            self.recent.pop_front();
        }
    }

    /// The coefficients of the stretch that ends with the short season, by the names of their terms.
    fn explain(&self) -> Explanation {
        let measured: Vec<f64> =
            self.recent.iter().rev().take(self.shape.short).flatten().map(|v| self.restored(*v)).collect();
        let stretch = self.stretches.iter().find(|stretch| stretch.to >= self.shape.short).or(self.stretches.last());
        let coefficients = stretch.map_or(&[][..], |stretch| &stretch.coefficients);
        let term = |(name, value): (&str, &f64)| NamedPart { name: name.into(), value: *value };
        let swing =
            measured.iter().fold(f64::MIN, |max, v| max.max(*v)) - measured.iter().fold(f64::MAX, |min, v| min.min(*v));
        let next = self.restored(self.base((self.recent.len()).saturating_sub(self.shape.short)));
        let level = measured.iter().sum::<f64>() / measured.len().max(1) as f64;
        let part = |period| SeasonPart { period, swing: swing.max(0.0), next: next - level, multiplies: false };
        let periods = std::iter::once(self.shape.short).chain(self.shape.long);
        Explanation {
            level: Some(level),
            seasons: periods.map(part).collect(),
            terms: self.shape.names().zip(coefficients).map(term).collect(),
            ..Explanation::of(if self.is_log { "seasonal regression of logarithms" } else { "seasonal regression" })
        }
    }
}
