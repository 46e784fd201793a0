//! Which node: the open loop of the FGD paper on parts of the openb cluster, under two rules for ties.
//!
//! A run's figure is the share of all GPUs that is given out when tasks for 1.3 times the GPUs have arrived, in percent. A
//! look is worth the least of both rules for ties, of the mean advantage over the better of best fit and first fit.

use super::Judgement;
use super::task::{Look, Run, Task};
use crate::commands::simulate::tie_name;
use crate::commands::work;
use anyhow::Context;
use plimsoll_analyst::prompt::formulas::Topic;
use plimsoll_expr::Schema;
use plimsoll_model::cluster::Node;
use plimsoll_placement::expression::node_schema;
use plimsoll_placement::policy::{NodePolicy, TextPolicy, Ties, from_file_text};
use plimsoll_placement::scheduler::{Misfit, SchedulerPolicy};
use plimsoll_report::{Cell, Column, Table};
use plimsoll_stats::random::mix;
use plimsoll_traces::{ClusterSet, cluster_set, openb};
use plimsoll_twin::cluster::{Cluster, Job, Listed, Options, Shape, Simulation, typical};
use std::sync::Arc;

/// Demand of the published experiments, in thousandths of the GPUs.
const DEMAND_PERMILLE: u64 = 1_300;
/// Lists that are learnt from.
pub const LEARN: [&str; 3] = ["cpu050", "gpushare40", "multigpu20"];
/// Lists that are judged on.
pub const TEST: [&str; 5] = ["default", "cpu200", "gpushare100", "gpuspec33", "multigpu50"];
/// Rivals: the first two are to be beaten, the third is the yardstick.
pub const RIVALS: [&str; 3] = ["best-fit", "first-fit", "fgd"];
/// Both rules for ties.
pub const TIES: [Ties; 2] = [Ties::LowestName, Ties::Random];

/// One cluster with what arrives.
pub struct Scene {
    nodes: Vec<Node>,
    jobs: Vec<Job>,
    shapes: Arc<Vec<Shape>>,
}

/// One run.
pub struct Case {
    /// The list.
    pub list: String,
    /// Seed of arrivals and ties.
    pub seed: u64,
    /// Which ties.
    pub ties: Ties,
    scene: Arc<Scene>,
}

/// The task.
pub struct Placement {
    sets: Vec<(ClusterSet, Arc<Vec<Shape>>)>,
    jobs: Option<usize>,
}

impl Placement {
    /// Reads the lists.
    pub fn read(lists: &[String], jobs: Option<usize>) -> anyhow::Result<Self> {
        let read = |list: &String| -> anyhow::Result<(ClusterSet, Arc<Vec<Shape>>)> {
            // The lists of openb by their short names, or whatever else `simulate` reads.
            let name = if openb::LISTS.contains(&list.as_str()) { format!("openb:{list}") } else { list.clone() };
            let mut set = cluster_set(&name).with_context(|| list.clone())?;
            anyhow::ensure!(set.gpu_capacity_milli() > 0, "{list}: this task counts GPUs, and its nodes have none");
            anyhow::ensure!(!set.tasks.is_empty(), "{list}: there are no tasks");
            set.name.clone_from(list);
            let shapes = typical(set.tasks.iter().map(|recorded| &recorded.task.requests));
            Ok((set, Arc::new(shapes)))
        };
        Ok(Self { sets: lists.iter().map(read).collect::<anyhow::Result<_>>()?, jobs })
    }

    /// Every list with every seed under both rules for ties, on a part of the nodes in percent; with the rivals' figures.
    pub fn look(&self, seeds: impl Iterator<Item = u64> + Clone, percent: u64) -> Look<Case> {
        let mut cases = Vec::new();
        for (set, shapes) in &self.sets {
            for seed in seeds.clone() {
                let scene = Arc::new(scene(set, shapes, seed, percent));
                for ties in TIES {
                    cases.push(Case { list: set.name.clone(), seed, ties, scene: Arc::clone(&scene) });
                }
            }
        }
        let rivals = work::on_all_cores(&cases, self.jobs, |case| {
            let figure = |name: &&str| {
                let policy = NodePolicy::by_name(name).expect("invariant: a built-in policy");
                allocated(&policy, case).expect("invariant: a built-in policy runs on a readable set")
            };
            RIVALS.iter().map(figure).collect()
        });
        Look { cases, rivals }
    }
}

/// A part of the nodes, drawn by a hash of their places, with arrivals for its GPUs.
fn scene(set: &ClusterSet, shapes: &Arc<Vec<Shape>>, seed: u64, percent: u64) -> Scene {
    let is_in = |place: usize| percent >= 100 || mix(seed ^ mix(place as u64)) % 100 < percent;
    let nodes: Vec<Node> =
        set.nodes.iter().enumerate().filter(|(place, _)| is_in(*place)).map(|(_, node)| node.clone()).collect();
    let gpus: u64 = nodes.iter().map(|node| u64::from(node.capacity.gpus.count) * 1_000).sum();
    let drawn = openb::workload(&set.tasks, gpus, DEMAND_PERMILLE, seed);
    let jobs = drawn.into_iter().map(|recorded| Job::new(recorded.task, recorded.run_time_true)).collect();
    Scene { nodes, jobs, shapes: Arc::clone(shapes) }
}

