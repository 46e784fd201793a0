//! The workload of the FGD paper's experiments, made from a pod list: more tasks than the GPUs can take.
//!
//! Sorted by name, shuffled, then tasks drawn with replacement from the list are appended for as long as the demand stays
//! within the target; a list that already asks more loses random tasks until it does not. The published check compares the
//! demand so far plus the *share per GPU* of the next draw with the target, so several whole GPUs may overshoot it; that is
//! kept, because it decides which task is the last.
//!
//! The random numbers are this workspace's own and not Go's, so single runs differ from the published ones and their mean
//! over seeds does not.
//!
//! # Source
//! Weng et al., USENIX ATC 2023, and the protocol of its simulator (hkust-adsl/kubernetes-scheduler-simulator).

use crate::cluster::RecordedTask;
use plimsoll_model::Timestamp;
use plimsoll_stats::Random;

/// Tasks in the order in which they arrive. `gpu_capacity_milli` is that of all nodes, `demand_permille` the target (1,300
/// for 130 %; 0 leaves the list's own demand).
///
/// The i-th task from 0 is submitted at second i and has no run time: the protocol has arrivals and no departures. An
/// appended task is called `NAME+I`, I counting the appended ones from 0. A list without any GPU demand is only shuffled.
#[must_use]
pub fn workload(tasks: &[RecordedTask], gpu_capacity_milli: u64, demand_permille: u64, seed: u64) -> Vec<RecordedTask> {
    let mut random = Random::new(seed);
    let mut sorted: Vec<&RecordedTask> = tasks.iter().collect();
    sorted.sort_by(|one, other| one.task.id.cmp(&other.task.id));
    let mut order = sorted.clone();
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    let mut demand: u128 = order.iter().map(|one| demand_milli(one)).sum();
    let target = u128::from(gpu_capacity_milli) * u128::from(demand_permille) / 1_000;
    let can_reach = demand > 0 && demand_permille > 0;
    while can_reach && demand > target && !order.is_empty() {
        let gone = order.remove(random.below(order.len() as u64) as usize);
        demand -= demand_milli(gone);
    }
    let listed = order.len();
    if can_reach && listed == sorted.len() && demand < target {
        loop {
            let next = sorted[random.below(sorted.len() as u64) as usize];
            if demand + u128::from(next.task.requests.gpu.milli) > target {
                break;
            }
            demand += demand_milli(next);
            order.push(next);
        }
    }
    order.into_iter().enumerate().map(|(index, recorded)| arrival(recorded, index, listed)).collect()
}

fn demand_milli(recorded: &RecordedTask) -> u128 {
    u128::from(recorded.task.requests.gpu.total_milli())
}

fn arrival(recorded: &RecordedTask, index: usize, listed: usize) -> RecordedTask {
    let mut task = recorded.task.clone();
    if index >= listed {
        task.id = format!("{}+{}", task.id, index - listed);
    }
    task.submitted = Timestamp(i64::try_from(index).unwrap_or(i64::MAX).saturating_mul(1_000));
    task.run_time = None;
    RecordedTask { task, run_time_true: None, wait: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::{Demand, GpuDemand, Task};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn list(gpus: &[(u32, u32)]) -> Vec<RecordedTask> {
        let one = |(index, &(count, milli)): (usize, &(u32, u32))| RecordedTask {
            task: Task {
                id: format!("pod-{index:03}"),
                requests: Demand { gpu: GpuDemand { count, milli, models: Vec::new() }, ..Demand::default() },
                ..Task::default()
            },
            ..RecordedTask::default()
        };
        gpus.iter().enumerate().map(one).collect()
    }

    #[test]
    fn a_list_without_gpus_is_only_shuffled() {
        let tasks = list(&[(0, 0); 5]);
        assert_eq!(workload(&tasks, 8_000, 1_300, 1).len(), 5);
        assert!(workload(&[], 8_000, 1_300, 1).is_empty());
    }

    proptest! {
        #[test]
        fn demand_ends_at_the_target_and_every_name_is_its_own(
            gpus in proptest::collection::vec(prop_oneof![Just((0, 0)), (1..1_000_u32).prop_map(|m| (1, m)),
                (2..8_u32).prop_map(|n| (n, 1_000))], 1..60),
            capacity in 1_000..100_000_u64, seed: u64,
        ) {
            let tasks = list(&gpus);
            let made = workload(&tasks, capacity, 1_300, seed);
            prop_assert_eq!(&made, &workload(&tasks, capacity, 1_300, seed));
            let names: BTreeSet<&str> = made.iter().map(|one| one.task.id.as_str()).collect();
            prop_assert_eq!(names.len(), made.len());
            let demand: u64 = made.iter().map(|one| one.task.requests.gpu.total_milli()).sum();
            let target = capacity * 1_300 / 1_000;
            // The next draw is checked by its share of one GPU, so the overshoot is less than the largest task.
            prop_assert!(demand < target + 8_000, "{} of {}", demand, target);
            if made.len() > tasks.len() {
                prop_assert!(demand + 1_000 > target, "{} of {}", demand, target);
            }
        }
    }
}
