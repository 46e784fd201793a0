//! How errors of several steps compare with what the form's variance promises: measured on the series itself.
//!
//! A form is estimated by its errors one step ahead. Where it is wrong about the series (and it always is), its variance
//! several steps ahead is wrong too, mostly far too wide where a large α meets a long horizon. So the errors that it would have
//! made from origins within the series are compared with the promise, at 1, 2, 4, 8, … steps.

use super::fitted::{advance, forecast};
use super::form::Form;
use super::recursion::{Smoothing, State, Values};
use super::variance;
use serde::{Deserialize, Serialize};

/// Origins at most; more would tell little more.
const ORIGINS_MAX: usize = 200;
/// Origins that a step needs to have a say.
const ORIGINS_MIN: usize = 20;
/// A factor stays within these.
const FACTORS: (f64, f64) = (0.02, 1.5);

/// Measured over promised deviation at 1, 2, 4, 8, … steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// The factor at a step (1 is the next): between those measured on either side; beyond the last, that one.
    pub fn factor(&self, step: usize) -> f64 {
        let exponent = step.max(1).ilog2() as usize;
        let Some(last) = self.0.last() else { return 1.0 };
        match (self.0.get(exponent), self.0.get(exponent + 1)) {
            (Some(low), Some(high)) => {
                let start = (1_usize << exponent) as f64;
                low + (high - low) * (step as f64 - start) / start
            }
            _ => *last,
        }
    }

    /// Measures a fitted form from `start` on.
    pub fn measure(form: Form, by: &Smoothing, variance: f64, start: &State, values: &Values<'_>) -> Self {
        let len = values.values.len();
        let reach = values.values.len() / 4;
        if reach < 1 || variance <= 0.0 || variance.is_nan() {
            return Self::default();
        }
        let grid: Vec<usize> = (0..).map(|exponent| 1 << exponent).take_while(|step| *step <= reach).collect();
        let skip = len / 8; // While the states find their place.
        let stride = ((len - skip) / ORIGINS_MAX).max(1);
        let mut sums = vec![(0.0, 0_usize); grid.len()];
        let mut state = start.clone();
        let period = start.season.len().max(1);
        let mut now = State::default();
        for origin in 0..len {
            if origin >= skip && (origin - skip).is_multiple_of(stride) {
                now.season.clone_from(&state.season);
                for (step, sum) in grid.iter().zip(&mut sums) {
                    let Some(value) = values.values.get(origin + step - 1).filter(|value| value.is_finite()) else {
                        continue;
                    };
                    let faded = faded(by.phi, step - 1);
                    now.level = state.level + faded * state.slope;
                    let mean = forecast(form, &now, (origin + step - 1) % period);
                    let error = if form.is_relative() { (value - mean) / mean } else { value - mean };
                    if error.is_finite() {
                        *sum = (sum.0 + error.abs(), sum.1 + 1);
                    }
                }
            }
            advance(form, by, &mut state, origin % period, values.values[origin]);
        }
        Self::from_sums(&sums, &grid, by, variance, start.season.len())
    }

    fn from_sums(sums: &[(f64, usize)], grid: &[usize], by: &Smoothing, variance: f64, period: usize) -> Self {
        let weights = variance::weights(by, grid.last().copied().unwrap_or(1));
        let promised = |step: usize| {
            let all = (1..step).map(|back| {
                let own = if period > 0 && back.is_multiple_of(period) { by.gamma } else { 0.0 };
                (weights[back - 1] + own) * (weights[back - 1] + own)
            });
            libm::sqrt(variance * (1.0 + all.sum::<f64>()))
        };
        let mut factors = Vec::with_capacity(grid.len());
        for (step, (sum, count)) in grid.iter().zip(sums) {
            if *count < ORIGINS_MIN {
                break;
            }
            // The mean absolute value of a normal is √(2/π) of its deviation.
            let measured = sum / *count as f64 * libm::sqrt(std::f64::consts::FRAC_PI_2);
            factors.push((measured / promised(*step)).clamp(FACTORS.0, FACTORS.1));
        }
        Self(factors)
    }
}

/// φ + φ² + … + φ^steps.
fn faded(phi: f64, steps: usize) -> f64 {
    if phi == 1.0 { steps as f64 } else { phi * (1.0 - libm::pow(phi, steps as f64)) / (1.0 - phi) }
}
