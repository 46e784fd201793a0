//! What can be typed after `plimsoll capacity`.

use super::Output;
use crate::commands::forecast::season::Season;
use clap::Args;
use std::path::PathBuf;

/// `plimsoll capacity`.
#[derive(Debug, Args)]
pub struct Capacity {
    /// What was used: CSV as for `plimsoll forecast`, series named `cpu` (cores), `memory` (bytes) or `gpu` (GPUs); with several
    /// pools `POOL/cpu` and so on. `-` is standard input.
    pub file: PathBuf,
    /// The pools: a TOML file of node shapes with their price, and how many of each there are (`nodes`). See
    /// docs/capacity.md.
    #[arg(long, value_name = "FILE")]
    pub pools: PathBuf,
    /// How far ahead.
    #[arg(long, value_name = "TIME", default_value = "8w")]
    pub horizon: String,
    /// Share of a pool that may be used; the rest is for what forecasts cannot know.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8)]
    pub usable: f64,
    /// The quantile of the need that is bought for.
    #[arg(long, value_name = "Q", default_value_t = 0.95)]
    pub quantile: f64,
    /// Seasons of the daily peaks: `auto` looks for them, `none`, or lengths (`7d`).
    #[arg(long, value_name = "auto|none|LIST", default_value = "7d")]
    pub season: Season,
    /// The model that forecasts daily peaks (`plimsoll forecast --list` shows all).
    #[arg(long, value_name = "NAME", default_value = "auto-ets")]
    pub model: String,
    /// Seed of whatever is random in fitting.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write a picture per series: `.html`, or `.svg` where there is one series.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}
