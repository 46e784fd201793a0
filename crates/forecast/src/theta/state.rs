//! The theta method as a state-space model: one exponential smoothing whose forecasts lean on a line.
//!
//! The line is either fitted once to the whole series (STM, OTM) or followed value by value (DSTM, DOTM). With k values
//! seen, A and B the line's start and slope, w = 1 − 1/θ:
//!
//! forecast = ℓ + w (A (1 − α)^k + B (1 − (1 − α)^(k+1)) / α), ℓ ← α y + (1 − α) ℓ.
//!
//! # Source
//! Fiorucci et al. 2016, equations 7 to 13.

use serde::{Deserialize, Serialize};

/// Least and greatest α, as in the original implementations (`forecTheta`, statsforecast).
pub const ALPHA: (f64, f64) = (0.1, 0.99);

/// Start and slope of the line, and what it is followed by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// A: its value one step before the first.
    pub start: f64,
    /// B: its slope per step.
    pub slope: f64,
    /// Mean of the values so far; used by a line that is followed.
    pub mean: f64,
    /// Whether new values move it.
    pub is_followed: bool,
}

impl Line {
    /// The least-squares line through values (NaN marks gaps), which stays.
    pub fn fixed(values: &[f64]) -> Self {
        let observed = || values.iter().enumerate().filter(|(_, value)| value.is_finite());
        let count = observed().count() as f64;
        let mean_x = observed().map(|(at, _)| (at + 1) as f64).sum::<f64>() / count;
        let mean = observed().map(|(_, value)| value).sum::<f64>() / count;
        let spread: f64 = observed().map(|(at, _)| ((at + 1) as f64 - mean_x) * ((at + 1) as f64 - mean_x)).sum();
        let with: f64 = observed().map(|(at, value)| ((at + 1) as f64 - mean_x) * (value - mean)).sum();
        let slope = if spread > 0.0 { with / spread } else { 0.0 };
        Self { start: mean - slope * mean_x, slope, mean, is_followed: false }
    }

    /// The line after the first value, to be followed.
    pub const fn followed(first: f64) -> Self {
        Self { start: first, slope: 0.0, mean: first, is_followed: true }
    }

    /// Takes the value that comes after `seen` values (at least one).
    pub fn advance(&mut self, value: f64, seen: f64) {
        if !self.is_followed {
            return;
        }
        self.slope = ((seen - 1.0) * self.slope + 6.0 * (value - self.mean) / (seen + 1.0)) / (seen + 2.0);
        self.mean = (seen * self.mean + value) / (seen + 1.0);
        self.start = self.mean - self.slope * (seen + 2.0) / 2.0;
    }

    /// What the line adds to the level for the value after `seen`; `power` = (1 − α)^seen.
    pub fn lean(&self, alpha: f64, power: f64) -> f64 {
        self.start * power + self.slope * (1.0 - (1.0 - alpha) * power) / alpha
    }
}

/// Everything that moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// ℓ.
    pub level: f64,
    pub line: Line,
    /// Steps taken, gaps included.
    pub seen: f64,
    /// (1 − α)^seen.
    pub power: f64,
}

/// What stays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// Weight of a value in the level.
    pub alpha: f64,
    /// 1 − 1/θ: how much of the line's slope is kept.
    pub weight: f64,
}

impl State {
    /// The next value's forecast.
    pub fn forecast(&self, by: &Parameters) -> f64 {
        self.level + by.weight * self.line.lean(by.alpha, self.power)
    }

    /// Takes a value. A gap (NaN) moves the level as its own forecast would, and leaves the line as it is.
    pub fn advance(&mut self, by: &Parameters, value: f64) {
        let is_gap = value.is_nan();
        let value = if is_gap { self.forecast(by) } else { value };
        self.level = by.alpha * value + (1.0 - by.alpha) * self.level;
        if !is_gap {
            self.line.advance(value, self.seen);
        }
        self.seen += 1.0;
        self.power *= 1.0 - by.alpha;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_followed_ends_as_the_one_that_is_fitted() {
        let values: Vec<f64> = (0..40).map(|at| f64::from(at) * 0.7 + f64::from(at * at % 7)).collect();
        let mut followed = Line::followed(values[0]);
        for (at, value) in values.iter().enumerate().skip(1) {
            followed.advance(*value, at as f64);
        }
        let fixed = Line::fixed(&values);
        assert!((followed.slope - fixed.slope).abs() < 1e-10, "{followed:?} {fixed:?}");
        assert!((followed.start - fixed.start).abs() < 1e-9 && (followed.mean - fixed.mean).abs() < 1e-10);
    }
}
