//! The scheduler driven by a small world: examples by hand, and properties over random loads.

use super::*;
use crate::backfill::Backfill;
use crate::elastic::ElasticPolicy;
use crate::fleet::NodeIx;
use crate::order::{Patience, catalogue};
use plimsoll_model::cluster::{
    Amounts, Capacity, Demand, ElasticRange, GangSpec, GpuDemand, Gpus, Node, NodeState, QuotaSpec, SpeedUp, Task,
};
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn node(name: &str, cores: u64, gib: u64, gpus: u32) -> Node {
    let capacity = Capacity {
        cpu: Millicores(cores * 1_000),
        memory: Bytes(gib << 30),
        gpus: Gpus { count: gpus, model: if gpus > 0 { "V100".into() } else { String::new() } },
        ..Capacity::default()
    };
    serde_like_node(name, capacity)
}

fn serde_like_node(name: &str, capacity: Capacity) -> Node {
    Node { name: name.to_owned(), capacity, ..Node::default() }
}

fn task(id: &str, submitted: i64, cores: u64, run: u64) -> Task {
    Task {
        id: id.to_owned(),
        submitted: Timestamp(submitted),
        requests: Demand { cpu: Millicores(cores * 1_000), ..Demand::default() },
        run_time: Some(Millis(run)),
        ..Task::default()
    }
}

fn scheduler(nodes: &[Node], policy: SchedulerPolicy) -> Scheduler {
    let mut fleet = Fleet::new();
    for node in nodes {
        fleet.add(node).unwrap();
    }
    Scheduler::new(fleet, policy).unwrap()
}

fn policy(name: &str) -> SchedulerPolicy {
    SchedulerPolicy::by_name(name).unwrap()
}

/// Names that start at `at`, in order.
fn starts(scheduler: &mut Scheduler, at: i64) -> Vec<String> {
    let mut out = Vec::new();
    scheduler.schedule(Timestamp(at), &mut out);
    let started = out.iter().filter_map(|decision| match decision {
        Decision::Start { task, .. } => Some(*task),
        _ => None,
    });
    started.map(|task| scheduler.name(task).to_owned()).collect()
}

fn submit(scheduler: &mut Scheduler, task: Task) -> TaskIx {
    scheduler.submit(task.submitted, task).unwrap()
}

/// What was seen of a run.
#[derive(Debug, Default)]
struct Seen {
    log: Vec<String>,
    starts: BTreeMap<TaskIx, i64>,
    first_shadow: BTreeMap<TaskIx, i64>,
}

/// Runs tasks, each for `run` milliseconds, and checks on the way that no node's CPU or GPUs are overbooked.
fn simulate(nodes: &[Node], tasks: &[(Task, u64)], policy: SchedulerPolicy, mut each: impl FnMut(&Scheduler)) -> Seen {
    let mut scheduler = scheduler(nodes, policy);
    let (mut seen, mut next, mut now) = (Seen::default(), 0, Timestamp(0));
    let mut ends: BTreeMap<(Timestamp, TaskIx), u64> = BTreeMap::new();
    let mut runs: BTreeMap<TaskIx, u64> = BTreeMap::new();
    let mut used: BTreeMap<NodeIx, (u64, u16)> = BTreeMap::new();
    let mut holding: BTreeMap<TaskIx, crate::fleet::Binding> = BTreeMap::new();
    loop {
        let submit = tasks.get(next).map(|task| task.0.submitted);
        let known = [submit, ends.keys().next().map(|(at, _)| *at)].into_iter().flatten().min();
        let Some(known) = known else { break };
        now = scheduler.wake_at(now).map_or(known, |wake| wake.min(known));
        while let Some(((at, task), _)) = ends.first_key_value().map(|(key, run)| (*key, *run))
            && at == now
        {
            ends.remove(&(at, task));
            let binding = holding.remove(&task).unwrap();
            let entry = used.get_mut(&binding.node).unwrap();
            entry.0 -= scheduler.fleet().shape(binding.shape).need.0[0] as u64;
            entry.1 &= !binding.gpus;
            scheduler.finished(now, task);
        }
        while tasks.get(next).is_some_and(|task| task.0.submitted == now) {
            let index = scheduler.submit(now, tasks[next].0.clone()).unwrap();
            runs.insert(index, tasks[next].1);
            next += 1;
        }
        let mut out = Vec::new();
        scheduler.schedule(now, &mut out);
        for decision in &out {
            seen.log.push(format!("{} {decision:?}", now.0));
            match decision {
                Decision::Start { task, binding, .. } => {
                    let entry = used.entry(binding.node).or_default();
                    entry.0 += scheduler.fleet().shape(binding.shape).need.0[0] as u64;
                    assert_eq!(entry.1 & binding.gpus, 0, "a GPU is given out twice");
                    entry.1 |= binding.gpus;
                    assert!(entry.0 <= nodes[binding.node.0 as usize].capacity.cpu.0, "overbooked: {decision:?}");
                    holding.insert(*task, *binding);
                    seen.starts.insert(*task, now.0);
                    ends.insert((now.plus(Millis(runs[task])), *task), runs[task]);
                }
                Decision::Hold { task, why: HoldReason::NoRoom { shadow: Some(shadow), .. } } => {
                    seen.first_shadow.entry(*task).or_insert(shadow.0);
                }
                _ => {}
            }
        }
        each(&scheduler);
    }
    assert_eq!(seen.starts.len(), tasks.len(), "everybody ran");
    seen
}

