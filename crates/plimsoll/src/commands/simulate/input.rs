//! What is simulated: a set by its name or files, cut as typed, and what happens to its nodes.

use super::stretch::{SERIAL, stretched};
use crate::args::Simulate;
use anyhow::{Context, bail};
use plimsoll_model::cluster::{Node, QuotaSpec, Site};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_stats::Random;
use plimsoll_traces::{ClusterSet, RecordedTask, cluster_set, openb};
use plimsoll_twin::cluster::{Fault, Faults, Job};
use std::borrow::Cow;
use std::path::Path;

/// Demand of the published experiments on the openb sets, in thousandths of the GPUs.
const OPENB_DEMAND_PERMILLE: u64 = 1_300;
/// Longest mean time of a fault: a century.
const FAULT_TIME_MAX: Millis = Millis(100 * 365 * 86_400_000);

/// Everything that all contestants meet alike.
pub struct Experiment {
    /// The set's name.
    pub name: String,
    /// The machines.
    pub nodes: Vec<Node>,
    /// Places with machines.
    pub sites: Vec<Site>,
    /// What users and groups may have.
    pub quotas: Vec<QuotaSpec>,
    /// As recorded; what the open loop draws from, and what typical tasks are.
    pub recorded: Vec<RecordedTask>,
    /// Ordered by submission; empty in the open loop, which makes them anew for each seed.
    jobs: Vec<Job>,
    /// The same with rigid jobs made elastic, where that was asked for.
    stretched: Vec<Job>,
    /// Open loop until this demand, in thousandths of the GPUs.
    pub demand_permille: Option<u64>,
    /// Tasks in a row from a random place.
    pub sample: Option<usize>,
    /// What fails when.
    pub faults: Faults,
    /// What was assumed and left out.
    pub notes: Vec<String>,
    /// Whether a table by class was asked for.
    pub with_classes: bool,
}

impl Experiment {
    /// Reads what was typed.
    pub fn read(typed: &Simulate) -> anyhow::Result<Self> {
        let set = set(typed)?;
        let is_openb = set.name.starts_with("openb") && !typed.replay;
        let demand_permille = match typed.demand {
            Some(factor) => Some((factor * 1_000.0).round() as u64),
            None => is_openb.then_some(OPENB_DEMAND_PERMILLE),
        };
        if set.nodes.is_empty() {
            bail!("{}: there are no nodes; give them with --nodes FILE", set.name);
        }
        if set.tasks.is_empty() {
            bail!("{}: there are no tasks; give them with --tasks FILE", set.name);
        }
        if demand_permille.is_some() && set.gpu_capacity_milli() == 0 {
            bail!("--demand counts GPUs, and the nodes of {} have none", set.name);
        }
        let notes = set.notes.iter().cloned().chain(set.skipped.to_string().lines().map(str::to_owned)).collect();
        let faults = faults(typed, &set)?;
        let mut experiment = Self {
            name: set.name,
            nodes: set.nodes,
            sites: set.sites,
            quotas: set.quotas,
            recorded: set.tasks,
            jobs: Vec::new(),
            stretched: Vec::new(),
            demand_permille,
            sample: typed.sample,
            faults,
            notes,
            with_classes: typed.classes,
        };
        if let Some(limit) = typed.limit {
            experiment.recorded.truncate(limit);
        }
        if demand_permille.is_none() {
            experiment.jobs = jobs(&experiment.recorded);
        }
        if typed.stretch {
            experiment.stretched = stretched(&experiment.jobs);
            experiment.notes.push(format!(
                "assumed for elastic runs: a job of n whole GPUs runs with n/2 to 2n workers of one GPU, anywhere, by Amdahl's law \
                 with {SERIAL} serial"
            ));
        }
        experiment.check_sample()?;
        Ok(experiment)
    }

    fn check_sample(&self) -> anyhow::Result<()> {
        match self.sample {
            Some(wanted) if wanted == 0 || wanted > self.jobs.len() => {
                bail!("--sample {wanted}: allowed are 1 to {}, the tasks of {}", self.jobs.len(), self.name)
            }
            _ => Ok(()),
        }
    }

    /// Whether tasks arrive and never leave.
    pub const fn is_open(&self) -> bool {
        self.demand_permille.is_some()
    }

