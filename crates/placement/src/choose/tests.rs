//! Tests of choosing.

use super::*;
use crate::fleet::test_cluster::{node, task};
use crate::policy::Ties;
use plimsoll_model::cluster::{Node, NodeState, Operator, Requirement, Taint, TaintEffect, Task, Toleration};
use plimsoll_model::quantity::Timestamp;
use proptest::prelude::*;

#[test]
fn first_fit_takes_the_first_name_and_best_fit_the_fullest_node() {
    let mut fleet = Fleet::new();
    for (name, cpu) in [("c", 2_000), ("b", 4_000), ("a", 8_000)] {
        fleet.add(&node(name, cpu, 100, 0, "")).expect("a node that can be");
    }
    let shape = fleet.intern(&task(1_500, 10, 0, 0)).expect("a task that can be");
    let chosen = |name: &str| {
        let policy = NodePolicy::by_name(name).expect("a known policy");
        let mut chooser = Chooser::new(policy, &fleet, 1);
        chooser.choose(&fleet, shape).map(|choice| fleet.name(choice.node).to_owned())
    };
    assert_eq!(chosen("first-fit").as_deref(), Some("a"));
    assert_eq!(chosen("best-fit").as_deref(), Some("c"));
    assert_eq!(chosen("worst-fit").as_deref(), Some("a"));
    assert_eq!(chosen("most-allocated").as_deref(), Some("c"));
    assert_eq!(chosen("least-allocated").as_deref(), Some("a"));
}

/// A fleet of `count` nodes with everything that filters look at, and shapes that ask for it.
fn cluster(count: usize, soft: bool) -> (Fleet, Vec<ShapeId>) {
    let mut fleet = Fleet::new();
    for number in 0..count {
        fleet.add(&mixed_node(number, soft)).expect("a node that can be");
    }
    let shapes = mixed_tasks().iter().map(|task| fleet.intern(task).expect("a task that can be")).collect();
    (fleet, shapes)
}

fn mixed_node(number: usize, soft: bool) -> Node {
    let (cpu, memory, gpus, model) =
        [(8_000, 64, 0, ""), (16_000, 128, 2, "T4"), (32_000, 256, 8, "A100"), (9_600, 32, 4, "T4")][number % 4];
    // Names in another order than numbers.
    let mut made = node(&format!("n{:04}", (number * 7_919) % 10_007), cpu, memory * 1_024, gpus, model);
    made.zone = Some(format!("z{}", number % 3));
    made.price_micros_per_hour = (number as u64 * 37) % 11;
    made.speed.insert("fast".into(), plimsoll_model::Permille(500 + 100 * (number as u64 % 9)));
    if number.is_multiple_of(5) {
        made.capacity.extended.insert("fpga".into(), 2);
    }
    if number.is_multiple_of(7) {
        made.capacity.extended.insert("licence".into(), 1);
    }
    let taint = |key: &str, effect| Taint { key: key.into(), value: String::new(), effect };
    if number.is_multiple_of(6) {
        made.taints.push(taint("dedicated", TaintEffect::NoSchedule));
    }
    if soft && number.is_multiple_of(4) {
        made.taints.push(taint("old", TaintEffect::PreferNoSchedule));
    }
    made
}

fn mixed_tasks() -> Vec<Task> {
    let mut tasks = vec![
        task(500, 1_024, 0, 0),
        task(2_000, 512, 1, 300),
        task(1_000, 8_192, 1, 1_000),
        task(4_000, 4_096, 4, 1_000),
        task(250, 100, 1, 770),
        task(7_000, 30_000, 0, 0),
        task(1, 1, 2, 1_000),
    ];
    let requirement =
        |key: &str, value: &str| Requirement { key: key.into(), operator: Operator::In, values: vec![value.into()] };
    tasks.push(Task { selector: vec![requirement("zone", "z1")], ..task(900, 700, 0, 0) });
    tasks.push(Task {
        prefers: vec![(requirement("zone", "z2"), 5), (requirement("x", "y"), 1)],
        ..task(800, 700, 1, 500)
    });
    let tolerates = Toleration { key: "dedicated".into(), value: None, effect: None };
    tasks.push(Task { tolerations: vec![tolerates], class: Some("fast".into()), ..task(600, 600, 0, 0) });
    let mut extended = task(300, 300, 0, 0);
    extended.requests.extended.insert("fpga".into(), 1);
    tasks.push(extended.clone());
    extended.requests.extended.insert("licence".into(), 1);
    tasks.push(extended);
    let mut model = task(1_500, 900, 1, 400);
    model.requests.gpu.models = vec!["A100".into()];
    tasks.push(model);
    tasks
}

