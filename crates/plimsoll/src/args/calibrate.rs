//! What can be typed after `plimsoll calibrate`.

use super::Output;
use clap::Args;
use std::path::PathBuf;

/// `plimsoll calibrate`.
#[derive(Debug, Args)]
pub struct Calibrate {
    /// A recording as CSV, compressed too, `ARCHIVE.tar#MEMBER`, or `-` for standard input. Columns by name: a time, `rate`
    /// (requests per second that arrived), `replicas` (ready), and of these what there is: `cpu` (cores of all replicas
    /// together), `p50_ms`, `p95_ms`, `p99_ms` (latency), `failed` (share of requests, 0 to 1), `startup_s` (of a replica
    /// that became ready in this row). At least one latency.
    pub file: PathBuf,
    /// Requests that one replica works on at once; more stand in line there. 1 is a worker.
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub slots: u32,
    /// Start-up time (`20s`), where the recording has none.
    #[arg(long, value_name = "TIME")]
    pub startup: Option<String>,
    /// A load test of one replica as CSV of two columns, `concurrency` (requests at once) and `throughput` (requests per
    /// second): the scalability law is fitted to it, and not to the recording.
    #[arg(long, value_name = "FILE")]
    pub law: Option<PathBuf>,
    /// Write the model here, as TOML; else it is printed.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 3 when the error is too large for a verdict.
    #[arg(long)]
    pub gate: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
