//! `sjf`: the shortest estimate first.
//!
//! Minimises the mean wait on one machine where estimates are right; on its own it starves long tasks under load.
//!
//! # Source
//! Smith, "Various optimizers for single-stage production", Naval Research Logistics 3, 1956.

use super::{Facts, Key};

pub(super) const fn key(facts: &Facts) -> Key {
    Key(facts.time())
}
