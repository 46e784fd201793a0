//! Explanations: the same winner as the index, every refusal, and changes that would really do.

mod common;

use plimsoll_model::cluster::{Demand, Node, Task};
use plimsoll_model::quantity::{Bytes, Millicores};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Binding, Fleet, NodeIx, ShapeId};
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::rules::{Sites, explain};
use proptest::prelude::*;

fn node(name: &str, cores: u64) -> Node {
    let mut node = Node::named(name);
    node.capacity.cpu = Millicores(cores * 1_000);
    node.capacity.memory = Bytes(8 * common::GIB);
    node
}

fn cpu(cores: u64) -> Task {
    Task { requests: Demand { cpu: Millicores(cores * 1_000), ..Demand::default() }, ..Task::default() }
}

/// A fleet with these tasks placed in this order; none where one of them is refused there.
fn built(nodes: &[Node], tasks: &[Task], places: &[(usize, Binding)]) -> Option<(Fleet, Vec<ShapeId>)> {
    let mut fleet = Fleet::new();
    fleet.set_sites(Sites::new(&common::sites()).expect("no site is listed twice"));
    for node in nodes {
        fleet.add(node).expect("names are unique");
    }
    let shapes: Vec<ShapeId> = tasks.iter().map(|task| fleet.intern(task).expect("sensible")).collect();
    for (task, binding) in places {
        fleet.place_on(shapes[*task], binding.node, binding.gpus).ok()?;
    }
    Some((fleet, shapes))
}

#[test]
fn a_wait_is_spelt_out() {
    let mut tainted = node("n-03", 16);
    tainted.taints.push(plimsoll_model::cluster::Taint {
        key: "gpu".to_owned(),
        value: "yes".to_owned(),
        effect: plimsoll_model::cluster::TaintEffect::NoSchedule,
    });
    let nodes = [node("n-01", 4), node("n-02", 6), tainted];
    let tasks = [cpu(4), cpu(6)];
    let (mut fleet, shapes) = built(&nodes, &tasks, &[]).expect("nothing is placed");
    let mut chooser = Chooser::new(NodePolicy::by_name("best-fit").expect("known"), &fleet, 0);
    let choice = chooser.choose(&fleet, shapes[0]).expect("it fits");
    let said = explain::placement(&fleet, &chooser, shapes[0], &choice).to_string();
    assert!(said.starts_with("`n-01` with score 100, 1 × best-fit 1.000000 by policy best-fit at state 3"), "{said}");
    assert!(said.ends_with("binds: cpu, 4000 asked of 4000 free"), "{said}");
    fleet.place_on(shapes[0], choice.node, choice.gpus).expect("it was chosen");
    fleet.place(shapes[0], NodeIx(1)).expect("it fits");
    let waits = explain::waiting(&fleet, &chooser, shapes[1]);
    let expected = "0 of 3 nodes fit (policy best-fit, state 5)
  2 cpu: such as `n-01`, asks 6000m CPU, 0m free
  1 taint: such as `n-03`, taint gpu=yes is not tolerated
  would fit with 4000 more millicores on node `n-02` (closest of 2 that only this keeps away)
  would fit with tolerated: taint gpu=yes is not tolerated on node `n-03` (closest of 1 that only this keeps away)";
    assert_eq!(waits.to_string(), expected);
    let text = serde_json::to_string(&waits).expect("plain values");
    assert_eq!(serde_json::from_str::<explain::Waiting>(&text).expect("what was written is read"), waits);
}

#[test]
fn without_a_single_step_the_nearest_node_is_named_with_all_of_them() {
    let mut full = node("n-01", 1);
    full.capacity.memory = Bytes(0);
    let asks =
        Task { requests: Demand { cpu: Millicores(2_000), memory: Bytes(1 << 20), ..Demand::default() }, ..cpu(2) };
    let (fleet, shapes) = built(&[full], &[asks], &[]).expect("nothing is placed");
    let chooser = Chooser::new(NodePolicy::by_name("first-fit").expect("known"), &fleet, 0);
    let waits = explain::waiting(&fleet, &chooser, shapes[0]);
    assert!(waits.changes.is_empty());
    let steps = vec!["1000 more millicores".to_owned(), "1 MiB more of memory".to_owned()];
    assert_eq!(waits.nearest, Some(("n-01".to_owned(), steps)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn explanations_are_true(
        nodes in common::nodes(7), tasks in common::tasks(8),
        policy in prop::sample::select(vec!["first-fit", "best-fit", "fgd", "dominant-resource", "spill"]),
        before in prop::collection::vec(any::<prop::sample::Index>(), 0..14),
    ) {
        let (mut fleet, shapes) = built(&nodes, &tasks, &[]).expect("nothing is placed");
        let mut chooser = Chooser::new(NodePolicy::by_name(policy).expect("known"), &fleet, 0);
        let mut placed: Vec<(usize, Binding)> = Vec::new();
        for one in before {
            let task = one.index(tasks.len());
            if let Some(choice) = chooser.choose(&fleet, shapes[task]) {
                placed.push((task, fleet.place_on(shapes[task], choice.node, choice.gpus).expect("chosen")));
            }
        }
        for (task, shape) in shapes.iter().enumerate() {
            let said = explain::waiting(&fleet, &chooser, *shape);
            let chosen = chooser.clone().choose(&fleet, *shape).map(|choice| fleet.name(choice.node).to_owned());
            prop_assert_eq!(said.fitting.first().map(|first| first.node.clone()), chosen);
            let fit = (0..nodes.len() as u32).filter(|node| fleet.fits(*shape, NodeIx(*node))).count();
            prop_assert_eq!(said.filtered.iter().map(|one| one.nodes).sum::<usize>() + fit, nodes.len());
            for node in (0..nodes.len() as u32).map(NodeIx) {
                let obstacles = fleet.obstacles(*shape, node);
                let refusal = fleet.refusal(*shape, node);
                prop_assert_eq!(refusal.is_none(), obstacles.is_empty());
                prop_assert!(refusal.is_none_or(|refusal| obstacles.contains(&refusal)));
            }
            // A change of room is carried out: with so much more on that node, the task fits there.
            for change in said.changes.iter().filter(|change| change.more.is_some()) {
                let more = change.more.expect("filtered");
                let mut larger = nodes.clone();
                let node = larger.iter().position(|node| node.name == change.node).expect("a node of the fleet");
                let has = &mut larger[node].capacity;
                match change.filter.as_str() {
                    "cpu" => has.cpu = Millicores(has.cpu.0 + more),
                    "memory" => has.memory = Bytes(has.memory.0 + (more << 20)),
                    "disk" => has.disk = Bytes(has.disk.0 + (more << 20)),
                    _ => continue,
                }
                // The same tasks in the order of their placement; rules that only hold at a start may refuse them now,
                // so those worlds prove nothing.
                if let Some((fleet, shapes)) = built(&larger, &tasks, &placed) {
                    prop_assert!(fleet.fits(shapes[task], NodeIx(node as u32)), "{change:?}");
                }
            }
        }
    }
}
