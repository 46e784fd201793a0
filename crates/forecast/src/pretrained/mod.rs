//! A small network that forecasts series it has never seen, without being fitted: for services with little history.
//!
//! What it is for: an hour after a service was deployed there is nothing to fit a model to, but how loads behave in general
//! is known. The network was trained on series drawn by [`crate::synthetic`] and on nothing else, by a command of this
//! repository (`cargo xtask train forecast-net`); its weights (`weights/README.md` has their provenance) are part of the
//! binary. Fitting only remembers the newest values; each prediction is one forward pass.
//!
//! How it works: a tiny network that has to generate a forecast from raw values spends its parameters on copying. So it
//! is given simple forecasts (last value, means, one season ago, moved by the level's change, damped trend) and how well
//! each of them did on the window itself, and says per step ahead (1) weights with which to mix them and (2) 13 quantiles
//! around the mix, in the unit of the best one's error. It is thus a learned selection, combination and calibration, the
//! idea of FFORMA with a network that also sees the window: a part of three dense layers reads the newest 48 values, means
//! of 896 older ones and 34 figures once; a part of three layers with residual branches runs per step. About 83,000
//! parameters, all of it `f32` and the same bits on any CPU.
//!
//! What it is not: a judge of seasons (known ones are handed in, else the window's autocorrelation proposes some) or of
//! events, covariates and anything older than 1,024 values (3,072 with a known season that long).
//!
//! # Source
//! P. Montero-Manso et al., "FFORMA: Feature-based forecast model averaging", IJF 36(1), 2020 (learned weights of simple
//! forecasts). A. F. Ansari et al., "Chronos", TMLR 2024 (training on synthetic series; quantiles read off directly as in
//! its successor Chronos-Bolt). The per-step part with shared weights: R. Wen et al., "A Multi-Horizon Quantile Recurrent
//! Forecaster", 2017, section 3.

mod candidates;
mod gradient;
mod inputs;
mod network;
mod period;
mod ring;
mod training;
mod weights;
mod window;

pub use training::{HeldOut, Training, TrainingSettings, WINDOWS};

use crate::explanation::NamedPart;
use crate::neural::weights::WeightsError;
use crate::{Ahead, Data, Explanation, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use network::{LEVELS, OUTPUTS};
use plimsoll_stats::normal;
use ring::Ring;
use serde::{Deserialize, Serialize};
use weights::Parameters;
use window::{CONTEXT, CONTEXT_MAX, Window};

/// The place of the median among the network's levels.
const MEDIAN: usize = 6;

/// The pretrained network; by default with the weights that come with this crate.
#[derive(Debug, Clone, Default)]
pub struct Pretrained {
    parameters: Parameters,
}

/// The newest values of one series, and which network forecasts it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedPretrained {
    ring: Ring,
    /// Known seasons in steps, shortest first.
    seasons: Vec<usize>,
    parameters: Parameters,
}

impl Pretrained {
    /// The network with weights of a file that the training command wrote.
    ///
    /// # Errors
    /// [`WeightsError`] when the bytes are not such a file.
    pub fn from_weights(bytes: &[u8]) -> Result<Self, WeightsError> {
        Ok(Self { parameters: Parameters::loaded(weights::from_bytes(bytes)?) })
    }

    /// How many numbers the network consists of.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parameters.as_slice().len()
    }
}

impl Fit for Pretrained {
    fn name(&self) -> &'static str {
        "pretrained"
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        if data.target.last_observed().is_none() {
            return Err(FitError::TooShort { model: self.name(), needed: 1, found: 0 });
        }
        let mut seasons: Vec<usize> = data.seasons.iter().copied().filter(|season| *season >= 2).collect();
        seasons.sort_unstable();
        // Two of the longest season that can be held, so that there is one to look at and one to judge it by.
        let holdable = |season: &&usize| 2 * **season + 64 <= CONTEXT_MAX;
        let longest = seasons.iter().rev().find(holdable).copied().unwrap_or(0);
        let capacity = CONTEXT.max(2 * longest + 64);
        let ring = Ring::new(capacity, data.target.values);
        Ok(Fitted::Pretrained(FittedPretrained { ring, seasons, parameters: self.parameters.clone() }))
    }
}

