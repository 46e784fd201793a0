//! Direct forecasts: a model per horizon (or one that is told the horizon) over rows of a [`crate::features::Recipe`].
//!
//! What is learnt is a [`Learner`]: a linear model, quantile regression, trees. A model for ONE horizon is cheap enough to
//! stand beside streaming experts: [`Direct::at`] trains it, [`FittedDirect::at_horizon`] makes one row of the newest
//! values and asks it, without the steps before.

mod fitted;
mod global;
mod head;
mod spec;
mod spread;
mod training;

pub use fitted::{AtHorizon, FittedDirect};
pub use global::{GlobalBoosting, GlobalSettings};
pub use head::Learner;
pub(crate) use head::{Asked, Head};
pub(crate) use spec::size;
pub use spec::{Direct, Horizons};
pub(crate) use spread::Scores;
pub use spread::Spread;
pub(crate) use training::Table;
