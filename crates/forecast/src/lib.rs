//! Series in, quantile forecasts out: a streaming seasonal forecaster of a request rate.
//!
//! Three point forecasts run side by side (the last value, the season's shape, the season's shape at the present
//! level); each is scored at the horizon that is really asked for, and the one with the least recent error speaks. Its
//! quantiles are empirical: the residuals it made at that horizon, relative to the forecast, because load varies more
//! when there is more of it. Nothing is assumed about their distribution.
//!
//! Everything is an integer, updates are O(1) in the length of the history, memory is bounded by the slots of one
//! season, and a gap stays a gap: no value is ever invented for a time that nobody measured.
//!
//! This crate must not know replicas or cost. Models with a fit of their own come beside this one later.
//!
//! # Source
//! Seasonal naive with a level correction: R. J. Hyndman, G. Athanasopoulos, *Forecasting: Principles and Practice*,
//! 3rd ed., 5.2 and 5.5. Quantiles from past errors at rank ⌈q(n+1)⌉: split conformal prediction, V. Vovk, A. Gammerman,
//! G. Shafer, *Algorithmic Learning in a Random World*, 2.2.

mod forecaster;
mod residuals;
mod season;

pub use forecaster::{Forecaster, Model, warm};
pub use season::{SLOTS_MAX, ShapeError};
