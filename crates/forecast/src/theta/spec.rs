//! Specifications: one of the four methods by its name, or the one with the least mean square.

use super::estimate::{self, Estimate, USUAL_WEIGHT};
use super::fitted::{FittedTheta, Method};
use super::season::Adjustment;
use super::state::Line;
use crate::ets::{power_of_two, recent};
use crate::{Data, Fit, FitError, Fitted};

/// The theta method: of several, the one with the least mean square of its errors, the simpler of equals.
///
/// A season (the shortest of the data's) is divided out where the autocorrelation says that there is one, and subtracted where
/// values or factors are not above 0. Of a long series, the last 4,096 values or ten seasons are looked at. Gaps are passed over: the level goes on as forecast, the line stays.
///
/// # Source
/// Fiorucci et al., "Models for Optimising the Theta Method and Their Relationship to State Space Models", International
/// Journal of Forecasting 32(4), 2016. The choice is that of statsforecast's `AutoTheta`.
#[derive(Debug, Clone)]
pub struct Theta {
    name: &'static str,
    methods: &'static [Method],
}

impl Theta {
    /// θ = 2 and a line through the whole series: the method that won the M3 competition.
    #[must_use]
    pub const fn standard() -> Self {
        Self { name: "theta", methods: &[Method::Standard] }
    }

    /// θ estimated.
    #[must_use]
    pub const fn optimized() -> Self {
        Self { name: "optimized-theta", methods: &[Method::Optimized] }
    }

    /// θ = 2 and a line that follows the values.
    #[must_use]
    pub const fn dynamic() -> Self {
        Self { name: "dynamic-theta", methods: &[Method::Dynamic] }
    }

    /// θ estimated and a line that follows the values.
    #[must_use]
    pub const fn dynamic_optimized() -> Self {
        Self { name: "dynamic-optimized-theta", methods: &[Method::DynamicOptimized] }
    }

    /// The best of the four.
    #[must_use]
    pub const fn auto() -> Self {
        const ALL: &[Method] = &[Method::Standard, Method::Optimized, Method::Dynamic, Method::DynamicOptimized];
        Self { name: "auto-theta", methods: ALL }
    }
}

impl Fit for Theta {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let period = data.seasons.first().copied().unwrap_or(1);
        let recent = recent(data.target.values, period);
        let recent = recent.ok_or(FitError::TooShort { model: self.name, needed: 1, found: 0 })?;
        let observed = || recent.iter().filter(|value| value.is_finite());
        let seen = observed().count();
        let scale = power_of_two(observed().map(|value| value.abs() / seen as f64).sum());
        let scaled = |value: &f64| if value.is_finite() { value / scale } else { f64::NAN };
        let mut values: Vec<f64> = recent.iter().map(scaled).collect();
        let season = Adjustment::of(&values, period);
        values.iter_mut().enumerate().for_each(|(at, value)| *value = season.without(*value, at));
        let (method, best) = self.best(&values);
        let variance = best.squares / (best.errors.saturating_sub(1)).max(1) as f64;
        let next = values.len() % season.parts.len().max(1);
        let mean_square = best.squares / best.errors.max(1) as f64;
        let (by, state) = (best.by, best.state);
        Ok(Fitted::Theta(FittedTheta { method, by, state, season, scale, next, variance, mean_square }))
    }
}

impl Theta {
    fn best(&self, values: &[f64]) -> (Method, Estimate) {
        let fit = |method: Method| {
            let line = if method.is_dynamic() { Line::followed(values[0]) } else { Line::fixed(values) };
            estimate::fit(values, line, if method.is_optimized() { None } else { Some(USUAL_WEIGHT) })
        };
        let mut best = (self.methods[0], fit(self.methods[0]));
        for method in &self.methods[1..] {
            let other = fit(*method);
            if other.squares < best.1.squares {
                best = (*method, other);
            }
        }
        best
    }
}
