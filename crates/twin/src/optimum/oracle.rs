//! The causal oracle: it knows the need of every slot exactly, but no slot before its time.
//!
//! It orders what is missing as soon as it is missing, and has it one start-up time later; it keeps an idle replica for as
//! long as a start would have cost and then lets it go (the break-even rule). What separates it from the clairvoyant is the
//! start-up time and not knowing the future, nothing else; what separates a policy from it is the policy.
//!
//! # Source
//! Break-even: A. Karlin, M. Manasse, L. Rudolph, D. Sleator, "Competitive Snoopy Caching", Algorithmica 3, 1988: twice the
//! best at most, and no rule without chance does better.

use super::{Bounds, cost_of};
use crate::yardstick::YardstickError;

/// What the oracle does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oracle {
    /// Replica milliseconds, as [`cost_of`] charges them.
    pub cost_ms: u128,
    /// Ready replicas per slot.
    pub supply: Vec<u32>,
    /// Slots with fewer than needed.
    pub under: usize,
}

/// The oracle's supply for `demand`, the replicas needed per slot. It begins with what the first slot needs, as everybody
/// that is compared with it does.
///
/// # Errors
/// [`YardstickError`] for bounds that hold nothing.
pub fn oracle(demand: &[u32], bounds: &Bounds) -> Result<Oracle, YardstickError> {
    bounds.check()?;
    let slot = bounds.slot.0;
    let (delay, keep) = (bounds.startup.0.div_ceil(slot) as usize, (bounds.start_cost().0 / slot) as usize);
    let mut supply = Vec::with_capacity(demand.len());
    // The slot in which each replica of a level was needed last, and from when it is ready.
    let mut levels: Vec<(usize, usize)> = Vec::new();
    let mut under = 0;
    for (at, need) in demand.iter().map(|demand| bounds.need(*demand)).enumerate() {
        while levels.len() > need as usize && levels.last().is_some_and(|(needed, _)| at - needed > keep) {
            levels.pop();
        }
        let ready_at = if at == 0 { 0 } else { at + delay };
        while levels.len() < need as usize {
            levels.push((at, ready_at));
        }
        levels.iter_mut().take(need as usize).for_each(|level| level.0 = at);
        let ready = levels.iter().filter(|(_, ready_at)| *ready_at <= at).count() as u32;
        under += usize::from(ready < need);
        supply.push(ready);
    }
    Ok(Oracle { cost_ms: cost_of(&supply, bounds), supply, under })
}

#[cfg(test)]
mod tests {
    use super::super::optimum;
    use super::*;
    use plimsoll_model::Millis;
    use proptest::prelude::*;

    fn bounds(startup: u64) -> Bounds {
        Bounds { slot: Millis(10), startup: Millis(startup), switching: Millis(0), replicas_min: 1, replicas_max: 6 }
    }

    #[test]
    fn it_is_late_by_the_start_up_and_keeps_for_as_long_as_a_start_costs() {
        let seen = oracle(&[1, 3, 3, 3, 1, 1, 1, 1], &bounds(20)).unwrap();
        assert_eq!((seen.supply, seen.under), (vec![1, 1, 1, 3, 3, 3, 1, 1], 2));
    }

    proptest! {
        #[test]
        fn without_start_up_it_is_always_in_time_and_it_never_knows_what_comes(
            demand in prop::collection::vec(0_u32..9, 1..60), cut in 0_usize..60, startup in 0_u64..60,
        ) {
            prop_assert_eq!(oracle(&demand, &bounds(0)).unwrap().under, 0);
            let whole = oracle(&demand, &bounds(startup)).unwrap();
            let known = cut.min(demand.len());
            prop_assert_eq!(&oracle(&demand[..known], &bounds(startup)).unwrap().supply[..], &whole.supply[..known]);
        }

        #[test]
        fn break_even_costs_at_most_twice_the_clairvoyant(
            demand in prop::collection::vec(0_u32..7, 1..60), switching in 0_u64..60,
        ) {
            // The price of a start without its delay.
            let bounds = Bounds { switching: Millis(switching), ..bounds(0) };
            let (seen, best) = (oracle(&demand, &bounds).unwrap(), optimum(&demand, &bounds).unwrap());
            prop_assert!(seen.cost_ms >= best.cost_ms);
            prop_assert!(seen.cost_ms <= 2 * best.cost_ms, "{} {}", seen.cost_ms, best.cost_ms);
        }
    }
}
