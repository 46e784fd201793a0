//! How far off a forecast will be: the variance of each step ahead, in closed form.
//!
//! With c_j the part of an error that is still there j steps later, and σ² the variance of one error:
//! additive errors (class 1) have σ² (1 + Σ c_j²); relative errors with an additive season (class 2) follow a recursion;
//! relative errors with a multiplicative season (class 3) follow the second moments of level and slope, exactly, errors
//! in the same place of the season included.
//!
//! Relative errors compound, so that the variance of classes 2 and 3 grows like (1 + α² σ²)^h: on bursty series, where
//! σ is near 1, that becomes absurd (intervals of 10^25 have been seen elsewhere) because a normal error of the forecast's own
//! size is no description of a burst. So it is held at [`COMPOUND_MAX`] times the variance without compounding.
//!
//! # Source
//! Hyndman et al. 2008, chapter 6: table 6.1 (class 1), 6.3 (class 2), 6.4 (class 3).

use super::form::{Form, Seasonal};
use super::recursion::{Smoothing, State};

/// Greatest ratio of a variance to the one in which errors do not compound.
const COMPOUND_MAX: f64 = 2.0;

/// Points and variances of the next `horizon` steps, in the unit of `state`.
pub struct Steps {
    pub points: Vec<f64>,
    pub variances: Vec<f64>,
}

/// What is left of an error in the level after 1, 2, … steps: α + β (φ + … + φ^j).
pub fn weights(by: &Smoothing, horizon: usize) -> Vec<f64> {
    let (mut power, mut sum) = (1.0, 0.0);
    let weight = |_| {
        power *= by.phi;
        sum += power;
        by.alpha + by.beta * sum
    };
    (0..horizon).map(weight).collect()
}

/// `next` is the place in the season of the first step.
pub fn steps(form: Form, by: &Smoothing, variance: f64, state: &State, next: usize, horizon: usize) -> Steps {
    let levels = levels(by, state, horizon);
    let period = state.season.len();
    let season = |step: usize| state.season[(next + step) % period];
    let points: Vec<f64> = match form.season {
        Seasonal::None => levels.clone(),
        Seasonal::Additive => levels.iter().enumerate().map(|(step, level)| level + season(step)).collect(),
        Seasonal::Multiplicative => levels.iter().enumerate().map(|(step, level)| level * season(step)).collect(),
    };
    let weights = weights(by, horizon);
    let gamma_at = |back: usize| if period > 0 && back.is_multiple_of(period) { by.gamma } else { 0.0 };
    let variances = match (form.is_relative(), form.season) {
        (false, _) => {
            let all = weights.iter().enumerate().map(|(j, weight)| weight + gamma_at(j + 1));
            additive(variance, all)
        }
        (true, Seasonal::Multiplicative) => {
            let plain = uncompounded(&levels, &weights, variance, |level, back| gamma_at(back) * level);
            let exact = third(by, variance, state, period, horizon);
            let pairs = exact.into_iter().zip(plain).enumerate();
            pairs.map(|(step, (exact, plain))| season(step) * season(step) * bounded(exact, plain)).collect()
        }
        (true, _) => {
            let all: Vec<f64> = weights.iter().enumerate().map(|(j, weight)| weight + gamma_at(j + 1)).collect();
            let plain = uncompounded(&points, &all, variance, |_, _| 0.0);
            let exact = second(&points, &all, variance);
            exact.into_iter().zip(plain).map(|(exact, plain)| bounded(exact, plain)).collect()
        }
    };
    Steps { points, variances }
}

fn bounded(exact: f64, plain: f64) -> f64 {
    let most = COMPOUND_MAX * plain;
    if exact <= most { exact.max(0.0) } else { most } // Also when it is not a number.
}

fn levels(by: &Smoothing, state: &State, horizon: usize) -> Vec<f64> {
    let (mut level, mut slope) = (state.level, state.slope);
    let step = |_| {
        let now = level;
        slope *= by.phi;
        level += slope;
        now
    };
    (0..horizon).map(step).collect()
}

