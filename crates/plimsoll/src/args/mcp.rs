//! What can be typed after `plimsoll mcp`.

use super::Installation;
use clap::Args;
use std::path::PathBuf;

/// `plimsoll mcp`.
#[derive(Debug, Args)]
pub struct Mcp {
    /// Which installation the tools look at.
    #[command(flatten)]
    pub installation: Installation,
    /// The only directory whose files tools may read (histories, policies, observations); without it they read none.
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
    /// Seconds that one tool may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub time: u64,
}
