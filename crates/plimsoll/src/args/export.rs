//! What can be typed after `plimsoll export`.

use super::Installation;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `plimsoll export`.
#[derive(Debug, Args)]
pub struct Export {
    /// What to write.
    #[command(subcommand)]
    pub what: ExportWhat,
}

/// What can be written for other tools.
#[derive(Debug, Subcommand)]
pub enum ExportWhat {
    /// Grafana dashboards with decision annotations, and Prometheus alert rules.
    Grafana(ExportGrafana),
    /// A scrape configuration for Prometheus.
    Prometheus(ExportPrometheus),
}

/// `plimsoll export grafana`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll export grafana --out grafana/")]
pub struct ExportGrafana {
    /// Directory that the files are written to; made if it is not there, files of the same names are replaced.
    #[arg(long, value_name = "DIR", default_value = "plimsoll-grafana")]
    pub out: PathBuf,
}

/// `plimsoll export prometheus`.
#[derive(Debug, Args)]
#[command(after_help = "Example: plimsoll export prometheus --name shop > plimsoll.yml")]
pub struct ExportPrometheus {
    /// Time between two scrapes, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub interval: u32,
    #[command(flatten)]
    pub installation: Installation,
}
