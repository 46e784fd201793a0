//! Dominant resource fairness, flat: whoever has the smallest dominant share per weight goes next.
//!
//! A holder's dominant share is the largest share that it holds of any resource. Serving the smallest first makes these
//! shares equal as far as tasks are divisible: nobody does better by asking for more than it needs, nobody envies
//! another, and nothing that could be used is left.
//!
//! The order `drf` of the queue uses the accounts directly. [`divide`] is the same rule as a function of demands alone:
//! what each would get of an empty cluster, for reports and for tests against the paper.
//!
//! # Source
//! Ghodsi, Zaharia, Hindman, Konwinski, Shenker, Stoica, "Dominant resource fairness", NSDI 2011, algorithm 1.

use super::accounts::{Accounts, Held, add};
use plimsoll_model::quantity::{Millis, Timestamp};

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
    let mut accounts = Accounts::new(Millis(1));
    accounts.set_capacity(*capacity);
    let holders: Vec<_> = (0..demands.len()).map(|index| accounts.holder(&index.to_string())).collect();
    for (holder, (_, weight, _)) in holders.iter().zip(demands) {
        accounts.set_weight(*holder, *weight);
    }
    let mut taken = Held::default();
    let mut tasks = vec![0; demands.len()];
    let mut open: Vec<usize> = (0..demands.len()).collect();
    loop {
        let fits = |need: &Held| need.iter().zip(&taken).zip(capacity).all(|((need, taken), all)| taken + need <= *all);
        open.retain(|index| {
            let (need, _, most) = &demands[*index];
            tasks[*index] < *most && need.iter().any(|amount| *amount > 0) && fits(need)
        });
        let poorest = open.iter().copied().min_by_key(|index| {
            let holder = holders[*index];
            u128::from(accounts.dominant_share(holder).0) * (1 << 32) / u128::from(accounts.weight(holder))
        });
        let Some(index) = poorest else { break };
        accounts.charge(holders[index], &demands[index].0, Timestamp(0));
        add(&mut taken, &demands[index].0);
        tasks[index] += 1;
    }
    let division = |(index, holder)| Division { tasks: tasks[index], held: *accounts.held(holder) };
    holders.into_iter().enumerate().map(division).collect()
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
            // With whole tasks the last one may fall differently: one task of tolerance, as in the paper's remark on
            // indivisible tasks.
            prop_assert!(divide(&capacity, &lying)[0].tasks <= division[0].tasks + 1);
        }
    }
}
