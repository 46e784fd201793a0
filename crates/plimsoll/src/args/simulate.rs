//! What can be typed after `plimsoll simulate` and `plimsoll policies`.

use super::Output;
use crate::bounds;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `plimsoll simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// A data set (`openb:default`, `easy:KTH-SP2`, `swf:HPC2N`, `philly`, `borg`, `azure-vm`; a wrong name lists them), or a
    /// file: `.swf`, `.swf.gz`, Plimsoll's own `.jsonl`.
    #[arg(required_unless_present_all = ["nodes", "tasks"])]
    pub set: Option<String>,
    /// Nodes: openb CSV or Plimsoll's own JSON lines.
    #[arg(long, value_name = "FILE")]
    pub nodes: Option<PathBuf>,
    /// Tasks: openb CSV, SWF or Plimsoll's own JSON lines.
    #[arg(long, value_name = "FILE")]
    pub tasks: Option<PathBuf>,
    /// How a node is chosen (`plimsoll policies` lists them); several are compared, the first is compared with.
    #[arg(long, value_name = "NAME|FILE,...", value_delimiter = ',', default_value = "first-fit")]
    pub policy: Vec<String>,
    /// Which task goes next; several are compared.
    #[arg(long, value_name = "NAME|FILE,...", value_delimiter = ',', default_value = "fifo")]
    pub order: Vec<String>,
    /// Who may go before a task that waits for room; several are compared.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub backfill: Vec<String>,
    /// Which of equally good nodes is taken, instead of what the policy says; several are compared.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub ties: Vec<String>,
    /// Elastic tasks: `grow` lets the queue change their workers, `fixed` runs them as submitted; several are compared.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_enum, default_value = "grow")]
    pub elastic: Vec<Elastic>,
    /// Make rigid jobs of n whole GPUs elastic, n/2 to 2n workers, in runs with `--elastic grow`.
    #[arg(long, conflicts_with_all = ["demand", "sample"])]
    pub stretch: bool,
    /// Stop tasks of lower priority for one that does not fit.
    #[arg(long)]
    pub preempt: bool,
    /// What a task that was stopped has done so far.
    #[arg(long, value_enum, default_value_t)]
    pub work: Work,
    /// Stop a task when it reaches its estimated run time.
    #[arg(long)]
    pub kill: bool,
    /// Seeds: of the order of arrivals, of faults, of random ties. A run without anything random is done once.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub seeds: u32,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Open loop: tasks arrive in random order until they ask for so many times the GPUs there are, none leaves, and what
    /// does not fit is dropped. 1.3 for the openb sets.
    #[arg(long, value_name = "FACTOR", value_parser = bounds::factor, conflicts_with = "replay")]
    pub demand: Option<f64>,
    /// Replay an openb set as it was recorded, with departures, instead of the open loop.
    #[arg(long)]
    pub replay: bool,
    /// Simulate only the first N tasks.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Simulate N tasks in a row, from a task that each seed draws.
    #[arg(long, value_name = "N", conflicts_with_all = ["limit", "demand"])]
    pub sample: Option<usize>,
    /// Mean time between failures of a node, trace time.
    #[arg(long, value_name = "TIME", requires = "mttr")]
    pub mtbf: Option<String>,
    /// Mean time to its repair, trace time.
    #[arg(long, value_name = "TIME", requires = "mtbf")]
    pub mttr: Option<String>,
    /// Buy and give back nodes as the tasks need them, from the shapes in this TOML file, instead of the set's own nodes;
    /// compared with a fixed fleet of the most nodes that were there at once. See docs/node-pools.md.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["demand", "mtbf", "classes", "explain", "plot", "sample"])]
    pub pools: Option<PathBuf>,
    /// Also a table by class of task.
    #[arg(long)]
    pub classes: bool,
    /// Say what became of this task, and if it waits at the end, why.
    #[arg(long, value_name = "TASK")]
    pub explain: Option<String>,
    /// Write a picture: `.svg`, or `.html` with the table.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Threads; as many as there are cores if absent.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// Whether elastic tasks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Elastic {
    /// The queue grows and shrinks them.
    Grow,
    /// They keep the workers they were submitted with.
    Fixed,
}

/// What a task that was stopped has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Work {
    /// Lost: it starts again from the beginning.
    #[default]
    Lost,
    /// Kept: it goes on where it stopped.
    Kept,
}

/// `plimsoll policies`.
#[derive(Debug, Args)]
pub struct Policies {
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
