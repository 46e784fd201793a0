//! The fast tier: one slot of load at a time, by formula.
//!
//! [`Plant`] answers what a number of replicas does with the load of a slot (utilisation, latency quantiles, backlog), and
//! [`Plant::need`] the fewest replicas that hold an objective. Formulas are evaluated once per number of replicas, into
//! a row over the utilisation ([`rows`]); a slot is then a few table reads.
//!
//! What it leaves out: order within a slot, start-up and warm-up (the caller's supply already knows them), the balancing
//! policy (replicas count as one pool), retries. The exact tier has all of these.

pub mod erlang;
mod plant;
pub mod rows;
pub mod sojourn;

pub use plant::{Objective, Plant, PlantError, Slot};
