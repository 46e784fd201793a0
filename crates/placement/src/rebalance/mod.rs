//! Rebalancing: given where everything runs, find a better assignment, and a safe way there.
//!
//! [`Problem`] is what is to be balanced; [`Problem::costs`] and [`Problem::check`] say what an assignment costs and what it
//! breaks, plainly and slowly; [`Search`] looks for a better one, fast; [`plan()`] turns a better one into single moves none
//! of which breaks a constraint on the way.
//!
//! # Source
//! ROADEF/EURO challenge 2012, "Google machine reassignment", whose model this is.

mod anneal;
mod chance;
mod check;
mod cost;
mod layout;
pub mod limits;
mod moved;
mod plan;
mod problem;
mod search;
mod state;
#[cfg(test)]
mod tests;

pub use check::Violation;
pub use cost::Costs;
pub use plan::{Budget, Leftover, Move, Plan, Why, plan};
pub use problem::{Balance, Draft, Machine, MoveWeights, Problem, ProblemError, Process, Resource, Service};
pub use search::{Options, Progress, Search, WHOLE};