/// Class 1.
fn additive(variance: f64, weights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sum = 1.0;
    let grow = |weight: f64| {
        let now = variance * sum;
        sum += weight * weight;
        now
    };
    weights.map(grow).collect()
}

/// Relative errors of which each acts alone: σ² (μ_h² + Σ (c_j μ_{h−j} + own)²).
fn uncompounded(means: &[f64], weights: &[f64], variance: f64, own: impl Fn(f64, usize) -> f64) -> Vec<f64> {
    let of_step = |step: usize| {
        let mut sum = means[step] * means[step];
        for back in 1..=step {
            let part = weights[back - 1] * means[step - back] + own(means[step], back);
            sum += part * part;
        }
        variance * sum
    };
    (0..means.len()).map(of_step).collect()
}

/// Class 2: θ_h = μ_h² + σ² Σ c_j² θ_{h−j}; the variance is (1 + σ²) θ_h − μ_h².
fn second(means: &[f64], weights: &[f64], variance: f64) -> Vec<f64> {
    let mut theta: Vec<f64> = Vec::with_capacity(means.len());
    for (step, mean) in means.iter().enumerate() {
        let sum: f64 = (1..=step).map(|back| weights[back - 1] * weights[back - 1] * theta[step - back]).sum();
        theta.push(mean * mean + variance * sum);
    }
    theta.iter().zip(means).map(|(theta, mean)| (1.0 + variance) * theta - mean * mean).collect()
}

/// Second moments of (level, slope): their products' expectations.
#[derive(Clone, Copy)]
struct Moments {
    level: f64,
    both: f64,
    slope: f64,
}

impl Moments {
    /// One step: x → (F + G ε) x with ε's moments weighted by (1 + γ ε)² when it is in the season's place.
    ///
    /// With `level` = l + φ b and `slope` = φ b: F takes (level, slope) to (level + φ slope, φ slope) and an error adds
    /// ε × level × (α + φ β, φ β).
    fn step(self, by: &Smoothing, moments: [f64; 3]) -> Self {
        let [one, first, second] = moments;
        let (phi, to_slope) = (by.phi, by.phi * by.beta);
        let to_level = by.alpha + to_slope;
        let Self { level, both, slope } = self;
        // F M F', F M G' and G M G', where G x = level × (to_level, to_slope).
        let moved = (level + 2.0 * phi * both + phi * phi * slope, phi * both + phi * phi * slope, phi * phi * slope);
        let mixed = (level + phi * both, phi * both);
        Self {
            level: one * moved.0 + 2.0 * first * mixed.0 * to_level + second * level * to_level * to_level,
            both: one * moved.1
                + first * (mixed.0 * to_slope + mixed.1 * to_level)
                + second * level * to_level * to_slope,
            slope: one * moved.2 + 2.0 * first * mixed.1 * to_slope + second * level * to_slope * to_slope,
        }
    }
}

/// Class 3, in units of the seasonal factor's square. The factor of step h is s Π (1 + γ ε) over the errors a whole number
/// of seasons before it, which are among those in the level: one run per place in the season keeps both together.
fn third(by: &Smoothing, variance: f64, state: &State, period: usize, horizon: usize) -> Vec<f64> {
    let mut variances = vec![0.0; horizon];
    let usual = [1.0, 0.0, variance];
    let gamma = by.gamma;
    let in_place =
        [1.0 + gamma * gamma * variance, 2.0 * gamma * variance, variance + 3.0 * gamma * gamma * variance * variance];
    let to_slope = by.phi * by.beta;
    for place in 0..period.min(horizon) {
        let mut moments = Moments {
            level: state.level * state.level,
            both: state.level * state.slope,
            slope: state.slope * state.slope,
        };
        let (mut level, mut slope) = (state.level, state.slope);
        for (step, found) in variances.iter_mut().enumerate() {
            let is_place = step % period == place;
            if is_place {
                *found = (1.0 + variance) * moments.level - level * level;
            }
            moments = moments.step(by, if is_place { in_place } else { usual });
            // The mean too: an error that raises the level raises the season with it.
            let shared = if is_place { gamma * variance * level } else { 0.0 };
            slope = by.phi * slope + to_slope * shared;
            level += slope + by.alpha * shared;
        }
    }
    variances
}

