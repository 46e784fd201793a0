//! Any model, corrected by what a learner makes of its errors.

use crate::direct::{Asked, Head, Learner, Table, size};
use crate::explanation::NamedPart;
use crate::features::{History, Recipe, Rows, Scale};
use crate::linear::Autoregression;
use crate::trees::{ForestSettings, Growth};
use crate::{Ahead, Data, Events, Explanation, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use plimsoll_stats::Random;
use serde::{Deserialize, Serialize};

/// A base model and a learner of its errors, on the recipe's scale (on a logarithmic one errors are factors).
///
/// The base is fitted on the first part of the series and then run through the rest, forecasting from many origins; the
/// errors of these honest forecasts, by origin and horizon, are what the learner is trained on, with the row of the
/// recipe and the base's own point beside it. How much of its corrections is taken is judged on the last third of them. Then the base is fitted on the whole series. Quantiles are the learner's
/// around the base's points: errors made out of sample, so they are as wide as errors will be.
///
/// # Source
/// G. P. Zhang, "Time series forecasting using a hybrid ARIMA and neural network model", Neurocomputing 50, 2003, with
/// errors of several steps out of sample instead of one step in sample.
pub struct Residual {
    /// What reports call it.
    pub name: &'static str,
    /// The model that is corrected.
    pub base: Box<dyn Fit>,
    /// What learns from its errors.
    pub corrector: Learner,
    /// What a row holds; [`Recipe::usual`] when none is given.
    pub recipe: Option<Recipe>,
    /// Errors up to so many steps ahead are learnt from; further ones are taken for these.
    pub horizon: usize,
    /// Share of the series that the base is fitted on before its errors are looked at.
    pub first: f64,
    /// About so many rows at most.
    pub rows_max: usize,
}

/// With so many windows to judge it on, half of the best share is taken.
const WINDOWS_HALF: f64 = 4.0;

impl Residual {
    /// Ridge autoregression with a forest on its errors.
    #[must_use]
    pub fn linear_trees() -> Self {
        let growth = Growth { leaves_max: 16, rows_min: 40, columns: 0.3 };
        Self {
            name: "hybrid-linear-trees",
            base: Box::new(Autoregression::ridge()),
            corrector: Learner::Forest(ForestSettings { trees: 20, growth, kept_max: 16, ..ForestSettings::forest() }),
            recipe: None,
            horizon: 48,
            first: 0.6,
            rows_max: 3_000,
        }
    }

    /// Rows and errors of forecasts from origins after the first part. The base's error is learnt on the scale, so that a row
    /// means the same at any level.
    fn table(&self, data: &Data<'_>, picked: &Shared<'_>, most: usize, seed: u64) -> Result<Table, FitError> {
        let len = data.target.values.len();
        let first = ((len as f64 * self.first) as usize).clamp(1, len);
        let known: Vec<crate::Covariate<'_>> = data
            .covariates
            .iter()
            .map(|covariate| crate::Covariate {
                values: &covariate.values[..first.min(covariate.values.len())],
                ..*covariate
            })
            .collect();
        let past = Data { target: data.target.head(first), covariates: &known, ..*data };
        let mut base = self.base.fit(&past, seed)?;
        let mut table = Table::new(picked.recipe.width(picked.history.covariates()) + 1);
        let mut random = Random::new(seed);
        let mut rows = Rows::new(picked.recipe, data.events, picked.size);
        let per_origin = (self.rows_max / len.saturating_sub(first).max(1)).clamp(1, most);
        let stride = len.saturating_sub(first).div_ceil(self.rows_max.max(1)).max(1);
        let levels = Levels::deciles();
        for origin in first - 1..len.saturating_sub(1) {
            if origin >= first {
                let now: Vec<f64> =
                    data.covariates.iter().map(|one| one.values.get(origin).copied().unwrap_or(f64::NAN)).collect();
                base.update(&Sample { value: data.target.values[origin], covariates: &now });
            }
            if !(origin + 1 - first).is_multiple_of(stride) {
                continue;
            }
            let reach = most.min(len - 1 - origin);
            let said = base.predict(&Ahead { horizon: reach, events: data.events }, &levels);
            for part in 0..per_origin {
                let (low, high) = (part * most / per_origin, (part + 1) * most / per_origin);
                let horizon = low + 1 + random.below((high - low).max(1) as u64) as usize;
                if horizon <= reach {
                    picked.push(&mut rows, origin, horizon, said.points()[horizon - 1], &mut table);
                }
            }
        }
        Ok(table)
    }

    /// How much of what the learner says of an error is taken: the share that would have been best on the last third of the
    /// errors for a learner of those before. 0 when it said nothing of use.
    fn share(&self, table: &Table, seed: u64) -> f64 {
        let seen = table.y.len() * 2 / 3;
        if seen < 2 * table.width {
            return 0.0;
        }
        let head = self.corrector.train(&table.ordered(&(0..seen).collect::<Vec<_>>()), seed);
        let asked = Asked::new(&[0.5]);
        let (mut out, mut row) = (Vec::new(), Vec::new());
        let (mut product, mut square) = (0.0, 0.0);
        for at in seen..table.y.len() {
            out.clear();
            row.clear();
            row.extend_from_slice(&table.x[at * table.width..(at + 1) * table.width]);
            let said = head.predict(&mut row, &asked, &mut out);
            product += said * table.y[at];
            square += said * said;
        }
        if square > 0.0 { (product / square).clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// What rows are made of.
struct Shared<'a> {
    recipe: &'a Recipe,
    history: &'a History,
    size: f64,
}

impl Shared<'_> {
    fn push(&self, rows: &mut Rows<'_>, origin: usize, horizon: usize, point: f64, table: &mut Table) {
        let base = self.history.scale().apply(point);
        let error = self.history.value(origin + horizon) - base;
        if error.is_finite() {
            let level = rows.push(self.history, origin, horizon, &mut table.x);
            table.x.push(level.relative(base));
            table.y.push(error);
        }
    }
}

impl Fit for Residual {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&self, data: &Data<'_>, seed: u64) -> Result<Fitted, FitError> {
        let base = self.base.fit(data, seed)?;
        let len = data.target.values.len();
        let mut recipe = self.recipe.clone().unwrap_or_else(|| Recipe::usual(data));
        recipe.horizon = true;
        recipe.known.events = data.events.columns.len();
        let most = self.horizon.min(len / 5).max(1);
        let scale = Scale::learn(recipe.transform, data.target.values);
        let scales: Vec<Scale> =
            data.covariates.iter().map(|covariate| Scale::learn(recipe.transform, covariate.values)).collect();
        let mut history = History::new(data, scale, &scales, recipe.reach(most));
        let size = size(&history);
        let picked = Shared { recipe: &recipe, history: &history, size };
        // A series too short for the base on its first part is left to the base alone.
        let mut table = self.table(data, &picked, most, seed).unwrap_or_else(|_| Table::new(0));
        if !self.corrector.takes_gaps() {
            table = table.without_gaps();
        }
        let head = (table.y.len() >= 2 * table.width.max(1)).then(|| self.corrector.train(&table, seed));
        // Forecasts of overlapping stretches err together: only as many windows as fit side by side count.
        let windows = (1.0 - self.first) * len as f64 / 3.0 / most as f64;
        let trust = windows / (windows + WINDOWS_HALF);
        let share = if head.is_some() { trust * self.share(&table, seed) } else { 0.0 };
        history.trim();
        Ok(Fitted::Residual(Box::new(FittedResidual {
            base: Box::new(base),
            recipe,
            history,
            size,
            most,
            head,
            share,
        })))
    }
}

/// What [`Residual`] gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedResidual {
    base: Box<Fitted>,
    recipe: Recipe,
    history: History,
    size: f64,
    /// Longest horizon that the learner was told.
    most: usize,
    /// None when there was too little to learn from.
    head: Option<Head>,
    /// How much of a point's correction is taken.
    share: f64,
}

