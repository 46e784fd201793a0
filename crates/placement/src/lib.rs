//! Who gets the node's room: admission, the sharing of scarcity, the order of the queue, and who makes way for whom.
//!
//! Everything works on what workloads *reserve* (their requests), never on what they use at the moment: a promise that
//! holds only while the neighbours are idle is none. [`Ledger`] is the one place where room is given out, and it gives
//! out what is free or nothing, so capacity cannot be exceeded by a mistake in any rule above it.
//!
//! This crate must not change a target: it says how much of it fits.

mod ledger;
mod preempt;
mod queue;
pub mod rebalance;
mod share;

pub use ledger::{Ledger, fits, sum, times};
pub use preempt::{Candidate, victims};
pub use queue::{AGEING, PATIENCE, Waiting, order};
pub use share::{Claim, Held, share};
