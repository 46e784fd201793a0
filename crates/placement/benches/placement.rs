//! Decisions per CPU second through the public API, each beside the full scan in the same process.
//!
//! `cargo xtask bench placement [-- --nodes 10000 --classes 64 --policy best-fit]`. A step is one decision with its record
//! (winner's terms, bound, binding resource), the placement, and one random departure. Nodes are of four kinds, half of
//! them with GPUs, with labels, and taints on a quarter of those; tasks are the shapes of the openb trace (of a list in
//! this file where the set is not here), two thirds of them without GPUs, every fourth class with a selector; classes are
//! drawn with weight 1/rank. The cluster is filled to 12 tasks per node first.
//!
//! The scan makes the same decisions from the same start, fewer of them; the checksum of the choices that both made has to
//! be equal. It is printed, so that builds for different CPUs can be compared:
//! `RUSTFLAGS=-Ctarget-cpu=x86-64-v3 cargo xtask bench placement` gives the same.

mod common;

use common::{argument, cpu_seconds};
use plimsoll_model::cluster::{
    Capacity, Demand, GpuDemand, Gpus, Node, Operator, Requirement, Taint, TaintEffect, Task, Toleration,
};
use plimsoll_model::{Bytes, Millicores};
use plimsoll_placement::choose::Chooser;
use plimsoll_placement::fleet::{Binding, Fleet, ShapeId};
use plimsoll_placement::policy::NodePolicy;
use plimsoll_stats::Random;
use plimsoll_traces::openb;
use std::collections::BTreeMap;

const MIB: u64 = 1 << 20;
/// Tasks per node that the cluster is filled to.
const TASKS_PER_NODE: usize = 12;

fn main() {
    let (source, demands) = demands();
    println!("task shapes: {} of {source}; CPU time of one thread, decision record on", demands.len());
    let bandwidth = bandwidth();
    println!("memory bandwidth of this thread: {:.1} GB/s\n", bandwidth / 1e9);
    println!(
        "{:<24}{:>8}{:>8}{:>10}{:>14}{:>12}{:>9}{:>14}  checksum of both",
        "policy", "nodes", "classes", "tasks", "decisions/s", "scan/s", "ratio", "scan limit/s"
    );
    let rows = [("best-fit", &[1_000, 10_000, 100_000][..], &[8, 64, 512][..])];
    let more =
        ["best-fit/uncut", "first-fit", "least-allocated", "most-allocated", "dominant-resource", "fgd", "random"];
    let more: Vec<_> = more.iter().map(|name| (*name, &[10_000][..], &[64][..])).collect();
    let wanted = argument("--policy");
    let only = |name: &str| argument(name).and_then(|text| text.parse::<usize>().ok());
    for (policy, nodes, classes) in rows.into_iter().chain(more) {
        for (nodes, classes) in nodes.iter().flat_map(|nodes| classes.iter().map(move |classes| (*nodes, *classes))) {
            let chosen = wanted.as_deref().is_none_or(|wanted| wanted == policy);
            if chosen && only("--nodes").is_none_or(|n| n == nodes) && only("--classes").is_none_or(|n| n == classes) {
                row(policy, nodes, classes, &demands, bandwidth);
            }
        }
    }
    memory(&demands);
}

fn policy(name: &str) -> NodePolicy {
    let policy = NodePolicy::by_name(name.trim_end_matches("/uncut")).expect("a policy of the catalogue");
    if name.ends_with("/uncut") { policy.with_levels(None) } else { policy }
}