    /// Whether a seed changes anything but random ties.
    pub fn is_random(&self) -> bool {
        self.is_open() || self.sample.is_some() || matches!(self.faults, Faults::Exponential { .. })
    }

    /// Whether no task says whose it is, so that queues are what shares can be fair between.
    pub fn has_no_users(&self) -> bool {
        self.recorded.iter().all(|recorded| recorded.task.user.is_empty())
    }

    /// The jobs of a seed, in the order of their arrival.
    pub fn jobs(&self, seed: u64, elastic: bool) -> Cow<'_, [Job]> {
        if elastic && !self.stretched.is_empty() {
            return Cow::Borrowed(&self.stretched);
        }
        if let Some(permille) = self.demand_permille {
            let gpus: u64 = self.nodes.iter().map(|node| u64::from(node.capacity.gpus.count) * 1_000).sum();
            let drawn = openb::workload(&self.recorded, gpus, permille, seed);
            return Cow::Owned(drawn.into_iter().map(job).collect());
        }
        match self.sample {
            None => Cow::Borrowed(&self.jobs),
            Some(wanted) => {
                let first = Random::new(seed).below((self.jobs.len() - wanted) as u64 + 1) as usize;
                Cow::Borrowed(&self.jobs[first..first + wanted])
            }
        }
    }

    /// Jobs that arrive in a run.
    pub fn arrivals(&self) -> usize {
        self.sample.unwrap_or(if self.is_open() { self.recorded.len() } else { self.jobs.len() })
    }

    /// One line that says what is simulated.
    pub fn title(&self) -> String {
        let (nodes, tasks) = (self.nodes.len(), self.recorded.len());
        let way = match self.demand_permille {
            Some(permille) => format!("open loop up to {} % of the GPUs", permille as f64 / 10.0),
            None => self.sample.map_or("replay".to_owned(), |sample| format!("replay of {sample} tasks in a row")),
        };
        format!("{}: {nodes} nodes, {tasks} tasks, {way}", self.name)
    }
}

fn set(typed: &Simulate) -> anyhow::Result<ClusterSet> {
    let read = |path: &Path, flag: &str| {
        cluster_set(&path.to_string_lossy()).with_context(|| format!("{flag} {}", path.display()))
    };
    let mut set = match &typed.set {
        Some(name) => cluster_set(name)?,
        None => ClusterSet::default(),
    };
    if let Some(path) = &typed.nodes {
        let other = read(path, "--nodes")?;
        set.nodes = other.nodes;
        set.sites = other.sites;
        set.faults = other.faults;
        set.notes.extend(other.notes);
        set.name = if set.name.is_empty() { other.name } else { set.name };
    }
    if let Some(path) = &typed.tasks {
        let other = read(path, "--tasks")?;
        set.tasks = other.tasks;
        set.quotas.extend(other.quotas);
        set.notes.extend(other.notes);
        set.skipped = other.skipped;
        set.name = other.name;
    }
    Ok(set)
}

/// Ordered by submission, equal ones by their place in the file.
fn jobs(recorded: &[RecordedTask]) -> Vec<Job> {
    let mut jobs: Vec<Job> = recorded.iter().cloned().map(job).collect();
    jobs.sort_by_key(|job| job.task.submitted);
    jobs
}

fn job(recorded: RecordedTask) -> Job {
    Job::new(recorded.task, recorded.run_time_true)
}

fn faults(typed: &Simulate, set: &ClusterSet) -> anyhow::Result<Faults> {
    let time = |flag: &str, text: &str| -> anyhow::Result<Millis> {
        let time = plimsoll_config::unit::duration(text).with_context(|| format!("{flag} {text}"))?;
        if time == Millis(0) || time > FAULT_TIME_MAX {
            bail!("{flag} {text}: allowed are times above zero up to a century");
        }
        Ok(time)
    };
    if let (Some(between), Some(repair)) = (&typed.mtbf, &typed.mttr) {
        return Ok(Faults::Exponential { between: time("--mtbf", between)?, repair: time("--mttr", repair)? });
    }
    if set.faults.is_empty() {
        return Ok(Faults::None);
    }
    let faults = set.faults.iter().map(|fault| Fault {
        node: fault.node.clone(),
        at: fault.at,
        down: fault.until.map(|until: Timestamp| until.since(fault.at)),
    });
    Ok(Faults::List(faults.collect()))
}
