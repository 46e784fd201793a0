//! Who makes way for something more important.
//!
//! Only what said that it may be pre-empted and has a lower priority. Fewest first: if stopping a single one is enough,
//! a single one is stopped. Among equals the lowest priority, then the youngest, because the least work is lost.

use crate::ledger::{fits, sum};
use plimsoll_model::quantity::Timestamp;
use plimsoll_model::spec::Resources;

/// Something that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its priority.
    pub priority: i32,
    /// Whether it may be stopped for others.
    pub preemptible: bool,
    /// When it started.
    pub started: Timestamp,
    /// The room it holds.
    pub requests: Resources,
}

/// Indexes of those that have to go so that `asked` fits beside `free`; none when even all that may go are not enough.
/// An empty list when it fits already.
#[must_use]
pub fn victims(asked: Resources, free: Resources, priority: i32, candidates: &[Candidate]) -> Option<Vec<usize>> {
    if fits(asked, free) {
        return Some(Vec::new());
    }
    let mut order: Vec<usize> = (0..candidates.len())
        .filter(|index| candidates[*index].preemptible && candidates[*index].priority < priority)
        .collect();
    order.sort_by_key(|index| (candidates[*index].priority, std::cmp::Reverse(candidates[*index].started)));
    let room = |chosen: &[usize]| chosen.iter().fold(free, |all, index| sum(all, candidates[*index].requests));
    if let Some(one) = order.iter().find(|index| fits(asked, room(&[**index]))) {
        return Some(vec![*one]);
    }
    let enough = (1..=order.len()).find(|count| fits(asked, room(&order[..*count])))?;
    let mut chosen = order[..enough].to_vec();
    for index in order[..enough].iter().rev() {
        let without: Vec<usize> = chosen.iter().copied().filter(|other| other != index).collect();
        if fits(asked, room(&without)) {
            chosen = without;
        }
    }
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Bytes, Millicores};
    use proptest::prelude::*;

    fn cpu(millicores: u64) -> Resources {
        Resources { cpu: Millicores(millicores), memory: Bytes(0) }
    }

    fn task(priority: i32, started: i64, millicores: u64) -> Candidate {
        Candidate { priority, preemptible: true, started: Timestamp(started), requests: cpu(millicores) }
    }

    #[test]
    fn the_fewest_go_then_the_least_important_then_the_youngest() {
        for (asked, tasks, expected) in [
            (100, vec![task(0, 0, 500)], Some(vec![])),
            (400, vec![task(0, 0, 300), task(0, 9, 300)], Some(vec![1])),
            (400, vec![task(0, 9, 300), task(-1, 0, 300)], Some(vec![1])),
            (500, vec![task(0, 9, 200), task(0, 8, 200), task(1, 0, 400)], Some(vec![2])),
            (700, vec![task(0, 9, 100), task(0, 8, 200), task(1, 0, 400)], Some(vec![1, 2])),
            (400, vec![task(5, 0, 300), task(9, 0, 300)], None),
            (900, vec![task(0, 0, 300), task(0, 0, 300)], None),
        ] {
            assert_eq!(victims(cpu(asked), cpu(100), 5, &tasks), expected, "{asked} {tasks:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_goes_who_may_not_or_need_not(
            asked in 0_u64..2_000, free in 0_u64..1_000, priority in -2_i32..3,
            tasks in prop::collection::vec((-2_i32..3, 0_i64..50, 0_u64..500, any::<bool>()), 0..12),
        ) {
            let tasks: Vec<Candidate> = tasks.into_iter()
                .map(|(priority, started, size, preemptible)| Candidate { preemptible, ..task(priority, started, size) })
                .collect();
            let may: u64 = tasks.iter().filter(|task| task.preemptible && task.priority < priority)
                .map(|task| task.requests.cpu.0).sum();
            match victims(cpu(asked), cpu(free), priority, &tasks) {
                None => prop_assert!(free + may < asked),
                Some(chosen) => {
                    let size = |index: &usize| tasks[*index].requests.cpu.0;
                    let freed: u64 = chosen.iter().map(size).sum();
                    prop_assert!(free + freed >= asked);
                    for index in &chosen {
                        prop_assert!(tasks[*index].preemptible && tasks[*index].priority < priority);
                        prop_assert!(free + freed - size(index) < asked, "{} is not needed", index);
                    }
                }
            }
        }
    }
}
