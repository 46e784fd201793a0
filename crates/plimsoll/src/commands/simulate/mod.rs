//! `plimsoll simulate`: policies side by side in the twin, on a public trace or on anybody's files.
//!
//! The scheduler and the simulated world are in their crates. This folder brings what they may not have: files, threads, a
//! progress bar, a clock for the CPU time; and it puts figures side by side.

mod contestants;
mod figures;
mod input;
mod plot;
mod pools;
mod print;
mod stretch;

use crate::Verdict;
use crate::args::{Output, Simulate, Work};
use crate::commands::work;
use anyhow::Context;
use contestants::contestants;
use indicatif::ProgressBar;
use plimsoll_report::Style;
use plimsoll_twin::cluster::{Cluster, Listed, Metrics, Options, Point, Shape, Simulation, typical};
use rustix::time::{ClockId, clock_gettime};

pub use contestants::{Contestant, tie_name};
pub use input::Experiment;

/// Moments between two looks at the progress.
const STEPS_PER_LOOK: u64 = 512;
/// Shares of the GPUs, in thousandths, at which the open loop notes what was given out: those of the published tables.
const ALLOCATION_AT_PERMILLE: u64 = 1_000;

/// One simulation.
pub struct Run {
    /// Its seed.
    pub seed: u64,
    /// The figures.
    pub metrics: Metrics,
    /// The cluster over time; of the first seed only.
    pub course: Vec<Point>,
    /// Events that happened.
    pub events: u64,
    /// What happened to the task that was asked about.
    pub explained: Option<String>,
    /// CPU time of the whole run.
    pub cpu_seconds: f64,
    /// Whether tasks arrived and never left.
    pub is_open: bool,
}

impl Run {
    /// So many of something per second of CPU time.
    pub fn per_cpu_second(&self, count: u64) -> Option<f64> {
        (self.cpu_seconds > 0.0).then(|| count as f64 / self.cpu_seconds)
    }
}

/// All runs, by contestant in the order typed.
pub struct Results {
    /// Seeds that each contestant was simulated with.
    pub seeds: u32,
    /// Contestants with their runs, one per seed.
    pub contestants: Vec<(Contestant, Vec<Run>)>,
}

/// Simulates and compares.
pub fn run(typed: &Simulate) -> anyhow::Result<Verdict> {
    let contestants = contestants(typed)?;
    if let Some(path) = &typed.pools {
        return pools::run(typed, path, &contestants);
    }
    let experiment = Experiment::read(typed)?;
    let is_random = experiment.is_random() || contestants.iter().any(Contestant::is_random);
    let seeds = if is_random { typed.seeds } else { 1 };
    let results = simulate(typed, &experiment, contestants, seeds)?;
    match typed.output {
        Output::Text => print!("{}", print::text(&experiment, &results, &Style::of_stdout())),
        Output::Json => print!("{}", plimsoll_report::pretty(&print::as_json(&experiment, &results))?),
    }
    if let Some(path) = &typed.plot {
        plot::write(path, &experiment, &results)?;
    }
    Ok(Verdict::Done)
}

fn simulate(
    typed: &Simulate,
    experiment: &Experiment,
    contestants: Vec<Contestant>,
    seeds: u32,
) -> anyhow::Result<Results> {
    let has_gpus = experiment.nodes.iter().any(|node| node.capacity.gpus.count > 0);
    let demands = experiment.recorded.iter().map(|recorded| &recorded.task.requests);
    let shapes = if has_gpus { typical(demands) } else { Vec::new() };
    // By seed first, so that contestants of one seed run at the same time and a bar is about right from the start.
    let items: Vec<(&Contestant, u64)> = (0..u64::from(seeds))
        .flat_map(|seed| contestants.iter().map(move |contestant| (contestant, typed.seed.wrapping_add(seed))))
        .collect();
    let quiet = typed.quiet || typed.output == Output::Json;
    let bar = work::bar((items.len() * experiment.arrivals()) as u64, "tasks", quiet);
    let runs = work::on_all_cores(&items, typed.threads, |(contestant, seed)| {
        one(typed, experiment, contestant, &shapes, *seed, &bar)
            .with_context(|| format!("{}, seed {seed}", contestant.label))
    });
    bar.finish_and_clear();
    let mut grouped: Vec<Vec<Run>> = contestants.iter().map(|_| Vec::new()).collect();
    for (index, run) in runs.into_iter().enumerate() {
        grouped[index % contestants.len()].push(run?);
    }
    Ok(Results { seeds, contestants: contestants.into_iter().zip(grouped).collect() })
}

fn one(
    typed: &Simulate,
    experiment: &Experiment,
    contestant: &Contestant,
    shapes: &[Shape],
    seed: u64,
    bar: &ProgressBar,
) -> anyhow::Result<Run> {
    let began = cpu_seconds();
    let jobs = experiment.jobs(seed, contestant.elastic);
    let options = Options {
        seed,
        faults: experiment.faults.clone(),
        keeps_work: typed.work == Work::Kept,
        kills_at_estimate: typed.kill,
        allocation_at_permille: experiment
            .demand_permille
            .map_or_else(Vec::new, |last| vec![ALLOCATION_AT_PERMILLE.min(last), last]),
        pools: None,
    };
    let policy = contestant.policy(experiment, seed);
    let arrivals = Listed::new(&jobs);
    let cluster = Cluster { nodes: &experiment.nodes, sites: &experiment.sites, typical: shapes };
    let mut simulation = Simulation::new(cluster, policy, arrivals, options, typed.explain.as_deref())?;
    let (mut steps, mut shown) = (0_u64, 0_usize);
    while simulation.step() {
        steps += 1;
        if steps.is_multiple_of(STEPS_PER_LOOK) {
            let arrived = simulation.world().books.lives.len();
            bar.inc((arrived - shown) as u64);
            shown = arrived;
        }
    }
    let outcome = simulation.finish();
    let cpu_seconds = cpu_seconds() - began;
    bar.inc((outcome.metrics.tasks.submitted as usize).saturating_sub(shown) as u64);
    let course = if seed == typed.seed { outcome.course } else { Vec::new() };
    let (metrics, events, explained) = (outcome.metrics, outcome.events, outcome.explained);
    Ok(Run { seed, metrics, course, events, explained, cpu_seconds, is_open: experiment.is_open() })
}

/// CPU time of this thread: a machine shared with others has no other honest clock.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
