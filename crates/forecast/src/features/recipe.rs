//! What a row holds.

use super::{Known, Transform};
use crate::Data;
use serde::{Deserialize, Serialize};

/// What values of a row, and its target, are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relative {
    /// To nothing.
    #[default]
    Nothing,
    /// What is left after the mean of so many newest values was taken off; on the logarithmic scale that is a ratio to the
    /// present level, and 1 means "relative to the last value".
    Difference(usize),
    /// A multiple of the mean size of so many newest values.
    Ratio(usize),
}

/// Values at whole seasons before the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeasonalLag {
    /// Length of the season in steps.
    pub period: usize,
    /// How many seasons back, each one column; the newest is the first at or before the origin.
    pub count: usize,
    /// Each is the mean of so many values on either side (of those that are known at the origin).
    pub smooth: usize,
}

/// A statistic of a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Statistic {
    /// Mean.
    Mean,
    /// Standard deviation; never relative to the level.
    Deviation,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// A quantile.
    Quantile(f64),
}

/// Statistics of the newest values up to the origin; gaps are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// Length in steps.
    pub window: usize,
    /// One column each.
    pub statistics: Vec<Statistic>,
}

/// The columns of a row, in the order of these fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// How values are scaled.
    pub transform: Transform,
    /// What they and the target are relative to.
    pub relative: Relative,
    /// So many newest values: at the origin, one before it, …
    pub recent: usize,
    /// Values so many steps before the origin.
    pub lags: Vec<usize>,
    /// Values at whole seasons before the target, and beside each the same of the origin: how the season went on from here.
    pub seasonal: Vec<SeasonalLag>,
    /// Statistics of windows up to the origin.
    pub rolling: Vec<Rolling>,
    /// Value at the origin less the one so many steps before it.
    pub differences: Vec<usize>,
    /// So many newest values of every covariate.
    pub covariates: usize,
    /// How many steps ahead the target lies: for a model that serves several horizons.
    pub horizon: bool,
    /// What is known of the target's moment.
    pub known: Known,
}

impl Recipe {
    /// Values before the origin that a row reaches back to, for horizons up to `horizon`.
    #[must_use]
    pub fn reach(&self, horizon: usize) -> usize {
        let relative = match self.relative {
            Relative::Nothing => 1,
            Relative::Difference(window) | Relative::Ratio(window) => window.max(1),
        };
        let seasonal = self.seasonal.iter().map(|lag| {
            // The origin's own place in the oldest season lies at most one horizon before the target's.
            let whole = horizon.div_ceil(lag.period.max(1)).max(1) + lag.count.saturating_sub(1);
            whole * lag.period + lag.smooth
        });
        let own = [relative, self.recent, self.covariates].into_iter();
        let lags = self.lags.iter().chain(&self.differences).map(|lag| lag + 1);
        let windows = self.rolling.iter().map(|rolling| rolling.window);
        own.chain(lags).chain(windows).chain(seasonal.map(|reach| reach + 1)).max().unwrap_or(1)
    }

    /// Columns of a row for so many covariates.
    #[must_use]
    pub fn width(&self, covariates: usize) -> usize {
        let seasonal: usize = self.seasonal.iter().map(|lag| 2 * lag.count).sum();
        let rolling: usize = self.rolling.iter().map(|rolling| rolling.statistics.len()).sum();
        let own = self.recent + self.lags.len() + seasonal + rolling + self.differences.len();
        own + self.covariates * covariates + usize::from(self.horizon) + self.known.width()
    }

    /// What the columns are called, in their order.
    #[must_use]
    pub fn names(&self, data: &Data<'_>) -> Vec<String> {
        let mut names: Vec<String> = (0..self.recent).map(|back| format!("lag {back}")).collect();
        names.extend(self.lags.iter().map(|back| format!("lag {back}")));
        for lag in &self.seasonal {
            for back in 1..=lag.count {
                names.push(format!("{back} seasons of {} before the target", lag.period));
                names.push(format!("{back} seasons of {} before the origin", lag.period));
            }
        }
        for rolling in &self.rolling {
            names.extend(rolling.statistics.iter().map(|statistic| match statistic {
                Statistic::Quantile(level) => format!("quantile {level} of {}", rolling.window),
                named => format!("{named:?} of {}", rolling.window).to_lowercase(),
            }));
        }
        names.extend(self.differences.iter().map(|back| format!("change since lag {back}")));
        for covariate in data.covariates {
            names.extend((0..self.covariates).map(|back| format!("{} lag {back}", covariate.name)));
        }
        names.extend(self.horizon.then(|| "horizon".to_owned()));
        names.extend(self.known.names(data));
        names
    }

