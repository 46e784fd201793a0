//! A forecast: quantiles of a demand at a moment to come.

use crate::quantity::{MilliRps, Permille, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// One quantile of a forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuantilePoint {
    /// Probability that the demand stays at or below `value`.
    pub quantile: Permille,
    /// The demand.
    pub value: MilliRps,
}

/// How much one of the experts behind a forecast counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpertWeight {
    /// Its name, as in the forecasting crate's documentation.
    pub expert: Cow<'static, str>,
    /// Its share of the whole.
    pub weight: Permille,
}

/// Demand expected at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// The moment forecast, trace time.
    pub at: Timestamp,
    /// The model that made it.
    pub model: Cow<'static, str>,
    /// Quantiles, rising in both fields.
    pub quantiles: Vec<QuantilePoint>,
    /// Seasons of history behind it.
    pub seasons: u32,
    /// The experts that it was fused from, the heaviest first; those that count for less than a thousandth are left out.
    #[serde(default)]
    pub weights: Vec<ExpertWeight>,
}

impl Forecast {
    /// The demand at the lowest listed quantile that is at least `wanted`, or at the highest listed.
    #[must_use]
    pub fn at_quantile(&self, wanted: Permille) -> Option<QuantilePoint> {
        self.quantiles.iter().find(|point| point.quantile >= wanted).or(self.quantiles.last()).copied()
    }
}