fn row(name: &str, nodes: usize, classes: usize, demands: &[(Demand, u64)], bandwidth: f64) {
    let mut cluster = Cluster::new(nodes, classes, demands);
    cluster.fill(policy(name));
    let steps = common::number("--steps", (10_000_000_000 / nodes as u64).clamp(200_000, 1_000_000)) as usize;
    let steps = if matches!(name, "best-fit" | "best-fit/uncut" | "first-fit" | "most-allocated" | "least-allocated") {
        steps
    } else {
        steps / 10
    };
    let scans = (2_000_000 / nodes).max(40);
    let mut scanned = cluster.clone();
    let chooser = Chooser::new(policy(name), &cluster.fleet, 1);
    let (mut index, mut scan) = (chooser.clone(), chooser);
    let choose = |cluster: &Cluster, index: &mut Chooser, shape| index.choose(&cluster.fleet, shape);
    let oracle = |cluster: &Cluster, scan: &mut Chooser, shape| {
        let choice = scan.scan(&cluster.fleet, shape);
        scan.count();
        choice
    };
    let (_, slow) = timed(|| scanned.steps(scans, &mut scan, oracle));
    cluster.steps(scans, &mut index, choose);
    let equal = cluster.checksum == scanned.checksum;
    let (_, fast) = timed(|| cluster.steps(steps, &mut index, choose));
    let (fast, slow) = (steps as f64 / fast, scans as f64 / slow);
    let limit = bandwidth / (nodes as f64 * 41.0);
    println!(
        "{name:<24}{nodes:>8}{classes:>8}{:>10}{fast:>14.0}{slow:>12.0}{:>9.1}{limit:>14.0}  {:016x} {}",
        cluster.held.len(),
        fast / slow,
        scanned.checksum,
        if equal { "equal" } else { "DIFFERENT" }
    );
    assert!(equal, "index and scan chose differently");
}

fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let started = cpu_seconds();
    let result = work();
    (result, cpu_seconds() - started)
}

#[derive(Clone)]
struct Cluster {
    fleet: Fleet,
    shapes: Vec<ShapeId>,
    /// Running sums of the classes' weights.
    weights: Vec<u64>,
    held: Vec<Binding>,
    random: Random,
    checksum: u64,
}

impl Cluster {
    fn new(nodes: usize, classes: usize, demands: &[(Demand, u64)]) -> Self {
        let mut fleet = Fleet::new();
        for number in 0..nodes {
            fleet.add(&node(number)).expect("a node that can be");
        }
        let shapes: Vec<ShapeId> =
            tasks(classes, demands).iter().map(|task| fleet.intern(task).expect("a task that can be")).collect();
        let mut sum = 0;
        // Tasks without GPUs and with them alternate; the former weigh twice as much.
        let weight = |class: usize| (2 - class as u64 % 2) * 1_000_000 / (1 + class as u64 / 2);
        let weights = (0..classes).map(|class| {
            sum += weight(class);
            sum
        });
        let weights = weights.collect();
        let mix = shapes.iter().enumerate().map(|(class, shape)| (*shape, weight(class))).collect();
        fleet.expect_tasks(mix);
        Self { fleet, shapes, weights, held: Vec::new(), random: Random::new(1), checksum: 0 }
    }

    fn draw(&mut self) -> ShapeId {
        let at = self.random.below(*self.weights.last().expect("there is a class"));
        self.shapes[self.weights.partition_point(|sum| *sum <= at)]
    }

    /// Places tasks by a fast policy until there are enough, or too many in a row do not fit.
    fn fill(&mut self, _: NodePolicy) {
        let mut chooser = Chooser::new(NodePolicy::by_name("worst-fit").expect("a policy"), &self.fleet, 1);
        let mut misses = 0;
        while self.held.len() < self.fleet.len() * TASKS_PER_NODE && misses < 200 {
            let shape = self.draw();
            match chooser.choose(&self.fleet, shape) {
                Some(choice) => {
                    self.held.push(self.fleet.place(shape, choice.node).expect("the chosen node fits"));
                    misses = 0;
                }
                None => misses += 1,
            }
        }
    }

    fn steps(
        &mut self,
        steps: usize,
        chooser: &mut Chooser,
        mut choose: impl FnMut(&Self, &mut Chooser, ShapeId) -> Option<plimsoll_placement::choose::Choice>,
    ) {
        let target = self.held.len();
        for _ in 0..steps {
            let shape = self.draw();
            let choice = choose(self, chooser, shape);
            let named = choice.map_or(u64::MAX, |choice| u64::from(choice.node.0) << 16 | u64::from(choice.gpus));
            self.checksum = (self.checksum ^ named).wrapping_mul(0x0100_0000_01b3);
            if let Some(choice) = choice {
                std::hint::black_box((&choice.terms, choice.bound, choice.binds));
                self.held.push(self.fleet.place_on(shape, choice.node, choice.gpus).expect("the chosen node fits"));
            }
            if self.held.len() >= target {
                let leaves = self.random.below(self.held.len() as u64) as usize;
                assert!(self.fleet.release(self.held.swap_remove(leaves)));
            }
        }
    }
}

