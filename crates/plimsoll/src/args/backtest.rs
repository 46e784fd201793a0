//! What can be typed after `plimsoll backtest`.

use super::Output;
use crate::bounds;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `plimsoll backtest`.
#[derive(Debug, Args)]
pub struct Backtest {
    /// Recorded loads: a data set (`crane`, `crane:1`, `worldcup98`, `nasa`, `twitter`, `servegen`, `ms-rps`, `genai`) or a
    /// CSV file, compressed too (`FILE`, `FILE#COLUMN`).
    #[arg(required_unless_present = "prometheus")]
    pub series: Vec<String>,
    /// Policies to compare: `plimsoll`, `hpa60`, `hpa45`, `hpa60-yesterday`, `lazy`, `peak`, `optimum`, a policy file or a spec
    /// file of one service.
    #[arg(long, value_name = "NAME|FILE,...", value_delimiter = ',', default_value = "plimsoll,hpa60,peak")]
    pub policy: Vec<String>,
    /// Times from the decision to start a replica to its being ready; each is a table of its own.
    #[arg(long, value_name = "TIME,...", value_delimiter = ',', default_value = "60s")]
    pub startup: Vec<String>,
    /// What one replica carries at 100 %, in units of the load (requests per second, cores). Without it each load is scaled
    /// so that its 99th percentile needs --replicas-p99.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = bounds::rate, conflicts_with = "replicas_p99")]
    pub capacity: Option<f64>,
    /// Replicas that the 99th percentile of a load is scaled to need.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub replicas_p99: u32,
    /// The share of its capacity that a replica may carry within its objective: need = load / (usable * capacity), rounded up.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, allow_negative_numbers = true, value_parser = bounds::share)]
    pub usable: f64,
    /// Time between two decisions.
    #[arg(long, value_name = "TIME", default_value = "15s")]
    pub tick: String,
    /// Age of the figures that a policy sees.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub metric_lag: String,
    /// The part at the start that is run and not scored; a quarter of a load that is shorter than four times this.
    #[arg(long, value_name = "TIME", default_value = "1d")]
    pub skip: String,
    /// What one more start costs besides its start-up time, in replica time.
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub switching: String,
    /// What the load is between two recorded values: held until the next, or on a straight line to it.
    #[arg(long, value_enum, default_value_t)]
    pub between: Between,
    /// Price of one replica for an hour.
    #[arg(long, value_name = "PRICE", default_value_t = 1.0, allow_negative_numbers = true, value_parser = bounds::price)]
    pub price: f64,
    /// The present configuration: every price is also told as what it saves against this policy.
    #[arg(long, value_name = "NAME|FILE")]
    pub against: Option<String>,
    /// End with exit code 3 where this holds for any policy but --against: `price > 1.05 * against`, `under_time > 0.5%`,
    /// `worst under_time > 2%`, `median cost_ratio > 1.2`. May be given several times.
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<String>,
    /// Say why each policy had so many replicas at this moment of the load (`2026-03-01T09:00`, or milliseconds since the
    /// epoch).
    #[arg(long, value_name = "TIME")]
    pub explain: Option<String>,
    /// Also a table by load.
    #[arg(long)]
    pub each: bool,
    /// Write a picture: `.svg` of the first load, `.html` with all of them and the tables.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Read the load from a Prometheus server, `http://HOST:PORT`, with --query over --from to --to.
    #[arg(long, value_name = "URL", requires_all = ["query", "from", "to"])]
    pub prometheus: Option<String>,
    /// What to ask it, in PromQL; every series that comes back is a load.
    #[arg(long, value_name = "PROMQL", requires = "prometheus")]
    pub query: Option<String>,
    /// First moment (`2026-03-01`, `2026-03-01T09:00`).
    #[arg(long, value_name = "TIME", requires = "prometheus")]
    pub from: Option<String>,
    /// Last moment.
    #[arg(long, value_name = "TIME", requires = "prometheus")]
    pub to: Option<String>,
    /// Time between two values.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub step: String,
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

/// What the load is between two recorded values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Between {
    /// The value stays until the next.
    #[default]
    Held,
    /// A straight line to the next.
    Line,
}
