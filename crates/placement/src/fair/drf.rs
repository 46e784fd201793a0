//! Dominant resource fairness, flat: whoever has the smallest dominant share per weight goes next.
//!
//! A holder's dominant share is the largest share that it holds of any resource. Serving the smallest first makes these
//! shares equal as far as tasks are divisible: nobody does better by asking for more than it needs, nobody envies
//! another, and nothing that could be used is left.
//!
//! The order `drf` of the queue uses the accounts directly. [`fill`] is the same rule as one water-filling: services that
//! share a node come to it through [`crate::share`], and [`divide`] says what each would get of an empty cluster.
//!
//! # Source
//! Ghodsi, Zaharia, Hindman, Konwinski, Shenker, Stoica, "Dominant resource fairness", NSDI 2011, algorithm 1.

use super::accounts::{Held, subtract};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What one holder gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Division {
    /// Tasks it runs.
    pub tasks: u64,
    /// What they hold.
    pub held: Held,
}

/// Tasks that each holder gets of `capacity`, where holder `i` has `demands[i] = (per task, weight, most tasks)`; ties go
/// to the first.
#[must_use]
pub fn divide(capacity: &Held, demands: &[(Held, u32, u64)]) -> Vec<Division> {
    let pourer = |(each, weight, most): &(Held, u32, u64)| {
        // A task that needs nothing is no task here; there would be no end of them.
        let most = if each.iter().any(|amount| *amount > 0) { *most } else { 0 };
        Pourer { each: *each, weight: *weight, tasks: 0, most, stays: 0 }
    };
    let mut pourers: Vec<Pourer> = demands.iter().map(pourer).collect();
    let mut free = *capacity;
    fill(capacity, &mut free, &mut pourers);
    pourers.iter().map(|it| Division { tasks: it.tasks, held: it.each.map(|amount| amount * it.tasks) }).collect()
}

/// Somebody who takes part in [`fill`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pourer {
    /// What one task takes.
    pub each: Held,
    /// A weight of 2 is twice the share; 0 counts as 1.
    pub weight: u32,
    /// Tasks it has.
    pub tasks: u64,
    /// Tasks it wants.
    pub most: u64,
    /// Tasks up to which it goes before others at an equal share: those that run already need not move.
    pub stays: u64,
}

impl Pourer {
    /// Whether it wants one more task and `free` holds it.
    fn is_open(&self, free: &Held) -> bool {
        self.tasks < self.most && self.each.iter().zip(free).all(|(amount, free)| amount <= free)
    }

    /// Its dominant share per weight with one task more, then who goes first at equal shares.
    fn key(&self, capacity: &Held, index: usize) -> (u128, bool, usize) {
        // What fits a capacity of 64 bits leaves 56 fraction bits; anything absurd counts as very much.
        let held = |amount: u64| (u128::from(amount) * u128::from(self.tasks)).min(1 << 71);
        let shares = self
            .each
            .iter()
            .zip(capacity)
            .map(|(amount, capacity)| (held(*amount) << 56) / u128::from((*capacity).max(1)));
        let share = shares.max().unwrap_or(0);
        (share / u128::from(self.weight.max(1)), self.tasks >= self.stays, index)
    }
}

/// The one water-filling: gives `free`, one task at a time, to whoever has the smallest dominant share of `capacity` per
/// weight, until nobody who wants more fits. Cost: O(tasks · log pourers).
pub(crate) fn fill(capacity: &Held, free: &mut Held, pourers: &mut [Pourer]) {
    let keys = pourers.iter().enumerate().map(|(index, pourer)| Reverse(pourer.key(capacity, index)));
    let mut next: BinaryHeap<Reverse<(u128, bool, usize)>> = keys.collect();
    while let Some(Reverse((.., index))) = next.pop() {
        let pourer = &mut pourers[index];
        // Free room only shrinks: who does not fit now never will.
        if !pourer.is_open(free) {
            continue;
        }
        pourer.tasks += 1;
        subtract(free, &pourer.each);
        next.push(Reverse(pourer.key(capacity, index)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Share;
    use proptest::prelude::*;

    fn held(cpu: u64, memory: u64) -> Held {
        let mut held = Held::default();
        (held[0], held[1]) = (cpu, memory);
        held
    }

    #[test]
    fn the_example_of_the_paper_gives_three_tasks_and_two_at_equal_shares() {
        let capacity = held(9, 18);
        let division = divide(&capacity, &[(held(1, 4), 1, 99), (held(3, 1), 1, 99)]);
        assert_eq!(division[0], Division { tasks: 3, held: held(3, 12) });
        assert_eq!(division[1], Division { tasks: 2, held: held(6, 2) });
        assert_eq!(Share::of(12, 18).millionths(), Share::of(6, 9).millionths(), "2/3 each");
    }

    #[test]
    fn a_weight_of_two_is_twice_the_share() {
        let division = divide(&held(12, 0), &[(held(1, 0), 2, 99), (held(1, 0), 1, 99)]);
        assert_eq!((division[0].tasks, division[1].tasks), (8, 4));
    }

    proptest! {
        #[test]
        fn capacity_holds_nothing_useful_is_left_and_asking_for_more_gains_nothing(
            needs in prop::collection::vec((1_u64..9, 0_u64..9), 1..5), capacity in (10_u64..90, 10_u64..90),
            lie in (0_u64..4, 0_u64..4),
        ) {
            let capacity = held(capacity.0, capacity.1);
            let demands: Vec<_> = needs.iter().map(|(cpu, memory)| (held(*cpu, *memory), 1, 1_000)).collect();
            let division = divide(&capacity, &demands);
            for (resource, all) in capacity.iter().enumerate() {
                let taken: u64 = division.iter().map(|one| one.held[resource]).sum();
                prop_assert!(taken <= *all);
            }
            let free = |resource: usize| {
                capacity[resource] - division.iter().map(|one| one.held[resource]).sum::<u64>()
            };
            prop_assert!(demands.iter().all(|(need, ..)| need[0] > free(0) || need[1] > free(1)), "Pareto");
            let mut lying = demands.clone();
            lying[0].0[0] += lie.0;
            lying[0].0[1] += lie.1;
            // With whole tasks the last ones may fall differently: where another's large task no longer fits, several small
            // ones may. So the tolerance is what one task of another has room for, and one.
            let own = demands[0].0;
            let room = |need: &Held| (0..2).filter(|at| own[*at] > 0).map(|at| need[at].div_ceil(own[at])).max();
            let tolerance = 1 + demands[1..].iter().filter_map(|(need, ..)| room(need)).max().unwrap_or(0);
            prop_assert!(divide(&capacity, &lying)[0].tasks <= division[0].tasks + tolerance);
        }
    }
}
