//! A fitted form: what it says of the next steps, and how it takes a value.

use super::form::{Form, Seasonal};
use super::recursion::{Smoothing, State};
use super::spread::Spread;
use super::variance;
use crate::{Ahead, Forecaster, Levels, Prediction, Sample};
use plimsoll_stats::normal;
use serde::{Deserialize, Serialize};

/// Smoothing parameters, states behind the newest value, and the size of errors.
///
/// States are in units of `scale`, a power of two near the series' mean size, so that neither 10¹⁵ nor 10⁻¹⁵ leaves the
/// range in which numbers multiply well, and a series times a power of two gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedEts {
    pub(super) form: Form,
    pub(super) by: Smoothing,
    pub(super) scale: f64,
    pub(super) state: State,
    /// Place in the season of the next value.
    pub(super) next: usize,
    /// Variance of one error: of the scaled values, or relative.
    pub(super) variance: f64,
    pub(super) spread: Spread,
    /// Corrected information criterion of the scaled values.
    pub(super) aicc: f64,
    /// −2 log L up to a constant, of the scaled values.
    pub(super) likelihood: f64,
}

/// The one-step forecast.
pub(super) fn forecast(form: Form, state: &State, next: usize) -> f64 {
    match form.season {
        Seasonal::None => state.level,
        Seasonal::Additive => state.level + state.season[next],
        Seasonal::Multiplicative => state.level * state.season[next],
    }
}

/// One step of the recursion; a gap (NaN) moves the level by its slope alone.
pub(super) fn advance(form: Form, by: &Smoothing, state: &mut State, next: usize, value: f64) {
    let mut miss = 0.0;
    if value.is_finite() {
        let level = state.level;
        match form.season {
            Seasonal::None => miss = value - level,
            Seasonal::Additive => {
                let season = &mut state.season[next];
                miss = value - *season - level;
                *season += by.gamma * miss;
            }
            Seasonal::Multiplicative => {
                // Factors and level of a positive series can come near zero, and must not get there.
                let season = &mut state.season[next];
                miss = value / season.max(f64::EPSILON) - level;
                *season = ((1.0 - by.gamma) * *season + by.gamma * (value / level.max(f64::EPSILON))).max(f64::EPSILON);
            }
        }
    }
    state.slope = by.phi * (state.slope + by.beta * miss);
    state.level += by.alpha * miss + state.slope;
}

impl FittedEts {
    /// Its form.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Its smoothing parameters.
    #[must_use]
    pub const fn smoothing(&self) -> Smoothing {
        self.by
    }

    /// The corrected information criterion that it was chosen by, of the values over [`FittedEts::scale`].
    #[must_use]
    pub const fn aicc(&self) -> f64 {
        self.aicc
    }

    /// −2 log L without its constant: n ln Σ e² of the values over [`FittedEts::scale`], plus 2 Σ ln forecast where errors
    /// are relative.
    #[must_use]
    pub const fn likelihood(&self) -> f64 {
        self.likelihood
    }

    /// What values were divided by.
    #[must_use]
    pub const fn scale(&self) -> f64 {
        self.scale
    }

    fn period(&self) -> usize {
        self.state.season.len().max(1)
    }
}

impl Forecaster for FittedEts {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let steps = variance::steps(self.form, &self.by, self.variance, &self.state, self.next, ahead.horizon);
        let scores: Vec<f64> = levels.as_slice().iter().map(|level| normal::quantile(*level)).collect();
        let points: Vec<f64> = steps.points.iter().map(|point| point * self.scale).collect();
        let deviation =
            |(step, variance): (usize, &f64)| libm::sqrt(*variance) * self.spread.factor(step + 1) * self.scale;
        let deviations: Vec<f64> = steps.variances.iter().enumerate().map(deviation).collect();
        let rows = points.iter().zip(&deviations);
        let values = rows.flat_map(|(point, sd)| scores.iter().map(move |score| point + sd * score)).collect();
        Prediction::new(levels, points, values)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        advance(self.form, &self.by, &mut self.state, self.next, sample.value / self.scale);
        self.next = (self.next + 1) % self.period();
    }
}