#[cfg(test)]
mod tests {
    use super::super::form::{ErrorKind, Trend};
    use super::*;
    use plimsoll_stats::Random;

    const BY: Smoothing = Smoothing { alpha: 0.3, beta: 0.05, gamma: 0.2, phi: 0.9 };

    /// Variances of 60,000 simulated futures.
    fn simulated(form: Form, by: &Smoothing, sigma: f64, start: &State, horizon: usize) -> Vec<f64> {
        let mut random = Random::new(5);
        let runs = 60_000;
        let (mut sums, mut squares) = (vec![0.0; horizon], vec![0.0; horizon]);
        for _ in 0..runs {
            let mut state = start.clone();
            let mut next = 0;
            for step in 0..horizon {
                let forecast = super::super::fitted::forecast(form, &state, next);
                let error = sigma * random.normal();
                let value = if form.is_relative() { forecast * (1.0 + error) } else { forecast + error };
                sums[step] += value;
                squares[step] += value * value;
                super::super::fitted::advance(form, by, &mut state, next, value);
                next = if start.season.is_empty() { 0 } else { (next + 1) % start.season.len() };
            }
        }
        let n = f64::from(runs);
        sums.iter().zip(&squares).map(|(sum, square)| square / n - sum / n * sum / n).collect()
    }

    #[test]
    fn every_class_s_variance_is_that_of_simulated_futures() {
        let forms = [
            (ErrorKind::Additive, Trend::Damped, Seasonal::Additive),
            (ErrorKind::Additive, Trend::Additive, Seasonal::None),
            (ErrorKind::Multiplicative, Trend::Damped, Seasonal::Additive),
            (ErrorKind::Multiplicative, Trend::None, Seasonal::None),
            (ErrorKind::Multiplicative, Trend::Damped, Seasonal::Multiplicative),
            (ErrorKind::Multiplicative, Trend::None, Seasonal::Multiplicative),
        ];
        for (error, trend, season) in forms {
            let form = Form::new(error, trend, season);
            let by = Smoothing {
                beta: if form.has_trend() { BY.beta } else { 0.0 },
                gamma: if form.is_seasonal() { BY.gamma } else { 0.0 },
                phi: if form.is_damped() { BY.phi } else { 1.0 },
                ..BY
            };
            let season = match season {
                Seasonal::None => vec![],
                Seasonal::Additive => vec![2.0, -1.0, -1.0],
                Seasonal::Multiplicative => vec![1.3, 0.9, 0.8],
            };
            let state = State { level: 10.0, slope: if form.has_trend() { 0.3 } else { 0.0 }, season };
            let sigma = if form.is_relative() { 0.1 } else { 1.0 };
            let found = steps(form, &by, sigma * sigma, &state, 0, 10).variances;
            for (step, (found, drawn)) in found.iter().zip(simulated(form, &by, sigma, &state, 10)).enumerate() {
                assert!((found / drawn - 1.0).abs() < 0.04, "{form} step {step}: {found} and {drawn}");
            }
        }
    }

    #[test]
    fn errors_of_the_forecast_s_own_size_do_not_compound_without_end() {
        let form = Form::new(ErrorKind::Multiplicative, Trend::None, Seasonal::Multiplicative);
        let by = Smoothing { alpha: 0.9, beta: 0.0, gamma: 0.05, phi: 1.0 };
        let state = State { level: 1.0, slope: 0.0, season: vec![1.0; 4] };
        let last = steps(form, &by, 4.0, &state, 0, 200).variances[199];
        assert!(last > 4.0 && last < 2.0 * 4.0 * (1.0 + 200.0), "{last}");
    }
}
