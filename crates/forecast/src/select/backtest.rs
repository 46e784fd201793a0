//! Rolling-origin evaluation: fit on what was known at each origin, forecast, compare with what came.
//!
//! # Source
//! L. J. Tashman, "Out-of-sample tests of forecasting accuracy: an analysis and review", *International Journal of
//! Forecasting* 16 (2000), 437-450.

use crate::score::QuantileTally;
use crate::{Ahead, Covariate, Data, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};

/// One origin.
#[derive(Debug, Clone)]
pub struct Run {
    /// Values that were known.
    pub origin: usize,
    /// What was said of the steps that followed, or why nothing could be.
    pub said: Result<Prediction, FitError>,
}

/// A model's forecasts at several origins.
#[derive(Debug, Clone)]
pub struct Backtest {
    /// In the order of the origins asked for.
    pub runs: Vec<Run>,
}

/// Fits `model` on the first `origin` values for each of `origins` and forecasts `horizon` steps of each.
///
/// Covariates and events are cut the same way: a covariate at the origin, events not at all, because they are known ahead.
#[must_use]
pub fn backtest(
    model: &dyn Fit,
    data: &Data<'_>,
    origins: &[usize],
    horizon: usize,
    levels: &Levels,
    seed: u64,
) -> Backtest {
    let ahead = Ahead { horizon, events: data.events };
    let run = |&origin: &usize| {
        let said = fit_at(model, data, origin, seed).map(|fitted| fitted.predict(&ahead, levels));
        Run { origin, said }
    };
    Backtest { runs: origins.iter().map(run).collect() }
}

/// As [`backtest`], but fits once, on what was known at the first origin, and then only takes the values in between: what a
/// model is worth that is fitted now and then and followed in the meantime, at a fraction of the time.
///
/// `origins` must rise; one that does not is taken at the origin before it.
#[must_use]
pub fn backtest_following(
    model: &dyn Fit,
    data: &Data<'_>,
    origins: &[usize],
    horizon: usize,
    levels: &Levels,
    seed: u64,
) -> Backtest {
    let ahead = Ahead { horizon, events: data.events };
    let Some(&first) = origins.first() else { return Backtest { runs: Vec::new() } };
    let mut fitted = fit_at(model, data, first, seed);
    let mut known = first;
    let run = |&origin: &usize| {
        let said = fitted.as_mut().map_err(|error| error.clone()).map(|fitted| {
            for index in known..origin.max(known).min(data.target.values.len()) {
                let covariates: Vec<f64> =
                    data.covariates.iter().map(|one| one.values.get(index).copied().unwrap_or(f64::NAN)).collect();
                fitted.update(&Sample { value: data.target.values[index], covariates: &covariates });
            }
            fitted.predict(&ahead, levels)
        });
        known = known.max(origin);
        Run { origin, said }
    };
    Backtest { runs: origins.iter().map(run).collect() }
}

/// The model fitted on the first `origin` values, covariates cut there too.
fn fit_at(model: &dyn Fit, data: &Data<'_>, origin: usize, seed: u64) -> Result<Fitted, FitError> {
    let cut = |covariate: &Covariate<'_>| covariate.values.len().min(origin);
    let covariates: Vec<Covariate<'_>> = data
        .covariates
        .iter()
        .map(|covariate| Covariate { name: covariate.name, values: &covariate.values[..cut(covariate)] })
        .collect();
    model.fit(&Data { target: data.target.head(origin), covariates: &covariates, ..*data }, seed)
}

/// The last `count` origins of a series of `len` values that leave `horizon` values to compare with, `stride` apart, the
/// earliest first; none that leaves fewer than `least` values to fit on.
#[must_use]
pub fn origins(len: usize, horizon: usize, stride: usize, count: usize, least: usize) -> Vec<usize> {
    let back = (0..count).rev().filter_map(|index| len.checked_sub(horizon + index * stride));
    back.filter(|origin| *origin >= least.max(1)).collect()
}

impl Backtest {
    /// The losses of every origin that gave a forecast, pooled. `values` are those of the whole series.
    #[must_use]
    pub fn tally(&self, values: &[f64], levels: &Levels) -> QuantileTally {
        let mut tally = QuantileTally::new(levels);
        for run in &self.runs {
            if let Ok(said) = &run.said {
                tally.add(&values[run.origin.min(values.len())..], said);
            }
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;
    use crate::naive::LastValue;

    #[test]
    fn origins_count_back_from_the_end() {
        assert_eq!(origins(100, 10, 10, 3, 50), [70, 80, 90]);
        assert_eq!(origins(100, 10, 5, 3, 50), [80, 85, 90]);
        assert_eq!(origins(100, 40, 40, 3, 50), [60]);
        assert!(origins(5, 10, 10, 3, 0).is_empty());
    }

    #[test]
    fn following_says_what_a_fit_at_each_origin_says_where_updates_are_exact() {
        let values: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 5)).collect();
        let (levels, data) = (Levels::deciles(), Data::alone(Series::untimed(&values), &[]));
        let (one, other) = (
            backtest(&LastValue, &data, &[20, 25, 36], 2, &levels, 0),
            backtest_following(&LastValue, &data, &[20, 25, 36], 2, &levels, 0),
        );
        for (one, other) in one.runs.iter().zip(&other.runs) {
            assert_eq!((one.origin, one.said.as_ref().unwrap()), (other.origin, other.said.as_ref().unwrap()));
        }
        assert!(backtest_following(&LastValue, &data, &[], 2, &levels, 0).runs.is_empty());
    }

    #[test]
    fn each_run_knows_only_what_came_before_its_origin() {
        let values: Vec<f64> = (0..20).map(f64::from).collect();
        let levels = Levels::deciles();
        let data = Data::alone(Series::untimed(&values), &[]);
        let found = backtest(&LastValue, &data, &[0, 10, 15], 3, &levels, 0);
        assert!(found.runs[0].said.is_err());
        assert_eq!(found.runs[1].said.as_ref().unwrap().points(), [9.0; 3]);
        assert_eq!(found.runs[2].said.as_ref().unwrap().points(), [14.0; 3]);
        // The line leaves each origin by 1, 2, 3; nothing lies below the median.
        assert_eq!(found.tally(&values, &levels).coverage()[4], 0.0);
    }
}
