//! ARIMA of a form that is given.

use super::bfgs::Effort;
use super::estimate::{Estimate, Guess, exact, guess};
use super::fitted::{FittedArima, Known};
use super::form::{Form, Order};
use super::likelihood::Workspace;
use super::prepare::Prepared;
use crate::{Data, Events, Fit, FitError, Fitted, Forecaster, Sample};

/// Seasonal ARIMA of one form, estimated by maximum likelihood.
///
/// # Source
/// G. E. P. Box, G. M. Jenkins, *Time Series Analysis: Forecasting and Control*, 1970; results as R's `arima(method =
/// "CSS-ML")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arima {
    /// Orders from step to step.
    pub plain: Order,
    /// Orders from season to season; left out when the data have no season that fits.
    pub seasonal: Order,
    /// Whether to estimate a mean or a drift; without effect from two differences on.
    pub constant: bool,
    /// Which of the data's seasons, counted from the shortest; the shortest when none is named.
    pub season: Option<usize>,
}

impl Default for Arima {
    /// (1,1,1), and (0,1,1) from season to season.
    fn default() -> Self {
        Self { plain: Order::new(1, 1, 1), seasonal: Order::new(0, 1, 1), constant: false, season: None }
    }
}

/// A season longer than this many steps is not modelled: state and time grow with it.
pub(crate) const SEASON_MAX: usize = 350;
/// More gaps than this cost more than what lies before them is worth: the newest part that has fewer is fitted.
pub(crate) const GAPS_MAX: usize = 100;
const ORDER_MAX: usize = 20;

/// The season to model: 1 when the data have none, or none of a length that fits twice.
pub(crate) fn season_of(data: &Data<'_>, index: Option<usize>) -> usize {
    let season = data.seasons.get(index.unwrap_or(0)).copied().unwrap_or(1);
    if (2..=SEASON_MAX).contains(&season) && data.target.values.len() > 2 * season { season } else { 1 }
}

/// The part of the target that is fitted, and its start: from the first measured value on, or from the newest `GAPS_MAX`
/// gaps on.
pub(crate) fn recent<'a>(data: &Data<'a>) -> crate::Series<'a> {
    let values = data.target.values;
    let end = values.iter().rposition(|value| value.is_finite()).map_or(0, |last| last + 1);
    let gaps = values[..end].iter().enumerate().rev().filter(|(_, value)| !value.is_finite());
    let cut = gaps.map(|(index, _)| index).nth(GAPS_MAX).map_or(0, |index| index + 1);
    let first = values[cut..].iter().position(|value| value.is_finite()).map_or(values.len(), |first| cut + first);
    data.target.tail(values.len() - first)
}

/// What a fit keeps of a series that `recent` gave, and its values of the events.
pub(crate) fn known(data: &Data<'_>, series: &crate::Series<'_>) -> (Known, Vec<Vec<f64>>) {
    let column =
        |column: &crate::events::Column| (0..series.values.len()).map(|index| column.at(series.at(index))).collect();
    let regressors: Vec<Vec<f64>> = data.events.columns.iter().map(column).collect();
    (Known { events: data.events.clone(), start: series.start, step: series.step }, regressors)
}

/// The fitted model after the values that were not measured at the end.
pub(crate) fn finish(mut fitted: FittedArima, series: &crate::Series<'_>) -> Fitted {
    let measured = series.values.iter().rposition(|value| value.is_finite()).map_or(0, |last| last + 1);
    series.values[measured..].iter().for_each(|value| fitted.update(&Sample::of(*value)));
    Fitted::Arima(Box::new(fitted))
}

/// The simplest model of this many differences, for a series that allows nothing else: no coefficients at all.
pub(crate) fn bare(prepared: &Prepared, constant: bool, workspace: &mut Workspace) -> Option<Estimate> {
    let mut form = prepared.differences;
    form.constant = constant && form.differences() < 2;
    let sample = prepared.sample(form.constant);
    super::estimate::at(&form, Vec::new(), &sample, prepared, workspace)
}

impl Arima {
    fn form(&self, season: usize) -> Form {
        let seasonal = if season > 1 { self.seasonal } else { Order::default() };
        let constant = self.constant && self.plain.d + seasonal.d < 2;
        Form { plain: self.plain, seasonal, season, constant }
    }

    fn check(&self) -> Result<(), FitError> {
        let most = [self.plain.p, self.plain.d, self.plain.q, self.seasonal.p, self.seasonal.d, self.seasonal.q];
        match most.into_iter().find(|order| *order > ORDER_MAX) {
            Some(order) => Err(FitError::Setting {
                model: "arima",
                setting: "order",
                value: order.to_string(),
                allowed: "at most 20",
            }),
            None => Ok(()),
        }
    }
}

impl Fit for Arima {
    fn name(&self) -> &'static str {
        "arima"
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        self.check()?;
        let series = recent(data);
        let found = series.observed().count();
        if found == 0 {
            return Err(FitError::TooShort { model: self.name(), needed: 1, found });
        }
        let (known, regressors) = known(data, &series);
        let mut workspace = Workspace::default();
        // What the series is too short for is left out: first the season, then the orders, then the differences.
        let seasonal = self.form(season_of(data, self.season));
        let plain = Self { seasonal: Order::default(), ..*self }.form(1);
        for form in [seasonal, plain] {
            let prepared = Prepared::new(series.values, &regressors, form.plain.d, form.seasonal.d, form.season);
            let estimate = try_form(&form, &prepared, &mut workspace);
            if let Some(estimate) = estimate {
                return Ok(finish(FittedArima::new(&estimate, &prepared, known, &mut workspace), &series));
            }
        }
        simplest(&series, known, &mut workspace).map(|fitted| finish(fitted, &series))
    }
}

fn try_form(form: &Form, prepared: &Prepared, workspace: &mut Workspace) -> Option<Estimate> {
    if prepared.is_flat() && prepared.measured() > 2 {
        return bare(prepared, true, workspace);
    }
    if prepared.measured() <= form.arma_count() + usize::from(form.constant) + 1 {
        return None;
    }
    let guess: Guess = guess(form, prepared, None)?;
    exact(&guess, None, prepared, workspace, Effort::FULL)
}

/// A random walk, or a constant when there is but one value: what any series allows.
pub(crate) fn simplest(
    series: &crate::Series<'_>,
    known: Known,
    workspace: &mut Workspace,
) -> Result<FittedArima, FitError> {
    for d in [1, 0] {
        let prepared = Prepared::new(series.values, &[], d, 0, 1);
        // One step is no drift.
        let constant = d == 0 || prepared.is_flat() && prepared.measured() > 2;
        let estimate = bare(&prepared, constant, workspace).filter(|_| prepared.measured() > 0);
        if let Some(estimate) = estimate {
            let known = Known { events: Events::default(), ..known };
            return Ok(FittedArima::new(&estimate, &prepared, known, workspace));
        }
    }
    Err(FitError::Unsuitable { model: "arima", why: "its values are not finite numbers" })
}
