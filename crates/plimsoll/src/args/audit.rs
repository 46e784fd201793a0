//! What can be typed after `plimsoll audit`.

use super::event::duration;
use super::{Installation, Output};
use clap::Args;

/// `plimsoll audit`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll audit --service shop --since 7d")]
pub struct Audit {
    /// Only requests about this service or job.
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Only requests of so long ago or later, physical time (`2h`, `7d`).
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub since: Option<u64>,
    /// At most so many, the newest.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
