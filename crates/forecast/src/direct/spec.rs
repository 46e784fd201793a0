//! The specification of a direct forecast, and how it is fitted.

use super::fitted::FittedDirect;
use super::head::{Head, Learner};
use super::training::{Picked, Table};
use crate::features::{History, Recipe, Scale};
use crate::trees::{BoostingSettings, ForestSettings};
use crate::{Data, Fit, FitError, Fitted};
use plimsoll_stats::Random;

/// Which horizons are served, and by how many models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Horizons {
    /// A model for each of these (from 1). A step is answered by the nearest one at or beyond it, by the last one beyond
    /// all; those answers are as good as the difference between the horizons is small.
    Each(Vec<usize>),
    /// One model that is told the horizon, trained on horizons from 1 to this. Steps beyond are told this, and their
    /// seasonal columns are still their own.
    Pooled(usize),
    /// One model for twice the shortest season (12 steps where there is none, 200 at most), or a quarter of the series.
    Usual,
}

/// Rows of a recipe, a learner, and the horizons it is trained for.
///
/// Linear learners drop rows with gaps (and see a gap at the origin as the column's mean), trees learn where gaps go.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    /// What reports call it.
    pub name: &'static str,
    /// What a row holds; when none is given [`Recipe::near`] for a model per horizon, [`Recipe::usual`] for a pooled one.
    pub recipe: Option<Recipe>,
    /// What is learnt.
    pub learner: Learner,
    /// For which horizons.
    pub horizons: Horizons,
    /// About so many rows at most per model, spread evenly over the series.
    pub rows_max: usize,
}

impl Direct {
    /// A learner for exactly one horizon: the cheap form for a forecast that is always asked so many steps ahead.
    #[must_use]
    pub const fn at(name: &'static str, learner: Learner, horizons: Vec<usize>) -> Self {
        Self { name, recipe: None, learner, horizons: Horizons::Each(horizons), rows_max: 50_000 }
    }

    /// Ridge regression with a model for each of these horizons.
    #[must_use]
    pub const fn ridge(horizons: Vec<usize>) -> Self {
        Self::at("ridge-direct", Learner::Ridge(1e-4), horizons)
    }

    /// Boosted trees on the pinball loss with a model for each of these horizons.
    #[must_use]
    pub fn boosting_at(horizons: Vec<usize>) -> Self {
        Self {
            rows_max: 20_000,
            ..Self::at("boosting-direct", Learner::Boosting(BoostingSettings::default()), horizons)
        }
    }

    /// Boosted trees on the pinball loss, told the horizon.
    #[must_use]
    pub fn boosting() -> Self {
        Self::pooled("boosting", Learner::Boosting(BoostingSettings::default()))
    }

    /// A random forest with quantile leaves, told the horizon.
    #[must_use]
    pub const fn random_forest() -> Self {
        Self::pooled("random-forest", Learner::Forest(ForestSettings::forest()))
    }

    /// A single tree with quantile leaves, told the horizon.
    #[must_use]
    pub const fn decision_tree() -> Self {
        Self::pooled("decision-tree", Learner::Forest(ForestSettings::tree()))
    }

    const fn pooled(name: &'static str, learner: Learner) -> Self {
        Self { name, recipe: None, learner, horizons: Horizons::Usual, rows_max: 5_000 }
    }

    /// Horizons of the models, rising; one for a pooled model.
    fn horizons(&self, data: &Data<'_>) -> Result<Vec<usize>, FitError> {
        let len = data.target.values.len();
        match &self.horizons {
            Horizons::Each(each) => {
                let mut each = each.clone();
                each.sort_unstable();
                each.dedup();
                let refused = each.is_empty() || each[0] == 0;
                let value = format!("{each:?}");
                let allowed = "at least one, from 1";
                let error = FitError::Setting { model: self.name, setting: "horizons", value, allowed };
                if refused { Err(error) } else { Ok(each) }
            }
            Horizons::Pooled(most) => Ok(vec![(*most).max(1)]),
            Horizons::Usual => {
                let season = data.seasons.iter().copied().find(|season| *season >= 2);
                Ok(vec![season.map_or(12, |season| 2 * season).min(200).min(len / 4).max(1)])
            }
        }
    }

    fn table(&self, picked: &Picked<'_>, history: &History, horizon: usize, random: &mut Random) -> Table {
        let mut table = Table::new(picked.recipe.width(history.covariates()));
        match self.horizons {
            Horizons::Each(_) => picked.each(history, horizon, &mut table),
            Horizons::Pooled(_) | Horizons::Usual => picked.pooled(history, horizon, random, &mut table),
        }
        table
    }
}

/// Mean size of scaled values; 0 when nothing was measured.
pub(crate) fn size(history: &History) -> f64 {
    let len = history.next();
    let measured = history.window(len.saturating_sub(1), len).iter().filter(|value| value.is_finite());
    let (sum, count) = measured.fold((0.0, 0.0), |(sum, count), value| (sum + value.abs(), count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

impl Fit for Direct {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&self, data: &Data<'_>, seed: u64) -> Result<Fitted, FitError> {
        let horizons = self.horizons(data)?;
        let farthest = horizons.last().copied().unwrap_or(1);
        let pooled = !matches!(self.horizons, Horizons::Each(_));
        let mut recipe =
            self.recipe.clone().unwrap_or_else(|| if pooled { Recipe::usual(data) } else { Recipe::near(data) });
        recipe.horizon = pooled;
        recipe.known.events = data.events.columns.len();
        let scale = Scale::learn(recipe.transform, data.target.values);
        let scales: Vec<Scale> =
            data.covariates.iter().map(|covariate| Scale::learn(recipe.transform, covariate.values)).collect();
        let mut history = History::new(data, scale, &scales, recipe.reach(farthest));
        let size = size(&history);
        let mut random = Random::new(seed);
        let mut heads: Vec<(usize, Head)> = Vec::with_capacity(horizons.len());
        // A recipe that the series is too short for shrinks once for all horizons, on the farthest.
        loop {
            let gaps = self.learner.takes_gaps();
            let picked = Picked { recipe: &recipe, events: data.events, size, gaps, rows_max: self.rows_max };
            let probe = self.table(&picked, &history, farthest, &mut Random::new(seed));
            let wanted = if gaps { 2 } else { 2 * probe.width };
            if probe.y.len() >= wanted {
                for horizon in &horizons {
                    let table = self.table(&picked, &history, *horizon, &mut random);
                    heads.push((*horizon, self.learner.train(&table, random.bits())));
                }
                break;
            }
            match recipe.smaller() {
                Some(smaller) => recipe = smaller,
                None if !probe.y.is_empty() => {
                    heads.push((farthest, self.learner.train(&probe, random.bits())));
                    break;
                }
                None => {
                    let found = data.target.observed().count();
                    return Err(FitError::TooShort { model: self.name, needed: farthest + 1, found });
                }
            }
        }
        history.set_depth(recipe.reach(farthest));
        let names = recipe.names(data);
        Ok(Fitted::Direct(Box::new(FittedDirect::new(recipe, history, heads, size, names))))
    }
}
