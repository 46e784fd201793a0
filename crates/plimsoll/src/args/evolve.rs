//! What can be typed after `plimsoll evolve`.

use super::{ModelOf, Output};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `plimsoll evolve`.
#[derive(Debug, Args)]
pub struct Evolve {
    /// What the formula decides.
    #[arg(long, value_enum)]
    pub task: EvolveTask,
    /// Recorded sets that the search learns from. Placement: lists of openb (`cpu050`, `gpushare40`, ...); queue: logs
    /// (`swf:HPC2N`, `easy:KTH-SP2`, ...); autoscale: loads (`crane:1`, `nasa`, or a file). Each task has its own if absent.
    #[arg(long, value_name = "SET,...", value_delimiter = ',')]
    pub learn: Vec<String>,
    /// Sets that what was found is judged on, and nothing else. Each task has its own if absent.
    #[arg(long, value_name = "SET,...", value_delimiter = ',')]
    pub test: Vec<String>,
    /// A policy file to start from; plain best fit, the smallest area first, or the tuned default, if absent. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub start: Vec<PathBuf>,
    /// Inputs that a formula may name, with commas between (docs/policies.md and docs/scaling.md list them); those that the sets have if absent.
    #[arg(long, value_name = "INPUT,...", value_delimiter = ',')]
    pub inputs: Vec<String>,
    /// The most nodes of a formula, written out: numbers, inputs and operations.
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u64).range(5..=120))]
    pub nodes: u64,
    /// CPU time that the search may use, all cores together; it ends with the episode that passes it.
    #[arg(long, value_name = "TIME", default_value = "30m")]
    pub cpu: String,
    /// End after so many episodes, whatever time is left: what makes two searches the same.
    #[arg(long, value_name = "N")]
    pub episodes: Option<u64>,
    /// Seed of the search.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Islands that search apart and exchange their best now and then.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub islands: u32,
    /// How large what the search runs is, in percent of its usual size: less is faster and coarser.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub scale: u32,
    /// Seeds of the judgement, for what depends on a seed.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(2..=100))]
    pub seeds: u64,
    /// Where the state of the search is written after every minute and at its end.
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// Go on from the file of --checkpoint.
    #[arg(long, requires = "checkpoint")]
    pub resume: bool,
    /// A language model that writes candidates as well; none without --endpoint.
    #[command(flatten)]
    pub of: ModelOf,
    /// The answers of an earlier search's model, from its proof or checkpoint, in the place of a model: the same search again, with
    /// the same options and as many --episodes.
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Where the policy is written.
    #[arg(long, value_name = "FILE", default_value = "evolved.policy")]
    pub out: PathBuf,
    /// Write even where --out exists.
    #[arg(long)]
    pub overwrite: bool,
    /// Where a picture of the search is written: .svg or .html.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// Threads; as many as there are cores if absent.
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// What the formula decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvolveTask {
    /// Which node a task goes to: a score of nodes, for the most GPU room given out on a cluster that fills up.
    Placement,
    /// Which job goes next: an order of the queue, with backfill, for the least mean bounded slowdown.
    Queue,
    /// How many replicas a service has, for the least cost with no more time under need than the tuned default.
    Autoscale,
}

impl EvolveTask {
    /// Its name as typed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Placement => "placement",
            Self::Queue => "queue",
            Self::Autoscale => "autoscale",
        }
    }
}
