//! What can be typed after `plimsoll forget`.

use super::{Installation, Output};
use clap::Args;
use plimsoll_model::ServiceName;

/// `plimsoll forget`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll forget shop --dry-run")]
pub struct Forget {
    /// The service; it is no longer in the spec, and nothing of the installation runs.
    pub service: ServiceName,
    /// Do it without asking.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Only say what would be erased.
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
