//! The rules through the scheduler: preemption, gangs that stop and come back whole, budgets, drains, classes; and any
//! history of events under every constraint.

mod common;

use plimsoll_model::cluster::{Demand, GangSpec, Node, NodeState, Task, TaskKind};
use plimsoll_model::quantity::{Millicores, Millis, Timestamp};
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::fleet::{Binding, Fleet, NodeIx, indices};
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::rules::Sites;
use plimsoll_placement::rules::audit::{Running, audit};
use plimsoll_placement::rules::budget::DisruptionBudget;
use plimsoll_placement::rules::class::Classes;
use plimsoll_placement::rules::preempt::potential;
use plimsoll_placement::scheduler::{Decision, Scheduler, SchedulerPolicy, TaskIx};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn fleet(cores: &[u64]) -> Fleet {
    let mut fleet = Fleet::new();
    for (index, cores) in cores.iter().enumerate() {
        let mut node = Node::named(format!("n{index}"));
        node.capacity.cpu = Millicores(cores * 1_000);
        fleet.add(&node).expect("names are unique");
    }
    fleet
}

fn policy() -> SchedulerPolicy {
    let order = QueueOrder::by_name("priority").or_else(|| QueueOrder::by_name("fixed-priority")).expect("known");
    SchedulerPolicy { preemption: true, ..SchedulerPolicy::new(order, Backfill::None) }
}

fn task(id: &str, cores: u64, priority: i32) -> Task {
    let requests = Demand { cpu: Millicores(cores * 1_000), ..Demand::default() };
    Task { id: id.to_owned(), requests, priority, preemptible: true, run_time: Some(Millis(1_000)), ..Task::default() }
}

fn member(id: &str, gang: &str, size: u32, priority: i32) -> Task {
    Task { gang: Some(GangSpec { name: gang.to_owned(), size, ..Default::default() }), ..task(id, 1, priority) }
}

