//! How strong a season is: the share of its variance in what is left without the trend, after STL.
//!
//! The decomposition is the plain one that the test is defined by (season window 11, local means for the season, local
//! lines for the trend, five rounds, no robustness), on series without gaps.
//!
//! # Source
//! R. B. Cleveland, W. S. Cleveland, J. E. McRae, I. Terpenning, "STL: A Seasonal-Trend Decomposition Procedure Based on
//! Loess", Journal of Official Statistics 6(1), 1990; X. Wang, K. Smith, R. J. Hyndman, "Characteristic-based clustering
//! for time series data", Data Mining and Knowledge Discovery 13, 2006, for the measure.

const SEASON_WINDOW: usize = 11;
const ROUNDS: usize = 5;

/// Weighted local means or lines over the `window` nearest values.
#[derive(Debug, Clone, Copy)]
struct Loess {
    window: usize,
    linear: bool,
}

const fn odd_from(length: usize) -> usize {
    length + 1 - length % 2
}

impl Loess {
    /// The smooth at place `at` (which may lie one beyond either end) from the values `from..to`.
    fn estimate(self, values: &[f64], at: f64, from: usize, to: usize) -> f64 {
        let count = values.len();
        let mut reach = (at - from as f64).max((to - 1) as f64 - at);
        if self.window > count {
            reach += ((self.window - count) / 2) as f64;
        }
        let (mut sum, mut first, mut moment) = (0.0, 0.0, 0.0);
        let weight = |place: usize| {
            let distance = (place as f64 - at).abs();
            let share = distance / reach;
            match share {
                _ if distance <= 0.001 * reach => 1.0,
                share if share > 0.999 => 0.0,
                share => {
                    let rest = 1.0 - share * share * share;
                    rest * rest * rest
                }
            }
        };
        let (mut value, mut slope) = (0.0, 0.0);
        for (place, now) in values.iter().enumerate().take(to).skip(from) {
            let weight = weight(place);
            let distance = place as f64 - at;
            sum += weight;
            first += weight * distance;
            moment += weight * distance * distance;
            value += weight * now;
            slope += weight * distance * now;
        }
        let spread = moment - first * first / sum;
        if !self.linear || !(libm::sqrt(spread / sum) > 0.001 * (count - 1) as f64) {
            return value / sum;
        }
        let slope = (slope - first * value / sum) / spread;
        value / sum - slope * first / sum
    }

    /// The smooth of all values, with `beyond` more places on either side.
    fn smooth(self, values: &[f64], beyond: usize) -> Vec<f64> {
        let count = values.len();
        let width = self.window.min(count);
        let half = self.window / 2;
        let at = |place: usize| {
            let inside = place.saturating_sub(beyond).min(count - 1);
            let from = inside.saturating_sub(half).min(count - width);
            self.estimate(values, place as f64 - beyond as f64, from, from + width)
        };
        (0..count + 2 * beyond).map(at).collect()
    }
}

fn moving_mean(values: &[f64], window: usize) -> Vec<f64> {
    let mut sum: f64 = values[..window].iter().sum();
    let mut out = vec![sum / window as f64];
    for (new, old) in values[window..].iter().zip(values) {
        sum += new - old;
        out.push(sum / window as f64);
    }
    out
}

/// Season and trend of `values`.
fn decompose(values: &[f64], season: usize) -> (Vec<f64>, Vec<f64>) {
    let count = values.len();
    let by_season = Loess { window: SEASON_WINDOW, linear: false };
    let low_pass = Loess { window: odd_from(season), linear: true };
    let span = (1.5 * season as f64 / (1.0 - 1.5 / SEASON_WINDOW as f64)).ceil() as usize;
    let by_trend = Loess { window: odd_from(span), linear: true };
    let (mut seasonal, mut trend) = (vec![0.0; count], vec![0.0; count]);
    for _ in 0..ROUNDS {
        let mut cycle = vec![0.0; count + 2 * season];
        for phase in 0..season {
            let at = (phase..count).step_by(season);
            let slot: Vec<f64> = at.map(|at| values[at] - trend[at]).collect();
            for (turn, value) in by_season.smooth(&slot, 1).into_iter().enumerate() {
                cycle[phase + turn * season] = value;
            }
        }
        let level = moving_mean(&moving_mean(&moving_mean(&cycle, season), season), 3);
        let level = low_pass.smooth(&level, 0);
        seasonal = cycle[season..season + count].iter().zip(&level).map(|(cycle, level)| cycle - level).collect();
        let rest: Vec<f64> = values.iter().zip(&seasonal).map(|(value, seasonal)| value - seasonal).collect();
        trend = by_trend.smooth(&rest, 0);
    }
    (seasonal, trend)
}

fn variance(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0)
}

/// 1 − Var(remainder) / Var(season + remainder), within 0 and 1; `values` hold more than two seasons and no gap.
pub(crate) fn seasonal_strength(values: &[f64], season: usize) -> f64 {
    let (seasonal, trend) = decompose(values, season);
    let detrended = values.iter().zip(&trend).map(|(value, trend)| value - trend);
    let remainder = detrended.clone().zip(&seasonal).map(|(value, seasonal)| value - seasonal);
    let (remainder, detrended) = (variance(remainder), variance(detrended));
    if detrended > 0.0 { (1.0 - remainder / detrended).clamp(0.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_season_is_taken_apart() {
        let season = [3.0, -1.0, -2.0, 0.0];
        let values: Vec<f64> = (0..80).map(|at| 0.5 * f64::from(at) + season[at as usize % 4]).collect();
        let (seasonal, trend) = decompose(&values, 4);
        for at in 8..72 {
            assert!((seasonal[at] - season[at % 4]).abs() < 1e-3, "{} {}", seasonal[at], season[at % 4]);
            assert!((trend[at] - 0.5 * at as f64).abs() < 1e-3);
        }
        assert!(seasonal_strength(&values, 4) > 0.999);
    }
}
