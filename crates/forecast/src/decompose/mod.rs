//! A series as the sum of a trend, seasons and a remainder, as values that can be looked at, drawn and forecast.
//!
//! Additive only: whoever wants a multiplicative decomposition takes logarithms first. Gaps stay gaps: a value that was
//! not measured has no weight in any smoother, and its remainder is NaN. Trend and seasons are estimates of what lies
//! under the measurements and are given everywhere, between measured values as well.
//!
//! This module forecasts nothing; the zoo's `mstl` does, with what comes from here.

mod loess;
mod mstl;
mod stl;

pub use loess::{Degree, Loess, Swallowed};
pub use mstl::{Mstl, mstl};
pub use stl::{Stl, stl};

use serde::{Deserialize, Serialize};

/// One season of a decomposition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seasonal {
    /// Its length in steps.
    pub period: usize,
    /// One value per value of the series, near 0 on average over a cycle.
    pub values: Vec<f64>,
}

/// A series in parts: trend + seasons + remainder is the series again wherever it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decomposition {
    /// What moves slower than any season: one value per value of the series.
    pub trend: Vec<f64>,
    /// Shortest first.
    pub seasons: Vec<Seasonal>,
    /// What is left; NaN in a gap.
    pub remainder: Vec<f64>,
    /// How much each value counted in the end: 1 unless robustness took from it, 0 in a gap.
    pub weights: Vec<f64>,
}

impl Decomposition {
    /// The series without its seasons: trend + remainder; NaN in a gap.
    #[must_use]
    pub fn adjusted(&self) -> Vec<f64> {
        self.trend.iter().zip(&self.remainder).map(|(trend, remainder)| trend + remainder).collect()
    }
}

/// Why a series could not be decomposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecomposeError {
    /// A season of one step or none.
    #[error("a season has at least 2 steps, and {period} were asked for")]
    Period {
        /// As given.
        period: usize,
    },
    /// Less than two cycles.
    #[error("a season of {period} steps needs a series of at least {needed} values, and there are {found}")]
    TooShort {
        /// The season.
        period: usize,
        /// Twice as much.
        needed: usize,
        /// Values given, gaps included.
        found: usize,
    },
    /// A window that is even or too small.
    #[error("the {smoother} window is {window}; it must be odd and at least {least}")]
    Window {
        /// Which smoother.
        smoother: &'static str,
        /// As given.
        window: usize,
        /// The smallest that is allowed.
        least: usize,
    },
    /// Not one value was measured.
    #[error("nothing was measured")]
    Nothing,
}
