//! One model trained over many series, which a new series only has to warm up.

use super::fitted::FittedDirect;
use super::head::Head;
use super::spec::size;
use super::training::{Picked, Table};
use crate::features::{History, Recipe, Scale};
use crate::trees::{Boosting, BoostingSettings};
use crate::{Data, Fit, FitError, Fitted};
use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};

/// How to train over many series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlobalSettings {
    /// What a row holds. Its lags and seasons are in steps, so one model is for series of one step; values should be relative
    /// to their level, or trees can not carry over what they learnt. Events and covariates are left out: no two series
    /// have the same.
    pub recipe: Recipe,
    /// Horizons 1 to this are trained.
    pub horizon: usize,
    /// How to boost.
    pub boosting: BoostingSettings,
    /// About so many rows of each series at most.
    pub rows_per_series: usize,
}

/// Boosted trees over many series, each on its own scale. As a [`Fit`] it learns nothing: it takes the new series' scale and
/// newest values, so that a series of a few values is forecast with what others have taught.
///
/// # Source
/// P. Montero-Manso, R. J. Hyndman, "Principles and algorithms for forecasting groups of time series: Locality and
/// globality", International Journal of Forecasting 37(4), 2021.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GlobalBoosting {
    recipe: Recipe,
    horizon: usize,
    boosting: Boosting,
}

impl GlobalBoosting {
    /// Trains on the rows of all series in the order of their place in their series, so that what is judged for stopping is
    /// the end of every one.
    ///
    /// # Errors
    /// [`FitError::TooShort`] when there is not a single row.
    pub fn train(series: &[Data<'_>], settings: &GlobalSettings, seed: u64) -> Result<Self, FitError> {
        let horizon = settings.horizon.max(1);
        let recipe = own(&settings.recipe);
        let mut random = Random::new(seed);
        let mut all = Table::new(recipe.width(0));
        // Place of each row in its series, 0 to 1.
        let mut places: Vec<f64> = Vec::new();
        for data in series {
            let history = history(data, &recipe, horizon);
            let picked = Picked {
                recipe: &recipe,
                events: &crate::NO_EVENTS,
                size: size(&history),
                gaps: true,
                rows_max: settings.rows_per_series,
            };
            let before = all.y.len();
            picked.pooled(&history, horizon, &mut random, &mut all);
            let added = all.y.len() - before;
            places.extend((0..added).map(|row| row as f64 / added as f64));
        }
        if all.y.is_empty() {
            return Err(FitError::TooShort { model: "global-boosting", needed: 2, found: 0 });
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by(|a, b| places[*a].total_cmp(&places[*b]));
        let table = all.ordered(&order);
        let boosting = Boosting::train(&table.x, table.width, &table.y, &settings.boosting, random.bits());
        Ok(Self { recipe, horizon, boosting })
    }
}

/// The recipe without what is a series' own.
fn own(recipe: &Recipe) -> Recipe {
    let mut recipe = recipe.clone();
    recipe.horizon = true;
    recipe.covariates = 0;
    recipe.known.events = 0;
    recipe
}

fn history(data: &Data<'_>, recipe: &Recipe, horizon: usize) -> History {
    let scale = Scale::learn(recipe.transform, data.target.values);
    let alone = Data { covariates: &[], ..*data };
    History::new(&alone, scale, &[], recipe.reach(horizon))
}

impl Fit for GlobalBoosting {
    fn name(&self) -> &'static str {
        "global-boosting"
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        if data.target.observed().next().is_none() {
            return Err(FitError::TooShort { model: self.name(), needed: 1, found: 0 });
        }
        let history = history(data, &self.recipe, self.horizon);
        let size = size(&history);
        let names = self.recipe.names(&Data::alone(data.target, data.seasons));
        let heads = vec![(self.horizon, Head::Boosting(self.boosting.clone()))];
        Ok(Fitted::Direct(Box::new(FittedDirect::unbounded(self.recipe.clone(), history, heads, size, names))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ahead, Forecaster, Levels, Sample, Series};

    fn day(hours: usize, size: f64, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        let wave = |hour: usize| 3.0 + libm::sin(std::f64::consts::TAU * hour as f64 / 24.0);
        (0..hours).map(|hour| size * (wave(hour) + 0.1 * random.normal())).collect()
    }

    #[test]
    fn a_new_series_of_two_days_is_forecast_with_what_others_taught() {
        let many: Vec<Vec<f64>> = (0..12).map(|seed| day(24 * 10, 1.0 + seed as f64 * 50.0, seed)).collect();
        let data: Vec<Data<'_>> = many.iter().map(|values| Data::alone(Series::untimed(values), &[24])).collect();
        let boosting = BoostingSettings { rounds_max: 60, ..BoostingSettings::default() };
        let mut recipe = Recipe::usual(&data[0]);
        recipe.known.fourier = vec![crate::features::Seasonality { period: 24, orders: 2 }];
        let settings = GlobalSettings { recipe, horizon: 24, boosting, rows_per_series: 400 };
        let global = GlobalBoosting::train(&data, &settings, 1).unwrap();
        let new = day(72, 7_000.0, 99);
        let mut fitted = global.fit(&Data::alone(Series::untimed(&new[..47]), &[24]), 0).unwrap();
        fitted.update(&Sample::of(new[47]));
        let said = fitted.predict(&Ahead::steps(24), &Levels::deciles());
        let error = |points: &[f64]| points.iter().zip(&new[48..]).map(|(p, v)| (p - v).abs()).sum::<f64>() / 24.0;
        let yesterday = error(&new[24..48]);
        assert!(error(said.points()) < yesterday, "{} {yesterday}", error(said.points()));
        let all_gaps = global.fit(&Data::alone(Series::untimed(&[f64::NAN]), &[24]), 0);
        assert!(matches!(all_gaps, Err(FitError::TooShort { .. })));
        assert!(GlobalBoosting::train(&[], &settings, 1).is_err());
    }
}
