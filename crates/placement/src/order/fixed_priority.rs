//! `priority`: the higher priority first, whatever else is the case.
//!
//! A low priority waits for ever under a steady load of higher ones; `ageing` is the order that does not.

use super::{Facts, Key};

pub(super) const fn key(facts: &Facts) -> Key {
    Key(-(facts.priority as i128))
}
