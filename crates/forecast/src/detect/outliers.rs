//! Values that do not belong to their series, with what could stand in their place.
//!
//! Nothing is altered here: the caller decides whether to apply a replacement ([`replaced`]), to drop the value, or to
//! leave it, because a peak of demand is no error of measurement.
//!
//! # Source
//! The rule on what remains of trend and season: `tsoutliers` of R's package `forecast` (remainder beyond 3 interquartile
//! ranges); running medians: F. R. Hampel, "The Influence Curve and its Role in Robust Estimation", JASA 69, 1974.

use crate::decompose::{Mstl, mstl};
use plimsoll_stats::quantile;
use serde::{Deserialize, Serialize};

/// Interquartile ranges beyond the quartiles at which a value is out.
const RANGES: f64 = 3.0;
/// More than this share of a series is no outlier but how the series is.
const SHARE_MAX: f64 = 0.05;
/// Values on either side that a running median looks at.
const HALF_WINDOW: usize = 12;
/// Remainders below this share of the largest value are rounding.
const ROUNDING: f64 = 1e-9;

/// One value that does not belong.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    /// Where.
    pub index: usize,
    /// What was measured.
    pub value: f64,
    /// What trend and seasons (or the values around) say instead.
    pub expected: f64,
    /// How far beyond the nearer quartile it is, in interquartile ranges; infinite where nothing else varies.
    pub ranges: f64,
}

/// The outliers of `values` (NaN for a gap) with seasons of these lengths in steps: by what remains of a robust
/// decomposition, or of running medians where no season fits twice. Oldest first.
#[must_use]
pub fn outliers(values: &[f64], seasons: &[usize]) -> Vec<Outlier> {
    let seasons: Vec<usize> =
        seasons.iter().copied().filter(|period| *period >= 2 && 2 * period <= values.len()).collect();
    if seasons.is_empty() {
        return beyond(values, &running_median(values, HALF_WINDOW));
    }
    let Ok(parts) = mstl(values, &seasons, &Mstl { robust: true, ..Mstl::default() }) else { return Vec::new() };
    let season = |index: usize| parts.seasons.iter().map(|season| season.values[index]).sum::<f64>();
    let expected: Vec<f64> = parts.trend.iter().enumerate().map(|(index, trend)| trend + season(index)).collect();
    beyond(values, &expected)
}

/// The series with the outliers' expected values in their place.
#[must_use]
pub fn replaced(values: &[f64], outliers: &[Outlier]) -> Vec<f64> {
    let mut values = values.to_vec();
    for outlier in outliers {
        if let Some(value) = values.get_mut(outlier.index) {
            *value = outlier.expected;
        }
    }
    values
}

/// The median of the measured values up to `half` places on either side of each; NaN where there are none.
#[must_use]
pub fn running_median(values: &[f64], half: usize) -> Vec<f64> {
    // The window's measured values in order; one comes and one goes per step.
    let mut window: Vec<f64> = Vec::new();
    let place = |window: &[f64], value: f64| window.partition_point(|other| *other < value);
    let mut medians = Vec::with_capacity(values.len());
    let mut entered = 0;
    for index in 0..values.len() {
        while entered < values.len() && entered <= index + half {
            if values[entered].is_finite() {
                window.insert(place(&window, values[entered]), values[entered]);
            }
            entered += 1;
        }
        if index > half && values[index - half - 1].is_finite() {
            window.remove(place(&window, values[index - half - 1]));
        }
        medians.push(quantile::quantile_sorted(&window, 0.5).unwrap_or(f64::NAN));
    }
    medians
}

/// Values whose distance from what is expected lies beyond the quartiles of all distances.
fn beyond(values: &[f64], expected: &[f64]) -> Vec<Outlier> {
    let rest: Vec<f64> = values.iter().zip(expected).map(|(value, expected)| value - expected).collect();
    let mut sorted: Vec<f64> = rest.iter().copied().filter(|rest| rest.is_finite()).collect();
    quantile::sort(&mut sorted);
    let quartile = |q: f64| quantile::quantile_sorted(&sorted, q);
    let (Some(low), Some(high)) = (quartile(0.25), quartile(0.75)) else { return Vec::new() };
    let largest =
        values.iter().filter(|value| value.is_finite()).fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let range = high - low;
    let found = rest.iter().enumerate().filter_map(|(index, rest)| {
        let excess = (rest - high).max(low - rest);
        let is_out = excess > RANGES * range && excess > ROUNDING * largest;
        is_out.then(|| Outlier { index, value: values[index], expected: expected[index], ranges: excess / range })
    });
    let found: Vec<Outlier> = found.collect();
    if found.len() as f64 > SHARE_MAX * sorted.len() as f64 { Vec::new() } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    fn load(len: usize, noise: f64) -> Vec<f64> {
        let mut random = Random::new(5);
        let wave = |i: usize| libm::sin(std::f64::consts::TAU * (i % 24) as f64 / 24.0);
        (0..len).map(|i| 100.0 + 30.0 * wave(i) + noise * random.normal()).collect()
    }

    #[test]
    fn what_sticks_out_of_trend_and_season_is_named_and_nothing_is_changed() {
        for factor in [1.0, 1e15, 1e-15] {
            let mut values: Vec<f64> = load(480, 1.0).iter().map(|value| value * factor).collect();
            let clean = values.clone();
            values[100] = 200.0 * factor;
            values[300] = 90.0 * factor; // Inside the daily range, and out of place at that hour.
            values[200..210].fill(f64::NAN);
            let found = outliers(&values, &[24]);
            assert_eq!(found.iter().map(|outlier| outlier.index).collect::<Vec<_>>(), [100, 300]);
            for outlier in &found {
                assert!((outlier.expected - clean[outlier.index]).abs() < 5.0 * factor && outlier.ranges > 3.0);
            }
            let fixed = replaced(&values, &found);
            assert!(fixed[100] == found[0].expected && fixed[200].is_nan() && fixed[50] == values[50]);
        }
    }

    #[test]
    fn without_a_season_running_medians_are_what_is_expected() {
        let mut values: Vec<f64> = (0..200).map(|index| f64::from(index) + f64::from(index % 3)).collect();
        values[77] = 500.0;
        let found = outliers(&values, &[]);
        assert_eq!(found.iter().map(|outlier| outlier.index).collect::<Vec<_>>(), [77]);
        assert!((found[0].expected - 78.0).abs() < 3.0);
        let mut flat = vec![4.0; 60];
        flat[30] = 5.0;
        assert!(outliers(&flat, &[]).len() == 1 && outliers(&flat, &[])[0].ranges.is_infinite());
    }

    #[test]
    fn noise_bursts_and_odd_series_have_none() {
        assert!(outliers(&load(480, 3.0), &[24]).is_empty());
        let bursts: Vec<f64> = (0..300).map(|index| if index % 7 == 0 { 50.0 } else { 0.0 }).collect();
        assert!(outliers(&bursts, &[]).is_empty());
        for values in [vec![], vec![1.0], vec![1.0, 2.0], vec![0.0; 60], vec![7.0; 60], vec![f64::NAN; 60]] {
            assert!(outliers(&values, &[]).is_empty() && outliers(&values, &[24]).is_empty());
        }
    }

    #[test]
    fn running_medians_leave_gaps_out() {
        let nan = f64::NAN;
        assert_eq!(running_median(&[1.0, 9.0, nan, 3.0, 5.0], 1), [5.0, 5.0, 6.0, 4.0, 4.0]);
        assert!(running_median(&[nan, nan, nan], 1)[1].is_nan());
    }
}
