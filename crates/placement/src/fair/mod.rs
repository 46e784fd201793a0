//! Who has had how much: the accounts that fair orders rest on.
//!
//! Everybody whom use is charged to is a [`Holder`]: a leaf of the tree of queues, or a user. [`Accounts`] knows what each
//! holds now and what it used before, decayed; `drf` and `tree` say who is furthest below what it is entitled to. This
//! module gives nothing out and forbids nothing: that is for the fleet and for quotas.

mod accounts;
mod drf;
mod tree;

pub use accounts::{Accounts, Held, RESOURCES};
pub use drf::{Division, divide};
pub(crate) use drf::{Pourer, fill};
pub use tree::{Claimant, Standing, Tree};

/// Whom use is charged to, by number in order of first appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Holder(pub u32);
