//! Gangs get all their room or none, without a trace, and as few domains as can be; and who leaves a draining node.

mod common;

use plimsoll_model::cluster::{Demand, Node, NodeState, Task, TaskKind};
use plimsoll_model::quantity::{Bytes, Millicores, Timestamp};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Fleet, NodeIx, ShapeId, indices};
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::rules::audit::{Running, audit};
use plimsoll_placement::rules::budget::{Budgets, DisruptionBudget};
use plimsoll_placement::rules::drain::{Departures, Prospect, departures};
use plimsoll_placement::rules::guarantee::Guarantees;
use plimsoll_placement::rules::preempt::{Runner, Runners};
use plimsoll_placement::rules::{Sites, gang};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn chooser(fleet: &Fleet) -> Chooser {
    Chooser::new(NodePolicy::by_name("best-fit").expect("known"), fleet, 0)
}

fn seen(fleet: &Fleet, shapes: &[ShapeId]) -> Vec<String> {
    let nodes = (0..fleet.len() as u32).map(NodeIx);
    nodes
        .map(|node| {
            let refusals: Vec<_> = shapes.iter().map(|shape| fleet.refusal(*shape, node)).collect();
            format!("{:?} {refusals:?}", fleet.free(node))
        })
        .collect()
}

fn cpu(cores: u64) -> Task {
    Task { requests: Demand { cpu: Millicores(cores), memory: Bytes(0), ..Demand::default() }, ..Task::default() }
}

/// Nodes of so many cores in racks; none is without a label.
fn racks(nodes: &[(u64, Option<u8>)]) -> Fleet {
    let mut fleet = Fleet::new();
    for (index, (cores, rack)) in nodes.iter().enumerate() {
        let mut node = Node::named(format!("n{index}"));
        node.capacity.cpu = Millicores(*cores);
        node.labels.extend(rack.map(|rack| ("rack".to_owned(), rack.to_string())));
        fleet.add(&node).expect("names are unique");
    }
    fleet
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn all_or_nothing_under_every_rule(
        nodes in common::nodes(8), tasks in common::tasks(6),
        before in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        members in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
        together in prop::option::of(prop::sample::select(vec!["zone", "rack", "nowhere"])),
    ) {
        let sites = Sites::new(&common::sites()).expect("no site is listed twice");
        let mut fleet = Fleet::new();
        fleet.set_sites(sites.clone());
        for node in &nodes {
            fleet.add(node).expect("names are unique");
        }
        let shapes: Vec<ShapeId> = tasks.iter().map(|task| fleet.intern(task).expect("sensible")).collect();
        let mut chooser = chooser(&fleet);
        let mut bound = Vec::new();
        for one in before {
            let task = one.index(tasks.len());
            if let Some(choice) = chooser.choose(&fleet, shapes[task]) {
                bound.push((task, fleet.place_on(shapes[task], choice.node, choice.gpus).expect("chosen")));
            }
        }
        let gang: Vec<usize> = members.iter().map(|one| one.index(tasks.len())).collect();
        let asked: Vec<ShapeId> = gang.iter().map(|task| shapes[*task]).collect();
        let was = seen(&fleet, &shapes);
        match gang::place(&mut fleet, &mut chooser, &asked, together) {
            Ok(placed) => {
                prop_assert_eq!(placed.len(), gang.len());
                for (task, (binding, _)) in gang.iter().zip(&placed) {
                    prop_assert_eq!(binding.shape, shapes[*task]);
                    bound.push((*task, *binding));
                }
                let running: Vec<Running<'_>> = bound.iter().map(|(task, binding)| Running {
                    task: &tasks[*task], node: binding.node.0 as usize,
                    gpus: indices(binding.gpus).map(|gpu| gpu as u32).collect(),
                }).collect();
                prop_assert_eq!(audit(&nodes, &sites, &running), vec![]);
            }
            Err(refusal) => {
                prop_assert_eq!(seen(&fleet, &shapes), was);
                prop_assert!(refusal.member < gang.len() && refusal.placed < gang.len() && !refusal.refused.is_empty());
            }
        }
    }

    /// Equal members: as many as there is room for, on the fewest racks there can be.
    #[test]
    fn equal_members_are_placed_exactly(
        nodes in prop::collection::vec((0_u64..9, 0_u8..4), 1..10), size in 1_u64..4, count in 1_usize..14,
    ) {
        let labelled: Vec<(u64, Option<u8>)> = nodes.iter().map(|(cores, rack)| (*cores, Some(*rack))).collect();
        let mut fleet = racks(&labelled);
        let shape = fleet.intern(&cpu(size)).expect("sensible");
        let mut chooser = chooser(&fleet);
        let mut held: BTreeMap<u8, u64> = BTreeMap::new();
        for (cores, rack) in &nodes {
            *held.entry(*rack).or_insert(0) += cores / size;
        }
        let racks: Vec<u64> = held.values().copied().collect();
        let fewest = (0_u32..1 << racks.len())
            .filter(|set| (0..racks.len()).filter(|rack| set >> rack & 1 == 1).map(|rack| racks[rack]).sum::<u64>() >= count as u64)
            .map(u32::count_ones).min();
        let found = gang::place(&mut fleet, &mut chooser, &vec![shape; count], Some("rack"));
        let used = found.ok().map(|placed| {
            let racks: BTreeSet<u8> = placed.iter().map(|(binding, _)| nodes[binding.node.0 as usize].1).collect();
            racks.len() as u32
        });
        prop_assert_eq!(used, fewest);
    }
}

