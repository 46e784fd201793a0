//! A twelfth of Borg's first part, its machines and its tasks, replayed with its priorities: evictions take room from lower
//! priorities alone, help those for whom they are made, and lose nobody. `cargo bench -p plimsoll-twin --bench borg` replays
//! the whole part.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_traces::{ClusterSet, borg, dataset};
use plimsoll_twin::cluster::{Cluster, Job, Life, Listed, Metrics, Options, Simulation};

/// One of so many machines, and of so many tasks.
const ONE_OF: usize = 12;

fn replay(set: &ClusterSet, preemption: bool) -> (Metrics, Vec<Life>) {
    let nodes: Vec<_> = set.nodes.iter().step_by(ONE_OF).cloned().collect();
    let mut jobs: Vec<Job> = set
        .tasks
        .iter()
        .step_by(ONE_OF)
        .map(|recorded| Job::new(recorded.task.clone(), recorded.run_time_true))
        .collect();
    jobs.sort_by_key(|job| job.task.submitted);
    let policy = SchedulerPolicy {
        node: NodePolicy::by_name("first-fit").unwrap(),
        preemption,
        ..SchedulerPolicy::new(QueueOrder::by_name("priority").unwrap(), Backfill::None)
    };
    let cluster = Cluster { nodes: &nodes, ..Cluster::default() };
    let mut simulation = Simulation::new(cluster, policy, Listed::new(&jobs), Options::default(), None).unwrap();
    while simulation.step() {}
    let lives = simulation.world().books.lives.to_vec();
    (simulation.finish().metrics, lives)
}

/// Mean wait until the first start in seconds of those with at least this priority, who all started or did not.
fn mean_wait(lives: &[Life], least: i32) -> f64 {
    let waits = lives.iter().filter(|life| life.priority >= least).filter_map(|life| {
        let started = life.started?;
        Some((started.0 - life.submitted.0) as f64 / 1e3)
    });
    let waits: Vec<f64> = waits.collect();
    waits.iter().sum::<f64>() / waits.len() as f64
}

#[test]
fn evictions_take_from_lower_priorities_alone_and_lose_nobody() {
    if dataset::find_for_test("evictions_take_from_lower_priorities_alone_and_lose_nobody", "google-borg-2011")
        .is_none()
    {
        return;
    }
    let set = borg::set(0..=0).unwrap();
    let highest = set.tasks.iter().map(|recorded| recorded.task.priority).max().unwrap();
    let (without, waited) = replay(&set, false);
    let (with, lives) = replay(&set, true);
    println!("without {:?}, with {:?}, evictions {:?}", without.tasks, with.tasks, with.evictions);
    assert_eq!(without.evicted(), 0);
    assert!(with.evicted() > 0, "nobody was evicted: the sample is too small to say anything");
    assert!(with.evictions.keys().all(|priority| *priority < highest), "{:?}", with.evictions);
    for metrics in [&without, &with] {
        let tasks = &metrics.tasks;
        let ends =
            [tasks.finished, tasks.killed, tasks.refused, tasks.dropped, tasks.lost, tasks.waiting, tasks.running];
        assert_eq!(tasks.submitted, ends.into_iter().sum::<u64>(), "everybody came to one end");
        assert_eq!(tasks.submitted, set.tasks.iter().step_by(ONE_OF).count() as u64);
        assert!(metrics.resources.iter().all(|resource| resource.peak <= 1.0 + 1e-9), "{:?}", metrics.resources);
    }
    let evicted_most = *with.evictions.keys().max().unwrap();
    let (before, after) = (mean_wait(&waited, evicted_most + 1), mean_wait(&lives, evicted_most + 1));
    println!("mean wait above priority {evicted_most}: {before:.1} s without, {after:.1} s with");
    assert!(after < before, "those above the evicted wait {after} s with evictions and {before} s without");
    assert_eq!(replay(&set, true).0, with, "twice the same");
}