/// What happened, in short: `+a` started, `-a` was stopped.
fn step(scheduler: &mut Scheduler, at: i64) -> String {
    let mut out = Vec::new();
    scheduler.schedule(Timestamp(at), &mut out);
    let word = |decision: &Decision| match decision {
        Decision::Start { task, .. } => Some(format!("+{}", scheduler.name(*task))),
        Decision::Preempt { victim, .. } => Some(format!("-{}", scheduler.name(*victim))),
        _ => None,
    };
    out.iter().filter_map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_important_get_room_and_the_stopped_come_back() {
    let mut scheduler = Scheduler::new(fleet(&[2]), policy()).expect("no quotas");
    for one in [task("low", 2, 0), task("mid", 1, 1)] {
        scheduler.submit(Timestamp(0), one).expect("it fits");
        let _ = step(&mut scheduler, 0);
    }
    assert_eq!((scheduler.running(), scheduler.waiting()), (1, 1), "mid stopped low");
    let high = scheduler.submit(Timestamp(5), task("high", 1, 2)).expect("it fits");
    assert_eq!(step(&mut scheduler, 5), "+high", "there is room beside mid");
    scheduler.finished(Timestamp(9), high);
    let mid = scheduler.find("mid").expect("it runs");
    scheduler.finished(Timestamp(9), mid);
    assert_eq!(step(&mut scheduler, 9), "+low");
}

#[test]
fn a_gang_stops_whole_and_comes_back_whole() {
    let mut scheduler = Scheduler::new(fleet(&[1, 1]), policy()).expect("no quotas");
    for one in [member("a", "g", 2, 0), member("b", "g", 2, 0)] {
        scheduler.submit(Timestamp(0), one).expect("it fits");
    }
    assert_eq!(step(&mut scheduler, 0), "+a +b");
    let high = scheduler.submit(Timestamp(1), task("high", 1, 5)).expect("it fits");
    assert_eq!(step(&mut scheduler, 1), "-a -b +high");
    assert_eq!(step(&mut scheduler, 2), "", "one free node is no room for two");
    scheduler.finished(Timestamp(3), high);
    assert_eq!(step(&mut scheduler, 3), "+a +b");
    for one in [member("x", "h", 2, 9), member("y", "h", 2, 9)] {
        scheduler.submit(Timestamp(4), one).expect("it fits");
    }
    assert_eq!(step(&mut scheduler, 4), "-a -b +x +y", "a gang preempts as one, too");
}

#[test]
fn a_budget_is_spent_while_somebody_is_away() {
    let web = |id: &str, priority| Task { labels: common::labels(&[("app", "web")]), ..task(id, 1, priority) };
    let budget = DisruptionBudget { name: "web".to_owned(), tasks: common::labels(&[("app", "web")]), away_max: 1 };
    let policy = SchedulerPolicy { budgets: vec![budget], ..policy() };
    let mut scheduler = Scheduler::new(fleet(&[2]), policy).expect("no quotas");
    for one in [web("w1", 0), web("w2", 0), task("h1", 1, 5), task("h2", 1, 5)] {
        scheduler.submit(Timestamp(0), one).expect("it fits");
    }
    // Higher priorities come first in the queue; let the web run first.
    let mut scheduler_of = |ids: &[&str]| {
        for id in ids {
            let task = scheduler.find(id).expect("it is known");
            scheduler.cancelled(Timestamp(1), task);
        }
    };
    scheduler_of(&["h1", "h2"]);
    assert_eq!(step(&mut scheduler, 1), "+w1 +w2");
    for id in ["h1", "h2"] {
        scheduler.submit(Timestamp(2), task(id, 1, 5)).expect("it fits");
    }
    assert_eq!(step(&mut scheduler, 2), "-w1 +h1", "one of web is away, the other stays");
    let h1 = scheduler.find("h1").expect("it runs");
    scheduler.finished(Timestamp(3), h1);
    assert_eq!(step(&mut scheduler, 3), "+h2");
    let h2 = scheduler.find("h2").expect("it runs");
    scheduler.finished(Timestamp(4), h2);
    assert_eq!(step(&mut scheduler, 4), "+w1");
    scheduler.submit(Timestamp(5), task("h3", 1, 5)).expect("it fits");
    assert_eq!(step(&mut scheduler, 5), "-w1 +h3", "w1 is back, so one may be stopped; it is the younger");
}

#[test]
fn a_draining_node_is_emptied_within_the_budget() {
    let web = |id: &str| Task { labels: common::labels(&[("app", "web")]), kind: TaskKind::Service, ..task(id, 1, 0) };
    let budget = DisruptionBudget { name: "web".to_owned(), tasks: common::labels(&[("app", "web")]), away_max: 1 };
    let policy = SchedulerPolicy { budgets: vec![budget], preemption: false, ..policy() };
    let mut scheduler = Scheduler::new(fleet(&[2, 2]), policy).expect("no quotas");
    for id in ["w1", "w2"] {
        scheduler.submit(Timestamp(0), web(id)).expect("it fits");
    }
    assert_eq!(step(&mut scheduler, 0), "+w1 +w2");
    assert!(scheduler.node_state(Timestamp(1), NodeIx(0), NodeState::Draining).is_empty());
    let first = scheduler.departures();
    assert_eq!((first.leave.len(), first.held.len()), (1, 1));
    scheduler.evict(Timestamp(1), &[TaskIx(first.leave[0])]);
    assert_eq!(scheduler.departures().leave, [0_u32; 0], "one is away");
    assert_eq!(step(&mut scheduler, 1), format!("+{}", if first.leave[0] == 0 { "w1" } else { "w2" }));
    let second = scheduler.departures();
    assert_eq!((second.leave.len(), second.held.len()), (1, 0), "it is back, on the other node");
    scheduler.evict(Timestamp(2), &[TaskIx(second.leave[0])]);
    let _ = step(&mut scheduler, 2);
    assert_eq!(scheduler.departures(), Default::default());
    assert_eq!(scheduler.running(), 2);
}

#[test]
fn every_task_has_a_class_and_a_class_may_have_its_policy() {
    let mut classes = Classes::standard();
    classes.policies.insert("service".to_owned(), "worst-fit".to_owned());
    let policy = policy().with_classes(classes.clone()).expect("worst-fit is known");
    let mut scheduler = Scheduler::new(fleet(&[2, 4]), policy).expect("no quotas");
    let batch = scheduler.submit(Timestamp(0), task("batch", 1, 0)).expect("it fits");
    let service = Task { kind: TaskKind::Service, ..task("service", 1, 0) };
    let service = scheduler.submit(Timestamp(0), service).expect("it fits");
    let named = Task { class: Some("mine".to_owned()), ..task("named", 1, 0) };
    let named = scheduler.submit(Timestamp(0), named).expect("it fits");
    assert_eq!(
        [batch, service, named].map(|task| scheduler.class(task).to_owned()),
        ["batch-short", "service", "mine"]
    );
    let mut out = Vec::new();
    scheduler.schedule(Timestamp(0), &mut out);
    let mut nodes = BTreeMap::new();
    for decision in &out {
        if let Decision::Start { task, binding, .. } = decision {
            nodes.insert(*task, binding.node.0);
        }
    }
    assert_eq!(nodes, BTreeMap::from([(batch, 0), (service, 1), (named, 0)]), "services go to the emptier node");
    classes.policies.insert("service".to_owned(), "no-such".to_owned());
    let error = SchedulerPolicy::new(QueueOrder::Fifo, Backfill::None).with_classes(classes);
    assert_eq!(error.err(), Some(("service".to_owned(), "no-such".to_owned())));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    /// Submissions, ends, lost and draining nodes in any order, every constraint, preemption on: a pass always ends, no
    /// rule is broken afterwards, and within a pass the word Φ only grows.
    #[test]
    fn any_history_keeps_every_rule(
        nodes in common::nodes(6), tasks in common::tasks(16), backfill in any::<bool>(), by_priority in any::<bool>(),
        steps in prop::collection::vec((0_u8..9, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..50),
    ) {
        let sites = Sites::new(&common::sites()).expect("no site is listed twice");
        let mut fleet = Fleet::new();
        fleet.set_sites(sites.clone());
        for node in &nodes {
            fleet.add(node).expect("names are unique");
        }
        let mut nodes = nodes;
        let backfill = if backfill { Backfill::by_name("easy").expect("known") } else { Backfill::None };
        let mut rules = SchedulerPolicy { backfill, ..policy() };
        if !by_priority {
            rules.order = QueueOrder::Fifo;
        }
        rules.budgets = vec![DisruptionBudget { name: "all".to_owned(), tasks: BTreeMap::new(), away_max: 3 }];
        let mut scheduler = Scheduler::new(fleet, rules).expect("no quotas");
        let mut known: BTreeMap<TaskIx, Task> = BTreeMap::new();
        let mut running: BTreeMap<TaskIx, Binding> = BTreeMap::new();
        let mut fresh = tasks.into_iter();
        for (at, (what, one, other)) in steps.into_iter().enumerate() {
            let at = Timestamp(at as i64 * 100);
            match what {
                0 | 1 if !running.is_empty() => {
                    let task = *running.keys().nth(one.index(running.len())).expect("in range");
                    running.remove(&task);
                    scheduler.finished(at, task);
                }
                2 => {
                    let node = one.index(nodes.len());
                    let state = *other.get(&[NodeState::Ready, NodeState::Ready, NodeState::Draining, NodeState::Lost]);
                    nodes[node].state = state;
                    for lost in scheduler.node_state(at, NodeIx(node as u32), state) {
                        running.remove(&lost);
                    }
                    let leave: Vec<TaskIx> = scheduler.departures().leave.into_iter().map(TaskIx).collect();
                    scheduler.evict(at, &leave);
                    for task in leave {
                        running.remove(&task);
                    }
                }
                _ => {
                    if let Some(mut task) = fresh.next() {
                        task.submitted = at;
                        if let Ok(index) = scheduler.submit(at, task.clone()) {
                            known.insert(index, task);
                        }
                    }
                }
            }
            let word = potential(scheduler.runners().standings());
            let mut out = Vec::new();
            scheduler.schedule(at, &mut out);
            let mut changed = false;
            for decision in &out {
                match decision {
                    Decision::Start { task, binding, .. } => { running.insert(*task, *binding); changed = true; }
                    Decision::Preempt { victim, for_task, .. } => {
                        prop_assert!(known[victim].preemptible && known[victim].priority < known[for_task].priority);
                        running.remove(victim);
                    }
                    _ => {}
                }
            }
            let now = potential(scheduler.runners().standings());
            let grew = now > word;
            prop_assert_eq!(grew, changed);
            prop_assert!(changed || now == word);
            prop_assert_eq!(scheduler.running(), running.len());
            let all: Vec<Running<'_>> = running.iter().map(|(task, binding)| Running {
                task: &known[task], node: binding.node.0 as usize,
                gpus: indices(binding.gpus).map(|gpu| gpu as u32).collect(),
            }).collect();
            let broken = audit(&nodes, &sites, &all);
            prop_assert!(broken.is_empty(), "{broken:?}");
        }
    }
}
