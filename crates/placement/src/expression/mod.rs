//! Policies as text: scores of nodes and orders of queues written in the language of `plimsoll-expr`.
//!
//! A [`NodeExpression`] is a score of a node for a task, a [`QueueExpression`] a key of a waiting task. Both read named
//! inputs ([`NODE_INPUTS`], [`QUEUE_INPUTS`]) that are integers with a unit and an interval, and give an integer, so no
//! decision rests on a float that this crate computes. Only inputs that a formula uses are computed.
//!
//! It must not filter, rank or place: a formula is one [`crate::score::Scorer`] or one [`crate::order::QueueOrder`]
//! among others, and whatever holds for these holds for it.

mod error;
mod falls;
mod input;
mod node;
mod node_inputs;
mod queue;
mod queue_inputs;
mod view;

pub use error::PolicyFileError;
pub use falls::Falls;
pub use input::{InputEntry, Scope, Step};
pub use node::{Ground, NodeExpression, SCORE_MAX, UNIT};
pub use node_inputs::{NODE_INPUTS, NodeSource, node_schema};
pub use queue::QueueExpression;
pub use queue_inputs::{QUEUE_INPUTS, QueueSource, queue_schema};
