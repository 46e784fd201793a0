//! A fitted autoregression: its weights, its errors and the values that its lags reach back to.

use super::LinearModel;
use crate::direct::{Scores, Spread};
use crate::explanation::{Margin, NamedPart, RecentErrors};
use crate::features::{History, Known};
use crate::{Ahead, Events, Explanation, Forecaster, Levels, NO_EVENTS, Prediction, Sample};
use serde::{Deserialize, Serialize};

/// What [`super::Autoregression`] gives.
///
/// A gap takes the place of its own one-step forecast in the lags (the conditional mean, as a Kalman filter that skips an
/// update has it); nothing is learnt from it. Events that come after the fit are known to `predict` only, so a gap while
/// one takes place is bridged without it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedAutoregression {
    pub(super) history: History,
    /// Rising.
    pub(super) lags: Vec<usize>,
    pub(super) known: Known,
    /// Weights of the lags, then of what is known in advance.
    pub(super) model: LinearModel,
    pub(super) spread: Spread,
    /// Nothing below this is said, scaled.
    pub(super) low: f64,
    /// Nor above this.
    pub(super) high: f64,
    /// Names of the columns known in advance.
    pub(super) names: Vec<String>,
    /// Errors one step ahead since it was fitted.
    pub(super) recent: Recent,
}

/// Exponentially weighted errors, in the units of the series.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Recent {
    count: u64,
    absolute: f64,
    bias: f64,
}

/// Errors that weigh in [`Recent`]: about as many.
const RECENT: u64 = 64;
/// Lags named in an explanation: those of the largest weights.
const NAMED: usize = 8;

impl Recent {
    fn push(&mut self, error: f64) {
        if error.is_finite() {
            self.count += 1;
            let weight = 1.0 / self.count.min(RECENT) as f64;
            self.absolute += weight * (error.abs() - self.absolute);
            self.bias += weight * (error - self.bias);
        }
    }

    fn explained(self) -> Option<RecentErrors> {
        let Self { count, absolute, bias } = self;
        (count > 0).then_some(RecentErrors { count, mean_absolute: absolute, bias, coverage: None })
    }
}

impl FittedAutoregression {
    /// The linear model of the next scaled value: weights of [`Self::lags`], then of what is known in advance.
    #[must_use]
    pub const fn model(&self) -> &LinearModel {
        &self.model
    }

    /// The lags it looks at.
    #[must_use]
    pub fn lags(&self) -> &[usize] {
        &self.lags
    }

    /// Replaces gaps by what the model says of them, oldest first; by the value before where a lag reaches further back
    /// than the series. True when there were any.
    pub(super) fn fill(
        history: &mut History,
        model: &LinearModel,
        lags: &[usize],
        known: &Known,
        events: &Events,
    ) -> bool {
        let step = history.step();
        let gaps: Vec<usize> = (0..history.next()).filter(|number| history.value(*number).is_nan()).collect();
        let mut regressors = Vec::new();
        for &number in &gaps {
            regressors.clear();
            known.push(history.at(number), step, events, &mut regressors);
            let values = history.values_mut();
            let said = Self::next(model, lags, &regressors, &values[..number]);
            let before = number.checked_sub(1).map(|before| values[before]);
            let first = || values.iter().copied().find(|value| value.is_finite()).unwrap_or(0.0);
            let filled = if said.is_finite() { said } else { before.unwrap_or_else(first) };
            history.values_mut()[number] = filled;
        }
        !gaps.is_empty()
    }

    /// The value after `past`; NaN when a lag reaches further back.
    fn next(model: &LinearModel, lags: &[usize], known: &[f64], past: &[f64]) -> f64 {
        let (of_lags, of_known) = model.weights.split_at(lags.len());
        if lags.last().is_some_and(|farthest| *farthest > past.len()) {
            return f64::NAN;
        }
        let start = of_known.iter().zip(known).fold(model.intercept, |sum, (weight, value)| sum + weight * value);
        lags.iter().zip(of_lags).fold(start, |sum, (lag, weight)| sum + weight * past[past.len() - lag])
    }

    /// Scaled points of the next steps.
    fn path(&self, ahead: &Ahead<'_>) -> Vec<f64> {
        let next = self.history.next();
        let depth = self.lags.last().copied().unwrap_or(1);
        let mut values = self.history.window(next.saturating_sub(1), depth).to_vec();
        let start = values.len();
        let mut known = Vec::new();
        for step in 0..ahead.horizon {
            known.clear();
            self.known.push(self.history.at(next + step), self.history.step(), ahead.events, &mut known);
            let said = Self::next(&self.model, &self.lags, &known, &values);
            values.push(said.clamp(self.low, self.high));
        }
        values.split_off(start)
    }
}

