//! A recurrent network on one series: forecasts from what it remembers, one step per sample.

use super::encoder::Encoder;
use super::model::periods;
use super::network::State;
use super::output::{Loss, at_level, softmax};
use super::trained::Trained;
use crate::explanation::{NamedPart, RecentErrors, SeasonPart};
use crate::neural::weights::{Weights, WeightsError};
use crate::{Ahead, Data, Explanation, Forecaster, Levels, Prediction, Sample};
use plimsoll_stats::normal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A network with what it remembers of one series. The weights are shared between all series of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct FittedRecurrent {
    trained: Arc<Trained>,
    encoder: Encoder,
    state: State<f32>,
    /// Features of the newest measured step.
    features: Vec<f32>,
    lately: Lately,
}

/// Running errors of the forecast of the very next value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Lately {
    count: u64,
    absolute: f64,
    bias: f64,
}

/// Forecasts that [`Lately`] looks back over.
const LATELY: u64 = 100;
/// Largest error that is counted as it is, so that differences of errors stay finite.
const ERROR_MAX: f64 = 1e300;

impl Lately {
    fn take(&mut self, error: f64) {
        if error.is_finite() {
            self.count += 1;
            let error = error.clamp(-ERROR_MAX, ERROR_MAX);
            let rate = 1.0 / self.count.min(LATELY) as f64;
            self.absolute += rate * (error.abs() - self.absolute);
            self.bias += rate * (error - self.bias);
        }
    }
}

impl FittedRecurrent {
    /// Runs a network over a series. None when nothing was measured.
    pub(super) fn warmed(trained: Arc<Trained>, data: &Data<'_>) -> Option<Self> {
        let values = data.target.values;
        let first = values.iter().position(|value| value.is_finite())?;
        let encoder = Encoder::new(&periods(data, trained.recipe.slots), values[first]);
        let (state, features) = (State::zero(trained.shape(), 1), encoder.first_features());
        let mut fitted = Self { trained, encoder, state, features, lately: Lately::default() };
        fitted.trained.network.step(&mut fitted.state, &fitted.features);
        values[first + 1..].iter().for_each(|value| fitted.update(&Sample::of(*value)));
        Some(fitted)
    }

    /// The network.
    #[must_use]
    pub fn trained(&self) -> &Arc<Trained> {
        &self.trained
    }

    /// The step within the horizon whose numbers stand for a step ahead.
    fn within(&self, ahead: usize) -> usize {
        let horizon = self.trained.recipe.horizon;
        let season = self.encoder.periods().max().unwrap_or(1);
        match ahead.checked_sub(horizon) {
            None | Some(0) => ahead,
            Some(beyond) if season <= horizon => ahead - beyond.div_ceil(season) * season,
            Some(_) => horizon,
        }
    }

    /// Of the next step: each anchor's share, what they give together, and the point.
    fn next(&self) -> (Vec<f64>, f64, f64) {
        let recipe = &self.trained.recipe;
        let (width, step) = (recipe.levels.len(), self.encoder.age().saturating_add(1));
        let near = self.within(step);
        let outputs = |columns| self.trained.network.outputs_in(columns, &self.state, &self.features);
        let weights = softmax(&outputs(recipe.horizon * width..recipe.outputs()));
        let mut row: Vec<f64> = outputs((near - 1) * width..near * width).into_iter().map(f64::from).collect();
        row.sort_by(f64::total_cmp);
        let mut anchors = Vec::new();
        self.encoder.anchors(step, &mut anchors);
        let base: f64 = anchors.iter().zip(&weights).map(|(anchor, weight)| anchor * weight).sum();
        let middle = if recipe.loss == Loss::Squared { row[0] } else { at_level(recipe.levels.as_slice(), &row, 0.5) };
        (weights, base, base + self.encoder.unit() * middle)
    }

    /// Middle and value per level in units, for a step within the horizon. `row` is the head's numbers of the step.
    fn distribution(&self, step: usize, row: &[f64], levels: &Levels) -> (f64, Vec<f64>) {
        let recipe = &self.trained.recipe;
        let levels = levels.as_slice().iter();
        if recipe.loss == Loss::Squared {
            let deviation = f64::from(self.trained.deviations[step - 1]);
            return (row[0], levels.map(|level| row[0] + deviation * normal::quantile(*level)).collect());
        }
        let known = recipe.levels.as_slice();
        (at_level(known, row, 0.5), levels.map(|level| at_level(known, row, *level)).collect())
    }
}

