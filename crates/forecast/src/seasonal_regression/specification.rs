//! The specification: seasons, strength of the ridge, scale of the values; and the fit.

use super::features::{History, Row, Shape};
use super::fitted::{FittedSeasonalRegression, QUANTILES, Stretch};
use super::regression::estimate;
use crate::{Data, Fit, FitError, Fitted};
use plimsoll_stats::quantile_sorted;
use std::collections::VecDeque;

const NAME: &str = "seasonal-regression";
/// Most rows of one stretch's regression: what more rows would add is the same weather seen again.
const ROWS_MAX: usize = 4_096;
/// Most distinct horizons of one stretch that rows are made for.
const HORIZONS_MAX: usize = 12;

/// What the regression may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// The shortest season alone.
    Short,
    /// The shortest and the longest one, where the series is long enough for both.
    Both,
}

/// A linear model per stretch of the horizon (see the module).
///
/// Gaps: a row of which any term or the target was not measured takes no part in the fit. In a prediction a place of the
/// season that was not measured gives way to the same place one season before, and a term that was not measured counts as no
/// difference.
#[derive(Debug, Clone, Copy)]
pub struct SeasonalRegression {
    /// What it looks at.
    pub terms: Terms,
    /// Strength of the ridge on terms of mean square 1.
    pub ridge: f64,
    /// Whether logarithms are modelled where every value is above 0: changes then are ratios.
    pub log: bool,
}

impl Default for SeasonalRegression {
    fn default() -> Self {
        Self { terms: Terms::Both, ridge: 0.1, log: false }
    }
}

impl SeasonalRegression {
    /// The short season alone.
    #[must_use]
    pub fn short() -> Self {
        Self { terms: Terms::Short, ..Self::default() }
    }

    /// On logarithms where every value is above 0.
    #[must_use]
    pub fn of_logarithms() -> Self {
        Self { log: true, ..Self::default() }
    }

    /// Held closer to the seasonal naive.
    #[must_use]
    pub fn firm() -> Self {
        Self { ridge: 1.0, ..Self::default() }
    }
}

impl Fit for SeasonalRegression {
    fn name(&self) -> &'static str {
        match (self.terms, self.log, self.ridge > 0.3) {
            (Terms::Both, false, false) => NAME,
            (Terms::Both, true, false) => "seasonal-regression-log",
            (Terms::Both, _, true) => "seasonal-regression-firm",
            (Terms::Short, _, false) => "seasonal-regression-short",
            (Terms::Short, _, true) => "seasonal-regression-short-firm",
        }
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let values = data.target.values;
        let shape = self.shape(data.seasons, values.len()).ok_or(FitError::NoSeason { model: NAME })?;
        let found = data.target.observed().count();
        let needed = shape.reach() + 2 * shape.short;
        if found < needed {
            return Err(FitError::TooShort { model: NAME, needed, found });
        }
        let is_log = self.log && data.target.observed().all(|value| value > 0.0);
        let scale = if is_log { 1.0 } else { data.target.observed().fold(0.0, |max: f64, value| max.max(value.abs())) };
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let transformed = |value: &f64| if is_log { libm::log(*value) } else { value / scale };
        let history = History::new(values.iter().map(transformed).collect());
        let stretches = stretches(shape.short).map(|(from, to)| self.stretch(&history, shape, from, to));
        let stretches: Vec<Stretch> =
            stretches.collect::<Option<_>>().ok_or(FitError::TooShort { model: NAME, needed, found })?;
        let kept = shape.reach() + shape.short;
        let recent = history.values().iter().skip(values.len().saturating_sub(kept));
        let recent: VecDeque<_> = recent.map(|value| Some(*value).filter(|value| value.is_finite())).collect();
        let fitted = FittedSeasonalRegression { shape, is_log, scale, stretches, kept, recent };
        Ok(Fitted::SeasonalRegression(Box::new(fitted)))
    }
}

/// Ends of the stretches, in twenty-fourths of the short season; two seasons in all, the last stretch holds on from there.
const ENDS: [usize; 7] = [1, 3, 6, 12, 24, 36, 48];

/// First and last step of each stretch.
fn stretches(short: usize) -> impl Iterator<Item = (usize, usize)> {
    let ends = ENDS.iter().map(move |end| (end * short / 24).max(1));
    let mut last = 0;
    ends.filter_map(move |end| {
        let stretch = (end > last).then_some((last + 1, end));
        last = last.max(end);
        stretch
    })
}

impl SeasonalRegression {
    fn shape(&self, seasons: &[usize], len: usize) -> Option<Shape> {
        let short = seasons.iter().copied().find(|season| *season >= 2 && len >= 5 * season)?;
        let fits = |long: &usize| *long >= 2 * short && len >= 2 * long + (*long).max(8 * short);
        let long = if self.terms == Terms::Both { seasons.iter().copied().rev().find(fits) } else { None };
        Some(Shape { short, long, has_seven: len >= 12 * short })
    }

    fn stretch(&self, history: &History, shape: Shape, from: usize, to: usize) -> Option<Stretch> {
        let (rows, targets) = rows(history, shape, from, to);
        if rows.len() < 2 * shape.terms() {
            return None;
        }
        let found = estimate(&rows, &targets, shape.terms(), self.ridge);
        let mut residuals = found.residuals;
        residuals.sort_unstable_by(f64::total_cmp);
        let level = |place: usize| (place as f64 + 0.5) / QUANTILES as f64;
        let errors = (0..QUANTILES).map(|place| quantile_sorted(&residuals, level(place)).unwrap_or(0.0)).collect();
        Some(Stretch { to, coefficients: found.coefficients[..shape.terms()].to_vec(), errors })
    }
}

/// Rows of every origin (or every so many) and of the horizons of one stretch, and what came: the value less s₁.
fn rows(history: &History, shape: Shape, from: usize, to: usize) -> (Vec<Row>, Vec<f64>) {
    let len = history.values().len();
    let stride = (to + 1 - from).div_ceil(HORIZONS_MAX);
    let horizons = || (from..=to).rev().step_by(stride);
    let first = shape.reach();
    let origins = len.saturating_sub(first + from);
    let skip = (origins * horizons().count()).div_ceil(ROWS_MAX).max(1);
    let (mut rows, mut targets) = (Vec::new(), Vec::new());
    for origin in (first..len).rev().step_by(skip) {
        for ahead in horizons().filter(|ahead| origin + ahead < len) {
            let (base, row) = history.row(shape, origin, ahead);
            let target = history.values()[origin + ahead] - base;
            if target.is_finite() && row.iter().all(|term| term.is_finite()) {
                rows.push(row);
                targets.push(target);
            }
        }
    }
    (rows, targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_two_seasons_without_a_hole() {
        let day: Vec<_> = stretches(24).collect();
        assert_eq!(day, [(1, 1), (2, 3), (4, 6), (7, 12), (13, 24), (25, 36), (37, 48)]);
        let short: Vec<_> = stretches(4).collect();
        assert_eq!(short, [(1, 1), (2, 2), (3, 4), (5, 6), (7, 8)]);
    }
}
