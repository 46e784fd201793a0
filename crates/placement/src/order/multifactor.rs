//! `multifactor`: a weighted sum of age, size, fair share and priority, the largest first, as Slurm's plugin computes it.
//!
//! Every factor is between 0 and 1 and has a weight; the sum is the priority. Age is the wait over [`Weights::age_max`],
//! at most 1. Size is the dominant share (or what it leaves, where small ones are favoured). Fair share is
//! `2^(−use/share)` of the decayed use of the task's holder. The factor of priority is `priority / priority_max`, which
//! stands for Slurm's quality of service. A larger `nice` has no place here: it is a lower priority.
//!
//! The sum changes with the clock and with use, so keys are made again every [`Weights::refresh`], as Slurm's
//! `PriorityCalcPeriod` does: n log n every five minutes and not at every event.
//!
//! # Source
//! Slurm, "Multifactor Priority Plugin" (`priority/multifactor`) and "Classic Fairshare Algorithm".

use super::{Facts, Key};
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_stats::fixed::{BITS, decay};

/// Weights of the factors and what they are relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// Weight of the age factor.
    pub age: u32,
    /// Weight of the size factor.
    pub size: u32,
    /// Weight of the fair-share factor.
    pub fair_share: u32,
    /// Weight of the priority factor.
    pub priority: u32,
    /// Wait at which the age factor is 1, trace time.
    pub age_max: Millis,
    /// Priority at which its factor is 1; anything below 0 counts as 0.
    pub priority_max: i32,
    /// Whether small tasks are favoured instead of large ones.
    pub small_first: bool,
    /// How often keys are made again, trace time.
    pub refresh: Millis,
}

impl Default for Weights {
    /// Equal weights of 1,000, seven days of age and five minutes between computations, Slurm's defaults for the latter.
    fn default() -> Self {
        Self {
            age: 1_000,
            size: 1_000,
            fair_share: 1_000,
            priority: 1_000,
            age_max: Millis(7 * 86_400_000),
            priority_max: 100,
            small_first: false,
            refresh: Millis(300_000),
        }
    }
}

/// A factor of 1.
const ONE: u128 = 1 << BITS;

/// `over_use` is decayed use over entitled share, 32 fraction bits.
pub(super) fn key(facts: &Facts, weights: &Weights, at: Timestamp, over_use: u64) -> Key {
    let ratio = |part: u128, whole: u128| (part.min(whole) << BITS).checked_div(whole).unwrap_or(ONE);
    let age = ratio(u128::from(facts.waited(at).0), u128::from(weights.age_max.0));
    let large = ratio(u128::from(facts.size.0), u128::from(super::Share::WHOLE.0));
    let size = if weights.small_first { ONE - large } else { large };
    let fair = decay(ONE, over_use);
    let most = u128::from(weights.priority_max.max(0).unsigned_abs());
    let priority = ratio(u128::from(facts.priority.max(0).unsigned_abs()), most);
    let terms = [(weights.age, age), (weights.size, size), (weights.fair_share, fair), (weights.priority, priority)];
    let sum: u128 = terms.iter().map(|(weight, factor)| u128::from(*weight) * factor).sum();
    Key(-i128::try_from(sum).unwrap_or(i128::MAX))
}
