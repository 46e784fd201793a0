//! Series in, quantile forecasts out: models that are fitted, and a streaming forecaster that the controller carries.
//!
//! A model's specification is fitted to [`Data`] by whoever has time for it (a worker of the daemon, the twin or the
//! command line) and gives a [`Fitted`] that predicts and takes new samples. [`zoo`] lists every model by name.
//!
//! The rules: no I/O, no clock, no threads; the same data and seed give the same bits on any CPU (transcendental
//! functions from `libm`, sums in the order of the slice); a gap (NaN) is never filled in silence; whatever goes in,
//! a [`Prediction`] is finite and its quantiles rise.
//!
//! This crate must not know replicas or cost.

pub mod arima;
pub mod calendar;
pub mod decompose;
pub mod detect;
pub mod direct;
mod error;
pub mod ets;
pub mod events;
pub mod explanation;
pub mod features;
pub mod hybrid;
pub mod linear;
mod load;
mod model;
pub mod mstl;
pub mod naive;
pub mod neural;
pub mod online;
mod prediction;
pub mod pretrained;
pub mod score;
pub mod seasonal_regression;
pub mod select;
mod series;
pub mod synthetic;
pub mod theta;
pub mod trees;
pub mod zoo;

pub use error::{FitError, LevelsError};
pub use events::{Events, NO_EVENTS};
pub use explanation::Explanation;
pub use load::{ForecastAccount, LoadForecaster};
pub use model::{Ahead, Covariate, Data, Fit, Fitted, Forecaster, Sample};
pub use prediction::{Levels, Prediction};
pub use series::Series;
