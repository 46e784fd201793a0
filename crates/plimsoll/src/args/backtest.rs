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
    /// Policies to compare: `plimsoll`, `hpa60`, `hpa45`, `kubernetes-hpa60`, `kubernetes-hpa45`, `hpa60-yesterday`, `lazy`,
    /// `peak`, `optimum`, a policy file or a spec file (of several services with --together).
    #[arg(long, value_name = "NAME|FILE,...", value_delimiter = ',', default_value = "plimsoll,hpa60,peak")]
    pub policy: Vec<String>,
    /// Times from the decision to start a replica to its being ready; each is a table of its own.
    #[arg(long, value_name = "TIME,...", value_delimiter = ',', default_value = "60s")]
    pub startup: Vec<String>,
    /// What one replica carries at 100 %, in units of the load (requests per second, cores). Without it each load is scaled
    /// so that its 99th percentile needs --replicas-p99, or taken in requests per second where there is a --service-model.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = bounds::rate, conflicts_with = "replicas_p99")]
    pub capacity: Option<f64>,
    /// Replicas that the 99th percentile of a load is scaled to need; 40 where neither this nor --capacity is given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub replicas_p99: Option<u32>,
    /// What the service does with requests, for response times: a file that `plimsoll calibrate` wrote. Without it a stated
    /// one, on which no verdict is given.
    #[arg(long, value_name = "FILE")]
    pub service_model: Option<PathBuf>,
    /// Also compare with the least that anybody can pay who is under need for at most this share (`0.5%`, or `own`: each
    /// policy's own).
    #[arg(long, value_name = "SHARE|own")]
    pub soft: Option<String>,
    /// Of what that share is: time, or requests.
    #[arg(long, value_enum, default_value_t, requires = "soft")]
    pub soft_of: SoftOf,
    /// Run all loads at once, each a service of one controller that shares one node. Several services of a spec file are
    /// matched with loads by name; a policy of one service is given to each load.
    #[arg(long)]
    pub together: bool,
    /// Cores of that node; without it there is room for everything.
    #[arg(long, value_name = "CORES", allow_negative_numbers = true, value_parser = bounds::cores, requires = "together")]
    pub budget: Option<f64>,
    /// Memory of that node (`64GiB`); without it there is enough.
    #[arg(long, value_name = "SIZE", requires = "budget")]
    pub budget_memory: Option<String>,
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
    /// Price of a core for an hour, for what Plimsoll itself takes; the price of a replica over its cores if absent.
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true, value_parser = bounds::price)]
    pub price_cpu: Option<f64>,
    /// Price of a GiB of memory for an hour, likewise; the price of a replica over its memory if absent.
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true, value_parser = bounds::price)]
    pub price_memory: Option<f64>,
    /// What was spent on language models over the scored time; nothing here asks one.
    #[arg(long, value_name = "PRICE", default_value_t = 0.0, allow_negative_numbers = true, value_parser = bounds::price)]
    pub llm_spend: f64,
    /// An event that is announced when it starts, as by `plimsoll event`: `NAME@START,FOR,LOAD` with a factor or a rate per
    /// second in units of the load (`sale@2026-03-01T09:00,2h,2.5`, `…,500/s`). May be given several times.
    #[arg(long, value_name = "NAME@START,FOR,LOAD")]
    pub event: Vec<String>,
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
    /// Also medians over each half of the loads, every second by name: what was chosen on one half is reported on the other.
    #[arg(long)]
    pub halves: bool,
    /// Write a picture: `.svg` of the first load, `.html` with all of them and the tables.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Draw only this stretch (`2026-03-01T09:00,6h`).
    #[arg(long, value_name = "FROM,FOR", requires = "plot")]
    pub plot_span: Option<String>,
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

/// Of what a share may be under need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SoftOf {
    /// Of the time.
    #[default]
    Time,
    /// Of the requests.
    Requests,
}
