//! ARIMA of a form that is found: differences by tests, orders by a stepwise search.

use super::estimate::RootRule;
use super::fitted::FittedArima;
use super::fixed::{bare, finish, known, recent, season_of, simplest};
use super::form::Order;
use super::likelihood::Workspace;
use super::prepare::{Prepared, interpolate};
use super::stepwise::{Limits, Search};
use super::unit_root::{SeasonalTest, differences, seasonal_differences};
use crate::{Data, Fit, FitError, Fitted};

/// Seasonal ARIMA whose form is chosen by Akaike's corrected criterion, with R's defaults.
///
/// # Source
/// R. J. Hyndman, Y. Khandakar, "Automatic Time Series Forecasting: The forecast Package for R", Journal of Statistical
/// Software 27(3), 2008.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoArima {
    /// Most autoregressive terms, differences and moving-average terms from step to step.
    pub plain: Order,
    /// The same from season to season.
    pub seasonal: Order,
    /// What decides about the seasonal difference.
    pub seasonal_test: SeasonalTest,
    /// Whether a mean or drift may be chosen.
    pub constant: bool,
    /// Whether forms are compared by the conditional sum of squares instead of the exact likelihood; when none is given,
    /// only where the exact one would take seconds.
    pub approximation: Option<bool>,
    /// Forms that are estimated exactly after an approximate search, the best first; R takes one.
    pub finalists: usize,
    /// Which forms are too close to the unit circle.
    pub roots: RootRule,
    /// Most forms that are tried.
    pub forms: usize,
    /// Which of the data's seasons, counted from the shortest; the shortest when none is named.
    pub season: Option<usize>,
}

/// Multiplications of one exact likelihood beyond which the search is a conditional one: some fifty evaluations a form,
/// some fifty forms.
const EXACT_WORK_MAX: usize = 250_000;

impl Default for AutoArima {
    fn default() -> Self {
        Self {
            plain: Order::new(5, 2, 5),
            seasonal: Order::new(2, 1, 2),
            seasonal_test: SeasonalTest::default(),
            constant: true,
            approximation: None,
            finalists: 3,
            roots: RootRule::default(),
            forms: 94,
            season: None,
        }
    }
}

impl AutoArima {
    /// The series under the differences that the tests ask for.
    fn prepare(&self, values: &[f64], regressors: &[Vec<f64>], season: usize) -> Prepared {
        let (filled, _) = interpolate(values);
        let seasonal_d = match season {
            1 => 0,
            _ => seasonal_differences(&filled, season, self.seasonal_test, self.seasonal.d),
        };
        let mut prepared = Prepared::new(values, regressors, 0, seasonal_d, season);
        // The test leaves out what a gap stands in.
        let measured = prepared.differenced.iter().zip(&prepared.whole).filter(|(_, whole)| **whole);
        let measured: Vec<f64> = measured.map(|(value, _)| *value).collect();
        let d = differences(&measured, self.plain.d);
        if d > 0 {
            prepared = Prepared::new(values, regressors, d, seasonal_d, season);
        }
        prepared
    }

    fn limits(&self, prepared: &Prepared, season: usize) -> Limits {
        let measured = prepared.values.len() - prepared.missing.len();
        let most = |order: usize| order.min(measured / 3).min(if season > 1 { season - 1 } else { usize::MAX });
        let gaps = prepared.missing.len();
        let work = prepared.values.len() * (2 * season + 40) * (1 + gaps / 4) + prepared.values.len() * gaps * gaps / 2;
        let seasons = |order: usize| if season > 1 { order.min(measured / 3 / season) } else { 0 };
        Limits {
            plain: Order::new(most(self.plain.p), 0, most(self.plain.q)),
            seasonal: Order::new(seasons(self.seasonal.p), 0, seasons(self.seasonal.q)),
            constant: self.constant && prepared.differences.differences() < 2,
            forms: self.forms.max(5),
            roots: self.roots,
            exact: !self.approximation.unwrap_or(work > EXACT_WORK_MAX),
        }
    }
}

impl Fit for AutoArima {
    fn name(&self) -> &'static str {
        "auto-arima"
    }

    /// Searches as R's `auto.arima`. A series that allows no form at all gets a random walk, or its only value.
    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let series = recent(data);
        let found = series.observed().count();
        if found == 0 {
            return Err(FitError::TooShort { model: self.name(), needed: 1, found });
        }
        let (known, regressors) = known(data, &series);
        let season = season_of(data, self.season);
        let prepared = self.prepare(series.values, &regressors, season);
        let mut workspace = Workspace::default();
        let estimate = if prepared.is_flat() {
            // Nothing is left to explain, and one step is no drift.
            (prepared.measured() > 2).then(|| bare(&prepared, true, &mut workspace)).flatten()
        } else {
            let limits = self.limits(&prepared, season);
            let mut search = Search::new(&prepared, limits);
            search.run(&mut workspace);
            let best = search.best(self.finalists, &mut workspace);
            best.or_else(|| bare(&prepared, self.constant, &mut workspace))
        };
        match estimate {
            Some(estimate) => {
                let fitted = FittedArima::new(&estimate, &prepared, known, &mut workspace);
                Ok(finish(fitted, &series))
            }
            None => simplest(&series, known, &mut workspace).map(|fitted| finish(fitted, &series)),
        }
    }
}
