//! What a formula costs: node scores as expressions beside the built-in ones, in nanoseconds of CPU per decision.
//!
//! `cargo bench -p plimsoll-placement --bench expression`. Nodes of five kinds, filled by the policy until a third of the tasks
//! found no room; then a task leaves and one comes, again and again. `scan` looks at every node; `index` is what
//! decisions are made by: the ordered index for the built-in best fit, the best per block for everything else here.

mod common;

use common::cpu_seconds;
use plimsoll_model::cluster::{Capacity, Demand, GpuDemand, Gpus, Node, Task};
use plimsoll_model::quantity::{Bytes, Millicores};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Fleet, ShapeId};
use plimsoll_placement::policy::{NodePolicy, TextPolicy, from_file_text};
use plimsoll_stats::Random;

const POLICIES: [(&str, &str); 3] = [
    ("best-fit", include_str!("../../../policies/best-fit.policy")),
    ("dominant-resource", include_str!("../../../policies/dominant-resource.policy")),
    ("fgd", include_str!("../../../policies/fgd.policy")),
];

fn main() {
    println!(
        "{:<20}{:>8}{:>16}{:>16}{:>8}{:>16}{:>16}{:>8}",
        "policy", "nodes", "scan, built-in", "scan, formula", "ratio", "index, built-in", "index, formula", "same"
    );
    for (name, text) in POLICIES {
        let built_in = NodePolicy::by_name(name).expect("a known policy");
        let Ok(TextPolicy::Node(written)) = from_file_text(name, text) else { panic!("{name} is a node score") };
        for nodes in [1_000, 10_000] {
            let [theirs, ours] = [&built_in, &written].map(|policy| measure(policy, nodes));
            println!(
                "{name:<20}{nodes:>8}{:>16.0}{:>16.0}{:>8.2}{:>16.0}{:>16.0}{:>8}",
                theirs.scan,
                ours.scan,
                ours.scan / theirs.scan,
                theirs.index,
                ours.index,
                if theirs.taken == ours.taken { "yes" } else { "no" }
            );
        }
    }
}

struct Measured {
    scan: f64,
    index: f64,
    /// A sum over the nodes taken, to see that both policies took the same.
    taken: u64,
}

fn measure(policy: &NodePolicy, nodes: usize) -> Measured {
    let (mut fleet, shapes) = cluster(nodes);
    let mut chooser = Chooser::new(policy.clone(), &fleet, 7);
    let mut random = Random::new(11);
    let mut held = Vec::new();
    let (mut refused, mut taken) = (0, 0);
    while refused * 3 < held.len() + 100 {
        let shape = shapes[random.below(shapes.len() as u64) as usize];
        match chooser.choose(&fleet, shape) {
            Some(choice) => held.push(fleet.place_on(shape, choice.node, choice.gpus).expect("room that was found")),
            None => refused += 1,
        }
    }
    let decisions = 20_000;
    let begin = cpu_seconds();
    for _ in 0..decisions {
        let gone = held.swap_remove(random.below(held.len() as u64) as usize);
        fleet.release(gone);
        if let Some(choice) = chooser.choose(&fleet, gone.shape) {
            taken += u64::from(choice.node.0);
            held.push(fleet.place_on(gone.shape, choice.node, choice.gpus).expect("room that was found"));
        }
    }
    let index = (cpu_seconds() - begin) * 1e9 / f64::from(decisions);
    let scans = (4_000_000 / nodes) as u32;
    let begin = cpu_seconds();
    for at in 0..scans {
        taken += chooser.scan(&fleet, shapes[at as usize % shapes.len()]).map_or(0, |choice| u64::from(choice.node.0));
    }
    Measured { scan: (cpu_seconds() - begin) * 1e9 / f64::from(scans), index, taken }
}

fn cluster(nodes: usize) -> (Fleet, Vec<ShapeId>) {
    let mut fleet = Fleet::new();
    for number in 0..nodes {
        let (cpu, memory, gpus, model) = [
            (32_000, 128, 0, ""),
            (64_000, 256, 2, "T4"),
            (96_000, 512, 8, "G2"),
            (96_000, 720, 4, "V100"),
            (48_000, 192, 1, "P100"),
        ][number % 5];
        let gpus = Gpus { count: gpus, model: model.to_owned() };
        let capacity = Capacity { cpu: Millicores(cpu), memory: Bytes(memory << 30), gpus, ..Capacity::default() };
        let made = Node { name: format!("n{number:06}"), capacity, ..Node::default() };
        fleet.add(&made).expect("a node that can be");
    }
    let asked = [
        (4_000, 8, 0, 0),
        (2_000, 4, 1, 300),
        (8_000, 32, 1, 1_000),
        (1_000, 2, 1, 770),
        (16_000, 64, 4, 1_000),
        (12_000, 24, 0, 0),
        (3_000, 9, 1, 500),
        (6_000, 18, 2, 1_000),
    ];
    let shapes: Vec<ShapeId> = asked
        .into_iter()
        .map(|(cpu, memory, count, milli)| {
            let gpu = GpuDemand { count, milli, models: Vec::new() };
            let requests = Demand { cpu: Millicores(cpu), memory: Bytes(memory << 30), gpu, ..Demand::default() };
            fleet.intern(&Task { id: "t".into(), requests, ..Task::default() }).expect("a task that can be")
        })
        .collect();
    fleet.expect_tasks(shapes.iter().map(|shape| (*shape, 1)).collect());
    (fleet, shapes)
}
