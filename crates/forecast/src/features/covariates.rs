//! Whether covariates help: the same linear model with and without them, judged on what came after.

use crate::direct::Direct;
use crate::{Covariate, Data, Fit, FitError, Fitted, Forecaster, Levels, Sample};

/// What one covariate, or all of them together, did to the loss of a forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct CovariateEffect {
    /// The covariate's name; none for all of them together.
    pub name: Option<String>,
    /// Mean pinball loss (levels 0.5, 0.9, 0.99) with it, in units of the series.
    pub with: f64,
    /// The same of the same forecasts without any covariate.
    pub without: f64,
    /// Forecasts judged.
    pub forecasts: usize,
}

impl CovariateEffect {
    /// Loss with it / loss without: below 1 it helped. 1 where nothing was wrong without it.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.without > 0.0 { self.with / self.without } else { 1.0 }
    }

    /// Whether it helped by at least 1 %: less is chance.
    #[must_use]
    pub fn helped(&self) -> bool {
        self.ratio() < 0.99
    }
}

/// Share of the series before the first origin.
const TRAINED_FIRST: f64 = 0.5;
/// How often the models are fitted anew on the way through the rest.
const REFITS: usize = 4;
/// What the loss is the mean of.
const LEVELS: [f64; 3] = [0.5, 0.9, 0.99];

/// Forecasts `horizon` steps ahead with no covariate, with each alone, and (where there are several) with all, on a rolling
/// origin over the second half of the series: fitted four times on what was known, every scale included, and updated
/// with each value in between. One effect per covariate, in their order, then one of all.
///
/// # Errors
/// [`FitError`] when the series is too short for the linear model without covariates.
pub fn covariates_help(data: &Data<'_>, horizon: usize) -> Result<Vec<CovariateEffect>, FitError> {
    let without = losses(data, &[], horizon)?;
    let each = data.covariates.iter().map(|covariate| (Some(covariate.name.to_owned()), vec![*covariate]));
    let all = (data.covariates.len() > 1).then(|| (None, data.covariates.to_vec()));
    each.chain(all)
        .map(|(name, covariates)| {
            let with = losses(data, &covariates, horizon)?;
            let effect = |with, without, forecasts| CovariateEffect { name: name.clone(), with, without, forecasts };
            // A forecast that one of the two could not be judged on is judged for neither.
            let both = with.iter().zip(&without).filter_map(|(with, without)| Some(((*with)?, (*without)?)));
            let (sums, count) =
                both.fold(((0.0, 0.0), 0), |((a, b), n), (with, without)| ((a + with, b + without), n + 1));
            let mean = |sum: f64| sum / f64::from(count.max(1));
            Ok(effect(mean(sums.0), mean(sums.1), count as usize))
        })
        .collect()
}

/// The loss of the forecast of each target, none where the target is a gap.
fn losses(data: &Data<'_>, covariates: &[Covariate<'_>], horizon: usize) -> Result<Vec<Option<f64>>, FitError> {
    let values = data.target.values;
    let horizon = horizon.max(1);
    let first = (values.len() as f64 * TRAINED_FIRST) as usize;
    let block = (values.len().saturating_sub(first)).div_ceil(REFITS).max(1);
    let levels = Levels::try_new(LEVELS.to_vec()).unwrap_or_else(|_| Levels::deciles());
    let mut losses = Vec::new();
    let mut from = first;
    while from + horizon < values.len() {
        let known: Vec<Covariate<'_>> =
            covariates.iter().map(|covariate| Covariate { values: &covariate.values[..from], ..*covariate }).collect();
        let past = Data { target: data.target.head(from), covariates: &known, ..*data };
        let Fitted::Direct(mut fitted) = Direct::ridge(vec![horizon]).fit(&past, 0)? else { break };
        for origin in from..(from + block).min(values.len() - horizon) {
            let now: Vec<f64> = covariates.iter().map(|covariate| covariate.values[origin]).collect();
            fitted.update(&Sample { value: values[origin], covariates: &now });
            let target = values[origin + horizon];
            let said = fitted.at_horizon(horizon, data.events, &levels);
            losses.push(target.is_finite().then(|| pinball(target, &said.quantiles)));
        }
        from += block;
    }
    Ok(losses)
}

fn pinball(target: f64, quantiles: &[f64]) -> f64 {
    let one = |(level, said): (&f64, &f64)| {
        let error = target - said;
        if error > 0.0 { level * error } else { (level - 1.0) * error }
    };
    LEVELS.iter().zip(quantiles).map(one).sum::<f64>() / LEVELS.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NO_EVENTS, Series};
    use plimsoll_stats::Random;

    #[test]
    fn a_series_that_leads_by_three_steps_helps_and_noise_does_not() {
        let mut random = Random::new(4);
        let leads: Vec<f64> = (0..603).map(|_| 1e6 * random.unit()).collect();
        let noise: Vec<f64> = (0..600).map(|_| random.unit()).collect();
        let mut values: Vec<f64> = (0..600).map(|t| 50.0 + leads[t] * 1e-5 + random.unit()).collect();
        values[400] = f64::NAN;
        let covariates =
            [Covariate { name: "requests", values: &leads[3..] }, Covariate { name: "noise", values: &noise }];
        let data = Data { target: Series::untimed(&values), seasons: &[], covariates: &covariates, events: &NO_EVENTS };
        let report = covariates_help(&data, 3).unwrap();
        let names: Vec<Option<&str>> = report.iter().map(|effect| effect.name.as_deref()).collect();
        assert_eq!(names, [Some("requests"), Some("noise"), None]);
        assert!(report[0].helped() && report[0].ratio() < 0.45, "{report:?}");
        assert!(!report[1].helped() && report[1].ratio() < 1.05, "{report:?}");
        assert!(report[2].helped());
        assert!(report[0].forecasts > 290);
    }
}