fn node(number: usize) -> Node {
    let (cpu, memory, gpus, model) =
        [(256, 1_024, 0, ""), (192, 768, 8, "G2"), (256, 512, 0, ""), (128, 512, 8, "T4")][number % 4];
    let capacity = Capacity {
        cpu: Millicores(cpu * 1_000),
        memory: Bytes(memory * 1_024 * MIB),
        gpus: Gpus { count: gpus, model: model.into() },
        ..Capacity::default()
    };
    let labels = [
        ("disk", if number.is_multiple_of(3) { "ssd" } else { "hdd" }),
        ("rack", ["a", "b", "c", "d"][number / 7 % 4]),
    ];
    let taint = Taint { key: "gpu".into(), value: String::new(), effect: TaintEffect::NoSchedule };
    Node {
        name: format!("node-{number:06}"),
        capacity,
        labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        taints: if number % 8 == 1 { vec![taint] } else { Vec::new() },
        zone: Some(format!("z{}", number % 5)),
        ..Node::default()
    }
}

/// `classes` different tasks, in turn without GPUs and with them, the most frequent first; where the trace has fewer, its
/// shapes come again, a little larger each time.
fn tasks(classes: usize, demands: &[(Demand, u64)]) -> Vec<Task> {
    let of = |gpu: bool| -> Vec<&Demand> {
        demands.iter().map(|(demand, _)| demand).filter(|demand| (demand.gpu.count > 0) == gpu).collect()
    };
    let pools = [of(false), of(true)];
    let tolerates = Toleration { key: "gpu".into(), value: None, effect: None };
    let selects = Requirement { key: "rack".into(), operator: Operator::In, values: vec!["a".into(), "b".into()] };
    let task = |class: usize| {
        let pool = &pools[class % 2];
        let (at, round) = (class / 2 % pool.len(), (class / 2 / pool.len()) as u64);
        let mut requests = pool[at].clone();
        requests.cpu.0 += 100 * round;
        requests.memory.0 += 64 * MIB * round;
        requests.gpu.models.clear();
        Task {
            id: format!("class-{class}"),
            selector: if class % 4 == 3 { vec![selects.clone()] } else { Vec::new() },
            tolerations: if class % 2 == 1 { vec![tolerates.clone()] } else { Vec::new() },
            requests,
            ..Task::default()
        }
    };
    (0..classes).map(task).collect()
}

/// Distinct demands with how often they occur, the most frequent first.
fn demands() -> (&'static str, Vec<(Demand, u64)>) {
    let mut counts: BTreeMap<Demand, u64> = BTreeMap::new();
    let name = match openb::set("default", openb::Nodes::WithGpus) {
        Ok(set) => {
            set.tasks.into_iter().for_each(|recorded| *counts.entry(recorded.task.requests).or_default() += 1);
            "openb default"
        }
        Err(missing) => {
            println!("openb is not here ({missing}), so shapes are made up");
            for at in 0..40_u64 {
                let gpu =
                    [(0, 0), (1, 1_000), (1, 500), (0, 0), (1, 300), (2, 1_000), (1, 200), (8, 1_000)][at as usize % 8];
                let gpu = GpuDemand { count: gpu.0, milli: gpu.1, models: Vec::new() };
                let (cpu, memory) = (Millicores(1_000 + at * 613 % 24_000), Bytes((2 + at * 7 % 60) * 1_024 * MIB));
                counts.insert(Demand { cpu, memory, gpu, ..Demand::default() }, 1_000 / (1 + at));
            }
            "a list made up here"
        }
    };
    let mut sorted: Vec<(Demand, u64)> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    (name, sorted)
}

/// Bytes per second that one thread reads from a block larger than its caches: the limit of any scan.
fn bandwidth() -> f64 {
    let block: Vec<u64> = (0..16_u64 << 20).collect();
    let (sum, seconds) = timed(|| (0..4).map(|_| block.iter().fold(0, |sum: u64, word| sum.wrapping_add(*word))).max());
    std::hint::black_box(sum);
    4.0 * 8.0 * block.len() as f64 / seconds
}

fn memory(demands: &[(Demand, u64)]) {
    let cluster = Cluster::new(10_000, 64, demands);
    let chooser = Chooser::new(policy("best-fit"), &cluster.fleet, 1);
    println!(
        "\nbytes per idle node beyond its labels: {:.0} in the fleet (name's pointer included), {:.0} in an ordered index; \
         per task: {} (its binding, which whoever runs it keeps)",
        cluster.fleet.bytes() as f64 / 10_000.0,
        chooser.bytes() as f64 / 10_000.0,
        size_of::<Binding>()
    );
}
