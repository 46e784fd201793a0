//! What can be typed after `plimsoll tune`.

use super::Output;
use crate::bounds;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `plimsoll tune`.
#[derive(Debug, Args)]
pub struct Tune {
    /// Recorded loads: a data set (`crane`, `crane:1`, `nasa`, ...) or a CSV file, compressed too (`FILE`, `FILE#COLUMN`). At
    /// least two series: one is learnt from, another judged on.
    #[arg(required = true)]
    pub series: Vec<String>,
    /// The policy whose numbers are searched: `plimsoll`, `hpa60`, `hpa45`, `hpa60-yesterday`, `lazy`, or a policy file.
    #[arg(long, value_name = "NAME|FILE", default_value = "plimsoll")]
    pub policy: String,
    /// What is made as good as can be.
    #[arg(long, value_enum, default_value_t)]
    pub objective: Objective,
    /// How the objective's figures of several series are taken together.
    #[arg(long, value_enum, default_value_t)]
    pub over: Over,
    /// What has to hold meanwhile, at each start-up time: `under_time <= 0.5%`, `median under_time <= 0.5%`,
    /// `price <= 1.0 * start` (the present policy's). Figures: price (cost over the clairvoyant optimum's), under_time,
    /// under_requests, response_time, utilisation, throughput, actions. May be given several times.
    #[arg(long, value_name = "CONDITION")]
    pub hold: Vec<String>,
    /// Series that are only judged on; without it every second one by name.
    #[arg(long, value_name = "SERIES,...", value_delimiter = ',')]
    pub test: Vec<String>,
    /// Search a number of the policy in another range: `scaling.cpu=50%..95%`; one that the file does not name is put in.
    /// May be given several times.
    #[arg(long, value_name = "PATH=LOW..HIGH")]
    pub range: Vec<String>,
    /// Do not search a number, and set it if a value is given: `scaling.tolerance`, `scaling.cpu=80%`. `PATH.*` fixes all
    /// below it. May be given several times.
    #[arg(long, value_name = "PATH[=VALUE]")]
    pub fix: Vec<String>,
    /// Policies that are run on the training series at most.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub evaluations: u32,
    /// No new policy is run after so long; the best so far is reported.
    #[arg(long, value_name = "TIME")]
    pub time: Option<String>,
    /// Seed of the search: the same seed gives the same result, except where --time ends it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Where the best policy is written.
    #[arg(long, value_name = "FILE", default_value = "tuned.toml")]
    pub out: PathBuf,
    /// Write even where --out exists.
    #[arg(long)]
    pub overwrite: bool,
    /// Times from the decision to start a replica to its being ready.
    #[arg(long, value_name = "TIME,...", value_delimiter = ',', default_value = "60s")]
    pub startup: Vec<String>,
    /// What one replica carries at 100 %, in units of the load. Without it each load is scaled so that its 99th percentile
    /// needs --replicas-p99.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = bounds::rate, conflicts_with = "replicas_p99")]
    pub capacity: Option<f64>,
    /// Replicas that the 99th percentile of a load is scaled to need.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub replicas_p99: u32,
    /// The share of its capacity that a replica may carry within its objective.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, allow_negative_numbers = true, value_parser = bounds::share)]
    pub usable: f64,
    /// The part at the start that is run and not scored; a quarter of a load that is shorter than four times this.
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub skip: String,
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

/// What is made as good as can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Objective {
    /// The least cost over the clairvoyant optimum's.
    #[default]
    Price,
    /// The least mean response time, by processor sharing.
    ResponseTime,
    /// The highest busy share of ready replicas.
    Utilisation,
    /// The highest share of the load that ready replicas can carry.
    Throughput,
}

/// How the figures of several series are taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Over {
    /// Each series counts the same.
    #[default]
    Mean,
    /// The middle one.
    Median,
    /// The highest.
    Worst,
}
