//! A fitted ARIMA model: predicts with its normal quantiles and follows new samples with the exact filter.

use super::estimate::Estimate;
use super::filter::Filter;
use super::form::Form;
use super::likelihood::{Workspace, end};
use super::polynomial::{Blocks, differencing, sparse};
use super::prepare::Prepared;
use crate::{Ahead, Events, Explanation, Forecaster, Levels, Prediction, Sample};
use plimsoll_model::quantity::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// A form, its estimates and the state after the last sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedArima {
    form: Form,
    /// φ, θ, Φ, Θ.
    arma: Vec<f64>,
    /// Mean or drift per step, then the events' effects, in the series' units.
    regression: Vec<f64>,
    /// Standard deviation of an innovation, in the series' units.
    deviation: f64,
    log_likelihood: f64,
    aicc: f64,
    filter: Filter,
    shift: f64,
    scale: f64,
    /// Number of the next step, the first measured value being 0.
    next: u64,
    events: Events,
    at: Timestamp,
    step: Millis,
}

/// What the events were at fitting, and when.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub events: Events,
    /// Moment of the first value that was prepared.
    pub start: Timestamp,
    pub step: Millis,
}

impl FittedArima {
    /// From an estimate on `prepared`; `workspace` is used anew.
    pub(crate) fn new(estimate: &Estimate, prepared: &Prepared, known: Known, workspace: &mut Workspace) -> Self {
        let form = estimate.form;
        let sample = prepared.sample(form.constant);
        let refreshed = super::likelihood::likelihood(&estimate.process, &sample, workspace);
        let found = refreshed.unwrap_or_else(|| estimate.likelihood.clone());
        let end = end(&estimate.process, &sample, &found, workspace);
        let (gaps, betas) = found.unknowns.split_at(sample.gaps);
        let values = undo_regression(prepared, &form, betas, gaps);
        let lost = form.lost();
        let mut mean = end.mean;
        mean.extend(values.iter().rev().take(lost));
        let mut columns = end.columns;
        columns.iter_mut().for_each(|column| column.resize(mean.len(), 0.0));
        let roots = found.information.as_ref().map_or_else(Vec::new, |factor| factor.inverse_root(sample.gaps));
        columns.extend(roots.iter().map(|root| gap_column(prepared, &end.gap_columns, root, lost)));
        let blocks = Blocks::of(&form, &estimate.arma);
        let phi = sparse(&blocks.autoregression(form.season));
        let filter = Filter::new(phi, sparse(&differencing(&form)), estimate.process.entry.clone(), mean, columns);
        let freedom = sample.measured().saturating_sub(estimate.arma.len() + betas.len()).max(1);
        let next = prepared.values.len() as u64;
        Self {
            form,
            arma: estimate.arma.clone(),
            regression: betas.iter().map(|beta| beta * prepared.scale).collect(),
            deviation: libm::sqrt(found.squares / freedom as f64) * prepared.scale,
            log_likelihood: estimate.log_likelihood,
            aicc: estimate.aicc,
            filter,
            shift: prepared.shift,
            scale: prepared.scale,
            next,
            at: known.start.plus(known.step.saturating_mul(next)),
            step: known.step,
            events: known.events,
        }
    }

    /// Its form.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// φ, θ, Φ and Θ, in this order.
    #[must_use]
    pub fn arma(&self) -> &[f64] {
        &self.arma
    }

    /// The mean, or the drift per step, when the form has one; then one effect per event column.
    #[must_use]
    pub fn regression(&self) -> &[f64] {
        &self.regression
    }

    /// Standard deviation of an innovation, in the series' units.
    #[must_use]
    pub const fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Logarithm of the exact Gaussian likelihood (of the differenced series), as at fitting.
    #[must_use]
    pub const fn log_likelihood(&self) -> f64 {
        self.log_likelihood
    }

    /// Akaike's corrected criterion, as at fitting; comparable between forms of the same differences only.
    #[must_use]
    pub const fn aicc(&self) -> f64 {
        self.aicc
    }

    /// The events that it was fitted with.
    pub(super) const fn events(&self) -> &Events {
        &self.events
    }

