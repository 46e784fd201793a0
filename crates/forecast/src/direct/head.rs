//! What is learnt from rows: one learner, and what it gives.

use super::spread::{Scores, Spread};
use super::training::Table;
use crate::linear::{LeastSquares, LinearModel, quantile_regression};
use crate::trees::{Boosting, BoostingSettings, Forest, ForestSettings, Tree};
use plimsoll_stats::quantile;
use serde::{Deserialize, Serialize};

/// What is learnt from rows, with its settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Learner {
    /// Least squares with this ridge penalty; quantiles are those of its training errors.
    Ridge(f64),
    /// Least squares with an elastic-net penalty; quantiles likewise.
    ElasticNet {
        /// How much.
        penalty: f64,
        /// Share of the absolute part.
        share: f64,
    },
    /// A linear model per quantile, on the pinball loss.
    Pinball {
        /// The quantiles that get one, rising; levels in between are interpolated.
        levels: Vec<f64>,
        /// Ridge penalty.
        penalty: f64,
    },
    /// A tree or a forest with quantile leaves.
    Forest(ForestSettings),
    /// Boosted trees per quantile.
    Boosting(BoostingSettings),
}

/// What a learner gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Head {
    Linear { model: LinearModel, fallback: Vec<f64>, spread: Spread },
    Pinball { models: Vec<(f64, LinearModel)>, fallback: Vec<f64> },
    Forest(Forest),
    Boosting(Boosting),
}

impl Learner {
    /// Whether rows with gaps can be learnt from.
    pub(crate) const fn takes_gaps(&self) -> bool {
        matches!(self, Self::Forest(_) | Self::Boosting(_))
    }

    pub(crate) fn train(&self, table: &Table, seed: u64) -> Head {
        let Table { x, y, width, .. } = table;
        match self {
            Self::Ridge(penalty) => linear(table, LeastSquares::new(x, *width, y).ridge(*penalty)),
            Self::ElasticNet { penalty, share } => {
                linear(table, LeastSquares::new(x, *width, y).elastic_net(*penalty, *share))
            }
            Self::Pinball { levels, penalty } => {
                let model = |level: &f64| (*level, quantile_regression(x, *width, y, *level, *penalty));
                Head::Pinball { models: levels.iter().map(model).collect(), fallback: table.means() }
            }
            Self::Forest(settings) => Head::Forest(Forest::train(x, *width, y, settings, seed)),
            Self::Boosting(settings) => Head::Boosting(Boosting::train(x, *width, y, settings, seed)),
        }
    }
}

/// A linear model with the quantiles of its errors over the rows that it was fitted to, widened by √(n / (n − p)).
fn linear(table: &Table, model: LinearModel) -> Head {
    let rows = table.y.len();
    let mut errors: Vec<f64> = (0..rows)
        .map(|row| table.y[row] - model.predict(&table.x[row * table.width..(row + 1) * table.width]))
        .collect();
    let used = model.weights.iter().filter(|weight| **weight != 0.0).count() + 1;
    let factor = libm::sqrt(rows as f64 / rows.saturating_sub(used).max(1) as f64).min(2.0);
    let mut spread = Spread::default();
    spread.push(1, &mut errors, factor);
    Head::Linear { model, fallback: table.means(), spread }
}

/// Levels with what is needed to ask for them.
pub(crate) struct Asked<'a> {
    pub levels: &'a [f64],
    pub scores: Scores,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(levels: &'a [f64]) -> Self {
        Self { levels, scores: Scores::new(levels) }
    }
}

impl Head {
    /// What it is, and how much each of so many columns matters to it.
    pub(crate) fn weights(&self, columns: usize) -> (&'static str, Vec<f64>) {
        match self {
            Self::Linear { model, .. } => ("linear regression", model.weights.clone()),
            Self::Pinball { models, .. } => {
                // The model nearest to the median.
                let nearest = models.iter().min_by(|a, b| (a.0 - 0.5).abs().total_cmp(&(b.0 - 0.5).abs()));
                ("quantile regression", nearest.map_or_else(Vec::new, |(_, model)| model.weights.clone()))
            }
            Self::Forest(forest) => ("trees", shares(forest.grown(), columns)),
            Self::Boosting(boosting) => ("boosted trees", shares(boosting.grown(), columns)),
        }
    }

    /// The point of a row, with the quantiles appended to `out`. Linear models see a gap as the column's mean in training.
    pub(crate) fn predict(&self, row: &mut [f64], asked: &Asked<'_>, out: &mut Vec<f64>) -> f64 {
        match self {
            Self::Linear { model, fallback, spread } => {
                bridge(row, fallback);
                let point = model.predict(row);
                let start = out.len();
                spread.push_errors(1, &asked.scores, out);
                out[start..].iter_mut().for_each(|error| *error += point);
                point
            }
            Self::Pinball { models, fallback } => {
                bridge(row, fallback);
                let mut said: Vec<f64> = models.iter().map(|(_, model)| model.predict(row)).collect();
                quantile::sort(&mut said);
                let known: Vec<(f64, f64)> = models.iter().map(|(level, _)| *level).zip(said).collect();
                crate::trees::interpolate(&known, asked.levels, out);
                crate::trees::interpolate_one(&known, 0.5)
            }
            Self::Forest(forest) => {
                forest.quantiles(row, asked.levels, out);
                forest.median(row)
            }
            Self::Boosting(boosting) => boosting.quantiles(row, asked.levels, out),
        }
    }
}

/// Each column's share of all splits.
fn shares<'a>(trees: impl Iterator<Item = &'a Tree>, columns: usize) -> Vec<f64> {
    let mut counts = vec![0.0; columns];
    trees.for_each(|tree| tree.count_splits(&mut counts));
    let total: f64 = counts.iter().sum();
    counts.iter_mut().for_each(|count| *count /= total.max(1.0));
    counts
}

fn bridge(row: &mut [f64], fallback: &[f64]) {
    row.iter_mut().zip(fallback).filter(|(value, _)| value.is_nan()).for_each(|(value, mean)| *value = *mean);
}
