//! Linear regression: least squares with ridge or elastic-net penalties and quantile regression, and the models made of
//! them.
//!
//! [`Autoregression`] forecasts one step from lags and feeds what it said back in; [`crate::direct`] uses the same
//! solvers with a row of any recipe and one model per horizon.

mod autoregression;
mod fitted;
mod lags;
mod least_squares;
mod quantile;
mod solve;

pub use autoregression::{Autoregression, Penalty};
pub use fitted::FittedAutoregression;
pub use least_squares::{LeastSquares, LinearModel};
pub use quantile::quantile_regression;
