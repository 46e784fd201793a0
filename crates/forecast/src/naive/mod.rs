//! The forecasts that everything else has to beat.

mod last_value;
mod recent;
mod seasonal;

pub use last_value::{FittedLastValue, LastValue};
pub use recent::{FittedRecent, Recent};
pub use seasonal::{FittedSeasonalNaive, SeasonalNaive};