impl FittedResidual {
    /// The model that is corrected.
    #[must_use]
    pub fn base(&self) -> &Fitted {
        &self.base
    }

    fn corrected(&self, base: &Prediction, head: &Head, events: &Events, levels: &Levels) -> Prediction {
        let mut rows = Rows::new(&self.recipe, events, self.size);
        let asked = Asked::new(levels.as_slice());
        let scale = self.history.scale();
        let origin = self.history.next().saturating_sub(1);
        let (mut row, mut points, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (index, point) in base.points().iter().enumerate() {
            row.clear();
            let level = rows.push(&self.history, origin, index + 1, &mut row);
            let column = row.len() - self.recipe.known.width() - 1;
            row[column] = row[column].min(self.most as f64);
            let seen = scale.apply(*point);
            row.push(level.relative(seen));
            let start = values.len();
            let error = head.predict(&mut row, &asked, &mut values);
            // The spread around the error that was expected stays around the part of it that is taken.
            let left = (1.0 - self.share) * error;
            values[start..].iter_mut().for_each(|error| *error = scale.invert(seen + *error - left));
            points.push(scale.invert(seen + error - left));
        }
        Prediction::new(levels, points, values)
    }
}

impl Forecaster for FittedResidual {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let base = self.base.predict(ahead, levels);
        match &self.head {
            Some(head) => self.corrected(&base, head, ahead.events, levels),
            None => base,
        }
    }

