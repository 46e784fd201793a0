//! `power`: the smallest `estimate^a × size^b` first.
//!
//! The family that holds `sjf` (1, 0) and `saf` (1, 1); exponents are in thousandths. What is compared is the logarithm,
//! so two tasks whose values differ by less than a billionth are equal.

use super::{Facts, Key};
use plimsoll_stats::fixed::log2;

/// Exponents in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exponents {
    /// Of the estimate.
    pub estimate: i32,
    /// Of the dominant share.
    pub size: i32,
}

pub(super) fn key(facts: &Facts, exponents: Exponents) -> Key {
    let estimate = i128::from(exponents.estimate) * i128::from(log2(facts.estimate.0));
    Key(estimate + i128::from(exponents.size) * i128::from(log2(facts.size.0)))
}