    /// The points of the next `count` steps, the events being those of the fit.
    pub(super) fn points(&self, count: usize) -> Vec<f64> {
        let said = self.filter.predict(count);
        let point = |(step, (mean, _)): (usize, &(f64, f64))| {
            mean * self.scale + self.shift + self.explained(step as u64, &self.events)
        };
        said.iter().enumerate().map(point).collect()
    }

    /// The regression's part of the value `ahead` steps after the next.
    fn explained(&self, ahead: u64, events: &Events) -> f64 {
        let (constant, effects) = self.regression.split_at(usize::from(self.form.constant));
        let number = self.next.saturating_add(ahead) as f64;
        let base = constant.first().map_or(0.0, |value| match self.form.differences() {
            0 => *value,
            _ => value * number,
        });
        let at = self.at.plus(self.step.saturating_mul(ahead));
        let effect = |(effect, column): (&f64, &crate::events::Column)| effect * column.at(at);
        base + effects.iter().zip(&events.columns).map(effect).sum::<f64>()
    }
}

/// The series without its regression and with the gaps' estimates in place: what the lags of the state hold.
fn undo_regression(prepared: &Prepared, form: &Form, betas: &[f64], gaps: &[f64]) -> Vec<f64> {
    let mut values = prepared.values.clone();
    for (gap, unknown) in prepared.missing.iter().zip(gaps) {
        values[*gap] -= unknown;
    }
    let (constant, effects) = betas.split_at(usize::from(form.constant));
    for (index, value) in values.iter_mut().enumerate() {
        *value -= constant.first().map_or(0.0, |beta| beta * prepared.constant_at(index));
        *value -= effects.iter().zip(&prepared.regressors).map(|(beta, column)| beta * column[index]).sum::<f64>();
    }
    values
}

/// What a combination `root` of the gaps' errors does to the state: its ARMA part, then the last values themselves.
fn gap_column(prepared: &Prepared, effects: &[Vec<f64>], root: &[f64], lost: usize) -> Vec<f64> {
    let size = effects[0].len();
    let mut column = vec![0.0; size + lost];
    for ((effect, gap), weight) in effects.iter().zip(&prepared.missing).zip(root) {
        column.iter_mut().zip(effect).for_each(|(column, effect)| *column += weight * effect);
        let back = prepared.values.len() - 1 - gap;
        if back < lost {
            column[size + back] += weight;
        }
    }
    column
}

