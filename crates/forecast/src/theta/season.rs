//! Whether a series has a season, and what is left of it without.
//!
//! # Source
//! J. Fiorucci, T. Pellegrini, F. Louzada, F. Petropoulos, A. Koehler, "Models for Optimising the Theta Method and Their
//! Relationship to State Space Models", International Journal of Forecasting 32(4), 2016, section 4: the test on the
//! autocorrelation at one season (90 %, two-sided), then classical multiplicative decomposition.

use crate::ets::Seasonal;
use crate::ets::classical_season;
use serde::{Deserialize, Serialize};

/// The normal's quantile at 0.95: a two-sided test at 90 %.
const SIGNIFICANT: f64 = 1.644_853_626_951_472_2;
/// A factor below this would blow a small error up a hundred times, so the season is subtracted instead.
const FACTOR_MIN: f64 = 0.01;
/// Shortest season that is tested for.
const PERIOD_MIN: usize = 4;

/// A season that stays as it is: one value per place, which is divided by or subtracted; empty for none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Adjustment {
    pub parts: Vec<f64>,
    pub multiplicative: bool,
}

impl Adjustment {
    /// The season of `values` (NaN marks gaps) when there is one; it multiplies where every value is above 0.
    pub fn of(values: &[f64], period: usize) -> Self {
        if period < PERIOD_MIN || values.len() < 2 * period || !is_seasonal(values, period) {
            return Self::default();
        }
        if values.iter().all(|value| value.is_nan() || *value > 0.0) {
            let parts = classical_season(Seasonal::Multiplicative, values, period);
            if parts.iter().all(|part| *part > FACTOR_MIN) {
                return Self { parts, multiplicative: true };
            }
        }
        Self { parts: classical_season(Seasonal::Additive, values, period), multiplicative: false }
    }

    fn part(&self, at: usize) -> Option<f64> {
        if self.parts.is_empty() { None } else { Some(self.parts[at % self.parts.len()]) }
    }

    /// A value without its season. `at` counts from the first value.
    pub fn without(&self, value: f64, at: usize) -> f64 {
        match self.part(at) {
            None => value,
            Some(part) if self.multiplicative => value / part,
            Some(part) => value - part,
        }
    }

    /// A level with the season put back.
    pub fn with(&self, value: f64, at: usize) -> f64 {
        match self.part(at) {
            None => value,
            Some(part) if self.multiplicative => value * part,
            Some(part) => value + part,
        }
    }

    /// By how much it stretches a deviation.
    pub fn stretch(&self, at: usize) -> f64 {
        if self.multiplicative { self.part(at).unwrap_or(1.0) } else { 1.0 }
    }
}

/// Whether the autocorrelation at one season differs from 0, given those before it (Bartlett's formula).
fn is_seasonal(values: &[f64], period: usize) -> bool {
    let seen = values.iter().filter(|value| value.is_finite()).count() as f64;
    let mean = values.iter().filter(|value| value.is_finite()).sum::<f64>() / seen;
    // A gap counts as the mean: it adds nothing to either sum.
    let centred: Vec<f64> = values.iter().map(|value| if value.is_finite() { value - mean } else { 0.0 }).collect();
    let total: f64 = centred.iter().map(|value| value * value).sum();
    if total <= 0.0 {
        return false;
    }
    let at = |lag: usize| centred.iter().zip(&centred[lag..]).map(|(early, late)| early * late).sum::<f64>() / total;
    let before: f64 = (1..period).map(|lag| at(lag) * at(lag)).sum();
    at(period).abs() / libm::sqrt((1.0 + 2.0 * before) / seen) > SIGNIFICANT
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn a_season_is_found_divided_out_and_put_back() {
        let mut random = Random::new(3);
        let season = [1.4, 0.9, 0.6, 1.1];
        let mut values: Vec<f64> = (0..48).map(|at| 20.0 * season[at % 4] * (1.0 + 0.02 * random.normal())).collect();
        values[11] = f64::NAN;
        let found = Adjustment::of(&values, 4);
        assert!(found.multiplicative);
        assert!(found.parts.iter().zip(season).all(|(found, part)| (found - part).abs() < 0.04), "{found:?}");
        assert!((found.with(found.without(7.0, 2), 2) - 7.0).abs() < 1e-12);
        values.iter_mut().for_each(|value| *value -= 20.0);
        assert!(!Adjustment::of(&values, 4).multiplicative);
    }

    #[test]
    fn noise_has_no_season() {
        let mut random = Random::new(4);
        let values: Vec<f64> = (0..80).map(|_| random.normal()).collect();
        assert_eq!(Adjustment::of(&values, 12), Adjustment::default());
    }
}
