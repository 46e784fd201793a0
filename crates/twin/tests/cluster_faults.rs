//! A simulated cluster under random faults: one seed draws everything and is printed first, the books are audited after
//! every moment, and when the faults have stopped everything that can end has ended.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_model::cluster::{
    Capacity, Demand, ElasticRange, GangSpec, GpuDemand, Gpus, Node, NodeState, SpeedUp, Task,
};
use plimsoll_model::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_placement::elastic::ElasticPolicy;
use plimsoll_placement::policy::NodePolicy;
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_stats::Random;
use plimsoll_twin::cluster::{Amounts, Cluster, Faults, GPU, Job, Listed, Options, Outcome, Simulation, Workload};
use std::collections::BTreeMap;

const GIB: u64 = 1 << 30;
const SEEDS: u64 = 40;

fn node(index: usize, random: &mut Random) -> Node {
    let gpus = [0, 2, 4, 8][random.below(4) as usize];
    Node {
        name: format!("n{index}"),
        capacity: Capacity {
            cpu: Millicores(4_000 * (1 + random.below(4))),
            memory: Bytes(GIB * (8 + random.below(24))),
            gpus: Gpus { count: gpus, model: if gpus > 0 { "T4".into() } else { String::new() } },
            ..Capacity::default()
        },
        state: NodeState::Ready,
        since: Timestamp(0),
        labels: BTreeMap::new(),
        taints: Vec::new(),
        speed: BTreeMap::from([("fast".to_owned(), Permille(500 + random.below(1_500)))]),
        price_micros_per_hour: 0,
        zone: None,
        provider: None,
        site: None,
    }
}

fn demand(random: &mut Random) -> Demand {
    let gpu = match random.below(4) {
        0 => GpuDemand { count: 1, milli: 100 + 100 * random.below(9) as u32, models: Vec::new() },
        1 => GpuDemand { count: 1 + random.below(3) as u32, milli: 1_000, models: Vec::new() },
        _ => GpuDemand::default(),
    };
    // One task in a while is larger than any node.
    let cores = if random.below(60) == 0 { 500 } else { 1 + random.below(6) };
    Demand { cpu: Millicores(1_000 * cores), memory: Bytes(GIB * random.below(6)), gpu, ..Demand::default() }
}

fn workload(random: &mut Random) -> Workload {
    let nodes = (0..2 + random.below(6) as usize).map(|index| node(index, random)).collect();
    let mut jobs: Vec<Job> = Vec::new();
    let mut at = 0;
    while jobs.len() < 120 {
        at += random.below(20_000) as i64;
        let run = 1 + random.below(120_000);
        let members = if random.below(6) == 0 { 2 + random.below(3) as u32 } else { 1 };
        let requests = demand(random);
        let first = jobs.len();
        let elastic = (members == 1 && random.below(5) == 0).then_some(ElasticRange {
            workers_min: 1,
            workers_max: 4,
            speed_up: SpeedUp::Amdahl { serial: Permille(100) },
        });
        for member in 0..members {
            let task = Task {
                id: format!("t{}", first as u32 + member),
                requests: requests.clone(),
                submitted: Timestamp(at),
                run_time: (random.below(3) > 0).then_some(Millis(run + random.below(30_000))),
                class: (random.below(2) == 0).then(|| "fast".to_owned()),
                user: format!("u{}", random.below(3)),
                priority: random.below(3) as i32,
                preemptible: random.below(2) == 0,
                gang: (members > 1).then(|| GangSpec {
                    name: format!("g{first}"),
                    size: members,
                    ..GangSpec::default()
                }),
                elastic: elastic.clone(),
                ..Task::default()
            };
            jobs.push(Job::new(task, Some(Millis(run))));
        }
    }
    Workload { nodes, jobs }
}

fn policy(random: &mut Random) -> SchedulerPolicy {
    let names = ["fifo", "easy", "easy-sjbf", "conservative", "sjf", "saf+easy", "fair-share", "drf", "priority"];
    let nodes = ["first-fit", "best-fit", "random", "gpu-packing", "worst-fit"];
    SchedulerPolicy {
        node: NodePolicy::by_name(nodes[random.below(5) as usize]).unwrap(),
        elastic: if random.below(2) == 0 { ElasticPolicy::Marginal } else { ElasticPolicy::Fixed },
        preemption: random.below(2) == 0,
        seed: random.bits(),
        ..SchedulerPolicy::by_name(names[random.below(9) as usize]).unwrap()
    }
}