impl Forecaster for FittedPretrained {
    /// A window of equal values stays as it is, without spread. A series that was never negative is not forecast to be.
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let horizon = ahead.horizon;
        let kept = self.ring.in_order();
        let Some(window) = Window::new(&kept, &self.seasons) else {
            return Prediction::new(levels, vec![0.0; horizon], vec![0.0; horizon * levels.len()]);
        };
        if window.scale == 0.0 {
            return Prediction::normal(levels, vec![window.last; horizon], &vec![0.0; horizon]);
        }
        let places: Vec<Place> = levels.as_slice().iter().map(|level| Place::of(*level)).collect();
        let (mut points, mut values) = (Vec::with_capacity(horizon), Vec::with_capacity(horizon * levels.len()));
        for said in self.steps(&window, horizon) {
            points.push(said[MEDIAN]);
            values.extend(places.iter().map(|place| place.value(&said)));
        }
        let said = Prediction::new(levels, points, values);
        if kept.iter().any(|value| *value < 0.0) { said } else { said.at_least(0.0) }
    }

    fn update(&mut self, sample: &Sample<'_>) {
        self.ring.push(sample.value);
    }

    /// The simple forecasts that the next step is mixed from.
    fn explain(&self) -> Explanation {
        let form = Explanation::of("pretrained network");
        let Some(window) = Window::new(&self.ring.in_order(), &self.seasons) else { return form };
        if window.scale == 0.0 {
            return Explanation { level: Some(window.last), ..form };
        }
        let step = inputs::of_step(&window, 1);
        let pass = network::forward(self.parameters.as_slice(), inputs::of_window(&window), step.inputs.to_vec());
        let weights = network::weights(&pass.outputs, &step.has);
        let named = candidates::NAMES.iter().zip(weights).filter(|(_, weight)| *weight > 0.0);
        let part = |(name, weight): (&&str, f32)| NamedPart { name: (*name).to_owned(), value: f64::from(weight) };
        Explanation { level: Some(window.last), weights: named.map(part).collect(), ..form }
    }
}

impl FittedPretrained {
    /// The network's quantiles of every step, rising, in the units of the series.
    fn steps(&self, window: &Window, horizon: usize) -> Vec<[f64; LEVELS.len()]> {
        let steps: Vec<inputs::Step> = (1..=horizon).map(|ahead| inputs::of_step(window, ahead)).collect();
        let told = steps.iter().flat_map(|step| step.inputs).collect();
        let pass = network::forward(self.parameters.as_slice(), inputs::of_window(window), told);
        let said = |(outputs, step): (&[f32], &inputs::Step)| {
            let mut said = network::quantiles(outputs, step);
            said.sort_unstable_by(f32::total_cmp);
            said.map(|value| window.last + f64::from(value * step.unit) * window.scale)
        };
        pass.outputs.chunks_exact(OUTPUTS).zip(&steps).map(said).collect()
    }
}

/// Where a level lies between two of the network's.
#[derive(Debug, Clone, Copy)]
struct Place {
    below: usize,
    share: f64,
}

impl Place {
    /// On the line through the two nearest levels' normal scores, beyond the outermost too.
    fn of(level: f64) -> Self {
        let above = LEVELS.iter().position(|known| *known >= level).unwrap_or(LEVELS.len() - 1);
        let below = above.max(1) - 1;
        let [low, high] = [LEVELS[below], LEVELS[below + 1]].map(normal::quantile);
        Self { below, share: (normal::quantile(level) - low) / (high - low) }
    }

    fn value(self, said: &[f64; LEVELS.len()]) -> f64 {
        said[self.below] + self.share * (said[self.below + 1] - said[self.below])
    }
}
