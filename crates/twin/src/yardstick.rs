//! The scorecard of a run: what a policy's replicas cost against a constant peak and against the clairvoyant fewest.
//!
//! All three are charged from one price list ([`crate::optimum::cost_of`]): ready replicas by the slot, and the start-up
//! time of every start. The optimum meets the need in every slot; a policy that did not may cost less than it, so the
//! ratio is only worth its words beside `elasticity.under_time_pct`, and both are in the same value. At the very start
//! nobody can launch ahead of a first slot: leave out the slots of one start-up time, or start with replicas that run.

use crate::elasticity::{Elasticity, elasticity};
use crate::optimum::{Bounds, Optimum, cost_of, optimum};
use plimsoll_model::MilliRps;
use serde::{Deserialize, Serialize};

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Yardstick {
    /// Slots compared.
    pub slots: usize,
    /// Replica seconds of the policy, starts included.
    pub policy_replica_s: f64,
    /// Replica seconds of holding the highest need throughout.
    pub constant_peak_replica_s: f64,
    /// Replica seconds of the clairvoyant fewest.
    pub optimum_replica_s: f64,
    /// Policy over optimum: 1.15 is 15 % above the least possible. 0 where nothing was needed.
    pub over_optimum: f64,
    /// Policy over constant peak. 0 where nothing was needed.
    pub over_constant_peak: f64,
    /// Share of the possible saving that was had: `(constant peak − policy) / (constant peak − optimum)`, 1 at best;
    /// none where there was nothing to save.
    pub saving_had: Option<f64>,
    /// Starts of replicas by the policy.
    pub policy_starts: u64,
    /// Starts of replicas in the optimum.
    pub optimum_starts: u64,
    /// Slots whose need was above the most replicas allowed: nobody could have met them.
    pub unmeetable_slots: usize,
    /// How closely the policy followed.
    pub elasticity: Elasticity,
}

/// Why there is no scorecard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum YardstickError {
    /// The two series do not cover the same slots.
    #[error("demand has {demand} slots and supply has {supply}")]
    Length {
        /// Slots of demand.
        demand: usize,
        /// Slots of supply.
        supply: usize,
    },
    /// A slot of no length.
    #[error("a slot must last at least 1 ms")]
    Slot,
    /// Bounds that hold nothing.
    #[error("replicas {min} to {max} is no range of at most {} replicas", crate::optimum::REPLICAS_MAX)]
    Replicas {
        /// The minimum given.
        min: u32,
        /// The maximum given.
        max: u32,
    },
}

/// Replicas that `load` needs when one carries `capacity`: the quotient rounded up; `None` when one carries nothing, or
/// more than a `u32` would be needed.
#[must_use]
pub fn replicas_needed(load: MilliRps, capacity: MilliRps) -> Option<u32> {
    if capacity == MilliRps::ZERO {
        return if load == MilliRps::ZERO { Some(0) } else { None };
    }
    u32::try_from(load.0.div_ceil(capacity.0)).ok()
}

/// Scores `supply`, the policy's ready replicas per slot, against `demand`, the replicas needed per slot.
///
/// # Errors
/// [`YardstickError`] when the series differ in length or `bounds` hold nothing.
pub fn scorecard(demand: &[u32], supply: &[u32], bounds: &Bounds) -> Result<Yardstick, YardstickError> {
    if demand.len() != supply.len() {
        return Err(YardstickError::Length { demand: demand.len(), supply: supply.len() });
    }
    let Optimum { cost_ms, starts, .. } = optimum(demand, bounds)?;
    let need: Vec<u32> = demand.iter().map(|demand| bounds.need(*demand)).collect();
    let peak = vec![need.iter().copied().max().unwrap_or(0); need.len()];
    let seconds = |cost_ms: u128| cost_ms as f64 / 1_000.0;
    let (policy, constant, best) =
        (seconds(cost_of(supply, bounds)), seconds(cost_of(&peak, bounds)), seconds(cost_ms));
    let ratio = |of: f64| if of > 0.0 { policy / of } else { 0.0 };
    Ok(Yardstick {
        slots: demand.len(),
        policy_replica_s: policy,
        constant_peak_replica_s: constant,
        optimum_replica_s: best,
        over_optimum: ratio(best),
        over_constant_peak: ratio(constant),
        saving_had: (constant > best).then(|| (constant - policy) / (constant - best)),
        policy_starts: rises(supply),
        optimum_starts: starts,
        unmeetable_slots: demand.iter().filter(|demand| **demand > bounds.replicas_max).count(),
        elasticity: elasticity(&need, supply, bounds.slot),
    })
}

fn rises(supply: &[u32]) -> u64 {
    std::iter::once(&0).chain(supply).zip(supply).map(|(before, now)| u64::from(now.saturating_sub(*before))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::Millis;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds {
        slot: Millis(60_000),
        startup: Millis(30_000),
        switching: Millis(0),
        replicas_min: 1,
        replicas_max: 10,
    };

    #[test]
    fn a_worked_example() {
        let card = scorecard(&[1, 4, 2, 12], &[2, 3, 4, 10], &BOUNDS).unwrap();
        assert_eq!((card.policy_replica_s, card.policy_starts), (19.0 * 60.0 + 10.0 * 30.0, 10));
        assert_eq!(card.constant_peak_replica_s, 40.0 * 60.0 + 10.0 * 30.0);
        // One idle minute is dearer than one start of half a minute, so the two replicas of slot 2 stop for slot 3.
        assert_eq!((card.optimum_replica_s, card.optimum_starts), (17.0 * 60.0 + 12.0 * 30.0, 12));
        assert_eq!((card.unmeetable_slots, card.slots), (1, 4));
        assert_eq!(card.elasticity.under_time_pct, 25.0);
        assert_eq!(card.saving_had, Some((2_700.0 - 1_440.0) / (2_700.0 - 1_380.0)));
    }

    #[test]
    fn series_of_different_length_are_refused() {
        let error = scorecard(&[1], &[1, 2], &BOUNDS).unwrap_err();
        assert_eq!(error.to_string(), "demand has 1 slots and supply has 2");
    }

    #[test]
    fn a_load_is_rounded_up_to_whole_replicas() {
        for (load, capacity, replicas) in [
            (0, 5, Some(0)),
            (1, 5, Some(1)),
            (5, 5, Some(1)),
            (6, 5, Some(2)),
            (1, 0, None),
            (0, 0, Some(0)),
            (u64::MAX, 1, None),
        ] {
            assert_eq!(replicas_needed(MilliRps(load), MilliRps(capacity)), replicas, "{load} {capacity}");
        }
    }

    proptest! {
        #[test]
        fn a_supply_that_always_suffices_never_beats_the_optimum(
            slots in prop::collection::vec((0_u32..12, 0_u32..5), 1..60), startup in 0_u64..300_000,
        ) {
            let bounds = Bounds { startup: Millis(startup), ..BOUNDS };
            let demand: Vec<u32> = slots.iter().map(|slot| slot.0).collect();
            let supply: Vec<u32> = slots.iter().map(|slot| bounds.need(slot.0) + slot.1).collect();
            let card = scorecard(&demand, &supply, &bounds).unwrap();
            prop_assert!(card.over_optimum >= 1.0, "{:?}", card);
            prop_assert_eq!(card.elasticity.under_time_pct, 0.0);
            prop_assert!(card.constant_peak_replica_s >= card.optimum_replica_s);
            prop_assert!(card.saving_had.is_none_or(|share| share <= 1.0));
        }
    }
}
