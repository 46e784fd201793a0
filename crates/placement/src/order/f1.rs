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
use plimsoll_stats::fixed::log2;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Share;
    use plimsoll_model::quantity::{Millis, Timestamp};

    fn task(submitted: i64, hours: u64, processors: u32) -> Facts {
        let (submitted, estimate) = (Timestamp(submitted), Millis(hours * 3_600_000));
        Facts { submitted, estimate, processors, size: Share::of(u64::from(processors), 256), ..Facts::default() }
    }

    #[test]
    fn the_order_is_that_of_the_formula_in_floats() {
        let value = |facts: &Facts| {
            let (estimate, submitted) = (facts.estimate.0 as f64 / 1e3, facts.submitted.0 as f64 / 1e3);
            estimate.log10() * f64::from(facts.processors) + 870.0 * submitted.log10()
        };
        for a in [task(10_000, 3, 7), task(99_000, 1, 200), task(18_000_000, 24, 31)] {
            for b in [task(11_000, 2, 9), task(90_000, 2, 128), task(21_600_000, 2, 3)] {
                assert_eq!(key(&a) < key(&b), value(&a) < value(&b), "{a:?} {b:?}");
            }
        }
    }
}
