//! Borg's trace with its priorities and evictions: a tenth of its tasks on a twentieth of its machines, so that what is less
//! important has to make way. The whole of it is `cargo bench -p plimsoll-twin --bench borg`.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_model::cluster::Node;
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_traces::borg;
use plimsoll_twin::cluster::{Cluster, Job, Listed, Metrics, Options, Simulation};
use std::collections::BTreeMap;

/// Every so many tasks is taken, and every so many machines.
const TASKS: usize = 10;
const MACHINES: usize = 20;
/// Priorities from here on are production: nobody stops them.
const PRODUCTION: i32 = 9;

/// Runs a replay; gives its figures and the mean wait of production tasks in milliseconds.
fn replay(nodes: &[Node], jobs: &[Job], preemption: bool) -> (Metrics, u64) {
    let node = NodePolicy::by_name("first-fit").unwrap();
    let order = QueueOrder::by_name("priority").unwrap();
    let policy = SchedulerPolicy { node, preemption, ..SchedulerPolicy::new(order, Backfill::None) };
    let cluster = Cluster { nodes, sites: &[], typical: &[] };
    let mut simulation = Simulation::new(cluster, policy, Listed::new(jobs), Options::default(), None).unwrap();
    while simulation.step() {}
    let scheduler = simulation.world().scheduler();
    assert_eq!(scheduler.fleet().relations().rules().recount(), Vec::<String>::new(), "counts drifted");
    let lives = simulation.world().books.lives.iter().filter(|life| life.priority >= PRODUCTION);
    let waits: Vec<u64> = lives.filter_map(|life| Some(life.started?.since(life.submitted).0)).collect();
    let mean = waits.iter().sum::<u64>() / waits.len().max(1) as u64;
    (simulation.finish().metrics, mean)
}

#[test]
fn what_is_less_important_makes_way_and_the_replay_ends() {
    let name = "what_is_less_important_makes_way_and_the_replay_ends";
    if plimsoll_traces::dataset::find_for_test(name, "google-borg-2011").is_none() {
        return;
    }
    let set = borg::set(0..=0).unwrap();
    let nodes: Vec<Node> = set.nodes.into_iter().step_by(MACHINES).collect();
    let mut jobs: Vec<Job> =
        set.tasks.into_iter().step_by(TASKS).map(|one| Job::new(one.task, one.run_time_true)).collect();
    jobs.sort_by_key(|job| job.task.submitted);
    let (without, waited) = replay(&nodes, &jobs, false);
    let (with, waits) = replay(&nodes, &jobs, true);
    assert_eq!(without.evictions, BTreeMap::new());
    assert!(with.evicted() > 0 && with.evictions.keys().all(|priority| *priority < PRODUCTION), "{:?}", with.evictions);
    assert_eq!(with.tasks.submitted, jobs.len() as u64);
    assert!(waits <= waited, "production waits {waits} ms with evictions, {waited} ms without");
}
