//! What can be typed after `plimsoll watch`.

use super::Output;
use crate::bounds;
use clap::{ArgGroup, Args, ValueEnum};
use std::path::PathBuf;

/// `plimsoll watch`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("source").required(true).args(["prometheus", "metrics", "pid", "cgroup", "log"]),
    after_help = "Examples:\n  \
        plimsoll watch --prometheus http://127.0.0.1:9090 --query 'sum(rate(http_requests_total[1m]))' \\\n    \
            --replicas-query 'count(up{job=\"shop\"} == 1)'\n  \
        plimsoll watch --metrics http://127.0.0.1:8080/metrics --query 'http_requests_total{job=\"shop\"}' --capacity 50 --live\n  \
        plimsoll watch --log /var/log/nginx/access.log --capacity 50 --replicas 4"
)]
pub struct Watch {
    /// A Prometheus server, `http[s]://HOST:PORT`; asked for a range of time, with GET only.
    #[arg(long, value_name = "URL", requires = "query")]
    pub prometheus: Option<String>,
    /// A `/metrics` page, `http[s]://HOST:PORT/metrics`; read again and again, with GET only.
    #[arg(long, value_name = "URL", requires = "query")]
    pub metrics: Option<String>,
    /// A running process and its descendants: CPU and memory.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..=4_194_304))]
    pub pid: Option<u32>,
    /// A control group: CPU and memory.
    #[arg(long, value_name = "DIR")]
    pub cgroup: Option<PathBuf>,
    /// A log of requests: access log in common, combined or JSON format, or CSV of times and counts; compressed too.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// The load: PromQL for --prometheus (one series; `sum()` it), series by name and labels for --metrics
    /// (`requests_total{job="shop"}`; counters become rates, several series are added).
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,
    /// The replicas there really were, likewise; without it --replicas.
    #[arg(long, value_name = "QUERY", requires = "query", conflicts_with = "replicas")]
    pub replicas_query: Option<String>,
    /// The replicas there really were, the same number throughout; a process or control group is 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub replicas: Option<u32>,
    /// First moment (`2026-03-01`, `2026-03-01T09:00`); an hour before --to if absent.
    #[arg(long, value_name = "TIME", requires = "prometheus")]
    pub from: Option<String>,
    /// Last moment; now if absent.
    #[arg(long, value_name = "TIME", requires = "prometheus", conflicts_with = "live")]
    pub to: Option<String>,
    /// Time between two values of a range or of a log.
    #[arg(long, value_name = "TIME", default_value = "15s")]
    pub step: String,
    /// How the lines of the log are written.
    #[arg(long, value_enum, default_value_t, requires = "log")]
    pub log_format: LogKind,
    /// What is watched as it happens is looked at so often.
    #[arg(long, value_name = "TIME", default_value = "15s")]
    pub every: String,
    /// What is watched as it happens is watched for so long, then the report comes.
    #[arg(long = "for", id = "length", value_name = "TIME")]
    pub length: Option<String>,
    /// Go on until interrupted (or for --for) and print a line for each change that would have been made; then the report.
    #[arg(long, conflicts_with = "log")]
    pub live: bool,
    /// The policy that would have decided: a built-in one (see `plimsoll policies`), a policy file or a spec of one service.
    #[arg(long, value_name = "NAME|FILE", default_value = "plimsoll")]
    pub policy: String,
    /// What one replica carries at 100 %, in units of the load (requests per second; cores of a process, 1 there). Without
    /// it, the most that a replica really carried is taken, where the replicas are known.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true, value_parser = bounds::rate)]
    pub capacity: Option<f64>,
    /// The share of its capacity that a replica may carry within its objective.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, allow_negative_numbers = true, value_parser = bounds::share)]
    pub usable: f64,
    /// Time from the decision to start a replica to its being ready.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub startup: String,
    /// Time between two decisions.
    #[arg(long, value_name = "TIME", default_value = "15s")]
    pub tick: String,
    /// Age of the figures that the policy sees.
    #[arg(long, value_name = "TIME", default_value = "15s")]
    pub metric_lag: String,
    /// Price of one replica for an hour.
    #[arg(long, value_name = "PRICE", default_value_t = 1.0, allow_negative_numbers = true, value_parser = bounds::price)]
    pub price: f64,
    /// User of HTTP basic authentication; without it the secret is a bearer token.
    #[arg(long, value_name = "NAME", requires = "secret")]
    pub user: Option<String>,
    /// A file that holds the password or token.
    #[arg(long, value_name = "FILE", group = "secret", conflicts_with = "secret_env")]
    pub secret_file: Option<PathBuf>,
    /// An environment variable that holds it.
    #[arg(long, value_name = "VARIABLE", group = "secret")]
    pub secret_env: Option<String>,
    /// Authorities that may have signed the server's certificate (PEM); the system's if absent.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Decisions that are listed; the others are counted.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub decisions: usize,
    /// Write a picture, `.svg` or `.html`.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// How the lines of a log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogKind {
    /// By its first line.
    #[default]
    Auto,
    /// Common or combined.
    Common,
    /// A JSON object per line.
    Json,
    /// Comma-separated: a time and the requests until the next.
    Csv,
}
