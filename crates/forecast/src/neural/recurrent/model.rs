//! Recurrent networks as models: fitted to one series, or trained before and only warmed up on it.

use super::encoder::Encoder;
use super::network::State;
use super::output::{Loss, at_level, softmax};
use super::shape::{Cell, LAYERS_MAX, WIDTH_MAX};
use super::track::Track;
use super::train::{Training, TrainingReport, train};
use super::trained::{Recipe, SLOTS_MAX, Trained};
use crate::neural::weights::{Weights, WeightsError};
use crate::{Ahead, Data, Explanation, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use plimsoll_stats::normal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Levels that are trained unless others are asked for: the middle for scores, the ends for provisioning.
const LEVELS: [f64; 7] = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99];
/// Fewest measured values that a network is trained on.
const MEASURED_MIN: usize = 24;

/// A recurrent network's specification: one to three stacked layers with a dense head.
///
/// Fitting trains a network on the one series (well under a CPU second with the usual settings). [`Recurrent::train`]
/// trains one over many series, which [`Recurrent::trained`] then only runs over a series. Covariates and events are not
/// looked at.
///
/// Forecasts are direct: the head gives all steps of its horizon at once. A step beyond the horizon takes the numbers of
/// the last step within it that has the same place in the longest season (of the very last one when no whole season
/// fits), with quantiles √(step / that step) times as far from the middle, as a random walk has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrent {
    /// What the layers do.
    pub cell: Cell,
    /// Units of each layer, the lowest first: one to three.
    pub widths: Vec<usize>,
    /// Whether the head sees the inputs beside the top layer.
    pub skip: bool,
    /// What training makes small.
    pub loss: Loss,
    /// Levels of the quantiles that are trained (pinball loss); others are read off between them.
    pub levels: Levels,
    /// Steps that the head forecasts; by default the longest season's, between 12 and 48.
    pub horizon: Option<usize>,
    /// How training goes.
    pub training: Training,
}

impl Recurrent {
    /// A plain (Elman) network with the usual settings for one series.
    #[must_use]
    pub fn rnn() -> Self {
        Self::usual(Cell::Rnn)
    }

    /// An LSTM with the usual settings for one series.
    #[must_use]
    pub fn lstm() -> Self {
        Self::usual(Cell::Lstm)
    }

    fn usual(cell: Cell) -> Self {
        let training = Training { lanes: 8, chunk: 24, every: 3, updates: 300, rate: 5e-3, checks: 15, patience: 5 };
        let levels = Levels::try_new(LEVELS.to_vec()).expect("invariant: these levels rise within 0 and 1");
        let (widths, loss) = (vec![16], Loss::Pinball);
        Self { cell, widths, skip: true, loss, levels, horizon: None, training }
    }

    /// A network that was trained before, over other series: fitting only warms it up.
    #[must_use]
    pub const fn trained(trained: Arc<Trained>) -> Pretrained {
        Pretrained { trained }
    }

