//! `ageing`: priority that grows with the wait, one point per span.
//!
//! Everybody ages at the same speed, so who overtakes whom is known at submission: `priority + wait / span` falls in the
//! same order as `submitted − priority × span` rises. The key is therefore static and nothing is ever sorted again. A
//! task of the lowest priority is passed only by those submitted within (difference of priorities × span) after it.

use super::{Facts, Key};
use plimsoll_model::quantity::Millis;

pub(super) const fn key(facts: &Facts, span: Millis) -> Key {
    Key(facts.submitted.0 as i128 - facts.priority as i128 * span.0 as i128)
}
