//! Which models to believe: rolling-origin backtests, combinations, and `auto`, which weighs models by what they have shown.
//!
//! Nothing is chosen by how well it describes the past it was fitted on: every weight comes from forecasts of values that the
//! model had not seen. What came out is fused by quantile, and the spread is corrected by what the fused forecast missed.

mod auto;
mod backtest;
mod combination;
mod fitted;
mod guard;
mod live;
mod losses;
mod seasons;
mod weights;

pub use auto::{Auto, Budget};
pub use backtest::{Backtest, Run, backtest, backtest_following, origins};
pub use combination::{Combination, FittedCombination, Fusion};
pub use fitted::{FittedAuto, Member};
pub use seasons::refined;