impl Forecaster for FittedAutoregression {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let path = self.path(ahead);
        let scores = Scores::new(levels.as_slice());
        let scale = self.history.scale();
        let mut errors = Vec::with_capacity(levels.len());
        let mut values = Vec::with_capacity(path.len() * levels.len());
        for (step, point) in path.iter().enumerate() {
            errors.clear();
            self.spread.push_errors(step + 1, &scores, &mut errors);
            values.extend(errors.iter().map(|error| scale.invert((point + error).clamp(self.low, self.high))));
        }
        Prediction::new(levels, path.into_iter().map(|point| scale.invert(point)).collect(), values)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        let scaled = self.history.scale().apply(sample.value);
        let said = self.path(&Ahead { horizon: 1, events: &NO_EVENTS })[0];
        self.recent.push(sample.value - self.history.scale().invert(said));
        self.history.push_scaled(if scaled.is_finite() { scaled } else { said }, &[]);
    }

    /// The weights are those of scaled values; errors are of forecasts that knew of no event.
    fn explain(&self) -> Explanation {
        let (of_lags, of_known) = self.model.weights.split_at(self.lags.len());
        let part = |(name, weight): (String, &f64)| NamedPart { name, value: *weight };
        let lags = self.lags.iter().map(|lag| format!("lag {lag}"));
        let mut terms: Vec<NamedPart> = lags.zip(of_lags).map(part).collect();
        terms.sort_by(|a, b| b.value.abs().total_cmp(&a.value.abs()));
        terms.truncate(NAMED);
        terms.extend(self.names.iter().cloned().zip(of_known).map(part));
        let levels = Levels::try_new(vec![0.99]).unwrap_or_else(|_| Levels::deciles());
        let next = self.predict(&Ahead::steps(1), &levels);
        let margin = Margin {
            level: 0.99,
            value: next.values()[levels.len() - 1] - next.points()[0],
            scale: self.history.scale().name().into(),
        };
        let last = self.history.next().checked_sub(1).map(|last| self.history.scale().invert(self.history.value(last)));
        let form = format!("linear regression on {} lags ({} scale)", self.lags.len(), self.history.scale().name());
        Explanation {
            level: last,
            terms,
            margin: Some(margin),
            recent: self.recent.explained(),
            ..Explanation::of(form)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::Autoregression;
    use crate::{Data, Fit, Fitted, Series};
    use plimsoll_stats::Random;

    fn series(len: usize, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        let mut last = 0.0;
        (0..len)
            .map(|t| {
                last = 0.6 * last + random.normal();
                50.0 + 20.0 * (t as f64 / 12.0 * std::f64::consts::PI).sin() + last
            })
            .collect()
    }

    fn fit(values: &[f64]) -> Fitted {
        Autoregression::ridge().fit(&Data::alone(Series::untimed(values), &[24]), 0).unwrap()
    }

    #[test]
    fn it_finds_the_weights_of_an_autoregression() {
        let mut random = Random::new(3);
        let mut values = vec![0.0, 0.0];
        for t in 2..4_000 {
            values.push(1.2 * values[t - 1] - 0.5 * values[t - 2] + random.normal());
        }
        let spec = Autoregression { transform: crate::features::Transform::Identity, ..Autoregression::ridge() };
        let fitted =
            Autoregression { lags: Some(vec![1, 2]), ..spec }.fit(&Data::alone(Series::untimed(&values), &[]), 0);
        let Ok(Fitted::Autoregression(fitted)) = fitted else { panic!("{fitted:?}") };
        let weights = &fitted.model().weights;
        assert!((weights[0] - 1.2).abs() < 0.05 && (weights[1] + 0.5).abs() < 0.05, "{weights:?}");
        // Far ahead the quantiles are those of the process: σ² = (1 − φ₂) / ((1 + φ₂) ((1 − φ₂)² − φ₁²)), φ = (1.2, −0.5).
        let deviation = libm::sqrt(1.5 / (0.5 * (2.25 - 1.44)));
        let levels = Levels::try_new(vec![0.158_655, 0.841_345]).unwrap();
        let said = fitted.predict(&Ahead::steps(40), &levels);
        let far = said.quantiles(39).unwrap();
        assert!(((far[1] - far[0]) / 2.0 / deviation - 1.0).abs() < 0.1, "{far:?} {deviation}");
    }

    #[test]
    fn an_update_is_as_if_the_longer_series_had_been_looked_at() {
        let values = series(400, 1);
        let mut updated = fit(&values[..300]);
        values[300..].iter().for_each(|value| updated.update(&Sample::of(*value)));
        let (Fitted::Autoregression(short), Fitted::Autoregression(mut long)) = (updated, fit(&values)) else {
            panic!()
        };
        // The same weights over the longer history say the same.
        long.model = short.model.clone();
        long.history = crate::features::History::new(
            &Data::alone(Series::untimed(&values), &[24]),
            *short.history.scale(),
            &[],
            60,
        );
        assert_eq!(short.path(&Ahead::steps(30)), long.path(&Ahead::steps(30)));
    }

    #[test]
    fn it_names_its_lags_and_what_it_got_wrong() {
        let values = series(400, 1);
        let mut fitted = fit(&values[..399]);
        assert_eq!(fitted.explain().recent, None);
        fitted.update(&Sample::of(values[399]));
        let explained = fitted.explain();
        assert_eq!(explained.terms.len(), NAMED);
        assert!(explained.terms.iter().any(|term| term.name == "lag 24"), "{explained}");
        assert!(explained.recent.is_some_and(|recent| recent.count == 1 && recent.mean_absolute == recent.bias.abs()));
        assert!(explained.margin.is_some_and(|margin| margin.value > 0.0 && margin.scale == "relative"));
    }

    #[test]
    fn gaps_are_bridged_by_its_own_forecast() {
        let mut values = series(400, 2);
        values[30] = f64::NAN;
        values[350..360].fill(f64::NAN);
        let mut fitted = fit(&values);
        let next = fitted.predict(&Ahead::steps(1), &Levels::deciles()).points()[0];
        let after = fitted.predict(&Ahead::steps(5), &Levels::deciles());
        fitted.update(&Sample::of(f64::NAN));
        let Fitted::Autoregression(inner) = &fitted else { panic!() };
        assert!((inner.history.scale().invert(inner.history.value(400)) / next - 1.0).abs() < 1e-12);
        let said = fitted.predict(&Ahead::steps(4), &Levels::deciles());
        assert!(said.points().iter().zip(&after.points()[1..]).all(|(a, b)| (a / b - 1.0).abs() < 1e-9));
    }
}