#[test]
fn fifo_lets_nobody_pass_and_easy_lets_those_pass_who_do_not_delay_the_head() {
    let load = |scheduler: &mut Scheduler| {
        for (id, cores, run) in
            [("running", 6, 100), ("head", 8, 50), ("long", 2, 500), ("short", 4, 100), ("extra", 2, 500)]
        {
            submit(scheduler, task(id, 0, cores, run));
        }
    };
    let nodes = [node("n", 10, 1, 0)];
    let mut fifo = scheduler(&nodes, policy("fifo"));
    load(&mut fifo);
    assert_eq!(starts(&mut fifo, 0), ["running"]);
    let mut easy = scheduler(&nodes, policy("easy"));
    load(&mut easy);
    // At 100 the head takes 8 of 10: `long` has the other two, `extra` would not have any.
    assert_eq!(starts(&mut easy, 0), ["running", "long"]);
    let mut shortest = scheduler(&nodes, policy("easy-sjbf"));
    load(&mut shortest);
    assert_eq!(starts(&mut shortest, 0), ["running", "short"], "no room is left beside the two for the extra");
}

#[test]
fn a_backfilled_task_says_whom_it_passes_and_why_it_may() {
    let mut easy = scheduler(&[node("n", 10, 1, 0)], policy("easy"));
    submit(&mut easy, task("running", 0, 6, 100));
    let head = submit(&mut easy, task("head", 0, 8, 50));
    submit(&mut easy, task("short", 0, 4, 100));
    let mut out = Vec::new();
    easy.schedule(Timestamp(0), &mut out);
    let Some(Decision::Start { why: StartReason::Backfill { head: passed, shadow, ends, fit, .. }, .. }) = out.last()
    else {
        panic!("{out:?}")
    };
    assert_eq!((*passed, *shadow), (head, Some(Timestamp(100))));
    assert_eq!((*ends, *fit), (Timestamp(100), BackfillFit::EndsBefore));
}

#[test]
fn on_several_nodes_only_the_reserved_one_is_kept() {
    let nodes = [node("a", 4, 1, 0), node("b", 4, 1, 0)];
    let mut easy = scheduler(&nodes, policy("easy"));
    for (id, cores, run) in [("one", 3, 100), ("two", 3, 200), ("head", 4, 50), ("long", 1, 900), ("longer", 1, 999)] {
        submit(&mut easy, task(id, 0, cores, run));
    }
    // The head is expected on `a` at 100. First fit would put `long` on `a`, so it goes to `b`; nothing is left there.
    assert_eq!(starts(&mut easy, 0), ["one", "two", "long"]);
    let long = easy.find("long").unwrap();
    assert_eq!(easy.entry_of(long).binding.node, NodeIx(1));
}

