//! The cheapest set of units that makes room.
//!
//! Sets are tried from the cheapest up, so the first that makes room is the cheapest there is. Their number grows with
//! the size of the set; when one size has more sets than [`SUBSETS_MAX`], the search goes over to a greedy one: stop the
//! lowest standings until there is room, then let everybody go on who need not stop, the highest first. That set is
//! minimal (nobody in it could stay) but need not be the smallest.

use super::{Standing, Unit};
use std::cmp::Reverse;

/// Most sets of one size that are tried one by one.
pub const SUBSETS_MAX: usize = 2_000;

/// What a set of victims costs; the lower one is chosen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Units that stop; a gang is one.
    pub units: usize,
    /// Tasks that stop.
    pub tasks: u32,
    /// Their standings from the highest down.
    pub standings: Vec<Standing>,
    /// Work that is lost.
    pub work_lost: u128,
    /// Their numbers, so that no two sets cost the same.
    pub numbers: Vec<u32>,
}

impl Cost {
    fn of(units: &[Unit], chosen: &[usize]) -> Self {
        let chosen = || chosen.iter().map(|index| &units[*index]);
        let mut numbers: Vec<u32> = chosen().map(|unit| unit.number).collect();
        numbers.sort_unstable();
        Self {
            units: numbers.len(),
            tasks: chosen().map(|unit| unit.tasks).sum(),
            standings: super::potential(chosen().map(|unit| unit.standing)),
            work_lost: chosen().map(|unit| unit.work_lost).sum(),
            numbers,
        }
    }
}

/// The cheapest set of units whose stop makes room for a claim, with its cost; none where no set does. `allowance` is
/// how many tasks each budget may still lose; `fits` says whether there is room without the units of these indexes.
///
/// A set that costs `below` or more is not looked for.
pub fn cheapest(
    claim: Standing,
    units: &[Unit],
    allowance: &[u32],
    below: Option<&Cost>,
    fits: &mut dyn FnMut(&[usize]) -> bool,
) -> Option<(Cost, Vec<usize>)> {
    let within = |chosen: &[usize]| {
        let mut left = allowance.to_vec();
        chosen.iter().flat_map(|index| &units[*index].budgets).all(|(budget, tasks)| {
            let enough = left[*budget] >= *tasks;
            left[*budget] = left[*budget].saturating_sub(*tasks);
            enough
        })
    };
    let mut may: Vec<usize> = (0..units.len())
        .filter(|index| units[*index].preemptible && units[*index].standing < claim && within(&[*index]))
        .collect();
    may.sort_by_key(|index| {
        let unit = &units[*index];
        (unit.standing, unit.tasks, unit.work_lost, unit.number)
    });
    for size in 1..=may.len() {
        if below.is_some_and(|below| size > below.units) {
            return None;
        }
        let Some(sets) = sets_of(&may, size) else {
            return greedy(units, &may, &within, fits).filter(|(cost, _)| below.is_none_or(|below| cost < below));
        };
        let mut sets: Vec<(Cost, Vec<usize>)> =
            sets.into_iter().filter(|set| within(set)).map(|set| (Cost::of(units, &set), set)).collect();
        sets.sort();
        let sets = sets.into_iter().take_while(|(cost, _)| below.is_none_or(|below| cost < below));
        for (cost, set) in sets {
            if fits(&set) {
                return Some((cost, set));
            }
        }
    }
    None
}

/// Every set of `size` of these; none where they are more than [`SUBSETS_MAX`].
fn sets_of(of: &[usize], size: usize) -> Option<Vec<Vec<usize>>> {
    let count =
        (0..size).try_fold(1_usize, |count, index| count.checked_mul(of.len() - index).map(|all| all / (index + 1)));
    count.filter(|count| *count <= SUBSETS_MAX)?;
    let mut places: Vec<usize> = (0..size).collect();
    let mut sets = Vec::new();
    loop {
        sets.push(places.iter().map(|place| of[*place]).collect());
        let Some(movable) = (0..size).rev().find(|index| places[*index] < of.len() - size + index) else {
            return Some(sets);
        };
        places[movable] += 1;
        for index in movable + 1..size {
            places[index] = places[index - 1] + 1;
        }
    }
}