fn cluster(workload: &Workload) -> Cluster<'_> {
    Cluster { nodes: &workload.nodes, ..Cluster::default() }
}

/// Runs to the end and audits after every moment.
fn audited(seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let workload = workload(&mut random);
    let policy = policy(&mut random);
    let name = (policy.order.name(), policy.backfill.name(), policy.node.name.as_str(), policy.elastic);
    println!("seed {seed}: {name:?}");
    let faults = if random.below(4) == 0 {
        Faults::None
    } else {
        Faults::Exponential {
            between: Millis(60_000 + random.below(600_000)),
            repair: Millis(1_000 + random.below(120_000)),
        }
    };
    let options = Options { seed, faults, keeps_work: random.below(2) == 0, ..Options::default() };
    let arrivals = Listed::new(&workload.jobs);
    let mut simulation = Simulation::new(cluster(&workload), policy, arrivals, options, None).unwrap();
    let mut moments = 0;
    while simulation.step() {
        moments += 1;
        assert!(moments < 200_000, "it does not end");
        let world = simulation.world();
        world.books.check().unwrap();
        let (totals, used) = (world.scheduler().fleet().totals(), world.books.meter.now.used);
        let held = [totals.cpu_used.get(), totals.memory_used.get(), 0, 0, totals.gpu_used_milli];
        assert_eq!(Amounts(held), used, "the fleet and the books disagree at {}", world.books.meter.now.at);
        assert_eq!(world.scheduler().running() as u64, world.books.meter.now.running);
    }
    simulation.finish()
}

#[test]
fn no_fault_loses_a_task_or_gives_room_out_twice_and_what_can_end_does() {
    let (mut failures, mut refused) = (0, 0);
    for seed in 0..SEEDS {
        let metrics = audited(seed).metrics;
        let tasks = metrics.tasks;
        assert_eq!(tasks.finished + tasks.refused + tasks.waiting, tasks.submitted, "{tasks:?}");
        assert_eq!((tasks.running, tasks.lost, tasks.killed, tasks.dropped), (0, 0, 0, 0), "{tasks:?}");
        // A gang of which one member can never run never starts; nothing else may be left.
        let stuck_gangs = metrics.tasks.waiting;
        assert!(stuck_gangs == 0 || tasks.refused > 0, "{tasks:?}");
        let end = metrics.resources.iter().map(|it| it.end).sum::<f64>();
        assert_eq!(end, 0.0, "nothing holds room at the end");
        failures += metrics.failures;
        refused += tasks.refused;
    }
    assert!(failures > 100 && refused > 10, "{failures} failures, {refused} refusals: the test tests nothing");
}

#[test]
fn the_same_seed_gives_the_same_figures() {
    for seed in [3, 4] {
        let (one, other) = (audited(seed), audited(seed));
        assert_eq!((one.metrics, one.events), (other.metrics, other.events));
    }
}

#[test]
fn two_policies_meet_the_same_faults() {
    // Failures are drawn per node and do not depend on what runs there.
    let failures = |name: &str| {
        let mut random = Random::new(11);
        let workload = workload(&mut random);
        let faults = Faults::Exponential { between: Millis(200_000), repair: Millis(50_000) };
        let options = Options { seed: 11, faults, ..Options::default() };
        let policy = SchedulerPolicy::by_name(name).unwrap();
        let arrivals = Listed::new(&workload.jobs);
        let mut simulation = Simulation::new(cluster(&workload), policy, arrivals, options, None).unwrap();
        let mut course = Vec::new();
        while !simulation.world().has_no_more() && simulation.step() {
            let point = simulation.world().books.meter.now;
            if course.last().is_none_or(|(_, capacity)| *capacity != point.capacity) {
                course.push((point.at, point.capacity));
            }
        }
        course
    };
    let fifo = failures("fifo");
    assert!(fifo.len() > 10 && fifo.iter().any(|(_, capacity)| capacity.0[GPU] < fifo[0].1.0[GPU]));
    assert_eq!(fifo, failures("saf+easy"));
}
