//! Exponential smoothing in state-space form: one engine for every form, from simple smoothing to Holt-Winters, and the
//! choice among them by information criterion.

mod bounds;
mod choose;
mod estimate;
mod fitted;
mod form;
mod minimise;
mod recursion;
mod spec;
mod spread;
mod start;
mod variance;

pub use fitted::FittedEts;
pub use form::{ErrorKind, Form, Seasonal, Trend};
pub use recursion::{Smoothing, State};
pub(crate) use spec::power_of_two;
pub use spec::{Ets, Pace};
pub(crate) use start::season as classical_season;
