//! Trees of regression on binned columns: one tree, a forest with quantile leaves, and gradient boosting on the pinball
//! loss.
//!
//! All of them grow on one [`bins::Binned`] matrix of bytes, send gaps to the side of a split that served training best,
//! and are plain vectors of nodes when fitted, bounded by their settings.

mod bins;
mod boosting;
mod forest;
mod grow;
mod levels;
mod tree;

pub use bins::{BINS_MAX, Binned, Bins};
pub use boosting::{Boosting, BoostingSettings};
pub use forest::{Forest, ForestSettings};
pub use grow::Growth;
pub(crate) use levels::{interpolate, interpolate_one};
pub use tree::Tree;