/// The share of the GPUs that is given out in the end, in percent.
fn allocated(policy: &NodePolicy, case: &Case) -> Option<f64> {
    let policy = SchedulerPolicy {
        node: policy.clone().with_ties(case.ties),
        seed: case.seed,
        misfit: Misfit::Drop,
        ..SchedulerPolicy::by_name("fifo")?
    };
    let options = Options { seed: case.seed, allocation_at_permille: vec![DEMAND_PERMILLE], ..Options::default() };
    let cluster = Cluster { nodes: &case.scene.nodes, sites: &[], typical: &case.scene.shapes };
    let mut simulation = Simulation::new(cluster, policy, Listed::new(&case.scene.jobs), options, None).ok()?;
    while simulation.step() {}
    simulation.finish().metrics.gpu_allocation.last().map(|at| 100.0 * at.allocated)
}

impl Task for Placement {
    type Case = Case;
    type Policy = TextPolicy;

    fn schema(&self) -> Schema {
        node_schema().clone()
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec![
            "cpu_left",
            "cpu_cap",
            "cpu_req",
            "cpu_max",
            "memory_left",
            "memory_cap",
            "memory_max",
            "gpu_left",
            "gpu_cap",
            "gpu_max",
            "gpu_req",
            "gpu_milli_req",
            "gpu_whole_left",
            "gpu_share_left",
            "gpu_full",
            "gpu_alike",
            "frag_fall",
        ]
    }

    fn start(&self) -> &'static str {
        "-(cpu_left / cpu_max + gpu_left / gpu_max)"
    }

    fn read(&self, file: &str, text: &str) -> anyhow::Result<TextPolicy> {
        Ok(from_file_text(file, text)?)
    }

    fn header(&self) -> &str {
        "# kind: node\n"
    }

    fn run(&self, policy: &TextPolicy, case: &Case) -> Option<Vec<f64>> {
        match policy {
            TextPolicy::Node(policy) => Some(vec![allocated(policy, case)?]),
            TextPolicy::Queue(_) => None,
        }
    }

    fn value(&self, runs: &[Run<'_, Case>]) -> f64 {
        let mean = |ties: Ties| {
            let of_ties = runs.iter().filter(|run| run.case.ties == ties);
            let gains: Vec<f64> = of_ties.map(|run| run.figures[0] - run.rivals[0].max(run.rivals[1])).collect();
            gains.iter().sum::<f64>() / gains.len().max(1) as f64
        };
        mean(TIES[0]).min(mean(TIES[1]))
    }

    fn set<'a>(&self, case: &'a Case) -> &'a str {
        &case.list
    }

    fn topic(&self) -> Topic {
        Topic {
            decides: "which node a task goes to: of all nodes that have room the one with the highest result",
            worth: "by how many percent of all GPUs more are given out on a cluster that fills up than by best fit and first fit",
        }
    }
}

impl Placement {
    /// By list and rule for ties: means over seeds beside the rivals'. It holds where on every list and under both rules the mean
    /// is above best fit's and first fit's by two standard deviations.
    pub fn judgement(&self, look: &Look<Case>, figures: &[Vec<f64>]) -> Judgement {
        let mut table = Table::new([
            Column::left("list", "list"),
            Column::left("ties", "ties"),
            Column::right("evolved", "evolved"),
            Column::right("sd", "sd"),
            Column::right("best_fit", "best fit"),
            Column::right("first_fit", "first fit"),
            Column::right("fgd", "FGD"),
            Column::right("deviations", "sds above"),
        ]);
        let (mut least, mut beside_fgd) = (f64::INFINITY, f64::INFINITY);
        let mut lists: Vec<&str> = look.cases.iter().map(|case| case.list.as_str()).collect();
        lists.dedup();
        for list in lists {
            for ties in TIES {
                let places: Vec<usize> = (0..look.cases.len())
                    .filter(|at| look.cases[*at].list == list && look.cases[*at].ties == ties)
                    .collect();
                let (mean, deviation) = moments(places.iter().map(|at| figures[*at][0]));
                let rivals = [0, 1, 2].map(|rival| moments(places.iter().map(|at| look.rivals[*at][rival])));
                // Deviations of the two together, as of a difference of two draws.
                let above = |(rival, rival_deviation): (f64, f64)| {
                    (mean - rival) / (deviation * deviation + rival_deviation * rival_deviation).sqrt().max(1e-9)
                };
                let deviations = above(rivals[0]).min(above(rivals[1]));
                least = least.min(deviations);
                beside_fgd = beside_fgd.min(mean - rivals[2].0);
                table.row([
                    Cell::of(list),
                    Cell::of(tie_name(ties)),
                    Cell::of(format!("{mean:.2}")),
                    Cell::of(format!("{deviation:.2}")),
                    Cell::of(format!("{:.2}", rivals[0].0)),
                    Cell::of(format!("{:.2}", rivals[1].0)),
                    Cell::of(format!("{:.2}", rivals[2].0)),
                    Cell::of(format!("{deviations:+.1}")),
                ]);
            }
        }
        let holds = least >= 2.0;
        let said = format!(
            "GPU room given out at 130 % demand, percent, on lists and seeds that the search never saw: at least {least:+.1} standard \
             deviations above the better of best fit and first fit ({}); beside FGD by the same ties at worst {beside_fgd:+.2} points",
            if holds { "two are asked for: it holds" } else { "two are asked for: it does not hold" },
        );
        Judgement { table, holds, said }
    }
}

fn moments(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut moments = plimsoll_stats::Moments::default();
    values.for_each(|value| moments.add(value));
    (moments.mean(), moments.deviation())
}
