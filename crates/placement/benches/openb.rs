//! GPU allocation on the openb trace by the protocol of the FGD paper, each policy beside its published value.
//!
//! `cargo xtask bench openb [-- --list default --seeds 3 --demand 1300 --policy fgd]`. Nodes with GPUs; tasks sorted by
//! name, shuffled, and drawn again until they ask for 1.3 times the GPUs there are; arrivals only; what does not fit is
//! dropped. The figure is the share of all GPU thousandths that is allocated in the end. CPU time per experiment includes
//! interning the tasks and choosing, not reading the files.

mod common;

use common::{argument, cpu_seconds, number};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Fleet, ShapeId};
use plimsoll_placement::policy::{NodePolicy, Ties};
use plimsoll_placement::score::typical_tasks;
use plimsoll_traces::openb;
use plimsoll_traces::{ClusterSet, RecordedTask};

/// Published means at 130 % on `default`, with the policies that have none behind them.
const POLICIES: &[(&str, Option<f64>)] = &[
    ("random", Some(87.47)),
    ("dot-product", Some(90.85)),
    ("gpu-clustering", Some(91.88)),
    ("gpu-packing", Some(92.00)),
    ("best-fit", Some(93.08)),
    ("fgd", Some(95.39)),
    ("first-fit", None),
    ("worst-fit", None),
    ("least-allocated", None),
    ("most-allocated", None),
    ("balanced-allocation", None),
    ("dominant-resource", None),
];

fn main() {
    let list = argument("--list").unwrap_or_else(|| "default".to_owned());
    let (seeds, demand) = (number("--seeds", 3), number("--demand", 1_300));
    let set = match openb::set(&list, openb::Nodes::WithGpus) {
        Ok(set) => set,
        Err(missing) => return println!("did not run: openb: {missing}"),
    };
    println!(
        "openb {list}: {} nodes, {} tasks, demand {} %, {seeds} seeds",
        set.nodes.len(),
        set.tasks.len(),
        demand / 10
    );
    println!("{:<22}{:>10}{:>8}{:>12}{:>12}{:>14}", "policy", "GPU %", "sd", "published", "difference", "CPU s each");
    let workloads: Vec<Vec<RecordedTask>> =
        (0..seeds).map(|seed| openb::workload(&set.tasks, set.gpu_capacity_milli(), demand, 42 + seed)).collect();
    let wanted = argument("--policy");
    let policies = POLICIES.iter().filter(|(name, _)| wanted.as_deref().is_none_or(|wanted| wanted == *name));
    for (name, published) in policies {
        let mut policy = NodePolicy::by_name(name).expect("a policy of the catalogue");
        match argument("--ties").as_deref() {
            Some("random") => policy = policy.with_ties(Ties::Random),
            Some("id") => policy = policy.with_ties(Ties::LowestId),
            _ => {}
        }
        if argument("--levels").is_some() {
            policy = policy.with_levels(Some(number("--levels", 0) as u32).filter(|levels| *levels > 0));
        }
        let (mut results, started) = (Vec::new(), cpu_seconds());
        for (seed, workload) in workloads.iter().enumerate() {
            results.push(experiment(&set, workload, policy.clone(), seed as u64));
        }
        let cpu = (cpu_seconds() - started) / seeds as f64;
        let (mean, deviation) = moments(&results);
        let published = published.filter(|_| list == "default" && demand == 1_300);
        let beside = published.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
        let difference = published.map_or_else(|| "-".to_owned(), |value| format!("{:+.2}", mean - value));
        println!("{name:<22}{mean:>10.2}{deviation:>8.2}{beside:>12}{difference:>12}{cpu:>14.3}");
    }
}

/// Share of GPU thousandths allocated in the end, in percent.
fn experiment(set: &ClusterSet, workload: &[RecordedTask], policy: NodePolicy, seed: u64) -> f64 {
    let mut fleet = Fleet::new();
    for node in &set.nodes {
        fleet.add(node).expect("a node of the set");
    }
    let listed: Vec<ShapeId> =
        set.tasks.iter().map(|recorded| fleet.intern(&recorded.task).expect("a task of the set")).collect();
    let typical = typical_tasks(&fleet, &listed, 950);
    fleet.expect_tasks(typical);
    let mut chooser = Chooser::new(policy, &fleet, seed);
    for recorded in workload {
        let shape = fleet.intern(&recorded.task).expect("a task of the set");
        if let Some(choice) = chooser.choose(&fleet, shape) {
            fleet.place_on(shape, choice.node, choice.gpus).expect("the chosen node fits");
        }
    }
    let totals = fleet.totals();
    100.0 * totals.gpu_used_milli as f64 / totals.gpu_milli as f64
}

fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt())
}
