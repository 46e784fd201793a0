//! What can be typed after `plimsoll decisions`.

use super::{Installation, Output};
use clap::Args;

/// `plimsoll decisions`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll decisions shop -n 20")]
pub struct Decisions {
    /// Only decisions about this service; all if left out.
    pub service: Option<String>,
    /// At most so many, the newest first.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub limit: u32,
    /// Only steps before this number.
    #[arg(long, value_name = "STEP")]
    pub before: Option<u64>,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
