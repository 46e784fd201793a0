//! The theta family: simple exponential smoothing that leans on a line.

mod estimate;
mod fitted;
mod season;
mod spec;
mod state;

pub use fitted::{FittedTheta, Method};
pub use spec::Theta;
