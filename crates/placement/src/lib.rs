//! Who gets the node's room: admission, the sharing of scarcity, the order of the queue, and who makes way for whom.
//!
//! Everything works on what workloads *reserve* (their requests), never on what they use at the moment: a promise that
//! holds only while the neighbours are idle is none. [`Ledger`] is the one place where room is given out, and it gives
//! out what is free or nothing, so capacity cannot be exceeded by a mistake in any rule above it.
//!
//! For a cluster: [`fleet`] is the compact state of nodes and tasks and the one place where their room is given out,
//! [`score`] says how good a node is for a task, [`policy`] names the ways to weigh that, [`choose`] finds the best node
//! exactly and fast.
//!
//! This crate must not change a target: it says how much of it fits.

pub mod backfill;
pub mod choose;
pub mod elastic;
pub mod expression;
pub mod fair;
mod fixed;
pub mod fleet;
mod idle;
mod ledger;
pub mod order;
pub mod policy;
mod preempt;
pub mod quota;
pub mod rebalance;
pub mod rules;
pub mod scheduler;
pub mod score;
mod share;

pub use idle::{Idle, idlest};
pub use ledger::{Ledger, fits, sum, times};
pub use preempt::{Candidate, victims};
pub use share::{Claim, Held, share};
