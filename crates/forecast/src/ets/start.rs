//! Where a search begins: level, slope and season from a decomposition and a regression.
//!
//! The trend is a centred moving mean over one season (what was measured of it), the season the mean difference from (or
//! ratio to) the trend by place, the level and slope a line through the first values without their season.
//!
//! # Source
//! Hyndman et al. 2008, 2.6.1, as in R's `ets`: the first max(10, 2 m) values for the line.

use super::form::{Form, Seasonal};
use super::recursion::{State, Values};

/// Least seasonal factor, so that a place that was nearly 0 can grow again.
const FACTOR_MIN: f64 = 1e-2;

/// The state that a form starts from.
pub fn state(form: Form, values: &Values<'_>) -> State {
    let season = season(form.season, values.values, values.period);
    let multiplicative = form.season == Seasonal::Multiplicative;
    let first = values.values.iter().enumerate().filter(|(_, value)| value.is_finite());
    let without = first.map(|(at, value)| {
        let part = if season.is_empty() { 0.0 } else { season[at % season.len()] };
        (at as f64, if multiplicative { value / part } else { value - part })
    });
    let used: Vec<(f64, f64)> = without.take((2 * season.len()).max(10)).collect();
    let (start, slope) = line(&used);
    if form.has_trend() {
        // The state of the recursion holds the slope of the first step already.
        State { level: start, slope, season }
    } else {
        let mean = used.iter().map(|(_, value)| value).sum::<f64>() / used.len().max(1) as f64;
        State { level: mean, slope: 0.0, season }
    }
}

/// Value at 0 and slope of the least-squares line.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len().max(1) as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x) * (x - mean_x)).sum();
    let with: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let slope = if spread > 0.0 { with / spread } else { 0.0 };
    (mean_y - slope * mean_x, slope)
}

/// One value per place: sum 0 when it is added, mean 1 when it multiplies; empty without a season.
pub fn season(kind: Seasonal, values: &[f64], period: usize) -> Vec<f64> {
    if kind == Seasonal::None {
        return Vec::new();
    }
    let multiplicative = kind == Seasonal::Multiplicative;
    let trend = centred_mean(values, period);
    let mut sums = vec![(0.0, 0_u32); period];
    for (at, (value, trend)) in values.iter().zip(&trend).enumerate() {
        let part = if multiplicative { value / trend } else { value - trend };
        if part.is_finite() {
            sums[at % period].0 += part;
            sums[at % period].1 += 1;
        }
    }
    let neutral = if multiplicative { 1.0 } else { 0.0 };
    let mean = |(sum, count): (f64, u32)| if count == 0 { neutral } else { sum / f64::from(count) };
    let mut season: Vec<f64> = sums.into_iter().map(mean).collect();
    let centre = season.iter().sum::<f64>() / period as f64;
    if multiplicative {
        season.iter_mut().for_each(|factor| *factor = (*factor / centre).max(FACTOR_MIN));
    } else {
        season.iter_mut().for_each(|part| *part -= centre);
    }
    season
}

/// The mean over one season around each value: of an even one, the values at both ends count half. NaN where it does not
/// fit, and where fewer than half of the values were measured.
pub fn centred_mean(values: &[f64], period: usize) -> Vec<f64> {
    let half = period / 2;
    let end_weight = if period.is_multiple_of(2) { 0.5 } else { 1.0 };
    let mut means = vec![f64::NAN; values.len()];
    if values.len() < 2 * half + 1 {
        return means;
    }
    let part = |value: f64, weight: f64| if value.is_finite() { (weight * value, weight) } else { (0.0, 0.0) };
    // Values within, without the two ends; the sum runs along.
    let inner = |range: std::ops::Range<usize>| {
        values[range].iter().map(|value| part(*value, 1.0)).fold((0.0, 0.0), |a: (f64, f64), b| (a.0 + b.0, a.1 + b.1))
    };
    let mut within = inner(1..2 * half);
    for centre in half..values.len() - half {
        if (centre - half).is_multiple_of(256) {
            within = inner(centre - half + 1..centre + half); // Anew, so that rounding does not add up.
        }
        let (first, last) = (part(values[centre - half], end_weight), part(values[centre + half], end_weight));
        let (sum, weight) = (within.0 + first.0 + last.0, within.1 + first.1 + last.1);
        if weight >= 0.5 * period as f64 {
            means[centre] = sum / weight;
        }
        let (leaving, entering) = (part(values[centre - half + 1], 1.0), part(values[centre + half], 1.0));
        within = (within.0 - leaving.0 + entering.0, within.1 - leaving.1 + entering.1);
    }
    means
}

#[cfg(test)]
mod tests {
    use super::super::form::{ErrorKind, Trend};
    use super::*;

    fn check(season: &[f64], kind: Seasonal, make: impl Fn(f64, f64) -> f64) {
        let mut values: Vec<f64> = (0..60).map(|at| make(10.0 + 0.5 * at as f64, season[at % season.len()])).collect();
        values[17] = f64::NAN;
        let values = Values { values: &values, period: season.len(), seen: 59 };
        let error = if kind == Seasonal::Additive { ErrorKind::Additive } else { ErrorKind::Multiplicative };
        let state = state(Form::new(error, Trend::Additive, kind), &values);
        assert!((state.level - 10.0).abs() < 0.4 && (state.slope - 0.5).abs() < 0.04, "{state:?}");
        for (found, true_one) in state.season.iter().zip(season) {
            assert!((found - true_one).abs() < 0.25, "{state:?}");
        }
    }

    #[test]
    fn trend_and_season_are_told_apart_in_spite_of_a_gap() {
        check(&[3.0, -1.0, 0.0, -2.0], Seasonal::Additive, |trend, part| trend + part);
        check(&[3.0, -1.0, -2.0], Seasonal::Additive, |trend, part| trend + part);
        check(&[1.5, 0.5, 1.0, 1.0], Seasonal::Multiplicative, |trend, part| trend * part);
    }

    #[test]
    fn the_running_mean_is_the_mean() {
        let values: Vec<f64> = (0..700).map(|at| f64::from(at * at % 37)).collect();
        let means = centred_mean(&values, 6);
        for at in 3..697 {
            let inner: f64 = values[at - 2..at + 3].iter().sum();
            let mean = (inner + 0.5 * (values[at - 3] + values[at + 3])) / 6.0;
            assert!((means[at] - mean).abs() < 1e-9, "{at}");
        }
        assert!(means[2].is_nan() && means[697].is_nan());
    }
}