/// Every named policy under every rule for ties, cut and uncut, and some sums.
fn policies() -> Vec<NodePolicy> {
    let mut all = Vec::new();
    for entry in catalogue() {
        let policy = NodePolicy::by_name(entry.name).expect("a known policy");
        for ties in [Ties::LowestName, Ties::LowestId, Ties::Random] {
            all.push(policy.clone().with_ties(ties));
        }
        all.push(policy.clone().with_levels(None));
        all.push(policy.with_levels(Some(7)));
    }
    let named = |name: &str| NodePolicy::by_name(name).expect("a known policy").with_levels(None);
    all.push(NodePolicy::sum("a", &[(named("best-fit"), 2), (named("most-allocated"), 1)]).expect("a sum"));
    all.push(NodePolicy::sum("b", &[(named("fgd"), 3), (named("best-fit"), 1)]).expect("a sum"));
    all.push(
        NodePolicy::sum("c", &[(named("worst-fit"), -1), (named("cheapest"), 2)])
            .expect("a sum")
            .with_levels(Some(100)),
    );
    all
}

/// One step of a trace.
#[derive(Debug, Clone, Copy)]
enum Act {
    Place(usize),
    Leave(usize),
    Turn(usize, NodeState),
    Add,
    Expect(usize),
    Learn(u64),
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0_usize..100).prop_map(Act::Place),
        4 => any::<usize>().prop_map(Act::Leave),
        1 => (any::<usize>(), 0_usize..3).prop_map(|(node, state)| {
            Act::Turn(node, [NodeState::Ready, NodeState::Cordoned, NodeState::Lost][state])
        }),
        1 => Just(Act::Add),
        1 => (0_usize..50).prop_map(Act::Expect),
        1 => (1_u64..9_000).prop_map(Act::Learn),
    ]
}

