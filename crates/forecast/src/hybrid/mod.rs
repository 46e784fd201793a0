//! Hybrids: a model, and trees that learn from what it got wrong.

mod residual;

pub use residual::{FittedResidual, Residual};
