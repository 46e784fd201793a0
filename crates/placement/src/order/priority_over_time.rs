//! `priority-over-time`: ascending `priority / T`.
//!
//! The lowest quotient goes first: among equal positive priorities the longest estimate, and among equal estimates the
//! lowest priority, the opposite of `density` in both respects. A cluster whose priorities are ranks (1 is the most
//! important) reads it as rank first and long tasks early. Negative priorities go before zero.

use super::{Facts, Key};

pub(super) const fn key(facts: &Facts) -> Key {
    Key(((facts.priority as i128) << 48).div_euclid(facts.time()))
}
