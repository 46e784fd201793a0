//! What rules between tasks cost: decisions under each of them by index and by scan, and plans of preemption.
//!
//! `cargo bench -p plimsoll-placement --bench rules -- [--nodes 10000] [--decisions 2000]`. CPU time of this process;
//! every row is one fleet, filled to about two thirds, one release per decision. Index and scan have to name the same
//! node, or the bench stops.

mod common;

use common::{cpu_seconds, number};
use plimsoll_model::cluster::{Demand, Isolation, Node, SpreadRule, Task, TaskAffinity};
use plimsoll_model::quantity::{Bytes, Millicores, Timestamp};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Binding, Fleet, NodeIx, ShapeId};
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::rules::budget::Budgets;
use plimsoll_placement::rules::gang;
use plimsoll_placement::rules::guarantee::Guarantees;
use plimsoll_placement::rules::preempt::{Claim, Runner, Runners, Scene, plan};
use std::collections::BTreeMap;

/// Classes of tasks that differ in size and label.
const CLASSES: u64 = 64;

fn node(index: u64) -> Node {
    let mut node = Node::named(format!("n{index:06}"));
    node.capacity.cpu = Millicores(32_000 + 16_000 * (index % 3));
    node.capacity.memory = Bytes((64 + 64 * (index % 2)) << 30);
    node.zone = Some(format!("z{}", index % 16));
    node.labels.insert("rack".to_owned(), format!("r{}", index / 32));
    node
}

fn task(class: u64) -> Task {
    let requests =
        Demand { cpu: Millicores(500 + 250 * (class % 16)), memory: Bytes((1 + class % 8) << 30), ..Demand::default() };
    let labels = BTreeMap::from([("app".to_owned(), format!("app-{class}"))]);
    Task { requests, labels, preemptible: true, queue: "all".to_owned(), ..Task::default() }
}

fn own(class: u64) -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), format!("app-{class}"))])
}

/// A rule that tasks of a class get.
type Rule = fn(u64, &mut Task);

fn apart(class: u64, task: &mut Task, domain: &str, weight: Option<u32>) {
    task.affinity.push(TaskAffinity { tasks: own(class), domain: domain.to_owned(), anti: true, weight });
}

fn spread(class: u64, task: &mut Task, required: bool) {
    task.spread.push(SpreadRule { domain: "zone".to_owned(), tasks: own(class), skew_max: 2, required });
}

const RULES: [(&str, Rule); 7] = [
    ("none", |_, _| {}),
    ("apart by node", |class, task| apart(class, task, "", None)),
    ("apart by rack, wish", |class, task| apart(class, task, "rack", Some(50))),
    ("spread over zones", |class, task| spread(class, task, true)),
    ("spread over zones, wish", |class, task| spread(class, task, false)),
    ("isolated by tenant", |class, task| {
        task.tenant = format!("t{}", class % 4);
        task.isolation = Isolation::Tenant;
    }),
    ("one in eight apart by node", |class, task| {
        if class.is_multiple_of(8) {
            apart(class, task, "", None);
        }
    }),
];

fn fleet(nodes: u64, rule: Rule) -> (Fleet, Vec<ShapeId>) {
    let mut fleet = Fleet::new();
    for index in 0..nodes {
        fleet.add(&node(index)).expect("names are unique");
    }
    let shapes = (0..CLASSES).map(|class| {
        let mut task = task(class);
        rule(class, &mut task);
        fleet.intern(&task).expect("sensible")
    });
    let shapes = shapes.collect();
    (fleet, shapes)
}

/// A small generator of numbers; the bench needs no better one.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn row(name: &str, rule: Rule, nodes: u64, decisions: u64) {
    let (mut fleet, shapes) = fleet(nodes, rule);
    let mut chooser = Chooser::new(NodePolicy::by_name("best-fit").expect("known"), &fleet, 0);
    let (mut running, mut draw): (Vec<Binding>, u64) = (Vec::new(), 7);
    let mut refused = 0;
    for _ in 0..nodes * 10 {
        let shape = shapes[next(&mut draw) as usize % shapes.len()];
        match chooser.choose(&fleet, shape) {
            Some(choice) => running.push(fleet.place_on(shape, choice.node, choice.gpus).expect("chosen")),
            None => refused += 1,
        }
    }
    let (mut index, mut scan) = (0.0, 0.0);
    let checked = decisions.min(200);
    for step in 0..decisions {
        let shape = shapes[next(&mut draw) as usize % shapes.len()];
        if step < checked {
            let start = cpu_seconds();
            let scanned = chooser.scan(&fleet, shape);
            scan += cpu_seconds() - start;
            let chosen = chooser.clone().choose(&fleet, shape);
            assert_eq!(chosen.map(|one| one.node), scanned.map(|one| one.node), "{name}");
        }
        let start = cpu_seconds();
        if let Some(choice) = chooser.choose(&fleet, shape) {
            running.push(fleet.place_on(shape, choice.node, choice.gpus).expect("chosen"));
        }
        let gone = running.swap_remove(next(&mut draw) as usize % running.len());
        fleet.release(gone);
        index += cpu_seconds() - start;
    }
    let (index, scan) = (index / decisions as f64 * 1e6, scan / checked as f64 * 1e6);
    let ratio = scan / index;
    println!("{name:28} {index:10.2} {scan:10.2} {ratio:8.1} {:9} {refused:9}", running.len());
}

