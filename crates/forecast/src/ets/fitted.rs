//! A fitted form: what it says of the next steps, and how it takes a value.

use super::form::{Form, Seasonal};
use super::recursion::{Smoothing, State};
use super::spread::Spread;
use super::variance;
use crate::explanation::{Explanation, NamedPart, SeasonPart};
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
    /// Size of the largest value so far, scaled. No deviation is above that of a walk with steps of this size: the last
    /// line of defence where relative errors meet a series that touches 0.
    pub(super) largest: f64,
    /// Corrected information criterion of the scaled values; none for a series too short for any.
    pub(super) aicc: Option<f64>,
    /// −2 log L up to a constant, of the scaled values.
    pub(super) likelihood: f64,
}

/// A season as an explanation has it; none where there is no season.
pub(crate) fn season_part(season: &[f64], next: usize, unit: f64, multiplies: bool) -> Option<SeasonPart> {
    let next = season.get(next)? * unit;
    let high = season.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = season.iter().copied().fold(f64::INFINITY, f64::min);
    Some(SeasonPart { period: season.len(), swing: (high - low) * unit, next, multiplies })
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

    /// The corrected information criterion that it was chosen by, of the values over [`FittedEts::scale`]; none where the
    /// series was constant or too short for a choice.
    #[must_use]
    pub const fn aicc(&self) -> Option<f64> {
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
        let deviation = |(step, variance): (usize, &f64)| {
            let most = self.largest * libm::sqrt((step + 1) as f64);
            (libm::sqrt(*variance) * self.spread.factor(step + 1)).min(most) * self.scale
        };
        let deviations: Vec<f64> = steps.variances.iter().enumerate().map(deviation).collect();
        let rows = points.iter().zip(&deviations);
        let values = rows.flat_map(|(point, sd)| scores.iter().map(move |score| point + sd * score)).collect();
        Prediction::new(levels, points, values)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        let value = sample.value / self.scale;
        advance(self.form, &self.by, &mut self.state, self.next, value);
        if value.is_finite() {
            self.largest = self.largest.max(value.abs());
        }
        self.next = (self.next + 1) % self.period();
    }

    fn explain(&self) -> Explanation {
        let multiplies = self.form.season == Seasonal::Multiplicative;
        let unit = if multiplies { 1.0 } else { self.scale };
        let seasons = season_part(&self.state.season, self.next, unit, multiplies);
        let Smoothing { alpha, beta, gamma, phi } = self.by;
        let parameters = [
            ("alpha", alpha, true),
            ("beta", beta, self.form.has_trend()),
            ("gamma", gamma, self.form.is_seasonal()),
            ("phi", phi, self.form.is_damped()),
        ];
        let named = |(name, value, _): (&str, f64, bool)| NamedPart { name: name.to_owned(), value };
        Explanation {
            level: Some(self.state.level * self.scale),
            trend: self.form.has_trend().then_some(self.state.slope * self.scale),
            seasons: seasons.into_iter().collect(),
            terms: parameters.into_iter().filter(|(_, _, has)| *has).map(named).collect(),
            ..Explanation::of(self.form.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::choose;
    use super::super::recursion::{Tape, Values};
    use super::*;
    use plimsoll_stats::Random;

    /// What `update` does value by value is what the fit's pass over the whole series does.
    #[test]
    fn steps_and_the_pass_over_the_series_end_in_the_same_state() {
        let mut random = Random::new(2);
        let mut values: Vec<f64> = (0..50).map(|at| 1.0 + 0.2 * f64::from(at % 5) + 0.1 * random.unit()).collect();
        values[20] = f64::NAN;
        for form in choose::all() {
            let by = Smoothing {
                alpha: 0.3,
                beta: if form.has_trend() { 0.1 } else { 0.0 },
                gamma: if form.is_seasonal() { 0.2 } else { 0.0 },
                phi: if form.is_damped() { 0.9 } else { 1.0 },
            };
            let season = match form.season {
                Seasonal::None => vec![],
                Seasonal::Additive => vec![-0.4, -0.2, 0.0, 0.2, 0.4],
                Seasonal::Multiplicative => vec![0.6, 0.8, 1.0, 1.2, 1.4],
            };
            let start = State { level: 1.4, slope: if form.has_trend() { 0.01 } else { 0.0 }, season };
            let (mut passed, mut stepped) = (start.clone(), start);
            Tape::new(50).likelihood(form, &Values { values: &values, period: 5, seen: 49 }, &by, &mut passed);
            for (at, value) in values.iter().enumerate() {
                let next = at % stepped.season.len().max(1);
                advance(form, &by, &mut stepped, next, *value);
            }
            assert!((passed.level - stepped.level).abs() < 1e-12, "{form}");
            assert!((passed.slope - stepped.slope).abs() < 1e-12, "{form}");
            let seasons = passed.season.iter().zip(&stepped.season);
            assert!(seasons.clone().all(|(passed, stepped)| (passed - stepped).abs() < 1e-12), "{form}");
        }
    }
}