    /// Trains one network on many series, each with its seasons. Series without a measured value are left out.
    ///
    /// # Errors
    /// [`FitError::Setting`] for sizes that can not be, [`FitError::TooShort`] when no series has enough values.
    pub fn train(&self, series: &[Data<'_>], seed: u64) -> Result<(Trained, TrainingReport), FitError> {
        self.check()?;
        let slots = series.iter().map(|data| usable(data).len()).max().unwrap_or(0).clamp(1, 2);
        let tracks: Vec<Track> =
            series.iter().filter_map(|data| Track::new(data.target.values, &periods(data, slots))).collect();
        let found = tracks.iter().map(Track::steps).max().unwrap_or(0);
        let too_short = FitError::TooShort { model: self.name(), needed: MEASURED_MIN, found };
        if found < MEASURED_MIN {
            return Err(too_short);
        }
        let longest = series.iter().flat_map(usable).max().unwrap_or(1);
        let fits = tracks.iter().map(Track::len).max().unwrap_or(0) / 4;
        let horizon = self.horizon.unwrap_or_else(|| longest.clamp(12, 48).min(fits.max(1)));
        let one = || Levels::try_new(vec![0.5]).expect("invariant: a half is a level");
        let levels = if self.loss == Loss::Squared { one() } else { self.levels.clone() };
        let recipe = Recipe { horizon, slots, loss: self.loss, levels };
        train(&tracks, &recipe, (self.cell, &self.widths, self.skip), self.training, seed).ok_or(too_short)
    }

    fn check(&self) -> Result<(), FitError> {
        let wrong = |setting, value: String, allowed| {
            Err(FitError::Setting { model: self.cell.name(), setting, value, allowed })
        };
        let sizes = self.widths.iter().all(|width| (1..=WIDTH_MAX).contains(width));
        if !sizes || !(1..=LAYERS_MAX).contains(&self.widths.len()) {
            return wrong("widths", format!("{:?}", self.widths), "one to three layers of 1 to 4096 units");
        }
        match self.horizon {
            Some(horizon) if !(1..=1_024).contains(&horizon) => {
                wrong("horizon", horizon.to_string(), "1 to 1024 steps")
            }
            _ if self.levels.len() > 64 => wrong("levels", self.levels.len().to_string(), "at most 64 levels"),
            _ => Ok(()),
        }
    }
}

/// The seasons that are there twice, shortest first.
fn usable(data: &Data<'_>) -> Vec<usize> {
    let fits = |period: &usize| *period >= 2 && 2 * period <= data.target.values.len();
    data.seasons.iter().copied().filter(fits).collect()
}

/// One season per slot: the shortest and the longest of those that fit, with none (1 step) first where there are fewer.
fn periods(data: &Data<'_>, slots: usize) -> Vec<usize> {
    let mut seasons = usable(data);
    while seasons.len() > slots.min(SLOTS_MAX) {
        seasons.remove((seasons.len() - 1) / 2);
    }
    let mut periods = vec![1; slots - seasons.len()];
    periods.extend(seasons);
    periods
}

impl Fit for Recurrent {
    fn name(&self) -> &'static str {
        self.cell.name()
    }

    fn fit(&self, data: &Data<'_>, seed: u64) -> Result<Fitted, FitError> {
        let (trained, _) = self.train(std::slice::from_ref(data), seed)?;
        Self::trained(Arc::new(trained)).fit(data, seed)
    }
}

/// A network that was trained before; fitting runs it over the series and changes no weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Pretrained {
    trained: Arc<Trained>,
}

impl Fit for Pretrained {
    fn name(&self) -> &'static str {
        self.trained.shape().cell.name()
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let fitted = FittedRecurrent::warmed(Arc::clone(&self.trained), data);
        fitted.map(Fitted::Recurrent).ok_or(FitError::TooShort { model: self.name(), needed: 1, found: 0 })
    }
}

/// A network with what it remembers of one series. The weights are shared between all series of one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct FittedRecurrent {
    trained: Arc<Trained>,
    encoder: Encoder,
    state: State<f32>,
    /// Features of the newest measured step.
    features: Vec<f32>,
}

impl FittedRecurrent {
    fn warmed(trained: Arc<Trained>, data: &Data<'_>) -> Option<Self> {
        let values = data.target.values;
        let first = values.iter().position(|value| value.is_finite())?;
        let encoder = Encoder::new(&periods(data, trained.recipe.slots), values[first]);
        let (state, features) = (State::zero(trained.shape(), 1), encoder.first_features());
        let mut fitted = Self { trained, encoder, state, features };
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

    /// One step of the network. A gap moves the season on and leaves the network as it is.
    fn update(&mut self, sample: &Sample<'_>) {
        if let Some(features) = self.encoder.take(sample.value) {
            self.trained.network.step(&mut self.state, &features);
            self.features = features;
        }
    }

    fn explain(&self) -> Explanation {
        Explanation::of("recurrent network")
    }
}

/// The serialised form.
#[derive(Serialize, Deserialize)]
struct Saved {
    weights: Weights,
    encoder: Encoder,
    state: State<f32>,
    features: Vec<f32>,
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
        let FittedRecurrent { trained, encoder, state, features } = fitted;
        Self { weights: trained.to_weights(), encoder, state, features }
    }
}

impl TryFrom<Saved> for FittedRecurrent {
    type Error = SavedError;

    fn try_from(saved: Saved) -> Result<Self, SavedError> {
        let Saved { weights, encoder, state, features } = saved;
        let trained = Arc::new(Trained::from_weights(weights)?);
        let shape = trained.shape();
        let finite = features.len() == shape.inputs && features.iter().all(|value| value.is_finite());
        if !finite || !state.is_sound(shape) || !encoder.is_sound(trained.recipe.slots) {
            return Err(SavedError::State);
        }
        Ok(Self { trained, encoder, state, features })
    }
}