impl Forecaster for FittedArima {
    /// Means of the state's forecast; quantiles of normal distributions whose variances are those of the innovations to
    /// come (Σ ψ²) and of what gaps left open. Parameters are taken for known, as in R.
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let said = self.filter.predict(ahead.horizon);
        let point = |(step, (mean, _)): (usize, &(f64, f64))| {
            mean * self.scale + self.shift + self.explained(step as u64, ahead.events)
        };
        let points = said.iter().enumerate().map(point).collect();
        let deviations: Vec<f64> = said.iter().map(|(_, variance)| self.deviation * libm::sqrt(*variance)).collect();
        Prediction::normal(levels, points, &deviations)
    }

    /// One step of the Kalman filter with the parameters of the fit; a gap widens what is not known of the state.
    fn update(&mut self, sample: &Sample<'_>) {
        let value = (sample.value - self.shift - self.explained(0, &self.events)) / self.scale;
        self.filter.step(value);
        self.next = self.next.saturating_add(1);
        self.at = self.at.plus(self.step);
    }

    fn explain(&self) -> Explanation {
        super::explain::explain(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::estimate::at;
    use super::super::form::Order;
    use super::*;
    use plimsoll_stats::{Random, normal};

    /// A walk with a season that drifts, with gaps where asked for.
    fn series(count: usize, gaps: &[usize]) -> Vec<f64> {
        let mut random = Random::new(11);
        let mut draw = || normal::quantile(random.unit().clamp(1e-9, 1.0 - 1e-9));
        let mut months = [5.0, 0.0, -3.0, 8.0, 1.0, 0.0];
        let mut level = 100.0;
        let value = |index: usize| {
            level += draw();
            months[index % 6] += 0.3 * draw();
            if gaps.contains(&index) { f64::NAN } else { level + months[index % 6] }
        };
        (0..count).map(value).collect()
    }

    /// The form with these coefficients after `values`, nothing estimated.
    fn given(form: &Form, arma: &[f64], values: &[f64]) -> FittedArima {
        let prepared = Prepared::new(values, &[], form.plain.d, form.seasonal.d, form.season);
        let mut workspace = Workspace::default();
        let sample = prepared.sample(form.constant);
        let estimate = at(form, arma.to_vec(), &sample, &prepared, &mut workspace).unwrap();
        let known = Known { events: Events::default(), start: Timestamp(0), step: Millis(1) };
        FittedArima::new(&estimate, &prepared, known, &mut workspace)
    }

    /// Means and variances in the series' units for an innovation of 1.
    fn said(fitted: &FittedArima) -> Vec<(f64, f64)> {
        let said = fitted.filter.predict(20);
        said.iter().map(|(mean, variance)| (mean * fitted.scale + fitted.shift, *variance)).collect()
    }

    #[test]
    fn updating_equals_the_filter_over_the_longer_series_gaps_included() {
        let forms = [
            (
                Form { plain: Order::new(0, 1, 1), seasonal: Order::new(0, 1, 1), season: 6, constant: false },
                &[-0.3, -0.9][..],
            ),
            (
                Form { plain: Order::new(2, 1, 0), seasonal: Order::new(1, 0, 0), season: 6, constant: false },
                &[0.3, 0.2, 0.6],
            ),
            (Form { plain: Order::new(1, 0, 1), seasonal: Order::default(), season: 1, constant: false }, &[0.9, 0.4]),
        ];
        for gaps in [&[][..], &[3, 50, 71, 75, 76, 77, 78]] {
            let values = series(90, gaps);
            for (form, arma) in forms {
                let mut updated = given(&form, arma, &values[..70]);
                values[70..].iter().for_each(|value| updated.update(&Sample::of(*value)));
                let whole = given(&form, arma, &values);
                for (a, b) in said(&updated).iter().zip(said(&whole)) {
                    assert!((a.0 - b.0).abs() < 1e-6 * b.0.abs(), "{form} {a:?} {b:?}");
                    assert!((a.1 - b.1).abs() < 1e-6 * b.1, "{form} {a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_drift_goes_on_after_updates_and_an_effect_is_known_in_advance() {
        use crate::events::{Column, Window};
        use crate::{Data, Fit, Series};
        let hour = 3_600_000;
        let window = |from: u64| Window {
            from: Timestamp(from as i64 * hour),
            to: Timestamp((from as i64 + 2) * hour),
            value: 1.0,
        };
        let windows = [10, 30, 47, 62, 81, 92].map(window).to_vec();
        let events = Events { columns: vec![Column { name: "sale".into(), windows }] };
        let plain = series(90, &[]);
        let at = |index: usize| events.columns[0].at(Timestamp(index as i64 * hour));
        let values: Vec<f64> = (0..90).map(|index| plain[index] + 0.5 * index as f64 + 40.0 * at(index)).collect();
        let data = Data { events: &events, ..Data::alone(Series::untimed(&values), &[]) };
        let spec = super::super::Arima { plain: Order::new(1, 1, 0), constant: true, ..Default::default() };
        let mut fitted = spec.fit(&data.head(80), 0).unwrap();
        values[80..].iter().for_each(|value| fitted.update(&Sample::of(*value)));
        let ahead = Ahead { horizon: 5, events: &events };
        let points = fitted.predict(&ahead, &Levels::deciles()).points().to_vec();
        assert!(points[2] - points[1] > 30.0 && points[4] - points[3] < -30.0, "{points:?}");
        let crate::Fitted::Arima(fitted) = fitted else { panic!("an ARIMA model") };
        let text = fitted.explain().to_string();
        assert!(text.starts_with("ARIMA(1,1,0) with drift\n") && text.contains("term    sale"), "{text}");
        assert!((fitted.regression()[1] - 40.0).abs() < 6.0, "{:?}", fitted.regression());
    }
}
