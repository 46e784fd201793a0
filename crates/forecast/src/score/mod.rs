//! How good a forecast was: scores of points, of quantiles, and of what a forecast costs when capacity follows it.
//!
//! All are pure functions over slices. A step whose actual value was not measured (NaN) counts nowhere; where nothing counts
//! the score is NaN, which says so, and never 0. Scores of many series come in two kinds, and the names tell them apart: a
//! mean of per-series scores (each series weighs the same) and a pooled one (each unit of demand weighs the same).

mod point;
mod provision;
mod quantile;

pub use point::{mae, mase, mean_of_scored, owa, seasonal_scale, smape, wape};
pub use provision::{Provision, provision};
pub use quantile::{QuantileTally, coverage, msis, pinball, scaled_quantile_loss, weighted_quantile_loss};