#[test]
fn a_gang_starts_together_or_not_at_all() {
    let nodes = [node("a", 4, 1, 0), node("b", 4, 1, 0)];
    let mut easy = scheduler(&nodes, policy("easy"));
    let member = |id: &str| Task {
        gang: Some(GangSpec { name: "g".into(), size: 3, ..Default::default() }),
        ..task(id, 0, 2, 100)
    };
    submit(&mut easy, task("small", 0, 1, 100));
    let first = submit(&mut easy, member("g1"));
    assert_eq!(starts(&mut easy, 0), ["small"]);
    let report = easy.explain(Timestamp(0), first).unwrap();
    assert_eq!(report.remedy, Remedy::Members { missing: 2 });
    let error = easy.submit(
        Timestamp(0),
        Task { gang: Some(GangSpec { name: "g".into(), size: 2, ..Default::default() }), ..task("x", 0, 1, 1) },
    );
    assert_eq!(error.unwrap_err().to_string(), "task \"x\": gang \"g\" has size 2, another member says 3");
    submit(&mut easy, member("g2"));
    assert_eq!(starts(&mut easy, 0), Vec::<String>::new());
    submit(&mut easy, member("g3"));
    assert_eq!(starts(&mut easy, 0), ["g1", "g2", "g3"]);
    let huge =
        Task { gang: Some(GangSpec { name: "h".into(), size: 5, ..Default::default() }), ..task("h1", 0, 2, 100) };
    assert_eq!(
        easy.submit(Timestamp(0), huge).unwrap_err().to_string(),
        "task \"h1\" can never run: the empty cluster has no room for 5 of its kind together"
    );
}

#[test]
fn a_gang_that_wishes_so_starts_in_one_rack_if_it_can_and_anywhere_else() {
    let racked = |name: &str, rack: &str| {
        let mut node = node(name, 2, 1, 0);
        node.labels.insert("rack".into(), rack.into());
        node
    };
    // By name the gang would be on `a` and `b`, in two racks.
    let nodes = [racked("a", "east"), racked("b", "west"), racked("c", "east")];
    let mut easy = scheduler(&nodes, policy("easy"));
    let member = |id: &str, name: &str| Task {
        gang: Some(GangSpec { name: name.into(), size: 2, together: Some("rack".into()) }),
        ..task(id, 0, 2, 100)
    };
    let first = submit(&mut easy, member("g1", "g"));
    let second = submit(&mut easy, member("g2", "g"));
    assert_eq!(starts(&mut easy, 0), ["g1", "g2"]);
    let node_of = |easy: &Scheduler, task| easy.entry_of(task).binding.node;
    assert_eq!([node_of(&easy, first), node_of(&easy, second)], [NodeIx(0), NodeIx(2)]);
    easy.evict(Timestamp(10), &[first, second]);
    assert_eq!(starts(&mut easy, 20), ["g1", "g2"], "stopped and started again, it still wishes so");
    assert_eq!([node_of(&easy, first), node_of(&easy, second)], [NodeIx(0), NodeIx(2)]);
    easy.finished(Timestamp(30), first);
    submit(&mut easy, member("h1", "h"));
    submit(&mut easy, member("h2", "h"));
    assert_eq!(starts(&mut easy, 30), ["h1", "h2"], "a wish keeps nobody waiting");
}

#[test]
fn a_gang_waits_for_room_for_all_and_small_tasks_pass_it() {
    let nodes = [node("a", 4, 1, 0), node("b", 4, 1, 0)];
    let mut easy = scheduler(&nodes, policy("easy"));
    let member = |id: &str| Task {
        gang: Some(GangSpec { name: "g".into(), size: 2, ..Default::default() }),
        ..task(id, 0, 3, 100)
    };
    let running = submit(&mut easy, task("running", 0, 2, 100));
    let leader = submit(&mut easy, member("g1"));
    submit(&mut easy, member("g2"));
    submit(&mut easy, task("long", 0, 1, 900));
    submit(&mut easy, task("longer", 0, 1, 901));
    submit(&mut easy, task("longest", 0, 1, 902));
    assert_eq!(starts(&mut easy, 0), ["running", "long", "longer"], "one core beside each member");
    easy.finished(Timestamp(90), running);
    assert_eq!(starts(&mut easy, 90), ["g1", "g2"]);
    assert_eq!(easy.cancelled(Timestamp(91), leader), [], "members that run are single tasks");
}

