//! Which job next: logs of the Parallel Workloads Archive, an order of the queue that backfill follows too.
//!
//! A run's figures are the mean bounded slowdown (threshold 10 s), the longest wait and the 99th percentile of waits. A look
//! is worth what its worst log is worth: the mean logarithm of how much lower than EASY-SJBF's the slowdown is, less what the
//! longest waits exceed a bound of EASY's by. An order that starves somebody is none, and one that is good on most logs is
//! none for the others.

use super::Judgement;
use super::task::{Look, Run, Task};
use crate::commands::work;
use anyhow::Context;
use plimsoll_analyst::prompt::formulas::Topic;
use plimsoll_expr::Schema;
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::expression::queue_schema;
use plimsoll_placement::order::QueueOrder;
use plimsoll_placement::policy::{TextPolicy, from_file_text};
use plimsoll_placement::scheduler::SchedulerPolicy;
use plimsoll_report::{Cell, Column, Table};
use plimsoll_stats::Random;
use plimsoll_traces::{ClusterSet, cluster_set};
use plimsoll_twin::cluster::{Cluster, Job, Listed, Options, Simulation};
use std::sync::Arc;

/// Logs that are learnt from.
pub const LEARN: [&str; 4] = ["swf:HPC2N", "swf:RICC", "swf:Lublin-1", "swf:Lublin-2"];
/// Logs that are judged on.
pub const TEST: [&str; 3] = ["easy:KTH-SP2", "easy:SDSC-SP2", "easy:SDSC-BLUE"];
/// Rivals: what is to be beaten, and whose waits are the bound.
pub const RIVALS: [&str; 2] = ["easy-sjbf", "easy"];
/// How much longer than EASY's a wait may be.
const WAITS: f64 = 1.5;
/// The same while learning: on other logs waits come out longer.
const WAITS_AIMED: f64 = 1.25;
/// How much the mean over logs counts beside the worst: of two with one worst log the better on the others.
const OTHERS: f64 = 0.25;
/// What a wait beyond that costs, by its logarithm.
const PENALTY: f64 = 2.0;

/// One run.
pub struct Case {
    /// The log.
    pub log: String,
    set: Arc<ClusterSet>,
    jobs: Vec<Job>,
}

/// The task.
pub struct Queue {
    sets: Vec<Arc<ClusterSet>>,
    jobs: Option<usize>,
}

impl Queue {
    /// Reads the logs.
    pub fn read(logs: &[String], jobs: Option<usize>) -> anyhow::Result<Self> {
        let read = |name: &String| -> anyhow::Result<Arc<ClusterSet>> {
            let mut set = cluster_set(name).with_context(|| name.clone())?;
            anyhow::ensure!(!set.nodes.is_empty() && !set.tasks.is_empty(), "{name}: no nodes or no jobs");
            set.tasks.sort_by_key(|recorded| recorded.task.submitted);
            Ok(Arc::new(set))
        };
        Ok(Self { sets: logs.iter().map(read).collect::<anyhow::Result<_>>()?, jobs })
    }

    /// So many windows of so many jobs of each log, from places that the seed draws; whole logs where `jobs` is none.
    pub fn look(&self, windows: u64, jobs: Option<usize>, seed: u64) -> Look<Case> {
        let mut cases = Vec::new();
        let mut random = Random::new(seed);
        for set in &self.sets {
            for _ in 0..windows {
                let count = jobs.unwrap_or(usize::MAX).min(set.tasks.len());
                let first = random.below((set.tasks.len() - count) as u64 + 1) as usize;
                let taken = set.tasks[first..first + count].iter().cloned();
                let jobs = taken.map(|recorded| Job::new(recorded.task, recorded.run_time_true)).collect();
                cases.push(Case { log: set.name.clone(), set: Arc::clone(set), jobs });
            }
        }
        let rivals = work::on_all_cores(&cases, self.jobs, |case| {
            let figures = |name: &&str| {
                let policy = SchedulerPolicy::by_name(name).expect("invariant: a built-in policy");
                replay(policy, case).expect("invariant: a built-in policy runs on a readable log")
            };
            RIVALS.iter().flat_map(figures).collect()
        });
        Look { cases, rivals }
    }
}

/// Mean bounded slowdown, longest wait, 99th percentile of waits (seconds).
fn replay(policy: SchedulerPolicy, case: &Case) -> Option<Vec<f64>> {
    let cluster = Cluster { nodes: &case.set.nodes, sites: &case.set.sites, typical: &[] };
    let mut simulation = Simulation::new(cluster, policy, Listed::new(&case.jobs), Options::default(), None).ok()?;
    while simulation.step() {}
    let metrics = simulation.finish().metrics;
    // What never ended would be no slowdown at all.
    if metrics.tasks.waiting > 0 {
        return None;
    }
    Some(vec![metrics.slowdown_mean?, metrics.wait.max_ms as f64 / 1e3, metrics.wait.p99_ms as f64 / 1e3])
}

