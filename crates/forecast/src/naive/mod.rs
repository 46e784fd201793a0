//! The forecasts that everything else has to beat.

mod analogue;
mod last_value;
mod recent;
mod seasonal;

pub use analogue::{Analogue, FittedAnalogue};
pub use last_value::{FittedLastValue, LastValue};
pub use recent::{FittedRecent, Recent};
pub use seasonal::{FittedSeasonalNaive, SeasonalNaive};