#[test]
fn drf_serves_the_example_of_its_paper() {
    let mut node = node("n", 9, 18, 0);
    node.capacity.memory = Bytes(18 << 30);
    let mut drf = scheduler(&[node], policy("drf"));
    for index in 0..8 {
        for (user, cores, gib) in [("A", 1, 4), ("B", 3, 1)] {
            let mut task = task(&format!("{user}{index}"), 0, cores, 100);
            task.requests.memory = Bytes(gib << 30);
            task.user = user.to_owned();
            submit(&mut drf, task);
        }
    }
    let mut started = starts(&mut drf, 0);
    started.sort();
    assert_eq!(started, ["A0", "A1", "A2", "B0", "B1"]);
    let share = |user| drf.accounts().dominant_share(drf.accounts().find(user).unwrap()).millionths();
    assert_eq!((share("A"), share("B")), (666_666, 666_666));
}

fn quota(holder: &str, most: Option<u64>, guaranteed: Option<u64>) -> QuotaSpec {
    let amounts =
        |cores: Option<u64>| Amounts { cpu: cores.map(|cores| Millicores(cores * 1_000)), ..Amounts::default() };
    QuotaSpec { holder: holder.to_owned(), weight: 1, most: amounts(most), guaranteed: amounts(guaranteed) }
}

#[test]
fn a_full_quota_holds_its_own_tasks_back_and_nobody_elses() {
    let limited = SchedulerPolicy { quotas: vec![quota("lab", Some(4), None)], ..policy("fifo") };
    let mut fifo = scheduler(&[node("n", 10, 1, 0)], limited);
    let in_lab = |id: &str| Task { queue: "lab/a".into(), ..task(id, 0, 3, 100) };
    let first = submit(&mut fifo, in_lab("first"));
    let second = submit(&mut fifo, in_lab("second"));
    submit(&mut fifo, task("other", 0, 5, 100));
    assert_eq!(starts(&mut fifo, 0), ["first", "other"]);
    let Remedy::Quota(refusal) = fifo.explain(Timestamp(0), second).unwrap().remedy else { panic!("held by a quota") };
    assert_eq!(
        (fifo.quotas().path(refusal.quota), refusal.most, refusal.used, refusal.asked),
        ("lab", 4_000, 3_000, 3_000)
    );
    fifo.finished(Timestamp(50), first);
    assert_eq!(starts(&mut fifo, 50), ["second"]);
    let never = fifo.submit(Timestamp(60), Task { queue: "lab".into(), ..task("huge", 60, 5, 1) }).unwrap_err();
    assert_eq!(
        never.to_string(),
        "task \"huge\" can never run: quota \"lab\" allows 4000 cpu in millicores, and it asks 5000"
    );
}

#[test]
fn a_queue_below_its_guarantee_gets_back_what_was_borrowed_and_no_more() {
    let quotas = vec![quota("a", None, Some(6)), quota("b", None, Some(4))];
    let reclaiming = SchedulerPolicy { quotas, reclaim: true, ..policy("drf-tree") };
    let mut tree = scheduler(&[node("n", 10, 1, 0)], reclaiming);
    let of = |queue: &str, id: &str, at| Task { queue: queue.into(), preemptible: true, ..task(id, at, 2, 1_000) };
    for id in ["b1", "b2", "b3", "b4", "b5"] {
        submit(&mut tree, of("b", id, 0));
    }
    assert_eq!(starts(&mut tree, 0).len(), 5, "borrowed");
    for id in ["a1", "a2", "a3", "a4"] {
        submit(&mut tree, of("a", id, 10));
    }
    let mut out = Vec::new();
    tree.schedule(Timestamp(10), &mut out);
    let stopped = out.iter().filter(|decision| matches!(decision, Decision::Preempt { .. })).count();
    let started = out.iter().filter(|decision| matches!(decision, Decision::Start { .. })).count();
    assert_eq!((stopped, started), (3, 3), "three times two cores are guaranteed, the fourth task waits: {out:#?}");
    assert_eq!(starts(&mut tree, 11), Vec::<String>::new(), "it does not go round in circles");
    assert_eq!((tree.running(), tree.waiting()), (5, 4));
}

