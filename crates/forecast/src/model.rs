//! What every model does: fit (an effect, run by a worker), predict, and update (O(1) where the model can).
//!
//! A model's specification (its hyperparameters) implements [`Fit`]; what fitting gives is one variant of [`Fitted`],
//! which serialises, predicts without side effects and takes new samples. Nothing here does I/O or starts a thread:
//! whoever fits many series brings the threads.

use crate::arima::FittedArima;
use crate::direct::FittedDirect;
use crate::ets::FittedEts;
use crate::events::{Events, NO_EVENTS};
use crate::explanation::Explanation;
use crate::hybrid::FittedResidual;
use crate::linear::FittedAutoregression;
use crate::mstl::FittedMstl;
use crate::naive::{FittedAnalogue, FittedLastValue, FittedRecent, FittedSeasonalNaive};
use crate::neural::recurrent::FittedRecurrent;
use crate::pretrained::FittedPretrained;
use crate::seasonal_regression::FittedSeasonalRegression;
use crate::select::{FittedAuto, FittedCombination};
use crate::theta::FittedTheta;
use crate::{FitError, Levels, Prediction, Series};
use serde::{Deserialize, Serialize};

/// Another series of the same service, measured at the same moments (CPU beside requests, for example).
#[derive(Debug, Clone, Copy)]
pub struct Covariate<'a> {
    /// What it is called.
    pub name: &'a str,
    /// One value per value of the target, NaN where it was not measured.
    pub values: &'a [f64],
}

/// Everything a model may look at when it is fitted.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// What is to be forecast.
    pub target: Series<'a>,
    /// Lengths of its seasons in steps, shortest first; empty for none.
    pub seasons: &'a [usize],
    /// Series that are known only up to now.
    pub covariates: &'a [Covariate<'a>],
    /// What is known of the future.
    pub events: &'a Events,
}

impl<'a> Data<'a> {
    /// A series alone, with its seasons in steps (shortest first).
    #[must_use]
    pub const fn alone(target: Series<'a>, seasons: &'a [usize]) -> Self {
        Self { target, seasons, covariates: &[], events: &NO_EVENTS }
    }

    /// The same data as it was known after `len` values.
    ///
    /// Covariates are cut by the caller's slices, so this is for data without any.
    #[must_use]
    pub fn head(&self, len: usize) -> Self {
        Self { target: self.target.head(len), ..*self }
    }
}

/// How far a forecast goes, and what is known of that time.
#[derive(Debug, Clone, Copy)]
pub struct Ahead<'a> {
    /// Steps.
    pub horizon: usize,
    /// What is known of the future; the columns are those that the model was fitted with.
    pub events: &'a Events,
}

impl Ahead<'_> {
    /// So many steps, of which nothing is known.
    #[must_use]
    pub const fn steps(horizon: usize) -> Self {
        Self { horizon, events: &NO_EVENTS }
    }
}

/// One new sample.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The value; NaN when it was not measured.
    pub value: f64,
    /// One value per covariate that the model was fitted with; empty when it has none.
    pub covariates: &'a [f64],
}

impl Sample<'_> {
    /// A value without covariates.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self { value, covariates: &[] }
    }
}

/// A model's specification.
pub trait Fit: Send + Sync {
    /// Its name, as the command line and reports have it: lower case with hyphens.
    fn name(&self) -> &'static str;

    /// Estimates the model on `data`. The same data and seed give the same bits.
    ///
    /// # Errors
    /// [`FitError`] when the data do not allow this model; never for odd values.
    fn fit(&self, data: &Data<'_>, seed: u64) -> Result<Fitted, FitError>;
}

/// What a fitted model can do.
pub trait Forecaster {
    /// Points and quantiles of the next steps.
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction;

    /// Takes the next sample, in O(1) of the length of the history, without estimating the parameters again.
    fn update(&mut self, sample: &Sample<'_>);

    /// What it is made of and what it got wrong lately.
    fn explain(&self) -> Explanation;
}

/// Makes the enum of all fitted models and passes each call on to the one that is there.
macro_rules! fitted {
    ($($(#[$doc:meta])* $variant:ident($type:ty),)*) => {
        /// A fitted model: plain data that serialises.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", tag = "model", content = "state")]
        pub enum Fitted {
            $($(#[$doc])* $variant($type),)*
        }

        impl Forecaster for Fitted {
            fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
                match self { $(Self::$variant(model) => model.predict(ahead, levels),)* }
            }

            fn update(&mut self, sample: &Sample<'_>) {
                match self { $(Self::$variant(model) => model.update(sample),)* }
            }

            fn explain(&self) -> Explanation {
                match self { $(Self::$variant(model) => model.explain(),)* }
            }
        }
    };
}

fitted! {
    /// The last value.
    LastValue(FittedLastValue),
    /// The median of the last few values.
    Recent(FittedRecent),
    /// What came after similar jumps.
    Analogue(FittedAnalogue),
    /// The value one season ago.
    SeasonalNaive(FittedSeasonalNaive),
    /// Direct seasonal regression.
    SeasonalRegression(Box<FittedSeasonalRegression>),
    /// Models with equal say.
    Combination(Box<FittedCombination>),
    /// Models weighed by what they have shown.
    Auto(Box<FittedAuto>),
    /// Exponential smoothing of any form.
    Ets(FittedEts),
    /// One of the theta methods.
    Theta(FittedTheta),
    /// Linear regression on lags, fed with its own steps.
    Autoregression(Box<FittedAutoregression>),
    /// A linear model or trees per horizon.
    Direct(Box<FittedDirect>),
    /// A model and what was learnt from its errors.
    Residual(Box<FittedResidual>),
    /// Seasons by loess and a trend.
    Mstl(FittedMstl),
    /// A recurrent network.
    Recurrent(FittedRecurrent),
    /// Seasonal ARIMA.
    Arima(Box<FittedArima>),
    /// The pretrained network.
    Pretrained(FittedPretrained),
}
