//! Who makes way, as tables of cases that other schedulers test, told in Plimsoll's terms; and that it ends.
//!
//! Facts, not code: rows say which situation it is, what the peer does, and where Plimsoll means to differ.

mod common;

use common::cluster::{Cluster, gpus, promise, queue, task, wide};
use plimsoll_model::cluster::{GpuDemand, NodeState, QuotaSpec, Task};
use plimsoll_model::quantity::Timestamp;
use plimsoll_placement::fleet::Binding;
use plimsoll_placement::rules::budget::DisruptionBudget;
use plimsoll_placement::rules::preempt::{InVain, Scene, Standing, plan_gang, plan_on};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One row: what runs, who comes, and who stops for it; none where nobody can.
type Row = (&'static str, Vec<Task>, Task, Option<Vec<u32>>);

fn check(nodes: &[(u64, u64)], quotas: &[QuotaSpec], rows: Vec<Row>) {
    for (name, running, comes, expected) in rows {
        let mut cluster = Cluster::new(nodes, quotas, Vec::new());
        for task in running {
            let number = cluster.know(task);
            assert!(cluster.start(number), "{name}: {number} should have room");
        }
        let number = cluster.know(comes);
        assert!(
            cluster.chooser.clone().choose(&cluster.fleet, cluster.tasks[number as usize].1).is_none(),
            "{name}: it fits as it is"
        );
        let before = cluster.seen();
        cluster.now = Timestamp(60_000);
        let found = cluster.plan(number).map(|plan| plan.victims);
        assert_eq!(found, expected, "{name}");
        assert_eq!(cluster.seen(), before, "{name}: asking left a trace");
    }
}

/// The situations of Nomad's table (`scheduler/feasible/preemption_test.go`): a node of 3,900 MHz, 7.75 GiB, 96 GiB and
/// 1,000 Mbit/s after what is reserved. Nomad asks for a gap of ten priorities; Plimsoll for any. Ports and several
/// network cards are no resources here, so rows that turn on them are told with bandwidth alone or left out.
#[test]
fn nomads_cases() {
    let (low, second, high) = (30, 40, 100);
    check(
        &[(3_900, 4)],
        &[],
        vec![
            ("what runs is not lower", vec![wide(3_200, 7_256, 4, 50, high)], wide(2_000, 256, 4, 1, high), None),
            (
                "what is lower does not suffice",
                vec![wide(3_200, 7_256, 4, 50, low)],
                wide(4_000, 8_192, 4, 1, high),
                None,
            ),
            (
                "bandwidth held by equals stays held",
                vec![wide(1_200, 2_256, 4, 150, high), wide(200, 256, 4, 600, high)],
                wide(600, 1_000, 25, 700, high),
                None,
            ),
            (
                "only the lower of three gives bandwidth",
                vec![wide(1_200, 2_256, 4, 150, high), wide(200, 256, 4, 100, high), wide(200, 256, 4, 600, low)],
                wide(600, 1_000, 25, 700, high),
                Some(vec![2]),
            ),
            (
                "high and low together: all the low ones have to go",
                vec![
                    wide(2_800, 2_256, 4, 150, high),
                    wide(200, 256, 4, 500, low),
                    wide(200, 256, 4, 300, low),
                    wide(700, 256, 4, 0, low),
                ],
                wide(1_100, 1_000, 25, 840, high),
                Some(vec![1, 2, 3]),
            ),
            (
                "who holds no bandwidth is left alone",
                vec![wide(2_800, 2_256, 4, 0, low), wide(200, 256, 4, 800, low)],
                wide(1_100, 1_000, 25, 840, high),
                Some(vec![1]),
            ),
            (
                "every resource but the network is short",
                vec![
                    wide(2_800, 2_256, 40, 150, high),
                    wide(200, 256, 4, 50, low),
                    wide(200, 512, 25, 0, low),
                    wide(700, 276, 20, 0, low),
                ],
                wide(1_000, 3_000, 50, 50, high),
                Some(vec![1, 2, 3]),
            ),
            (
                "one is enough, the one that holds less",
                vec![wide(1_200, 2_256, 4, 150, high), wide(200, 256, 4, 500, low), wide(200, 256, 4, 320, low)],
                wide(300, 500, 5, 320, high),
                Some(vec![2]),
            ),
            (
                "two are needed for bandwidth",
                vec![wide(1_200, 2_256, 4, 150, high), wide(200, 256, 4, 500, low), wide(200, 256, 4, 200, low)],
                wide(2_700, 1_000, 25, 800, high),
                Some(vec![1, 2]),
            ),
            (
                "one that gives all that is short",
                vec![wide(1_200, 2_256, 4, 150, high), wide(200, 256, 4, 600, low), wide(200, 256, 4, 100, low)],
                wide(600, 1_000, 25, 700, high),
                Some(vec![1]),
            ),
            (
                "of two that would do, the lower priority",
                vec![wide(1_200, 2_256, 4, 150, high), wide(200, 256, 4, 300, second), wide(200, 256, 4, 500, low)],
                wide(300, 500, 5, 320, high),
                Some(vec![2]),
            ),
        ],
    );
}

/// The same table's rows about devices.
#[test]
fn nomads_cases_of_devices() {
    let (low, high) = (30, 100);
    check(
        &[(3_900, 4)],
        &[],
        vec![
            ("a device each", vec![gpus(500, 1, low), gpus(200, 1, low)], gpus(1_000, 4, high), Some(vec![0, 1])),
            (
                "devices of one task and something else",
                vec![gpus(500, 4, low), task(200, low)],
                gpus(1_000, 4, high),
                Some(vec![0]),
            ),
            ("more devices than there are", vec![gpus(500, 4, low), task(200, low)], gpus(1_000, 6, high), None),
            (
                "the superset makes the smaller ones needless",
                vec![wide(1_800, 2_256, 4, 150, high), wide(1_500, 256, 5, 100, low), wide(600, 256, 5, 300, low)],
                wide(1_000, 256, 5, 50, high),
                Some(vec![1]),
            ),
        ],
    );
}

/// Where devices are on several nodes, the node whose victims cost least gives them (Nomad: the device group).
#[test]
fn nomads_device_groups_as_nodes() {
    let (low, second, high) = (30, 40, 100);
    check(
        &[(3_900, 4), (3_900, 4)],
        &[],
        vec![
            (
                "a group with an equal is no help",
                vec![gpus(500, 2, low), gpus(200, 1, high), gpus(100, 4, low)],
                gpus(1_000, 4, high),
                Some(vec![2]),
            ),
            (
                "the group with the lower priorities",
                vec![gpus(500, 2, low), gpus(200, 2, second), gpus(200, 2, low), gpus(100, 2, low)],
                gpus(1_000, 4, high),
                Some(vec![2, 3]),
            ),
        ],
    );
}

/// The situations of kueue's table within one queue (`pkg/scheduler/preemption/preemption_test.go`): six cores.
#[test]
fn kueues_cases_within_one_queue() {
    check(
        &[(6_000, 0)],
        &[],
        vec![
            ("the lowest stops", vec![task(2_000, -1), task(2_000, 0), task(2_000, 1)], task(2_000, 1), Some(vec![0])),
            ("several stop", vec![task(2_000, -1), task(2_000, 0), task(2_000, 1)], task(3_000, 1), Some(vec![0, 1])),
            ("nobody stops for the lowest", vec![task(3_000, -1), task(3_000, 0)], task(1_000, -1), None),
            ("too few are lower", vec![task(3_000, -1), task(3_000, 0)], task(4_000, 0), None),
            (
                "what is free counts",
                vec![task(1_000, -1), task(1_000, 0), task(3_000, 1)],
                task(2_000, 1),
                Some(vec![0]),
            ),
            (
                "the fewest, though one is less important",
                vec![task(1_000, -1), task(2_000, 0), task(3_000, 1)],
                task(2_000, 1),
                Some(vec![1]),
            ),
            ("equals never stop for each other", vec![task(6_000, 1)], task(1_000, 1), None),
        ],
    );
}

/// The situations of kueue's table between queues that lend to each other: twelve cores, six promised to each of two.
#[test]
fn kueues_cases_of_reclaim() {
    let (c1, c2) = (|task| queue(task, "c1"), |task| queue(task, "c2"));
    check(
        &[(12_000, 0)],
        &[promise("c1", 6_000), promise("c2", 6_000)],
        vec![
            (
                "room is reclaimed from the borrower's least",
                vec![c1(task(3_000, -1)), c2(task(3_000, 0)), c2(task(6_000, 1))],
                c1(task(3_000, 1)),
                Some(vec![1]),
            ),
            (
                "by a task of lower priority, too",
                vec![c1(task(3_000, 5)), c2(task(3_000, 0)), c2(task(6_000, 1))],
                c1(task(3_000, -9)),
                Some(vec![1]),
            ),
            (
                "not beyond the promise",
                vec![c1(task(4_000, 1)), c2(task(6_000, 0)), c2(task(2_000, -1))],
                c1(task(4_000, -1)),
                None,
            ),
            (
                "nobody borrows, nobody lower of its own",
                vec![c1(task(6_000, 1)), c2(task(6_000, -1))],
                c1(task(4_000, 1)),
                None,
            ),
            (
                "its own lower one, not the other's promise",
                vec![c1(task(4_000, -1)), c1(task(2_000, 1)), c2(task(6_000, -1))],
                c1(task(4_000, 1)),
                Some(vec![0]),
            ),
            (
                "a borrower reclaims nothing",
                vec![c1(task(6_000, 0)), c1(task(3_000, 0)), c2(task(3_000, 0))],
                c1(task(1_000, 0)),
                None,
            ),
            (
                "a queue without promise stops nobody's promise",
                vec![c1(task(6_000, 0)), c2(task(6_000, 0))],
                queue(task(1_000, 99), "c3"),
                None,
            ),
            (
                "and makes way for one",
                vec![queue(task(9_000, 99), "c3"), c1(task(3_000, 0))],
                c1(task(3_000, -5)),
                Some(vec![0]),
            ),
            (
                "priority still rules among borrowers",
                vec![c1(task(6_000, 0)), queue(task(6_000, 1), "c3")],
                queue(task(2_000, 2), "c4"),
                Some(vec![1]),
            ),
        ],
    );
}

/// Where several nodes could make room (kube-scheduler's order of candidates, except for broken budgets, which
/// Plimsoll does not allow): fewest first, then the lowest, then the youngest, then the name.
#[test]
fn the_cheapest_node() {
    check(
        &[(2_000, 0), (2_000, 0), (2_000, 0)],
        &[],
        vec![
            (
                "fewer victims",
                vec![task(1_000, 0), task(1_000, 0), task(2_000, 1), task(2_000, 2)],
                task(2_000, 3),
                Some(vec![2]),
            ),
            ("lower priority", vec![task(2_000, 2), task(2_000, 1), task(2_000, 2)], task(2_000, 3), Some(vec![1])),
            (
                "the first among equals",
                vec![task(2_000, 1), task(2_000, 1), task(2_000, 1)],
                task(2_000, 3),
                Some(vec![0]),
            ),
            (
                "less work among equals",
                vec![task(2_000, 1), task(1_500, 1), task(2_000, 1)],
                task(1_200, 3),
                Some(vec![1]),
            ),
            (
                "not what may not be stopped",
                vec![Task { preemptible: false, ..task(2_000, 0) }, task(2_000, 1), task(2_000, 2)],
                task(2_000, 3),
                Some(vec![1]),
            ),
        ],
    );
}

#[test]
fn the_younger_loses_less() {
    let mut cluster = Cluster::new(&[(1_000, 0), (1_000, 0)], &[], Vec::new());
    for start in [0, 50_000] {
        cluster.now = Timestamp(start);
        let number = cluster.know(task(1_000, 0));
        assert!(cluster.start(number));
    }
    let number = cluster.know(task(1_000, 1));
    cluster.now = Timestamp(60_000);
    assert_eq!(cluster.plan(number).map(|plan| plan.victims), Some(vec![1]));
}

#[test]
fn a_gang_stops_whole_and_counts_as_one() {
    let member = |cpu| {
        let gang = Some(plimsoll_model::cluster::GangSpec { name: "g".to_owned(), size: 2, ..Default::default() });
        Task { gang, ..task(cpu, 0) }
    };
    // Node 0 holds one member, node 1 the other; node 2 two single tasks of the same priority.
    check(
        &[(1_000, 0), (1_000, 0), (1_000, 0)],
        &[],
        vec![
            (
                "one gang before two tasks",
                vec![member(1_000), member(1_000), task(500, 0), task(500, 0)],
                task(1_000, 1),
                Some(vec![0, 1]),
            ),
            ("one task before a gang", vec![member(1_000), member(1_000), task(900, 0)], task(1_000, 1), Some(vec![2])),
            (
                "a gang with a member that is not lower stays",
                vec![member(1_000), Task { priority: 1, ..member(1_000) }, Task { priority: 5, ..task(900, 5) }],
                task(1_000, 1),
                None,
            ),
        ],
    );
}

#[test]
fn a_budget_is_never_broken() {
    let web = |cpu, priority| Task { labels: common::labels(&[("app", "web")]), ..task(cpu, priority) };
    let budget = DisruptionBudget { name: "web".to_owned(), tasks: common::labels(&[("app", "web")]), away_max: 1 };
    let mut cluster = Cluster::new(&[(1_000, 0), (1_000, 0), (1_000, 0)], &[], vec![budget]);
    for one in [web(1_000, 0), web(1_000, 0), task(1_000, 5)] {
        let number = cluster.know(one);
        assert!(cluster.start(number));
    }
    let first = cluster.know(task(1_000, 9));
    assert_eq!(cluster.start_or_preempt(first), Some(vec![0]));
    cluster.budgets.left(&[0]);
    let second = cluster.know(task(1_000, 9));
    assert_eq!(cluster.start_or_preempt(second), Some(vec![2]), "the higher one stops, because one of web is away");
    let third = cluster.know(task(1_000, 9));
    assert_eq!(cluster.start_or_preempt(third), None);
    cluster.budgets.returned(&[0]);
    assert_eq!(cluster.start_or_preempt(third), Some(vec![1]));
}

#[test]
fn a_gang_gets_all_its_room_or_stops_nobody() {
    let mut cluster = Cluster::new(&[(2_000, 0), (2_000, 0)], &[], Vec::new());
    for one in [task(1_500, 0), task(1_500, 7)] {
        let number = cluster.know(one);
        assert!(cluster.start(number));
    }
    let member = cluster.know(task(1_000, 5));
    let claim = cluster.claim(member);
    let before = cluster.seen();
    let mut plan = |count: usize| {
        let scene = Scene { runners: &cluster.runners, budgets: &cluster.budgets, at: Timestamp(9) };
        plan_gang(&mut cluster.fleet, &mut cluster.chooser, scene, &vec![claim; count]).map(|plan| plan.victims)
    };
    assert_eq!(plan(2), Some(vec![0]));
    assert_eq!(plan(3), None, "the third would have to stop what is higher");
    assert_eq!(cluster.seen(), before);
}

/// kueue#3779: tenants A and B with a promise each, best effort without one. A has more than its promise, best effort
/// fills the rest, and another task of A comes. There, A's task stops best effort's, which then has the lower share, is
/// admitted first, and is stopped again, for ever. Here A is beyond its promise and stops nobody.
#[test]
fn kueue_3779_does_not_go_round() {
    let mut cluster = Cluster::new(&[(300, 0)], &[promise("a", 150), promise("b", 150)], Vec::new());
    let first = cluster.know(queue(task(250, 0), "a"));
    let effort = cluster.know(queue(task(50, 0), "best-effort"));
    let second = cluster.know(queue(task(50, 0), "a"));
    assert_eq!(cluster.start_or_preempt(first), Some(vec![]));
    assert_eq!(cluster.start_or_preempt(effort), Some(vec![]));
    assert_eq!(cluster.start_or_preempt(second), None, "A holds 250 of 150 promised");
    let owner = cluster.know(queue(task(150, 0), "b"));
    assert_eq!(cluster.start_or_preempt(owner), Some(vec![first]), "B gets its promise from the largest borrower");
}

/// kueue#14543: victims of the claim's own queue lower its share, which makes victims of other queues legal; then the
/// own ones are let go on, and the share is too high again. Two workloads can then stop each other for ever. Here the
/// right to stop a borrower is checked against the final set of victims, so a set whose own part is let go on is no
/// longer a set that makes room.
#[test]
fn kueue_14543_does_not_go_round() {
    let mut cluster = Cluster::new(&[(9_000, 0)], &[promise("left", 3_000), promise("right", 3_000)], Vec::new());
    // Left is at its promise and one above; right borrows three. Both have something that waits and would fit in place
    // of the other's.
    let running = [queue(task(3_000, 0), "left"), queue(task(1_000, 0), "left"), queue(task(5_000, 0), "right")];
    let mut waiting: Vec<u32> =
        vec![cluster.know(queue(task(4_000, 0), "left")), cluster.know(queue(task(5_000, 0), "right"))];
    for one in running {
        let number = cluster.know(one);
        assert!(cluster.start(number));
    }
    let mut word = cluster.potential();
    let mut changes = 0;
    loop {
        let step = waiting
            .iter()
            .copied()
            .find_map(|number| cluster.start_or_preempt(number).map(|victims| (number, victims)));
        let Some((number, victims)) = step else { break };
        waiting.retain(|other| *other != number);
        waiting.extend(victims);
        let now = cluster.potential();
        assert!(now > word, "the word must grow");
        word = now;
        changes += 1;
        assert!(changes < 20, "it goes round");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// Any tasks in any order, with promises, gangs and what may not be stopped: every step makes the word Φ larger,
    /// nobody stops for an equal or a lower, no promise of another is touched, and it ends.
    #[test]
    fn preemption_ends(
        nodes in prop::collection::vec((2_u64..7, 0_u64..3), 1..5),
        promises in prop::collection::vec(0_u64..6, 3),
        tasks in prop::collection::vec((1_u64..5, -1_i32..4, 0_usize..4, 0_u8..8, 0_u32..3), 1..25),
        order in any::<u64>(),
    ) {
        let nodes: Vec<(u64, u64)> = nodes.into_iter().map(|(cores, gpus)| (cores * 1_000, gpus)).collect();
        let quotas: Vec<QuotaSpec> = promises.iter().enumerate()
            .map(|(index, cores)| promise(&format!("q{index}"), cores * 1_000)).collect();
        let mut cluster = Cluster::new(&nodes, &quotas, Vec::new());
        let mut waiting: Vec<u32> = Vec::new();
        for (cores, priority, holder, odd, gpu) in tasks {
            let mut one = queue(task(cores * 1_000, priority), &format!("q{holder}"));
            one.preemptible = odd != 0;
            one.requests.gpu = GpuDemand { count: u32::from(gpu == 2), milli: if odd < 4 { 500 } else { 1_000 }, models: vec![] };
            // Some are members of one of two gangs, started one by one here, stopped together.
            if odd == 2 || odd == 3 {
                one.gang = Some(plimsoll_model::cluster::GangSpec { name: format!("g{odd}"), ..Default::default() });
            }
            waiting.push(cluster.know(one));
        }
        let (mut word, mut steps, mut draw) = (cluster.potential(), 0_u32, order);
        loop {
            // A queue of any order: it is rotated by what the seed says.
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let turn = (draw >> 33) as usize % waiting.len().max(1);
            waiting.rotate_left(turn);
            let before: BTreeMap<u32, Standing> =
                cluster.runners.iter().map(|(number, _)| (number, cluster.runners.standing(number).expect("it runs"))).collect();
            let step = waiting.iter().copied().find_map(|number| cluster.start_or_preempt(number).map(|victims| (number, victims)));
            let Some((number, victims)) = step else { break };
            let standing = cluster.runners.standing(number).expect("it runs");
            let holder = cluster.claim(number).holder.map(|(holder, _)| holder);
            for victim in &victims {
                prop_assert!(before[victim] < standing, "{:?} for {standing:?}", before[victim]);
                prop_assert!(cluster.tasks[*victim as usize].0.preemptible);
                let of = cluster.claim(*victim).holder.map(|(holder, _)| holder);
                prop_assert!(!before[victim].guaranteed || of == holder, "another's promise");
            }
            waiting.retain(|other| *other != number);
            waiting.extend(victims);
            let now = cluster.potential();
            prop_assert!(now > word, "{now:?} after {word:?}");
            word = now;
            steps += 1;
            prop_assert!(steps < 10_000, "it goes round");
        }
    }

    /// Looking only where something changed since a search in vain finds what looking everywhere finds, whatever happened
    /// in between: starts, stops, preemptions, gangs that break.
    #[test]
    fn a_search_in_vain_need_not_be_made_again(
        nodes in prop::collection::vec(1_u64..6, 2..7),
        steps in prop::collection::vec((1_u64..5, 0_i32..4, 0_u8..6, any::<u16>()), 1..60),
    ) {
        let nodes: Vec<(u64, u64)> = nodes.into_iter().map(|cores| (cores * 1_000, 0)).collect();
        let mut cluster = Cluster::new(&nodes, &[], Vec::new());
        let mut in_vain = InVain::default();
        for (cores, priority, kind, draw) in steps {
            let running: Vec<u32> = cluster.runners.iter().map(|(number, _)| number).collect();
            if kind == 0 && !running.is_empty() {
                cluster.stop(running[usize::from(draw) % running.len()]);
                continue;
            }
            let mut one = task(cores * 1_000, priority);
            one.preemptible = kind != 1;
            if kind == 2 {
                one.gang = Some(plimsoll_model::cluster::GangSpec { name: format!("g{}", draw % 2), ..Default::default() });
            }
            let number = cluster.know(one);
            if cluster.start(number) {
                continue;
            }
            let claim = cluster.claim(number);
            let everywhere = cluster.plan(number);
            let scene = Scene { runners: &cluster.runners, budgets: &cluster.budgets, at: cluster.now };
            if let Some(nodes) = in_vain.changed(&cluster.fleet, &cluster.runners, &claim) {
                prop_assert_eq!(&plan_on(&cluster.fleet, scene, &claim, &nodes), &everywhere);
            }
            in_vain.note(&cluster.fleet, &cluster.runners, &claim, everywhere.is_some());
            if let Some(plan) = everywhere {
                plan.victims.iter().for_each(|victim| cluster.stop(*victim));
                prop_assert!(cluster.start(number));
            }
        }
    }

    /// The same where tasks have every sort of rule towards each other, and nodes come and go.
    #[test]
    fn a_search_in_vain_need_not_be_made_again_where_tasks_have_rules(
        nodes in common::nodes(6), tasks in common::tasks(24),
        steps in prop::collection::vec((0_u8..8, any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..60),
    ) {
        let mut cluster = Cluster::of(&nodes, &[], Vec::new());
        let numbers: Vec<u32> = tasks.into_iter().map(|mut one| {
            one.elastic = None;
            cluster.know(one)
        }).collect();
        let mut in_vain = InVain::default();
        for (kind, which, whom) in steps {
            let running: Vec<u32> = cluster.runners.iter().map(|(number, _)| number).collect();
            if kind == 0 && !running.is_empty() {
                cluster.stop(*whom.get(&running));
                continue;
            }
            if kind == 1 {
                let node = plimsoll_placement::fleet::NodeIx(which.index(nodes.len()) as u32);
                let is_ready = cluster.fleet.state(node).0 == NodeState::Ready;
                cluster.fleet.set_state(node, if is_ready { NodeState::Cordoned } else { NodeState::Ready }, cluster.now);
                continue;
            }
            let number = *which.get(&numbers);
            if running.contains(&number) || cluster.start(number) {
                continue;
            }
            let claim = cluster.claim(number);
            let everywhere = cluster.plan(number);
            let scene = Scene { runners: &cluster.runners, budgets: &cluster.budgets, at: cluster.now };
            if let Some(nodes) = in_vain.changed(&cluster.fleet, &cluster.runners, &claim) {
                prop_assert_eq!(&plan_on(&cluster.fleet, scene, &claim, &nodes), &everywhere);
            }
            in_vain.note(&cluster.fleet, &cluster.runners, &claim, everywhere.is_some());
            if let Some(plan) = everywhere {
                plan.victims.iter().for_each(|victim| cluster.stop(*victim));
                prop_assert!(cluster.start(number), "victims made room somewhere");
            }
        }
    }

    /// What the fleet says of tasks that would leave is what it says when they have left, and more leaving never hurts
    /// where the fleet says so.
    #[test]
    fn asking_without_somebody_is_releasing_and_asking(
        nodes in common::nodes(5), tasks in common::tasks(20), draws in prop::collection::vec(any::<u32>(), 12),
    ) {
        let mut cluster = Cluster::of(&nodes, &[], Vec::new());
        for one in tasks {
            let number = cluster.know(one);
            cluster.start(number);
        }
        let running: Vec<Binding> = cluster.runners.iter().map(|(_, runner)| runner.binding).collect();
        let before = cluster.fleet.version();
        for draw in draws {
            let some = |bits: u32| -> Vec<Binding> {
                running.iter().enumerate().filter(|(index, _)| bits >> (index % 32) & 1 == 1).map(|(_, one)| *one).collect()
            };
            let (fewer, more) = (some(draw & draw.rotate_left(7)), some(draw));
            let mut left = cluster.fleet.clone();
            more.iter().for_each(|binding| assert!(left.release(*binding)));
            for (_, shape) in &cluster.tasks {
                for node in (0..nodes.len() as u32).map(plimsoll_placement::fleet::NodeIx) {
                    let fits = cluster.fleet.fits_without(*shape, node, &more);
                    prop_assert_eq!(fits, left.fits(*shape, node), "{:?}", left.refusal(*shape, node));
                    if cluster.fleet.gains_by_every_leave(*shape) && cluster.fleet.fits_without(*shape, node, &fewer) {
                        prop_assert!(fits, "it fitted when fewer had left");
                    }
                }
            }
        }
        prop_assert_eq!(cluster.fleet.version(), before, "asking left a trace");
    }

    /// The plan's cost is the least over every node and every set of its tasks.
    #[test]
    fn the_plan_is_the_cheapest_there_is(
        nodes in prop::collection::vec(1_u64..5, 1..6),
        tasks in prop::collection::vec((1_u64..4, 0_i32..4, any::<bool>(), 0_u8..4), 1..16),
        asked in 1_u64..5, priority in 0_i32..5,
    ) {
        let nodes: Vec<(u64, u64)> = nodes.into_iter().map(|cores| (cores * 1_000, 0)).collect();
        let mut cluster = Cluster::new(&nodes, &[], Vec::new());
        for (index, (cores, priority, preemptible, later)) in tasks.into_iter().enumerate() {
            cluster.now = Timestamp(i64::from(later) * 1_000);
            let number = cluster.know(Task { preemptible, labels: BTreeMap::from([("i".to_owned(), index.to_string())]), ..task(cores * 1_000, priority) });
            cluster.start(number);
        }
        cluster.now = Timestamp(60_000);
        let number = cluster.know(task(asked * 1_000, priority));
        let fits_now = cluster.chooser.clone().choose(&cluster.fleet, cluster.tasks[number as usize].1).is_some();
        prop_assume!(!fits_now);
        let may: Vec<(u32, i32, u32, u64)> = cluster.runners.iter()
            .filter(|(_, runner)| runner.preemptible && runner.priority < priority)
            .map(|(number, runner)| (number, runner.priority, runner.binding.node.0, cluster.tasks[number as usize].0.requests.cpu.0))
            .collect();
        let mut best: Option<(usize, Vec<i32>)> = None;
        for set in 1_u32..1 << may.len() {
            let chosen: Vec<_> = (0..may.len()).filter(|one| set >> one & 1 == 1).map(|one| may[one]).collect();
            let node = chosen[0].2;
            let freed: u64 = chosen.iter().map(|one| one.3).sum();
            let free = cluster.fleet.free(plimsoll_placement::fleet::NodeIx(node)).cpu.0;
            if chosen.iter().all(|one| one.2 == node) && free + freed >= asked * 1_000 {
                let mut priorities: Vec<i32> = chosen.iter().map(|one| one.1).collect();
                priorities.sort_unstable_by_key(|priority| std::cmp::Reverse(*priority));
                let cost = (chosen.len(), priorities);
                if best.as_ref().is_none_or(|best| cost < *best) {
                    best = Some(cost);
                }
            }
        }
        let found = cluster.plan(number).map(|plan| {
            (plan.cost.units, plan.cost.standings.iter().map(|standing| standing.priority).collect::<Vec<_>>())
        });
        prop_assert_eq!(found, best);
    }
}