    /// What is worth looking at in `data`, from its seasons and its length: the newest values, the two newest days (each
    /// season that fits three times), levels over a few windows, and events. Values are seen on a logarithmic scale relative
    /// to the level of the shortest season, or to the last value where there is none. Fourier terms are not among them:
    /// with seasonal lags they made quantiles of hourly series worse.
    #[must_use]
    pub fn usual(data: &Data<'_>) -> Self {
        let len = data.target.values.len();
        let fitting: Vec<usize> =
            data.seasons.iter().copied().filter(|period| *period >= 2 && 3 * period <= len).collect();
        let shortest = fitting.first().copied();
        let recent = 12.min(len / 8).max(1);
        let windows = [6, 24].into_iter().chain(shortest).filter(|window| 6 * window <= len);
        let mut windows: Vec<usize> = windows.collect();
        windows.sort_unstable();
        windows.dedup();
        let statistics = vec![Statistic::Mean, Statistic::Deviation, Statistic::Min, Statistic::Max];
        let count = |period: usize| (len / (4 * period)).clamp(1, 3);
        Self {
            transform: Transform::Log,
            relative: Relative::Difference(shortest.filter(|period| *period <= 200).unwrap_or(1)),
            recent,
            seasonal: fitting
                .iter()
                .map(|period| SeasonalLag { period: *period, count: count(*period), smooth: period / 100 })
                .collect(),
            rolling: windows.into_iter().map(|window| Rolling { window, statistics: statistics.clone() }).collect(),
            covariates: if data.covariates.is_empty() { 0 } else { recent.min(3) },
            known: Known { events: data.events.columns.len(), ..Known::default() },
            ..Self::default()
        }
    }

    /// What is worth looking at for a forecast of a few steps, at a step that is short beside the season (minutes beside a
    /// day): the newest values, three windows, and the same time yesterday and the day before, smoothed; all as a ratio to
    /// the mean of the last five values, so that the errors learnt are relative ones, with a floor where the level is next
    /// to nothing.
    #[must_use]
    pub fn near(data: &Data<'_>) -> Self {
        let len = data.target.values.len();
        let fits = |period: &usize| *period >= 2 && 3 * *period <= len;
        let season = data.seasons.iter().copied().find(fits);
        let windows = [5, 15, 60].into_iter().filter(|window| 6 * window <= len);
        let statistics = vec![Statistic::Mean, Statistic::Deviation];
        let smooth = |period: usize| (period / 48).min(5);
        Self {
            transform: Transform::Identity,
            relative: Relative::Ratio(5),
            recent: 6.min(len / 8).max(1),
            seasonal: season
                .map(|period| SeasonalLag { period, count: 2, smooth: smooth(period) })
                .into_iter()
                .collect(),
            rolling: windows.map(|window| Rolling { window, statistics: statistics.clone() }).collect(),
            covariates: if data.covariates.is_empty() { 0 } else { 3 },
            known: Known { events: data.events.columns.len(), ..Known::default() },
            ..Self::default()
        }
    }

    /// The next simpler recipe, for a series that is too short for this one: without the longest season, then without
    /// windows, then with half of the newest values. None when one value is all that is left.
    pub(crate) fn smaller(&self) -> Option<Self> {
        let mut smaller = self.clone();
        if smaller.seasonal.pop().is_some() || smaller.known.fourier.pop().is_some() || smaller.rolling.pop().is_some()
        {
            return Some(smaller);
        }
        smaller.lags.clear();
        smaller.differences.clear();
        smaller.recent = self.recent / 2;
        smaller.covariates = self.covariates / 2;
        smaller.relative = match self.relative {
            Relative::Difference(_) => Relative::Difference(1),
            Relative::Ratio(_) => Relative::Ratio(1),
            Relative::Nothing => Relative::Nothing,
        };
        (smaller != *self).then_some(smaller)
    }
}
