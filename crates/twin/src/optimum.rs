//! The clairvoyant optimum under a hard objective: the least replica time that always has the replicas a load needs.
//!
//! A clairvoyant launches ahead, so start-up never makes it late and only costs: `β = start-up time + switching cost`
//! per start, in replica time. The total `Σ s_t·slot + β·Σ (s_t − s_{t−1})⁺` under `s_t ≥ c_t` splits by level: the
//! k-th replica is needed in the slots where `c_t ≥ k`, and through an idle gap of length `g` it is kept if and only if
//! `g ≤ β`. So every gap costs the smaller of the two, and the whole takes `O(Σ|Δc| + T)`. No policy that meets the
//! objective in every slot can cost less, whatever it knows.
//!
//! # Source
//! The level argument is the offline part of M. Lin, A. Wierman, L. Andrew, E. Thereska, "Dynamic Right-Sizing for
//! Power-Proportional Data Centers", INFOCOM 2011, for a load with no cost of its own; a property test holds it equal
//! to a dynamic programme over all supplies.

pub mod oracle;
pub mod soft;

use crate::yardstick::YardstickError;
use plimsoll_model::Millis;

/// Most replicas in one slot: one entry of memory each.
pub const REPLICAS_MAX: u32 = 1_000_000;

/// The terms under which every supply is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Length of a slot, above 0.
    pub slot: Millis,
    /// Time from launching a replica to its being ready; it is paid for and serves nobody.
    pub startup: Millis,
    /// What one more start costs besides, in replica time: a cold cache, a person's nerves. Usually 0.
    pub switching: Millis,
    /// Fewest replicas allowed.
    pub replicas_min: u32,
    /// Most replicas allowed; need beyond it can not be met by anybody and is cut to it.
    pub replicas_max: u32,
}

/// The cheapest supply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Optimum {
    /// Its cost in replica milliseconds: slots served, and [`Bounds::start_cost`] for each start.
    pub cost_ms: u128,
    /// Starts in it, the first ones included.
    pub starts: u64,
    /// Ready replicas per slot.
    pub supply: Vec<u32>,
}

impl Bounds {
    /// `β`: replica time that one start costs.
    #[must_use]
    pub fn start_cost(&self) -> Millis {
        self.startup.saturating_add(self.switching)
    }

    /// The need of a slot as anybody may meet it: at least the minimum, at most the maximum.
    #[must_use]
    pub fn need(&self, demand: u32) -> u32 {
        demand.min(self.replicas_max).max(self.replicas_min)
    }

    pub(crate) fn check(&self) -> Result<(), YardstickError> {
        if self.slot == Millis::ZERO {
            return Err(YardstickError::Slot);
        }
        if self.replicas_min > self.replicas_max || self.replicas_max > REPLICAS_MAX {
            return Err(YardstickError::Replicas { min: self.replicas_min, max: self.replicas_max });
        }
        Ok(())
    }
}

/// The cheapest supply for `demand`, the replicas needed per slot in order.
///
/// # Errors
/// [`YardstickError`] for a slot of no length, or a maximum below the minimum or above [`REPLICAS_MAX`].
pub fn optimum(demand: &[u32], bounds: &Bounds) -> Result<Optimum, YardstickError> {
    bounds.check()?;
    let (slot, start) = (u128::from(bounds.slot.0), u128::from(bounds.start_cost().0));
    let mut levels = Levels::default();
    let mut cost_ms = 0_u128;
    let mut starts = 0_u64;
    // How many replicas kept through a gap begin and end to idle at each slot.
    let mut idle_change = vec![0_i64; demand.len() + 1];
    let mut before = 0_u32;
    for (at, need) in demand.iter().map(|demand| bounds.need(*demand)).enumerate() {
        for level in before..need {
            match levels.idle_since(level).map(|since| (since, slot * (at - since) as u128)) {
                Some((since, kept)) if kept <= start => {
                    cost_ms += kept;
                    idle_change[since] += 1;
                    idle_change[at] -= 1;
                }
                _ => {
                    cost_ms += start;
                    starts += 1;
                }
            }
        }
        (need..before).for_each(|level| levels.stop(level, at));
        cost_ms += slot * u128::from(need);
        before = need;
    }
    let mut idle = 0_i64;
    let supply = demand.iter().zip(&idle_change).map(|(demand, change)| {
        idle += change;
        bounds.need(*demand).saturating_add(u32::try_from(idle).unwrap_or(0))
    });
    Ok(Optimum { cost_ms, starts, supply: supply.collect() })
}

