//! Direct seasonal regression: each stretch of the horizon has a linear model of its own, in terms aligned with the season.
//!
//! The value h steps ahead is the value at the same place of the last season plus a regression on how things have differed
//! since: the seasons before, the same place a week before, the present level against the season before and the week before.
//! Shrinking the coefficients leads to the seasonal naive, so that little data means little risk; a weekly pattern, a level
//! that moved and a drift are coefficients of one model and need no choice between models. There is no recursion: an error
//! of the next step is not fed into the one after. On M4 Hourly it is the best single model of the zoo.
//!
//! # Source
//! The form is that of a seasonal autoregression estimated per horizon (M. Marcellino, J. H. Stock, M. W. Watson, "A comparison
//! of direct and iterated multistep AR methods", *Journal of Econometrics* 135, 2006), after J. A. Doornik, J. L. Castle,
//! D. F. Hendry, "Card forecasts for M4", *International Journal of Forecasting* 36 (2020), whose calibration step regresses
//! on the season before. Least absolute errors by reweighted least squares: P. J. Huber, *Robust Statistics* (1981).

mod features;
mod fitted;
mod regression;
mod specification;

pub use fitted::FittedSeasonalRegression;
pub use specification::{SeasonalRegression, Terms};