#[test]
fn the_tightest_rack_that_holds_the_gang_is_taken_and_nodes_without_rack_come_last() {
    let mut fleet = racks(&[(4, Some(1)), (4, Some(1)), (3, Some(2)), (3, Some(2)), (9, None)]);
    let shape = fleet.intern(&cpu(1)).expect("sensible");
    let mut chooser = chooser(&fleet);
    let mut place = |count: usize| {
        let placed = gang::place(&mut fleet, &mut chooser, &vec![shape; count], Some("rack")).expect("there is room");
        let nodes: BTreeSet<u32> = placed.iter().map(|(binding, _)| binding.node.0).collect();
        for (binding, _) in placed {
            fleet.release(binding);
        }
        nodes.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(place(6), [2, 3]);
    assert_eq!(place(7), [0, 1]);
    assert_eq!(place(15), [0, 1, 2, 3, 4]);
}

/// A node that drains with these tasks: `(priority, ends, kind, gang, protected)`.
type Leaver = (i32, Option<i64>, TaskKind, Option<u32>, bool);

fn leaving(states: [NodeState; 2], tasks: &[(usize, Leaver)], away_max: u32) -> Departures {
    let mut fleet = racks(&[(100, None), (100, None)]);
    let shape = fleet.intern(&cpu(1)).expect("sensible");
    let budget = DisruptionBudget { name: "web".to_owned(), tasks: common::labels(&[("app", "web")]), away_max };
    let budgets = Budgets::new(vec![budget]);
    let mut runners = Runners::new(Guarantees::default());
    for (number, (node, (priority, _, _, gang, protected))) in tasks.iter().enumerate() {
        let binding = fleet.place(shape, NodeIx(*node as u32)).expect("there is room");
        let budgets = if *protected { vec![0] } else { vec![] };
        let (priority, gang) = (*priority, *gang);
        let runner =
            Runner { binding, priority, preemptible: false, started: Timestamp(0), gang, budgets, holder: None };
        runners.start(number as u32, runner);
    }
    for (node, state) in states.into_iter().enumerate() {
        fleet.set_state(NodeIx(node as u32), state, Timestamp(0));
    }
    let prospect = |number: u32| {
        let (_, (_, ends, kind, ..)) = tasks[number as usize];
        Prospect { kind, ends: ends.map(Timestamp) }
    };
    departures(&fleet, &runners, &budgets, &prospect)
}

#[test]
fn who_would_stay_longest_leaves_first_and_the_system_last() {
    use NodeState::{Cordoned, Draining};
    use TaskKind::{Batch, Service, System};
    let tasks = [
        (0, (0, Some(9), Batch, None, false)),
        (0, (0, None, Service, None, false)),
        (0, (5, None, System, None, false)),
        (0, (7, None, Service, None, false)),
        (0, (0, Some(99), Batch, None, false)),
        (1, (0, None, Service, None, false)),
    ];
    let found = leaving([Draining, Cordoned], &tasks, 0);
    assert_eq!(found.leave, [3, 1, 4, 0, 2], "a cordoned node keeps its tasks");
    assert!(found.held.is_empty() && found.lost.is_empty());
}

#[test]
fn a_budget_holds_back_and_a_loss_spends_it() {
    use NodeState::{Draining, Lost};
    use TaskKind::Service;
    let web = |priority| (priority, None, Service, None, true);
    let found = leaving([Draining, NodeState::Ready], &[(0, web(1)), (0, web(2)), (0, web(3))], 2);
    assert_eq!((found.leave, found.held), (vec![2, 1], vec![(0, 0)]));
    let found = leaving([Draining, Lost], &[(0, web(1)), (0, web(2)), (1, web(3))], 2);
    assert_eq!((found.lost, found.leave, found.held), (vec![2], vec![1], vec![(0, 0)]));
}

#[test]
fn a_gang_leaves_whole_or_waits_whole() {
    use NodeState::{Draining, Lost, Ready};
    use TaskKind::Training;
    let member = |gang| (0, None, Training, Some(gang), true);
    let tasks = [(0, member(7)), (1, member(7)), (0, member(8))];
    assert_eq!(leaving([Draining, Ready], &tasks, 3).leave, [0, 1, 2]);
    let found = leaving([Draining, Ready], &tasks, 1);
    assert_eq!((found.leave, found.held), (vec![2], vec![(0, 0), (1, 0)]));
    assert_eq!(leaving([Ready, Lost], &tasks, 0).lost, [0, 1]);
}