#[test]
fn elastic_tasks_grow_into_free_room_and_shrink_for_whoever_waits() {
    let growing = SchedulerPolicy { elastic: ElasticPolicy::Marginal, ..policy("fifo") };
    let mut fifo = scheduler(&[node("n", 8, 1, 0)], growing);
    let elastic = |id: &str, serial| Task {
        elastic: Some(ElasticRange {
            workers_min: 1,
            workers_max: 6,
            speed_up: SpeedUp::Amdahl { serial: Permille(serial) },
        }),
        ..task(id, 0, 1, 6_000)
    };
    let parallel = submit(&mut fifo, elastic("parallel", 0));
    let serial = submit(&mut fifo, elastic("serial", 500));
    starts(&mut fifo, 0);
    let workers = |fifo: &Scheduler, task| fifo.elastic[&task].workers();
    assert_eq!((workers(&fifo, parallel), workers(&fifo, serial)), (6, 2));
    assert_eq!(fifo.entry_of(parallel).ends, Timestamp(1_000), "six workers, a sixth of the time");
    submit(&mut fifo, task("wide", 500, 3, 100));
    let mut out = Vec::new();
    fifo.schedule(Timestamp(500), &mut out);
    assert_eq!((workers(&fifo, parallel), workers(&fifo, serial)), (4, 1));
    assert_eq!(fifo.entry_of(parallel).ends, Timestamp(500 + 3_000 / 4));
    assert!(matches!(out.last(), Some(Decision::Start { .. })), "{out:?}");
}

#[test]
fn bad_tasks_are_refused_with_their_numbers() {
    let mut fifo = scheduler(&[node("n", 4, 1, 0)], policy("fifo"));
    submit(&mut fifo, task("a", 0, 1, 1));
    let refuse = |fifo: &mut Scheduler, task: Task| fifo.submit(Timestamp(0), task).unwrap_err().to_string();
    assert_eq!(refuse(&mut fifo, task("a", 0, 1, 1)), "task \"a\" waits or runs already; names of tasks are unique");
    assert_eq!(refuse(&mut fifo, task("b", 0, 5, 1)), "task \"b\" can never run: refused by cpu on 1 nodes");
    let mut empty = scheduler(&[], policy("fifo"));
    assert_eq!(refuse(&mut empty, task("c", 0, 1, 1)), "task \"c\" can never run: there is no node");
}

#[test]
fn a_lost_node_loses_its_tasks_and_a_task_that_has_to_run_again_keeps_its_place() {
    let nodes = [node("a", 4, 1, 0), node("b", 4, 1, 0)];
    let mut fifo = scheduler(&nodes, policy("fifo"));
    let first = submit(&mut fifo, task("first", 0, 4, 100));
    submit(&mut fifo, task("second", 1, 4, 100));
    submit(&mut fifo, task("third", 2, 4, 100));
    assert_eq!(starts(&mut fifo, 2), ["first", "second"]);
    fifo.requeue(Timestamp(3), first);
    assert_eq!(starts(&mut fifo, 3), ["first"], "before the third");
    let lost = fifo.node_state(Timestamp(4), NodeIx(1), NodeState::Lost);
    assert_eq!(lost.len(), 1);
    assert_eq!(starts(&mut fifo, 4), Vec::<String>::new(), "a lost node takes nothing");
    fifo.node_state(Timestamp(5), NodeIx(1), NodeState::Ready);
    assert_eq!(starts(&mut fifo, 5), ["third"]);
}

