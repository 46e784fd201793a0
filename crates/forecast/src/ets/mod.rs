//! Exponential smoothing in state-space form: one engine for every form, from simple smoothing to Holt-Winters, and the
//! choice among them by information criterion.
//!
//! Small files that each know one thing: `form` (which forms there are), `recursion` (the pass over a series and its
//! derivatives), `bounds` and `admissible` (where parameters may lie), `start` (where a search begins), `minimise` (the search),
//! `estimate` (one form), `choose` (which form), `variance` (how far off a forecast will be), `spread` (how far off it was),
//! `fitted` (prediction and update), `spec` (what can be asked for).

mod admissible;
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
pub(crate) use fitted::season_part;
pub use form::{ErrorKind, Form, Seasonal, Trend};
pub use recursion::{Smoothing, State};
pub use spec::{Ets, Pace};
pub(crate) use spec::{power_of_two, recent};
pub(crate) use start::season as classical_season;
