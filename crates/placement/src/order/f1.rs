//! `f1`: the smallest `log₁₀(estimate) × processors + 870 × log₁₀(submitted)` first, both times in seconds.
//!
//! A function found by regression on simulated schedules. Both terms are compared with binary logarithms: the factor
//! between the two bases is common and changes no order. A time of 0 counts as a tenth of a second, as in RLScheduler's
//! code. The second term depends on where the trace's clock starts.
//!
//! # Source
//! Carastan-Santos, de Camargo, "Obtaining dynamic scheduling policies with simulation and machine learning", SC 2017;
//! Zhang et al., SC 2020, and its `HPCSimPickJobs.py` (`f1_score`).

use super::{Facts, Key};
use crate::fixed::log2;

/// What the wait of one order of magnitude is worth, in processors.
const SUBMITTED_WEIGHT: i128 = 870;

pub(super) fn key(facts: &Facts) -> Key {
    let width = i128::from(facts.processors);
    Key(seconds(facts.estimate.0) * width + SUBMITTED_WEIGHT * seconds(facts.submitted_at()))
}

/// Logarithm of milliseconds, counted in seconds.
fn seconds(millis: u64) -> i128 {
    i128::from(log2(if millis == 0 { 100 } else { millis }) - log2(1_000))
}