fn preemption(nodes: u64) {
    let (mut fleet, shapes) = fleet(nodes, |_, _| {});
    let mut chooser = Chooser::new(NodePolicy::by_name("best-fit").expect("known"), &fleet, 0);
    let mut runners = Runners::new(Guarantees::default());
    let mut draw = 7;
    for number in 0..nodes as u32 * 40 {
        let shape = shapes[next(&mut draw) as usize % shapes.len()];
        if let Some(choice) = chooser.choose(&fleet, shape) {
            let binding = fleet.place_on(shape, choice.node, choice.gpus).expect("chosen");
            let (priority, started) = ((next(&mut draw) % 10) as i32, Timestamp(i64::from(number)));
            let runner =
                Runner { binding, priority, preemptible: true, started, gang: None, budgets: vec![], holder: None };
            runners.start(number, runner);
        }
    }
    let budgets = Budgets::default();
    let large =
        fleet.intern(&Task { requests: Demand { cpu: Millicores(16_000), ..Demand::default() }, ..Task::default() });
    let claim = Claim { shape: large.expect("sensible"), priority: 5, holder: None };
    let at = Timestamp(i64::from(u32::MAX));
    let start = cpu_seconds();
    let found = plan(&fleet, Scene { runners: &runners, budgets: &budgets, at }, &claim);
    let spent = cpu_seconds() - start;
    let victims = found.map_or(0, |plan| plan.victims.len());
    println!(
        "preemption, {nodes} nodes, {} tasks: one plan {:.2} ms, {victims} victims",
        runners.iter().count(),
        spent * 1e3
    );
}

fn gangs(nodes: u64) {
    let (mut fleet, _) = fleet(nodes, |_, _| {});
    let shape =
        fleet.intern(&Task { requests: Demand { cpu: Millicores(32_000), ..Demand::default() }, ..Task::default() });
    let members = vec![shape.expect("sensible"); 64];
    let mut chooser = Chooser::new(NodePolicy::by_name("best-fit").expect("known"), &fleet, 0);
    let _ = chooser.choose(&fleet, members[0]);
    for (name, together) in [("anywhere", None), ("on the fewest racks", Some("rack"))] {
        let start = cpu_seconds();
        let placed = gang::place(&mut fleet, &mut chooser, &members, together).expect("there is room");
        let spent = cpu_seconds() - start;
        println!("gang of 64 on {nodes} nodes, {name}: {:.2} ms", spent * 1e3);
        for (binding, _) in placed {
            assert!(binding.node < NodeIx(nodes as u32));
            fleet.release(binding);
        }
    }
}

/// What the books of the rules add to every placement and release of a task without rules.
fn books(nodes: u64) {
    let (mut fleet, shapes) = fleet(nodes, |_, _| {});
    let fresh_bytes = fleet.relations().rules().bytes();
    let mut draw = 7;
    for step in 0..nodes * 10 {
        let shape = shapes[next(&mut draw) as usize % shapes.len()];
        let _ = fleet.place(shape, NodeIx((step % nodes) as u32));
    }
    let mut rules = fleet.relations().rules().clone();
    let pairs: Vec<(u32, u32)> = (0..1_000_000)
        .map(|_| (shapes[next(&mut draw) as usize % shapes.len()].0, (next(&mut draw) % nodes) as u32))
        .collect();
    let start = cpu_seconds();
    for (shape, node) in &pairs {
        rules.placed(*shape, *node);
        rules.released(*shape, *node);
    }
    let spent = (cpu_seconds() - start) / pairs.len() as f64 * 1e9;
    let idle = fresh_bytes / nodes as usize;
    println!(
        "books of the rules on {nodes} nodes: {spent:.0} ns per placement and release, {idle} bytes per idle node"
    );
}

fn main() {
    let (nodes, decisions) = (number("--nodes", 10_000), number("--decisions", 2_000));
    println!("{nodes} nodes, {CLASSES} classes, best fit; microseconds of CPU per decision with one release");
    println!("{:28} {:>10} {:>10} {:>8} {:>9} {:>9}", "rule", "index", "scan", "ratio", "running", "refused");
    for (name, rule) in RULES {
        row(name, rule, nodes, decisions);
    }
    books(nodes);
    preemption(nodes.min(1_000));
    preemption(nodes);
    gangs(nodes.min(1_000));
}
