//! The forms of exponential smoothing: which error, which trend, which season.
//!
//! Multiplicative trends are left out: their forecasts grow exponentially, and both R and statsforecast leave them out of
//! an automatic choice. So is an additive error with a multiplicative season, which is unstable near zero.
//!
//! # Source
//! R. J. Hyndman, A. B. Koehler, J. K. Ord, R. D. Snyder, *Forecasting with Exponential Smoothing*, 2008, tables 2.1 to
//! 2.3; R. J. Hyndman, Y. Khandakar, "Automatic Time Series Forecasting: The forecast Package for R", JSS 27(3), 2008,
//! for the restrictions.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How an error enters: as it is, or in proportion to the forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// y = forecast + error.
    Additive,
    /// y = forecast × (1 + error).
    Multiplicative,
}

/// How the level moves between values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// It does not.
    None,
    /// By a slope.
    Additive,
    /// By a slope that fades.
    Damped,
}

/// How the season enters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seasonal {
    /// There is none.
    None,
    /// Added to the level.
    Additive,
    /// The level times it.
    Multiplicative,
}

/// One form, written ETS(error,trend,season).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// How an error enters.
    pub error: ErrorKind,
    /// How the level moves.
    pub trend: Trend,
    /// How the season enters.
    pub season: Seasonal,
}

impl Form {
    /// A form; whether it is one of those that can be fitted says [`Form::is_admissible`].
    #[must_use]
    pub const fn new(error: ErrorKind, trend: Trend, season: Seasonal) -> Self {
        Self { error, trend, season }
    }

    /// Whether errors are in proportion to the forecast.
    #[must_use]
    pub const fn is_relative(self) -> bool {
        matches!(self.error, ErrorKind::Multiplicative)
    }

    /// Whether it has a slope.
    #[must_use]
    pub const fn has_trend(self) -> bool {
        !matches!(self.trend, Trend::None)
    }

    /// Whether its slope fades.
    #[must_use]
    pub const fn is_damped(self) -> bool {
        matches!(self.trend, Trend::Damped)
    }

    /// Whether it has a season.
    #[must_use]
    pub const fn is_seasonal(self) -> bool {
        !matches!(self.season, Seasonal::None)
    }

    /// Whether it describes positive values only.
    #[must_use]
    pub const fn needs_positive(self) -> bool {
        self.is_relative() || matches!(self.season, Seasonal::Multiplicative)
    }

    /// Whether it may be fitted: everything but an additive error with a multiplicative season.
    #[must_use]
    pub const fn is_admissible(self) -> bool {
        self.is_relative() || !matches!(self.season, Seasonal::Multiplicative)
    }

    /// What is estimated with a season of `period` values: smoothing parameters, initial states of which the seasonal
    /// ones have a known sum, and the variance.
    #[must_use]
    pub const fn parameters(self, period: usize) -> usize {
        let trend = 2 * self.has_trend() as usize + self.is_damped() as usize;
        let season = if self.is_seasonal() { period } else { 0 };
        3 + trend + season
    }
}

impl fmt::Display for Form {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = if self.is_relative() { "M" } else { "A" };
        let trend = match self.trend {
            Trend::None => "N",
            Trend::Additive => "A",
            Trend::Damped => "Ad",
        };
        let season = match self.season {
            Seasonal::None => "N",
            Seasonal::Additive => "A",
            Seasonal::Multiplicative => "M",
        };
        write!(out, "ETS({error},{trend},{season})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_the_field_writes_it_and_counts_what_it_estimates() {
        let form = Form::new(ErrorKind::Multiplicative, Trend::Damped, Seasonal::Multiplicative);
        // alpha, beta, gamma, phi, level, slope, 23 of 24 seasonal states, variance.
        assert_eq!((form.to_string().as_str(), form.parameters(24)), ("ETS(M,Ad,M)", 30));
        let simple = Form::new(ErrorKind::Additive, Trend::None, Seasonal::None);
        assert_eq!((simple.to_string().as_str(), simple.parameters(1)), ("ETS(A,N,N)", 3));
        assert!(!Form::new(ErrorKind::Additive, Trend::None, Seasonal::Multiplicative).is_admissible());
    }
}
