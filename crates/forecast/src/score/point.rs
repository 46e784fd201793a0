//! Scores of points.
//!
//! # Source
//! R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", *International Journal of Forecasting* 22
//! (2006), 679-688, for MASE; the M4 competitors' guide for sMAPE and OWA.

/// Mean of `part(actual, said)` over the steps whose actual value was measured; NaN when none was.
fn mean_over(actual: &[f64], said: &[f64], part: impl Fn(f64, f64) -> f64) -> f64 {
    let parts = actual.iter().zip(said).filter(|(actual, _)| actual.is_finite());
    let (sum, count) = parts.fold((0.0, 0_u64), |(sum, count), (a, s)| (sum + part(*a, *s), count + 1));
    sum / count as f64
}

/// Mean of the scores that are numbers: a series that can not be scored (constant, for MASE) does not spoil the others.
#[must_use]
pub fn mean_of_scored(scores: &[f64]) -> f64 {
    mean_over(scores, scores, |score, _| score)
}

/// Mean absolute error, in the unit of the series.
#[must_use]
pub fn mae(actual: &[f64], said: &[f64]) -> f64 {
    mean_over(actual, said, |actual, said| (actual - said).abs())
}

/// Σ |error| / Σ |actual|: the weighted absolute percentage error, as a share.
#[must_use]
pub fn wape(actual: &[f64], said: &[f64]) -> f64 {
    mae(actual, said) / mean_over(actual, actual, |actual, _| actual.abs())
}

/// Symmetric mean absolute percentage error in %, 0 to 200: mean of 200 |y − ŷ| / (|y| + |ŷ|). A step where both are 0 is
/// no error.
#[must_use]
pub fn smape(actual: &[f64], said: &[f64]) -> f64 {
    mean_over(actual, said, |actual, said| {
        let size = actual.abs() + said.abs();
        if size > 0.0 { 200.0 * (actual - said).abs() / size } else { 0.0 }
    })
}

/// What MASE is scaled by: the mean absolute difference of values one `season` apart, in the training part. NaN when no such
/// pair was measured, 0 for a constant series.
#[must_use]
pub fn seasonal_scale(train: &[f64], season: usize) -> f64 {
    let pairs = train.iter().skip(season).zip(train).map(|(now, before)| (now - before).abs());
    let (sum, count) = pairs.filter(|gap| gap.is_finite()).fold((0.0, 0_u64), |(sum, n), gap| (sum + gap, n + 1));
    sum / count as f64
}

/// Mean absolute scaled error: the mean absolute error over `scale` (see [`seasonal_scale`]). Not finite for a constant series.
#[must_use]
pub fn mase(actual: &[f64], said: &[f64], scale: f64) -> f64 {
    mae(actual, said) / scale
}

/// Overall weighted average of M4: the mean of sMAPE and MASE, each relative to that of the benchmark Naive2.
#[must_use]
pub fn owa(smape: f64, mase: f64, benchmark_smape: f64, benchmark_mase: f64) -> f64 {
    (smape / benchmark_smape + mase / benchmark_mase) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_equal_the_sums_done_by_hand() {
        let (actual, said) = ([10.0, f64::NAN, 20.0, 0.0], [12.0, 99.0, 15.0, 0.0]);
        assert!((mae(&actual, &said) - 7.0 / 3.0).abs() < 1e-12);
        assert!((wape(&actual, &said) - 7.0 / 30.0).abs() < 1e-12);
        // 200·2/22 = 18.1818, 200·5/35 = 28.5714, 0.
        assert!((smape(&actual, &said) - (400.0 / 22.0 + 1000.0 / 35.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_scale_is_the_seasonal_naive_error_of_the_training_part() {
        let train = [1.0, 5.0, 2.0, 8.0, f64::NAN, 7.0];
        // Season 2: |2−1|, |8−5|, gap, |7−8|.
        assert!((seasonal_scale(&train, 2) - 5.0 / 3.0).abs() < 1e-12);
        assert_eq!(seasonal_scale(&[4.0; 9], 1), 0.0);
        assert!(seasonal_scale(&train, 6).is_nan());
        assert_eq!(mase(&[3.0, 5.0], &[1.0, 5.0], 2.0), 0.5);
    }

    #[test]
    fn nothing_measured_is_no_score() {
        assert!(mae(&[f64::NAN], &[1.0]).is_nan());
        assert_eq!(mean_of_scored(&[1.0, f64::NAN, 3.0, f64::INFINITY]), 2.0);
    }

    #[test]
    fn the_published_seasonal_naive_gives_the_published_owa() {
        // M4 hourly: sNaive 13.912 / 1.193, Naive2 18.383 / 2.395, OWA 0.627.
        assert!((owa(13.912, 1.193, 18.383, 2.395) - 0.627).abs() < 0.000_5);
    }
}
