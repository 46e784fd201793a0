//! What is left of a series without its seasons, followed and carried on: a slow level (with a fading slope where that
//! helps) and a deviation from it that dies away.
//!
//! Exponential smoothing, estimated by its errors one step ahead, follows the last value (α near 1) and carries whatever
//! the last hour happened to be two seasons on. Here the last value counts for the next steps and the slow level for the
//! far ones, and the parameters are those of a small grid with the least errors over many steps: of 1, 2, 4, … up to two
//! of the shortest seasons. A grid cannot get stuck, and is soon searched.
//!
//! # Source
//! Damped trend: E. S. Gardner, E. McKenzie, "Forecasting Trends in Time Series", Management Science 31, 1985. The
//! deviation is a first-order autoregression, as the remainder of a structural model: A. C. Harvey, *Forecasting, Structural
//! Time Series Models and the Kalman Filter*, 1989, 4.

use serde::{Deserialize, Serialize};

/// How fast the level follows; 1 is the last value itself.
const ALPHAS: [f64; 8] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0];
/// How fast the slope follows the level, and what share of it is left a step later.
const SLOPES: [(f64, f64); 3] = [(0.0, 0.0), (0.1, 0.9), (0.1, 0.98)];
/// What share of the deviation is left a step later.
const RHOS: [f64; 7] = [0.0, 0.4, 0.7, 0.85, 0.93, 0.97, 0.99];
/// Origins at which errors are looked at, at most.
const ORIGINS_MAX: usize = 128;

/// The state behind the newest value, and the parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Trend {
    alpha: f64,
    beta: f64,
    phi: f64,
    rho: f64,
    level: f64,
    slope: f64,
    deviation: f64,
    /// Mean squared errors at 1, 2, 4, … steps, as measured.
    squares: Vec<f64>,
}

impl Trend {
    fn start(level: f64, alpha: f64, (beta, phi): (f64, f64)) -> Self {
        Self { alpha, beta, phi, rho: 0.0, level, slope: 0.0, deviation: 0.0, squares: Vec::new() }
    }

    /// Takes the next value; in a gap everything fades as it would have been forecast.
    pub fn update(&mut self, value: f64) {
        let before = self.level;
        let expected = self.level + self.phi * self.slope;
        if value.is_finite() {
            self.level = expected + self.alpha * (value - expected);
            self.slope = self.phi * self.slope + self.beta * (self.level - before - self.phi * self.slope);
            self.deviation = value - self.level;
        } else {
            self.level = expected;
            self.slope *= self.phi;
            self.deviation *= self.rho;
        }
    }

    /// Level now, what the slope and the deviation add to it one step on.
    pub const fn state(&self) -> (f64, f64, f64) {
        (self.level, self.phi * self.slope, self.rho * self.deviation)
    }

    /// Level and deviation of the next steps; the forecast is their sum.
    pub fn ahead(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let (mut level, mut slope, mut deviation) = (self.level, self.slope, self.deviation);
        std::iter::repeat_with(move || {
            slope *= self.phi;
            level += slope;
            deviation *= self.rho;
            (level, deviation)
        })
    }

    /// The variance of the error at a step (1 is the next), between those measured on either side.
    pub fn variance(&self, step: usize) -> f64 {
        let exponent = step.max(1).ilog2() as usize;
        match (self.squares.get(exponent), self.squares.get(exponent + 1)) {
            (Some(low), Some(high)) => {
                let start = (1_usize << exponent) as f64;
                low + (high - low) * (step as f64 - start) / start
            }
            // Beyond what could be measured it grows as a random walk's from there.
            _ => self.squares.last().map_or(0.0, |last| {
                let reach = (1_usize << (self.squares.len() - 1)) as f64;
                last * (step as f64 / reach).max(1.0)
            }),
        }
    }

    /// Fits to `values` (NaN for a gap; at least one measured) for forecasts of up to `reach` steps.
    pub fn fit(values: &[f64], reach: usize) -> Self {
        let reach = reach.clamp(1, (values.len() / 4).max(1));
        let first = mean_of_first(values, reach);
        let grid: Vec<usize> = (0..).map(|exponent| 1 << exponent).take_while(|step| *step <= reach).collect();
        let mut search = Search::new(values, grid);
        let mut best = (f64::INFINITY, Self::start(first, 1.0, SLOPES[0]));
        for alpha in ALPHAS {
            for slope in SLOPES {
                search.try_level(Self::start(first, alpha, slope), &mut best);
            }
        }
        let (_, mut trend) = best;
        trend.squares = search.squares(&trend, first);
        values.iter().for_each(|value| trend.update(*value));
        trend
    }
}

