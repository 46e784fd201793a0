//! The forecasts that everything else has to beat.

mod last_value;
mod seasonal;

pub use last_value::{FittedLastValue, LastValue};
pub use seasonal::{FittedSeasonalNaive, SeasonalNaive};
