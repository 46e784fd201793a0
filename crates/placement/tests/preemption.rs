//! Who makes way, as tables of cases that other schedulers test, told in Plimsoll's terms. What holds for any tasks is in
//! `preemption_properties.rs`.
//!
//! Facts, not code: rows say which situation it is, what the peer does, and where Plimsoll means to differ.

mod common;

use common::cluster::{Cluster, gpus, promise, queue, task, wide};
use plimsoll_model::cluster::{QuotaSpec, Task};
use plimsoll_model::quantity::Timestamp;
use plimsoll_placement::rules::budget::DisruptionBudget;
use plimsoll_placement::rules::preempt::{Scene, plan_gang};

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