impl Forecaster for FittedRecurrent {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let recipe = &self.trained.recipe;
        let outputs = self.trained.network.outputs(&self.state, &self.features);
        let (numbers, logits) = outputs.split_at(recipe.horizon * recipe.levels.len());
        let (weights, unit) = (softmax(logits), self.encoder.unit());
        let (mut points, mut values, mut anchors) = (Vec::new(), Vec::new(), Vec::new());
        for step in 1..=ahead.horizon {
            // A gap at the end makes the forecast as old as the gap is long: it was made before it.
            let step = self.encoder.age().saturating_add(step);
            self.encoder.anchors(step, &mut anchors);
            let base: f64 = anchors.iter().zip(&weights).map(|(anchor, weight)| anchor * weight).sum();
            let near = self.within(step);
            let row = &numbers[(near - 1) * recipe.levels.len()..near * recipe.levels.len()];
            let mut row: Vec<f64> = row.iter().map(|number| f64::from(*number)).collect();
            row.sort_by(f64::total_cmp);
            let (middle, quantiles) = self.distribution(near, &row, levels);
            let growth = libm::sqrt(step as f64 / near as f64);
            points.push(base + unit * middle);
            values.extend(quantiles.into_iter().map(|q| base + unit * (middle + growth * (q - middle))));
        }
        Prediction::new(levels, points, values)
    }

    /// The running level, the smoothed seasons, the share of each anchor in the next step, and what the network adds to it.
    fn explain(&self) -> Explanation {
        let shape = self.trained.shape();
        let widths: Vec<String> = shape.widths.iter().map(usize::to_string).collect();
        let name = shape.cell.name().to_uppercase();
        let form =
            format!("{name} of {} units, {} steps ahead at once", widths.join(", "), self.trained.recipe.horizon);
        let (weights, base, middle) = self.next();
        let names = self.encoder.periods().flat_map(|period| match period {
            1 => ["last value".to_owned(), "running mean of the last values".to_owned()],
            period => [format!("value {period} steps ago"), format!("smoothed season of {period}")],
        });
        let part = |(name, value)| NamedPart { name, value };
        let season = |(period, swing, next)| SeasonPart { period, swing, next, multiplies: false };
        let Lately { count, absolute, bias } = self.lately;
        let recent = RecentErrors { count: count.min(LATELY), mean_absolute: absolute, bias, coverage: None };
        Explanation {
            level: Some(self.encoder.centre()),
            seasons: self.encoder.seasons().map(season).collect(),
            terms: vec![part(("network's correction of the next step".to_owned(), middle - base))],
            weights: names.zip(weights).map(part).collect(),
            recent: (count > 0).then_some(recent),
            ..Explanation::of(form)
        }
    }

    /// One step of the network. A gap moves the season on and leaves the network as it is.
    fn update(&mut self, sample: &Sample<'_>) {
        if !sample.value.is_finite() {
            self.encoder.take(sample.value);
            return;
        }
        self.lately.take(sample.value - self.next().2);
        if let Some(features) = self.encoder.take(sample.value) {
            self.trained.network.step(&mut self.state, &features);
            self.features = features;
        }
    }
}

/// The serialised form.
#[derive(Serialize, Deserialize)]
struct Saved {
    weights: Weights,
    encoder: Encoder,
    state: State<f32>,
    features: Vec<f32>,
    lately: Lately,
}

/// Why a saved network was refused.
#[derive(Debug, thiserror::Error)]
enum SavedError {
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error("the saved state does not fit the saved weights")]
    State,
}

impl From<FittedRecurrent> for Saved {
    fn from(fitted: FittedRecurrent) -> Self {
        let FittedRecurrent { trained, encoder, state, features, lately } = fitted;
        Self { weights: trained.to_weights(), encoder, state, features, lately }
    }
}

impl TryFrom<Saved> for FittedRecurrent {
    type Error = SavedError;

    fn try_from(saved: Saved) -> Result<Self, SavedError> {
        let Saved { weights, encoder, state, features, lately } = saved;
        let trained = Arc::new(Trained::from_weights(weights)?);
        let shape = trained.shape();
        let finite = features.len() == shape.inputs && features.iter().all(|value| value.is_finite());
        if !finite || !state.is_sound(shape) || !encoder.is_sound(trained.recipe.slots) {
            return Err(SavedError::State);
        }
        Ok(Self { trained, encoder, state, features, lately })
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Recurrent;
    use super::super::train::Training;
    use super::*;
    use crate::{Fit, Fitted, Series};

    fn fitted() -> FittedRecurrent {
        let values: Vec<f64> = (0..90).map(|step| f64::from(step % 6) * 3.0 + f64::from(step * 31 % 7)).collect();
        let training = Training { lanes: 2, chunk: 8, updates: 40, ..Training::default() };
        let model = Recurrent { widths: vec![3], horizon: Some(8), training, ..Recurrent::lstm() };
        match model.fit(&Data::alone(Series::untimed(&values), &[6]), 1) {
            Ok(Fitted::Recurrent(fitted)) => fitted,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn steps_beyond_the_horizon_keep_their_place_in_the_season() {
        let fitted = fitted();
        let within: Vec<usize> = (1..=20).map(|step| fitted.within(step)).collect();
        assert_eq!(within, [1, 2, 3, 4, 5, 6, 7, 8, 3, 4, 5, 6, 7, 8, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_gap_at_the_end_makes_the_forecast_older_and_changes_no_step_of_it() {
        let mut fitted = fitted();
        let before = fitted.predict(&Ahead::steps(12), &Levels::deciles());
        (0..3).for_each(|_| fitted.update(&Sample::of(f64::NAN)));
        let after = fitted.predict(&Ahead::steps(9), &Levels::deciles());
        assert_eq!(after.points(), &before.points()[3..]);
        assert_eq!(after.values(), &before.values()[3 * 9..]);
    }

    #[test]
    fn its_explanation_adds_up_to_its_next_point() {
        let mut fitted = fitted();
        fitted.update(&Sample::of(40.0));
        let explained = fitted.explain();
        let said = fitted.predict(&Ahead::steps(1), &Levels::deciles());
        assert_eq!(explained.form, "LSTM of 3 units, 8 steps ahead at once");
        assert!((explained.weights.iter().map(|part| part.value).sum::<f64>() - 1.0).abs() < 1e-12);
        let mut anchors = Vec::new();
        fitted.encoder.anchors(1, &mut anchors);
        let base: f64 = anchors.iter().zip(&explained.weights).map(|(anchor, part)| anchor * part.value).sum();
        assert!((base + explained.terms[0].value - said.points()[0]).abs() < 1e-4, "{explained}");
        let recent = explained.recent.expect("one forecast has come due at least");
        assert!(recent.bias > 0.0 && recent.count >= 88, "40 was far above: {recent:?}");
    }
}