/// The search through the grid.
struct Search<'a> {
    values: &'a [f64],
    /// Steps ahead that are looked at.
    grid: Vec<usize>,
    origins: Vec<usize>,
    /// Forecasts by origin and step: the level's part, and the deviation at the origin.
    levels: Vec<f64>,
    deviations: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(values: &'a [f64], grid: Vec<usize>) -> Self {
        let skip = values.len() / 8;
        let last = values.len().saturating_sub(grid.last().copied().unwrap_or(1));
        let stride = (last.saturating_sub(skip) / ORIGINS_MAX).max(1);
        let origins: Vec<usize> = (skip + 1..=last).step_by(stride).collect();
        let levels = vec![0.0; origins.len() * grid.len()];
        let deviations = vec![0.0; origins.len()];
        Self { values, grid, origins, levels, deviations }
    }

    /// Runs over the values and keeps what is said at the origins (an origin is the count of values seen).
    fn run(&mut self, mut trend: Trend) {
        let fades: Vec<f64> = self.grid.iter().map(|step| faded(trend.phi, *step)).collect();
        let mut seen = 0;
        for (index, origin) in self.origins.iter().enumerate() {
            self.values[seen..*origin].iter().for_each(|value| trend.update(*value));
            seen = *origin;
            let said = &mut self.levels[index * self.grid.len()..];
            said.iter_mut().zip(&fades).for_each(|(said, fade)| *said = trend.level + trend.slope * fade);
            self.deviations[index] = trend.deviation;
        }
    }

    /// Tries all ρ for one level and keeps the best so far.
    fn try_level(&mut self, trend: Trend, best: &mut (f64, Trend)) {
        self.run(trend.clone());
        for rho in RHOS {
            if trend.alpha >= 1.0 && rho > 0.0 {
                break; // There is no deviation.
            }
            let loss = self.loss(rho);
            if loss < best.0 {
                *best = (loss, Trend { rho, ..trend.clone() });
            }
        }
    }

    /// Calls with the index of the step and the error, for every origin and step that was measured.
    fn each_error(&self, rho: f64, mut call: impl FnMut(usize, f64)) {
        let powers: Vec<f64> = self.grid.iter().map(|step| libm::pow(rho, *step as f64)).collect();
        for (index, origin) in self.origins.iter().enumerate() {
            let said = &self.levels[index * self.grid.len()..];
            for (at, step) in self.grid.iter().enumerate() {
                let value = self.values[origin + step - 1];
                if value.is_finite() {
                    call(at, value - said[at] - powers[at] * self.deviations[index]);
                }
            }
        }
    }

    /// Mean absolute error, summed over the steps.
    fn loss(&self, rho: f64) -> f64 {
        let mut sum = 0.0;
        self.each_error(rho, |_, error| sum += error.abs());
        sum
    }

    fn squares(&mut self, trend: &Trend, first: f64) -> Vec<f64> {
        self.run(Trend { rho: trend.rho, ..Trend::start(first, trend.alpha, (trend.beta, trend.phi)) });
        let mut sums = vec![(0.0, 0.0); self.grid.len()];
        self.each_error(trend.rho, |at, error| {
            sums[at].0 += error * error;
            sums[at].1 += 1.0;
        });
        sums.into_iter().filter(|(_, count)| *count > 0.0).map(|(sum, count)| sum / count).collect()
    }
}

/// Where the level starts: the mean of the first `count` measured values, without overflow.
fn mean_of_first(values: &[f64], count: usize) -> f64 {
    let measured = || values.iter().copied().filter(|value| value.is_finite()).take(count);
    let found = measured().count().max(1) as f64;
    measured().map(|value| value / found).sum()
}

/// φ + φ² + … + φ^steps.
fn faded(phi: f64, steps: usize) -> f64 {
    phi * (1.0 - libm::pow(phi, steps as f64)) / (1.0 - phi)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn first(trend: &Trend) -> f64 {
        trend.ahead().next().map(|(level, deviation)| level + deviation).unwrap_or(f64::NAN)
    }

    fn far(trend: &Trend) -> f64 {
        trend.ahead().nth(200).map(|(level, deviation)| level + deviation).unwrap_or(f64::NAN)
    }

    #[test]
    fn a_walk_is_carried_on_from_its_last_value_and_noise_from_its_mean() {
        let mut random = Random::new(1);
        let mut at = 100.0;
        let walk: Vec<f64> = (0..600)
            .map(|_| {
                at += random.normal();
                at
            })
            .collect();
        let trend = Trend::fit(&walk, 32);
        assert!((first(&trend) - at).abs() < 1.0, "{} {at}", first(&trend));
        assert!(trend.variance(32) > 8.0 * trend.variance(1), "{:?}", trend.squares);
        let noise: Vec<f64> = (0..600).map(|_| 100.0 + random.normal()).collect();
        let trend = Trend::fit(&noise, 32);
        assert!((first(&trend) - 100.0).abs() < 0.4 && (far(&trend) - 100.0).abs() < 0.4);
        assert!((trend.variance(16) - 1.0).abs() < 0.3, "{:?}", trend.squares);
    }

    #[test]
    fn a_deviation_dies_away_to_a_slow_level() {
        let mut random = Random::new(2);
        let mut off = 0.0;
        let mut values: Vec<f64> = (0..900)
            .map(|_| {
                off = 0.9 * off + random.normal();
                50.0 + off
            })
            .collect();
        values.push(60.0);
        let trend = Trend::fit(&values, 48);
        assert!(first(&trend) > 57.0 && (far(&trend) - 50.0).abs() < 2.0, "{} {}", first(&trend), far(&trend));
        let mut later = trend.clone();
        (0..20).for_each(|_| later.update(f64::NAN));
        assert!((first(&later) - trend.ahead().nth(20).map_or(0.0, |(level, rest)| level + rest)).abs() < 1e-9);
    }

    #[test]
    fn variances_lie_between_those_measured_and_grow_beyond_them() {
        let mut trend = Trend::fit(&[1.0, 2.0], 9);
        trend.squares = vec![1.0, 3.0, 5.0];
        let expected = [1.0, 3.0, 4.0, 5.0, 6.25, 10.0];
        assert_eq!([1, 2, 3, 4, 5, 8].map(|step| trend.variance(step)), expected);
        trend.squares.clear();
        assert_eq!(trend.variance(3), 0.0);
    }
}