    fn update(&mut self, sample: &Sample<'_>) {
        self.base.update(sample);
        self.history.push(sample);
    }

    /// The base's own, and how much of what was learnt from its errors is added to its points.
    fn explain(&self) -> Explanation {
        let mut explained = self.base.explain();
        explained.form.push_str(", corrected by trees on its errors");
        explained.terms.push(NamedPart { name: "share of the correction taken".into(), value: self.share });
        // The margin of the base alone is not the one given.
        explained.margin = None;
        explained
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;
    use crate::naive::LastValue;

    fn saw(len: usize) -> Vec<f64> {
        let mut random = Random::new(2);
        (0..len).map(|t| 100.0 + 10.0 * (t % 6) as f64 + random.normal()).collect()
    }

    #[test]
    fn trees_learn_what_the_last_value_can_not_know() {
        let values = saw(606);
        let spec = Residual { base: Box::new(LastValue), horizon: 6, ..Residual::linear_trees() };
        let mut fitted = spec.fit(&Data::alone(Series::untimed(&values[..599]), &[6]), 1).unwrap();
        fitted.update(&Sample::of(values[599]));
        let said = fitted.predict(&Ahead::steps(6), &Levels::deciles());
        let error = |points: &[f64]| points.iter().zip(&values[600..]).map(|(p, v)| (p - v).abs()).sum::<f64>() / 6.0;
        assert!(error(said.points()) < 8.0, "{:?} {:?}", said.points(), &values[600..]);
        assert!(error(&[values[599]; 6]) > 15.0);
        let Fitted::Residual(inner) = &fitted else { panic!() };
        assert!(matches!(inner.base(), Fitted::LastValue(_)));
    }

    #[test]
    fn a_series_too_short_to_learn_errors_from_is_left_to_the_base() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let data = Data::alone(Series::untimed(&values), &[]);
        let fitted = Residual::linear_trees().fit(&data, 1).unwrap();
        let base = Autoregression::ridge().fit(&data, 1).unwrap();
        assert_eq!(
            fitted.predict(&Ahead::steps(3), &Levels::deciles()),
            base.predict(&Ahead::steps(3), &Levels::deciles())
        );
    }
}