/// The whole policy of an order: candidates to backfill are looked at in the same order.
pub fn scheduler(order: &QueueOrder) -> SchedulerPolicy {
    SchedulerPolicy::new(order.clone(), Backfill::Easy(order.clone()))
}

impl Task for Queue {
    type Case = Case;
    type Policy = TextPolicy;

    fn schema(&self) -> Schema {
        queue_schema().clone()
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["wait", "run_time", "procs", "share"]
    }

    fn start(&self) -> &'static str {
        "share / 1e12 * (run_time / 1h)"
    }

    fn read(&self, file: &str, text: &str) -> anyhow::Result<TextPolicy> {
        Ok(from_file_text(file, text)?)
    }

    fn header(&self) -> &str {
        "# kind: queue\n"
    }

    fn run(&self, policy: &TextPolicy, case: &Case) -> Option<Vec<f64>> {
        match policy {
            TextPolicy::Queue(order) => replay(scheduler(order), case),
            TextPolicy::Node(_) => None,
        }
    }

    fn value(&self, runs: &[Run<'_, Case>]) -> f64 {
        let worth = |run: &[f64], rivals: &[f64]| {
            let (shortest, easy) = rivals.split_at(3);
            let gain = log_of(shortest[0] / run[0]);
            // A wait of minutes is no starving, whatever EASY's was.
            let over = |at: usize| log_of(run[at].max(600.0) / (WAITS_AIMED * easy[at]).max(600.0)).max(0.0);
            [gain, PENALTY * (over(1) + over(2))]
        };
        // By log: the mean gain over its windows, less the worst of its waits.
        let mut logs: Vec<(&str, f64, f64, f64)> = Vec::new();
        for &Run { case, figures, rivals } in runs {
            let [gain, over] = worth(figures, rivals);
            match logs.iter_mut().find(|(log, ..)| *log == case.log) {
                Some((_, sum, count, worst)) => (*sum, *count, *worst) = (*sum + gain, *count + 1.0, worst.max(over)),
                None => logs.push((&case.log, gain, 1.0, over)),
            }
        }
        let values = || logs.iter().map(|(_, sum, count, worst)| sum / count - worst);
        let worst = values().fold(f64::INFINITY, f64::min);
        let mean = values().sum::<f64>() / logs.len().max(1) as f64;
        if worst.is_finite() { worst + OTHERS * mean } else { 0.0 }
    }

    fn set<'a>(&self, case: &'a Case) -> &'a str {
        &case.log
    }

    fn topic(&self) -> Topic {
        Topic {
            decides: "which job of the queue goes next: the one with the lowest result",
            worth: "by how much lower the mean slowdown is than that of the shortest job first, less what the longest waits exceed \
                    those of first come, first served by",
        }
    }
}

fn log_of(value: f64) -> f64 {
    value.max(1e-12).ln()
}

impl Queue {
    /// By log beside EASY-SJBF and EASY. It holds where the slowdown is lower than EASY-SJBF's on every log and no wait is beyond
    /// its bound.
    pub fn judgement(&self, look: &Look<Case>, figures: &[Vec<f64>]) -> Judgement {
        let mut table = Table::new([
            Column::left("log", "log"),
            Column::right("jobs", "jobs"),
            Column::right("slowdown", "slowdown"),
            Column::right("sjbf", "EASY-SJBF"),
            Column::right("easy", "EASY"),
            Column::right("ratio", "over SJBF"),
            Column::right("wait_max", "longest wait over EASY's"),
            Column::right("wait_p99", "p99 wait over EASY's"),
        ]);
        let (mut worst, mut longest) = (0.0_f64, 0.0_f64);
        for ((case, run), rivals) in look.cases.iter().zip(figures).zip(&look.rivals) {
            let (shortest, easy) = rivals.split_at(3);
            let ratio = run[0] / shortest[0];
            let waits = [run[1] / easy[1].max(1.0), run[2] / easy[2].max(1.0)];
            worst = worst.max(ratio);
            longest = longest.max(waits[0]).max(waits[1]);
            table.row([
                Cell::of(&case.log),
                Cell::of(case.jobs.len()),
                Cell::of(format!("{:.2}", run[0])),
                Cell::of(format!("{:.2}", shortest[0])),
                Cell::of(format!("{:.2}", easy[0])),
                Cell::of(format!("{ratio:.3}")),
                Cell::of(format!("{:.2}", waits[0])),
                Cell::of(format!("{:.2}", waits[1])),
            ]);
        }
        let holds = worst < 1.0 && longest <= WAITS;
        let said = format!(
            "Mean bounded slowdown on logs that the search never saw: at worst {worst:.3} of EASY-SJBF's (below 1 is asked for), waits at \
             most {longest:.2} times EASY's ({WAITS} is the bound): {}",
            if holds { "it holds" } else { "it does not hold" },
        );
        Judgement { table, holds, said }
    }
}