/// Since when each level idles; `None` for one that never ran.
#[derive(Default)]
struct Levels(Vec<Option<usize>>);

impl Levels {
    fn idle_since(&self, level: u32) -> Option<usize> {
        self.0.get(level as usize).copied().flatten()
    }

    fn stop(&mut self, level: u32, at: usize) {
        let level = level as usize;
        if self.0.len() <= level {
            self.0.resize(level + 1, None);
        }
        self.0[level] = Some(at);
    }
}

/// What a supply costs under `bounds`: its slots, and the start cost of every rise, the first included.
///
/// `supply` is the ready replicas per slot. This is the one price list for the optimum, the constant peak and a policy,
/// so that their ratio compares like with like.
#[must_use]
pub fn cost_of(supply: &[u32], bounds: &Bounds) -> u128 {
    let starts: u128 =
        std::iter::once(&0).chain(supply).zip(supply).map(|(a, b)| u128::from(b.saturating_sub(*a))).sum();
    let served: u128 = supply.iter().map(|replicas| u128::from(*replicas)).sum();
    served * u128::from(bounds.slot.0) + starts * u128::from(bounds.start_cost().0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bounds(slot: u64, startup: u64, min: u32, max: u32) -> Bounds {
        Bounds {
            slot: Millis(slot),
            startup: Millis(startup),
            switching: Millis(0),
            replicas_min: min,
            replicas_max: max,
        }
    }

    #[test]
    fn a_gap_is_bridged_exactly_when_waiting_is_not_dearer_than_starting() {
        for (startup, supply, cost, starts) in
            [(20, vec![2, 2, 2, 2], 80 + 2 * 20, 2), (19, vec![2, 1, 1, 2], 60 + 3 * 19, 3)]
        {
            let best = optimum(&[2, 1, 1, 2], &bounds(10, startup, 0, 9)).unwrap();
            assert_eq!(best, Optimum { cost_ms: cost, starts, supply });
        }
    }

    #[test]
    fn the_bounds_hold_and_no_slot_costs_nothing() {
        let best = optimum(&[0, 9, 0], &bounds(10, 0, 1, 4)).unwrap();
        assert_eq!(best.supply, [1, 4, 1]);
        assert_eq!(optimum(&[], &bounds(10, 5, 1, 4)).unwrap().cost_ms, 0);
        assert!(optimum(&[1], &bounds(0, 5, 1, 4)).is_err());
        assert!(optimum(&[1], &bounds(1, 5, 5, 4)).is_err());
    }

    /// The least cost over all supplies: `OPT_t(s) = slot·s + min_q { OPT_{t−1}(q) + β·(s − q)⁺ }`.
    fn by_dynamic_programme(demand: &[u32], bounds: &Bounds) -> u128 {
        let states = demand.iter().map(|demand| bounds.need(*demand)).max().unwrap_or(0);
        let (slot, start) = (u128::from(bounds.slot.0), u128::from(bounds.start_cost().0));
        let mut best: Vec<Option<u128>> = (0..=states).map(|s| (s == 0).then_some(0)).collect();
        for demand in demand {
            best = (0..=states)
                .map(|s| {
                    let reached = best.iter().zip(0_u32..).filter_map(|(cost, q)| {
                        cost.map(|cost| cost + start * u128::from(s.saturating_sub(q)) + slot * u128::from(s))
                    });
                    if s < bounds.need(*demand) { None } else { reached.min() }
                })
                .collect();
        }
        best.into_iter().flatten().min().unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_level_formula_equals_the_dynamic_programme(
            demand in prop::collection::vec(0_u32..7, 0..30),
            slot in 1_u64..5, startup in 0_u64..40, switching in 0_u64..10, min in 0_u32..3, span in 0_u32..6,
        ) {
            let bounds = Bounds { switching: Millis(switching), ..bounds(slot, startup, min, min + span) };
            let best = optimum(&demand, &bounds).unwrap();
            prop_assert_eq!(best.cost_ms, by_dynamic_programme(&demand, &bounds));
            // Its own supply meets the need and costs what it says.
            prop_assert_eq!(best.cost_ms, cost_of(&best.supply, &bounds));
            prop_assert!(best.supply.iter().zip(&demand).all(|(supply, demand)| *supply >= bounds.need(*demand)));
        }
    }
}
