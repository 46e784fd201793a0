//! What can be typed after `plimsoll plan`.

use super::{Installation, Output};
use crate::bounds;
use clap::Args;
use std::path::PathBuf;

/// How far ahead is predicted where nothing else is said.
const AHEAD: &str = "3h";

/// `plimsoll plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The spec file as it should become.
    pub spec: PathBuf,
    /// Compare with this spec file instead of what runs.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "state_dir"])]
    pub against: Option<PathBuf>,
    #[command(flatten)]
    pub foresight: Foresight,
    /// End with 0 where there is nothing to do, 2 where there are changes, and 1 on any error, what was typed included.
    /// Without it: 0 and 1.
    #[arg(long)]
    pub detailed_exitcode: bool,
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// What is predicted, and from what.
#[derive(Debug, Clone, Args)]
pub struct Foresight {
    /// Print the differences only; nothing is predicted.
    #[arg(long)]
    pub no_effect: bool,
    /// Predict from this recorded load (a CSV file, `FILE#COLUMN` or a data set, in requests per second) instead of the
    /// history that the daemon recorded.
    #[arg(long, value_name = "SERIES", conflicts_with = "no_effect")]
    pub recorded: Option<String>,
    /// How far ahead, in trace time; never further than what was recorded reaches back.
    #[arg(long, value_name = "SPAN", default_value = AHEAD)]
    pub ahead: String,
    /// Price of a reserved core for an hour.
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true, value_parser = bounds::price)]
    pub price_cpu: Option<f64>,
    /// Price of a reserved GiB of memory for an hour.
    #[arg(long, value_name = "PRICE", allow_negative_numbers = true, value_parser = bounds::price)]
    pub price_memory: Option<f64>,
}

impl Foresight {
    /// What `plan` predicts where nothing is typed.
    pub fn usual() -> Self {
        Self { no_effect: false, recorded: None, ahead: AHEAD.to_owned(), price_cpu: None, price_memory: None }
    }
}
