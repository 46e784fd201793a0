//! Recurrent networks as models: fitted to one series, or trained before and only warmed up on it.

use super::fitted::FittedRecurrent;
use super::output::Loss;
use super::shape::{Cell, LAYERS_MAX, WIDTH_MAX};
use super::track::Track;
use super::train::{Training, TrainingReport, train};
use super::trained::{Recipe, SLOTS_MAX, Trained};
use crate::{Data, Fit, FitError, Fitted, Levels};
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
pub(super) fn periods(data: &Data<'_>, slots: usize) -> Vec<usize> {
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
