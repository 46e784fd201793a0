//! A fitted theta method: what it says of the next steps, and how it takes a value.

use super::season::Adjustment;
use super::state::{Parameters, State};
use crate::ets::season_part;
use crate::explanation::{Explanation, NamedPart};
use crate::{Ahead, Forecaster, Levels, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// Which of the four methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// θ = 2, line through the whole series (STM).
    Standard,
    /// θ estimated, line through the whole series (OTM).
    Optimized,
    /// θ = 2, line followed (DSTM).
    Dynamic,
    /// θ estimated, line followed (DOTM).
    DynamicOptimized,
}

impl Method {
    /// Whether θ is estimated.
    #[must_use]
    pub const fn is_optimized(self) -> bool {
        matches!(self, Self::Optimized | Self::DynamicOptimized)
    }

    /// It in words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Standard => "standard theta",
            Self::Optimized => "optimized theta",
            Self::Dynamic => "dynamic theta",
            Self::DynamicOptimized => "dynamic optimized theta",
        }
    }

    /// Whether the line follows the values.
    #[must_use]
    pub const fn is_dynamic(self) -> bool {
        matches!(self, Self::Dynamic | Self::DynamicOptimized)
    }
}

/// Parameters, states behind the newest value, and the season, all of the values over `scale` (a power of two).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedTheta {
    pub(super) method: Method,
    pub(super) by: Parameters,
    pub(super) state: State,
    pub(super) season: Adjustment,
    pub(super) scale: f64,
    /// Place in the season of the next value.
    pub(super) next: usize,
    /// Variance of one error, without the season.
    pub(super) variance: f64,
    /// Mean square of the errors it was estimated by, without the season.
    pub(super) mean_square: f64,
}

impl FittedTheta {
    /// Which method it is.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// α and 1 − 1/θ.
    #[must_use]
    pub const fn parameters(&self) -> (f64, f64) {
        (self.by.alpha, self.by.weight)
    }

    /// Mean square of the errors one step ahead, in the unit of the series without its season.
    #[must_use]
    pub fn mean_square(&self) -> f64 {
        self.mean_square * self.scale * self.scale
    }
}

/// How sure the level, the line's mean and its slope are: a symmetric matrix, in units of one error's variance.
#[derive(Default)]
struct Doubt([[f64; 3]; 3]);

impl Doubt {
    /// Variance of the next value's forecast, and the doubt after it.
    ///
    /// An error ε is part of y = c·z + ε, from which level, mean and slope follow linearly; so P ← F P F' + g g'.
    fn advance(&mut self, by: &Parameters, state: &State) -> f64 {
        let Parameters { alpha, weight } = *by;
        let (seen, power) = (state.seen, state.power);
        let slope_part = (1.0 - (1.0 - alpha) * power) / alpha - power * (seen + 1.0) / 2.0;
        let from = if state.line.is_followed { [1.0, weight * power, weight * slope_part] } else { [1.0, 0.0, 0.0] };
        let pull = 6.0 / ((seen + 1.0) * (seen + 2.0));
        let mut rows = from.map(|c| [alpha * c, c / (seen + 1.0), pull * c]);
        // rows[j][i] is F[i][j]: by column.
        rows[0][0] += 1.0 - alpha;
        rows[1][1] += seen / (seen + 1.0);
        rows[1][2] -= pull;
        rows[2][2] += (seen - 1.0) / (seen + 2.0);
        let gain = [alpha, 1.0 / (seen + 1.0), pull];
        let mut variance = 0.0;
        let mut next = [[0.0; 3]; 3];
        for a in 0..3 {
            for b in 0..3 {
                let doubt = self.0[a][b];
                variance += from[a] * doubt * from[b];
                for (i, row) in next.iter_mut().enumerate() {
                    for (j, cell) in row.iter_mut().enumerate() {
                        *cell += rows[a][i] * doubt * rows[b][j];
                    }
                }
            }
        }
        for (i, row) in next.iter_mut().enumerate() {
            for (j, cell) in row.iter_mut().enumerate() {
                *cell += gain[i] * gain[j];
            }
        }
        self.0 = next;
        variance
    }
}

impl Forecaster for FittedTheta {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let mut state = self.state;
        let mut doubt = Doubt::default();
        let (mut points, mut deviations) = (Vec::with_capacity(ahead.horizon), Vec::with_capacity(ahead.horizon));
        for step in 0..ahead.horizon {
            let forecast = state.forecast(&self.by);
            let variance = self.variance * (1.0 + doubt.advance(&self.by, &state));
            let place = self.next + step;
            points.push(self.season.with(forecast, place) * self.scale);
            deviations.push(libm::sqrt(variance) * self.season.stretch(place) * self.scale);
            state.advance(&self.by, forecast);
        }
        Prediction::normal(levels, points, &deviations)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        let value = if sample.value.is_finite() { sample.value / self.scale } else { f64::NAN };
        self.state.advance(&self.by, self.season.without(value, self.next));
        self.next = (self.next + 1) % self.season.parts.len().max(1);
    }

    fn explain(&self) -> Explanation {
        let Adjustment { parts, multiplicative } = &self.season;
        let unit = if *multiplicative { 1.0 } else { self.scale };
        let named = |name: &str, value: f64| NamedPart { name: name.to_owned(), value };
        Explanation {
            level: Some(self.state.level * self.scale),
            trend: Some(self.by.weight * self.state.line.slope * self.scale),
            seasons: season_part(parts, self.next, unit, *multiplicative).into_iter().collect(),
            terms: vec![named("alpha", self.by.alpha), named("1 - 1/theta", self.by.weight)],
            ..Explanation::of(self.method.about())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::Line;
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn deviations_are_those_of_simulated_futures() {
        for is_followed in [false, true] {
            let line = Line { start: 3.0, slope: 0.2, mean: 5.0, is_followed };
            let by = Parameters { alpha: 0.4, weight: 0.7 };
            let start = State { level: 6.0, line, seen: 20.0, power: libm::pow(0.6, 20.0) };
            let (mut random, runs) = (Random::new(1), 40_000);
            let (mut sums, mut squares) = ([0.0; 8], [0.0; 8]);
            for _ in 0..runs {
                let mut state = start;
                for step in 0..8 {
                    let value = state.forecast(&by) + random.normal();
                    sums[step] += value;
                    squares[step] += value * value;
                    state.advance(&by, value);
                }
            }
            let (mut doubt, mut state) = (Doubt::default(), start);
            for step in 0..8 {
                let mean = sums[step] / f64::from(runs);
                let drawn = squares[step] / f64::from(runs) - mean * mean;
                let found = 1.0 + doubt.advance(&by, &state);
                assert!((found / drawn - 1.0).abs() < 0.03, "{is_followed} {step}: {found} and {drawn}");
                let forecast = state.forecast(&by);
                state.advance(&by, forecast);
            }
        }
    }
}
