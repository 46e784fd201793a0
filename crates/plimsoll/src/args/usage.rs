//! What can be typed after `plimsoll usage`.

use super::Installation;
use clap::{Args, ValueEnum};
use plimsoll_daemon::metering::Grouping;
use std::path::PathBuf;

/// `plimsoll usage`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll usage --by user --from 2026-11-01T00:00:00Z --output csv")]
pub struct Usage {
    /// What rows are of: `service`, `user` or `job`.
    #[arg(long, value_name = "WHAT", default_value = "service", value_parser = grouping)]
    pub by: Grouping,
    /// Samples from this trace time on (`2018-01-07T13:05:00Z` or milliseconds since the epoch); the oldest if absent.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub from: Option<String>,
    /// Samples before this trace time, likewise; the newest, too, if absent.
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    pub to: Option<String>,
    /// A spec file whose `[prices]` count instead of those of the installation.
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: UsageOutput,
}

/// How a bill is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum UsageOutput {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
    /// For spreadsheets.
    Csv,
}

fn grouping(text: &str) -> Result<Grouping, String> {
    text.parse()
}
