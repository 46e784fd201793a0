//! Seasonal ARIMA: of a form that is given, or of one that is searched for.
//!
//! What takes minutes elsewhere takes milliseconds here because nothing is quadratic in the state, which has 25 to 80
//! numbers for a season of 24: the search compares least-squares fits (`css`), the exact likelihood follows one vector
//! instead of a covariance matrix (`likelihood`), and regressors never reach the minimiser. Live samples go through a
//! square-root Kalman filter (`filter`).

#![expect(
    clippy::neg_cmp_op_on_partial_ord,
    reason = "`!(a < b)` is how a comparison with NaN takes the branch that gives up"
)]

mod auto;
mod bfgs;
mod cholesky;
mod css;
mod estimate;
mod explain;
mod filter;
mod fitted;
mod fixed;
mod form;
mod likelihood;
mod polynomial;
mod prepare;
mod start;
mod stepwise;
mod strength;
mod unit_root;

pub use auto::AutoArima;
pub use estimate::RootRule;
pub use fitted::FittedArima;
pub use fixed::Arima;
pub use form::{Form, Order};
pub use unit_root::SeasonalTest;