fn greedy(
    units: &[Unit],
    may: &[usize],
    within: &dyn Fn(&[usize]) -> bool,
    fits: &mut dyn FnMut(&[usize]) -> bool,
) -> Option<(Cost, Vec<usize>)> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut makes_room = false;
    for index in may {
        chosen.push(*index);
        if !within(&chosen) {
            chosen.pop();
        } else if fits(&chosen) {
            makes_room = true;
            break;
        }
    }
    if !makes_room {
        return None;
    }
    let mut important = chosen.clone();
    important.sort_by_key(|index| Reverse((units[*index].standing, units[*index].tasks, units[*index].work_lost)));
    for index in important {
        let without: Vec<usize> = chosen.iter().copied().filter(|other| *other != index).collect();
        if fits(&without) {
            chosen = without;
        }
    }
    Some((Cost::of(units, &chosen), chosen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit(number: u32, priority: i32, tasks: u32, work_lost: u128) -> Unit {
        let standing = Standing { guaranteed: false, priority };
        Unit { number, standing, preemptible: true, tasks, work_lost, budgets: Vec::new() }
    }

    fn claim(priority: i32) -> Standing {
        Standing { guaranteed: false, priority }
    }

    #[test]
    fn every_set_of_a_size_is_made_once() {
        assert_eq!(sets_of(&[7, 8, 9], 2), Some(vec![vec![7, 8], vec![7, 9], vec![8, 9]]));
        assert_eq!(sets_of(&[7, 8, 9], 3), Some(vec![vec![7, 8, 9]]));
        assert_eq!(sets_of(&(0..64).collect::<Vec<_>>(), 3), None, "41,664 sets are too many");
        assert_eq!(sets_of(&(0..1_000).collect::<Vec<_>>(), 900), None);
    }

    #[test]
    fn a_spent_budget_protects() {
        let mut units = vec![unit(0, 0, 1, 5), unit(1, 1, 1, 5)];
        units[0].budgets = vec![(0, 1)];
        let chosen = |units: &[Unit], allowance: u32| {
            cheapest(claim(9), units, &[allowance], None, &mut |set| !set.is_empty()).map(|(_, set)| set)
        };
        assert_eq!(chosen(&units, 1), Some(vec![0]));
        assert_eq!(chosen(&units, 0), Some(vec![1]));
        units[1].budgets = vec![(0, 2)];
        assert_eq!(chosen(&units[1..], 1), None, "a gang of two is more than the budget has left");
    }

    proptest! {
        /// Room in one dimension: exact search against every subset there is.
        #[test]
        fn the_cheapest_set_is_found(
            asked in 1_u64..40, top in -1_i32..5,
            given in prop::collection::vec((-1_i32..5, 1_u32..4, 0_u128..9, 1_u64..12, any::<bool>(), 0_usize..3), 0..9),
            allowance in prop::collection::vec(0_u32..4, 3),
        ) {
            let units: Vec<Unit> = given.iter().enumerate().map(|(number, one)| Unit {
                preemptible: one.4, budgets: vec![(one.5, one.1)], ..unit(number as u32, one.0, one.1, one.2)
            }).collect();
            let room = |set: &[usize]| set.iter().map(|index| given[*index].3).sum::<u64>() >= asked;
            let found = cheapest(claim(top), &units, &allowance, None, &mut |set| room(set));
            let allowed = |set: &[usize]| {
                let ok = set.iter().all(|index| units[*index].preemptible && units[*index].standing < claim(top));
                let spent = |budget: usize| set.iter().filter(|index| given[**index].5 == budget)
                    .map(|index| given[*index].1).sum::<u32>();
                ok && (0..3).all(|budget| spent(budget) <= allowance[budget])
            };
            let all = (1_u32..1 << units.len())
                .map(|bits| (0..units.len()).filter(|index| bits >> index & 1 == 1).collect::<Vec<_>>());
            let best = all.filter(|set| allowed(set) && room(set)).map(|set| Cost::of(&units, &set)).min();
            prop_assert_eq!(found.map(|(cost, _)| cost), best);
        }

        #[test]
        fn a_set_beyond_the_limit_is_minimal(sizes in prop::collection::vec(1_u64..9, 60..80)) {
            let units: Vec<Unit> = sizes.iter().enumerate().map(|(n, size)| unit(n as u32, (*size % 3) as i32, 1, 0)).collect();
            let asked = sizes.iter().sum::<u64>() / 2;
            let room = |set: &[usize]| set.iter().map(|index| sizes[*index]).sum::<u64>() >= asked;
            let (_, set) = cheapest(claim(9), &units, &[], None, &mut |set| room(set)).expect("all of them make room");
            prop_assert!(room(&set));
            for out in &set {
                let without: Vec<usize> = set.iter().copied().filter(|index| index != out).collect();
                prop_assert!(!room(&without), "{} could stay", out);
            }
        }
    }
}