#[test]
fn dropping_misfits_says_so_with_the_refusals() {
    let dropping = SchedulerPolicy { misfit: Misfit::Drop, ..policy("fifo") };
    let mut fifo = scheduler(&[node("n", 4, 1, 0)], dropping);
    submit(&mut fifo, task("a", 0, 3, 100));
    submit(&mut fifo, task("b", 0, 2, 100));
    submit(&mut fifo, task("c", 0, 1, 100));
    let mut out = Vec::new();
    fifo.schedule(Timestamp(0), &mut out);
    assert!(matches!(&out[1], Decision::Drop { why, .. } if why[0].0.filter() == "cpu"), "{out:?}");
    assert_eq!((out.len(), fifo.waiting(), fifo.running()), (3, 0, 2));
}

/// A steady stream of small tasks that always fill the node, and one that needs all of it.
fn stream() -> Vec<(Task, u64)> {
    let mut tasks = vec![(task("large", 5, 4, 1_000), 1_000)];
    for index in 0..200_i64 {
        tasks.push((task(&format!("s{index}"), index * 25, 1, 100), 100));
    }
    tasks.sort_by_key(|task| task.0.submitted);
    tasks
}

#[test]
fn patience_and_ageing_end_starvation_that_is_there_without_them() {
    let nodes = [node("n", 4, 1, 0)];
    let start_of_large = |policy| {
        let mut large = 0;
        let seen = simulate(&nodes, &stream(), policy, |_| {});
        for (task, at) in &seen.starts {
            if task.0 == 1 {
                large = *at;
            }
        }
        large
    };
    let starving = start_of_large(policy("saf+greedy"));
    assert!(starving > 4_000, "starved till the stream ended: {starving}");
    let patient = SchedulerPolicy { patience: Patience::Fixed(Millis(700)), ..policy("saf+easy") };
    assert!(start_of_large(patient) <= 5 + 700 + 100, "due time and the longest run");
    let ageing = SchedulerPolicy::new(QueueOrder::Ageing { span: Millis(100) }, Backfill::Easy(QueueOrder::Fifo));
    assert!(start_of_large(ageing) <= 5 + 100, "equal priorities: nobody submitted later goes first");
}

/// `(submitted, cores, gpu sort, run, user, priority)` and an overestimate in thousandths.
fn load() -> impl Strategy<Value = Vec<(Task, u64)>> {
    let one = (0_i64..60, 1_u64..9, 0_u32..6, 1_u64..80, 0_u32..3, 0_i32..3);
    prop::collection::vec(one, 1..60).prop_map(|mut rows| {
        rows.sort();
        let task = |(index, (submitted, cores, gpu, run, user, priority)): (usize, (i64, u64, u32, u64, u32, i32))| {
            let mut task = task(&index.to_string(), submitted * 10, cores, run * 10);
            task.user = user.to_string();
            task.queue = format!("q/{user}");
            task.priority = priority;
            task.requests.gpu = match gpu {
                0 | 1 => GpuDemand::default(),
                2 | 3 => GpuDemand { count: 1, milli: 300 * gpu - 200, models: Vec::new() },
                more => GpuDemand { count: more - 3, milli: 1_000, models: Vec::new() },
            };
            (task, run * 10)
        };
        rows.into_iter().enumerate().map(task).collect()
    })
}

fn cluster() -> Vec<Node> {
    vec![node("a", 8, 1, 2), node("b", 12, 1, 2), node("c", 9, 1, 3)]
}

