//! What another load would have brought: the loads nearest to the one observed at which the target is another.
//!
//! Works for every policy, because it asks the policy itself: the same decision is made again with the figures of load
//! multiplied, and the multiple at which the answer changes is found by halving. Where a policy's own thresholds are known
//! ([`counterfactual`](crate::decide)), they are exact; these are to a thousandth of the load.
//!
//! A target that rises, falls and rises again with the load has several such points; one of them is found.

use plimsoll_model::quantity::Permille;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most that a load is multiplied by, in thousandths: beyond ten times it would be another service.
pub const LOAD_MAX: u64 = 10_000;
/// The load as it was.
const AS_IT_WAS: u64 = 1_000;

/// Another load and what it would have brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurningPoint {
    /// The load as a share of what was observed.
    pub load: Permille,
    /// Replicas wanted there.
    pub target: u32,
}

/// The nearest loads at which the target would have been another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WhatIf {
    /// The largest lower load with fewer replicas; none where no lower load has fewer.
    pub fewer: Option<TurningPoint>,
    /// The smallest higher load with more; none where none up to ten times has more.
    pub more: Option<TurningPoint>,
}

/// Asks `target_at`, which tells the target at so many thousandths of the load; at the load as it was it is `base`.
pub fn what_if(base: u32, mut target_at: impl FnMut(u64) -> u32) -> WhatIf {
    let mut turn = |other: u64, changes: fn(u32, u32) -> bool| {
        let (mut near, mut far, mut target) = (AS_IT_WAS, other, target_at(other));
        if !changes(target, base) {
            return None;
        }
        while near.abs_diff(far) > 1 {
            let middle = near.midpoint(far);
            let there = target_at(middle);
            if changes(there, base) {
                (far, target) = (middle, there);
            } else {
                near = middle;
            }
        }
        Some(TurningPoint { load: Permille(far), target })
    };
    WhatIf { fewer: turn(0, |there, base| there < base), more: turn(LOAD_MAX, |there, base| there > base) }
}

/// `amount` at so many thousandths of the load.
#[must_use]
pub const fn at_load(amount: u64, load: u64) -> u64 {
    let scaled = amount as u128 * load as u128 / AS_IT_WAS as u128;
    if scaled > u64::MAX as u128 { u64::MAX } else { scaled as u64 }
}

impl fmt::Display for WhatIf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.more {
            Some(TurningPoint { load, target }) => write!(f, "{target} from {load} of this load on")?,
            None => write!(f, "no more up to {} of this load", Permille(LOAD_MAX))?,
        }
        match self.fewer {
            Some(TurningPoint { load, target }) => write!(f, ", {target} at {load} or below"),
            None => f.write_str(", no fewer at any"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn the_loads_next_to_which_a_step_lies_are_found() {
        // 240 arrivals, 50 each.
        let target = |load: u64| u32::try_from((240 * load).div_ceil(50_000)).unwrap();
        let found = what_if(target(1_000), target);
        assert_eq!(found.more, Some(TurningPoint { load: Permille(1_042), target: 6 }));
        assert_eq!(found.fewer, Some(TurningPoint { load: Permille(833), target: 4 }));
        assert_eq!(found.to_string(), "6 from 104.2% of this load on, 4 at 83.3% or below");
    }

    #[test]
    fn a_target_that_does_not_follow_the_load_has_no_turning_point() {
        let found = what_if(3, |_| 3);
        assert_eq!(found, WhatIf::default());
        assert_eq!(found.to_string(), "no more up to 1000% of this load, no fewer at any");
    }

    #[test]
    fn a_load_does_not_overflow() {
        assert_eq!(at_load(u64::MAX, LOAD_MAX), u64::MAX);
        assert_eq!(at_load(1_999, 500), 999);
    }

    proptest! {
        #[test]
        fn of_a_target_that_rises_with_the_load_the_nearest_point_is_found(
            steps in proptest::collection::vec(0_u64..12_000, 0..20),
        ) {
            let target = |load: u64| u32::try_from(steps.iter().filter(|step| **step <= load).count()).unwrap();
            let found = what_if(target(1_000), target);
            let more = (1_001..=LOAD_MAX).find(|load| target(*load) > target(1_000));
            let fewer = (0..1_000).rev().find(|load| target(*load) < target(1_000));
            prop_assert_eq!(found.more.map(|it| it.load.0), more);
            prop_assert_eq!(found.fewer.map(|it| it.load.0), fewer);
            prop_assert!(found.more.is_none_or(|it| it.target == target(it.load.0)));
        }
    }
}
