//! A fitted direct forecast: the recipe of its rows, the newest values, and a model per horizon.

use super::head::{Asked, Head};
use crate::explanation::NamedPart;
use crate::features::{History, Recipe, Rows};
use crate::{Ahead, Events, Explanation, Forecaster, Levels, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// What [`super::Direct`] gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedDirect {
    recipe: Recipe,
    history: History,
    /// Horizon and model, the nearest horizon first.
    heads: Vec<(usize, Head)>,
    /// Mean size of the scaled values of training.
    size: f64,
    /// Nothing below this is said, scaled.
    low: f64,
    /// Nor above this.
    high: f64,
    /// What the columns are called.
    names: Vec<String>,
}

/// Columns named in an explanation: those that matter most.
const NAMED: usize = 8;

/// A point and its quantiles at one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct AtHorizon {
    /// The point.
    pub point: f64,
    /// One per level, rising.
    pub quantiles: Vec<f64>,
}

impl FittedDirect {
    pub(super) fn new(
        recipe: Recipe,
        mut history: History,
        heads: Vec<(usize, Head)>,
        size: f64,
        names: Vec<String>,
    ) -> Self {
        let len = history.next();
        let measured = || history.window(len.saturating_sub(1), len).iter().copied().filter(|value| value.is_finite());
        let low = measured().fold(f64::INFINITY, f64::min);
        let high = measured().fold(f64::NEG_INFINITY, f64::max);
        let wide = (high - low).max(0.0);
        history.trim();
        Self { recipe, history, heads, size, low: low - wide, high: high + wide, names }
    }

    /// For a model of other series, which may know more than this one has shown: nothing holds it back.
    pub(super) fn unbounded(
        recipe: Recipe,
        history: History,
        heads: Vec<(usize, Head)>,
        size: f64,
        names: Vec<String>,
    ) -> Self {
        Self { low: f64::MIN, high: f64::MAX, ..Self::new(recipe, history, heads, size, names) }
    }

    /// The forecast of one step, `horizon` (from 1) ahead, without those before it: one row of the newest values.
    #[must_use]
    pub fn at_horizon(&self, horizon: usize, events: &Events, levels: &Levels) -> AtHorizon {
        let mut rows = Rows::new(&self.recipe, events, self.size);
        let mut quantiles = Vec::with_capacity(levels.len());
        let asked = Asked::new(levels.as_slice());
        let point = self.step(&mut rows, horizon.max(1), &asked, &mut Vec::new(), &mut quantiles);
        quantiles.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = point);
        quantiles.sort_by(f64::total_cmp);
        AtHorizon { point, quantiles }
    }

    /// What its rows hold.
    #[must_use]
    pub const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The point of one step, with its quantiles appended to `out`, in the units of the series.
    fn step(&self, rows: &mut Rows<'_>, step: usize, asked: &Asked<'_>, row: &mut Vec<f64>, out: &mut Vec<f64>) -> f64 {
        let Some(origin) = self.history.next().checked_sub(1) else { return 0.0 };
        let Some((trained, head)) = self.heads.iter().find(|(horizon, _)| *horizon >= step).or(self.heads.last())
        else {
            return 0.0;
        };
        row.clear();
        let level = rows.push(&self.history, origin, step, row);
        if self.recipe.horizon {
            let column = row.len() - self.recipe.known.width() - 1;
            row[column] = row[column].min(*trained as f64);
        }
        let start = out.len();
        let point = head.predict(row, asked, out);
        let scale = self.history.scale();
        let said = |relative: f64| scale.invert(level.absolute(relative).clamp(self.low, self.high));
        out[start..].iter_mut().for_each(|value| *value = said(*value));
        said(point)
    }
}

impl Forecaster for FittedDirect {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let mut rows = Rows::new(&self.recipe, ahead.events, self.size);
        let asked = Asked::new(levels.as_slice());
        let mut row = Vec::new();
        let mut values = Vec::with_capacity(ahead.horizon * levels.len());
        let points =
            (1..=ahead.horizon).map(|step| self.step(&mut rows, step, &asked, &mut row, &mut values)).collect();
        Prediction::new(levels, points, values)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        self.history.push(sample);
    }

    /// Terms are the columns with the largest weights (in units of the column, linear models) or with the largest share of
    /// the splits (trees), of the model of the nearest horizon.
    fn explain(&self) -> Explanation {
        let Some((horizon, head)) = self.heads.first() else { return Explanation::default() };
        let (kind, weights) = head.weights(self.names.len());
        let part = |(name, value): (&String, f64)| NamedPart { name: name.clone(), value };
        let mut terms: Vec<NamedPart> = self.names.iter().zip(weights).map(part).collect();
        terms.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
        terms.truncate(NAMED);
        terms.retain(|term| term.value != 0.0);
        let to = if self.recipe.horizon { "up to " } else { "" };
        let last = self.history.window(self.history.next().saturating_sub(1), 1).first().copied();
        Explanation {
            level: last.filter(|last| last.is_finite()).map(|last| self.history.scale().invert(last)),
            terms,
            ..Explanation::of(format!("{kind} for {to}{horizon} steps, {} scale", self.history.scale().name()))
        }
    }
}