/// Only whole GPUs: shares are given out twice by design, which `simulate` would take for a mistake.
fn whole_gpus(mut tasks: Vec<(Task, u64)>) -> Vec<(Task, u64)> {
    for (task, _) in &mut tasks {
        if task.requests.gpu.count == 1 {
            task.requests.gpu.milli = 1_000;
        }
    }
    tasks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_order_and_no_backfill_overbooks_or_forgets_anybody_and_runs_repeat(tasks in load(), which in any::<usize>()) {
        let tasks = whole_gpus(tasks);
        let orders = catalogue();
        let backfills = ["none", "greedy", "easy", "easy-saf", "conservative", "rls", "rls-none", "easy-drf"];
        let name = format!("{}+{}", orders[which % orders.len()].name, backfills[which / orders.len() % backfills.len()]);
        let first = simulate(&cluster(), &tasks, policy(&name), |_| {});
        let again = simulate(&cluster(), &tasks, policy(&name), |_| {});
        prop_assert_eq!(first.log, again.log);
    }

    #[test]
    fn easy_never_starts_the_head_after_its_first_shadow_time_when_estimates_are_exact(tasks in load()) {
        for name in ["easy", "easy-sjbf", "easy-density"] {
            let seen = simulate(&cluster(), &tasks_with_one_node_gpus(&tasks), policy(name), |_| {});
            for (task, shadow) in &seen.first_shadow {
                prop_assert!(seen.starts[task] <= *shadow, "{name}: {task:?} {} {shadow}", seen.starts[task]);
            }
        }
    }

    #[test]
    fn conservative_never_makes_a_reservation_later_when_estimates_hold(
        tasks in load(), shorter in prop::collection::vec(1_u64..=100, 60),
    ) {
        // Tasks may end earlier than expected, never later.
        let tasks: Vec<(Task, u64)> = tasks_with_one_node_gpus(&tasks).into_iter().zip(shorter)
            .map(|((task, run), percent)| (task, (run * percent / 100).max(1))).collect();
        let mut promised: BTreeMap<TaskIx, Timestamp> = BTreeMap::new();
        let seen = simulate(&cluster(), &tasks, policy("conservative"), |scheduler| {
            for (task, slots) in &scheduler.slots {
                let before = promised.insert(*task, slots[0].from);
                assert!(before.is_none_or(|before| slots[0].from <= before), "{task:?} {before:?} {slots:?}");
            }
        });
        for (task, start) in &seen.starts {
            prop_assert!(promised.get(task).is_none_or(|at| *start <= at.0), "{task:?}");
        }
    }

    #[test]
    fn with_patience_and_exact_estimates_the_first_to_be_due_waits_for_at_most_one_run_more(tasks in load()) {
        let patient = SchedulerPolicy { patience: Patience::Fixed(Millis(300)), ..policy("saf+easy-saf") };
        let tasks = tasks_with_one_node_gpus(&tasks);
        let seen = simulate(&cluster(), &tasks, patient, |_| {});
        // Whoever is due next has everybody before it in due order started, and waits for running tasks only.
        let mut last_start = 0;
        for (index, (task, _)) in tasks.iter().enumerate() {
            let start = seen.starts[&TaskIx(index as u32)];
            let due = task.submitted.0 + 300;
            prop_assert!(start <= due.max(last_start) + 800, "{index}: {start} {due} {last_start}");
            last_start = last_start.max(start);
        }
    }
}

/// The same tasks without GPUs but for whole ones, so that what is reserved is what is found.
fn tasks_with_one_node_gpus(tasks: &[(Task, u64)]) -> Vec<(Task, u64)> {
    whole_gpus(tasks.to_vec())
}

#[test]
fn whole_gpus_that_pass_the_head_are_counted_whichever_they_are() {
    // Found by the property above: the head's GPUs were taken for those of lowest index, and one that was given out
    // under the same index was not counted.
    let rows = [(0, 1, 2, 490), (0, 1, 2, 490), (60, 4, 1, 420), (90, 6, 2, 10), (270, 1, 1, 260), (430, 1, 1, 60)];
    let of = |(index, (submitted, cores, gpus, run)): (usize, (i64, u64, u32, u64))| {
        let mut task = task(&index.to_string(), submitted, cores, run);
        task.requests.gpu = GpuDemand { count: gpus, milli: 1_000, models: Vec::new() };
        (task, run)
    };
    let tasks: Vec<(Task, u64)> = rows.into_iter().enumerate().map(of).collect();
    let seen = simulate(&cluster(), &tasks, policy("easy"), |_| {});
    assert_eq!(seen.starts[&TaskIx(3)], 480);
}