/// Plays a trace and holds every choice against the scan.
fn play(policy: NodePolicy, nodes: usize, soft: bool, trace: &[Act], seed: u64) -> Result<(), TestCaseError> {
    let (mut fleet, mut shapes) = cluster(nodes, soft);
    let mut chooser = Chooser::new(policy, &fleet, seed);
    let mut held = Vec::new();
    for act in trace {
        match *act {
            Act::Place(which) => {
                let shape = shapes[which % shapes.len()];
                let scanned = chooser.scan(&fleet, shape);
                let ranked = chooser.rank(&fleet, shape, 1);
                let chosen = chooser.choose(&fleet, shape);
                let said = |choice: &Choice| (choice.node, choice.gpus, choice.score, choice.terms, choice.binds);
                prop_assert_eq!(chosen.as_ref().map(said), scanned.as_ref().map(said), "{:?}", chooser.policy());
                prop_assert_eq!(chosen.map(|choice| (choice.node, choice.score)), ranked.first().copied());
                if let Some(choice) = chosen {
                    held.push(fleet.place_on(shape, choice.node, choice.gpus).expect("the chosen node fits"));
                } else {
                    let refused: usize = Chooser::filtered(&fleet, shape).iter().map(|(_, nodes)| nodes).sum();
                    prop_assert_eq!(refused, fleet.len());
                }
            }
            Act::Leave(which) if !held.is_empty() => {
                prop_assert!(fleet.release(held.swap_remove(which % held.len())));
            }
            Act::Leave(_) => {}
            Act::Turn(node, state) => fleet.set_state(NodeIx((node % fleet.len()) as u32), state, Timestamp(0)),
            Act::Add => {
                fleet.add(&mixed_node(fleet.len(), soft)).expect("a node that can be");
            }
            Act::Expect(count) => fleet.expect_tasks(shapes.iter().map(|shape| (*shape, count as u64)).collect()),
            Act::Learn(cpu) => shapes.push(fleet.intern(&task(cpu, cpu, 0, 0)).expect("a task that can be")),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_index_names_the_node_that_the_scan_names(
        trace in prop::collection::vec(acts(), 1..160),
        nodes in 1_usize..150,
        soft in prop::bool::weighted(0.2),
        seed in any::<u64>(),
    ) {
        for policy in policies() {
            play(policy, nodes, soft, &trace, seed)?;
        }
    }
}

#[test]
fn a_long_trace_on_many_nodes_stays_equal() {
    let mut random = plimsoll_stats::Random::new(7);
    let trace: Vec<Act> = (0..6_000)
        .map(|_| match random.below(20) {
            0..12 => Act::Place(random.below(100) as usize),
            12..19 => Act::Leave(random.below(1 << 30) as usize),
            _ => Act::Turn(
                random.below(1 << 30) as usize,
                [NodeState::Ready, NodeState::Draining][random.below(2) as usize],
            ),
        })
        .collect();
    for name in ["best-fit", "most-allocated", "least-allocated", "fgd", "dominant-resource"] {
        let policy = NodePolicy::by_name(name).expect("a known policy");
        play(policy, 1_500, false, &trace, 3).expect("equal choices");
    }
}

#[test]
fn several_choosers_may_follow_one_fleet_and_fall_behind() {
    let (mut fleet, shapes) = cluster(40, false);
    let policies =
        ["best-fit", "fgd", "dominant-resource"].map(|name| NodePolicy::by_name(name).expect("a known policy"));
    let mut choosers = policies.map(|policy| Chooser::new(policy, &fleet, 1));
    for round in 0..6_000 {
        let shape = shapes[round % 3];
        let which = if round < 4_000 { 0 } else { round % 3 };
        let scanned = choosers[which].scan(&fleet, shape);
        let chosen = choosers[which].choose(&fleet, shape);
        assert_eq!(chosen.map(|choice| choice.node), scanned.map(|choice| choice.node));
        let Some(choice) = chosen else { continue };
        let held = fleet.place(shape, choice.node).expect("the chosen node fits");
        if round % 50 != 0 {
            assert!(fleet.release(held));
        }
    }
}

#[test]
fn an_approximate_policy_misses_no_room_and_says_what_it_lost() {
    for (name, nodes) in [("best-fit@40", 40), ("best-fit@3", 40), ("fgd@2", 40), ("random@1", 40)] {
        let (mut fleet, shapes) = cluster(nodes, false);
        let policy = NodePolicy::by_name(name).expect("a sample of a known policy");
        let sample = policy.sample.expect("it says so") as usize;
        let exact = Chooser::new(NodePolicy { sample: None, ..policy.clone() }, &fleet, 1);
        let mut chooser = Chooser::new(policy, &fleet, 1);
        let (mut lost, mut checked) = (0, 0);
        for round in 0..1_000_u64 {
            let shape = shapes[round as usize % 3];
            let best = exact.scan(&fleet, shape);
            let chosen = chooser.choose(&fleet, shape);
            assert_eq!(chosen.is_some(), best.is_some(), "{name}: room is never missed");
            let (Some(chosen), Some(best)) = (chosen, best) else { continue };
            assert!(chosen.score <= best.score);
            if sample >= nodes {
                assert_eq!((chosen.node, chosen.score), (best.node, best.score));
            }
            if round % CHECK_EVERY == 0 {
                (lost, checked) = (lost + best.score - chosen.score, checked + 1);
            }
            let held = fleet.place_on(shape, chosen.node, chosen.gpus).expect("the chosen node fits");
            if round % 4 == 0 {
                assert!(fleet.release(held));
            }
        }
        let regret = chooser.regret().expect("it is approximate");
        assert_eq!((regret.checked, regret.lost), (checked, lost), "{name}");
        assert!((regret.worse > 0) == (lost > 0) && regret.lost_most <= lost && exact.regret().is_none());
        // Every node is worth the same to `random`, and to `fgd` while it expects nothing.
        assert_eq!(lost > 0, sample < nodes && name.starts_with("best-fit"), "{name} lost {lost}");
    }
    for wrong in ["best-fit@0", "best-fit@", "best-fit@x", "best-fit@1000001", "nothing@3", "best-fit@3@3"] {
        assert!(NodePolicy::by_name(wrong).is_none(), "{wrong}");
    }
}
