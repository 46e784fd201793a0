//! What can be typed after `plimsoll analyst`.

use super::Output;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `plimsoll analyst`.
#[derive(Debug, Args)]
pub struct Analyst {
    /// What to do.
    #[command(subcommand)]
    pub verb: AnalystVerb,
}

/// A verb of the analyst.
#[derive(Debug, Subcommand)]
pub enum AnalystVerb {
    /// Show the evidence of a history: exactly what would be sent to a model, and nothing is sent.
    Evidence(AnalystEvidence),
    /// Diagnose a history by rules: causes with their evidence, and proposals.
    Diagnose(AnalystDiagnose),
    /// Score the diagnosis on scenarios that the twin makes, whose cause is known.
    Eval(AnalystEval),
    /// Print the history of a scenario, as a file that the other verbs read.
    Scenario(AnalystScenario),
}

/// Where a history comes from.
#[derive(Debug, Args)]
pub struct HistoryOf {
    /// A recorded history: JSON (`plimsoll schema history`), or CSV with the same figures as columns, by its ending. See
    /// docs/analyst.md.
    #[arg(required_unless_present = "scenario", conflicts_with = "scenario")]
    pub file: Option<PathBuf>,
    /// A scenario of the twin instead, by number.
    #[arg(long, value_name = "N")]
    pub scenario: Option<u32>,
    /// The spec that the service ran under, for a CSV file, which has none.
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    pub spec: Option<PathBuf>,
    /// The service's name, for a CSV file, and in the spec where that has several.
    #[arg(long, value_name = "NAME", conflicts_with = "scenario")]
    pub service: Option<String>,
}

/// `plimsoll analyst evidence`.
#[derive(Debug, Args)]
pub struct AnalystEvidence {
    /// Which history.
    #[command(flatten)]
    pub of: HistoryOf,
    /// Most tokens of the pack: 2000 for a large model, 256 for a small one.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub tokens: u32,
    /// What may be shown.
    #[arg(long, value_enum, default_value_t)]
    pub show: Shown,
    /// Put pseudonyms in place of names, in words as well.
    #[arg(long)]
    pub pseudonyms: bool,
    /// A further name to hide; may be given several times.
    #[arg(long, value_name = "NAME", requires = "pseudonyms")]
    pub hide: Vec<String>,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll analyst diagnose`.
#[derive(Debug, Args)]
pub struct AnalystDiagnose {
    /// Which history.
    #[command(flatten)]
    pub of: HistoryOf,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll analyst eval`.
#[derive(Debug, Args)]
pub struct AnalystEval {
    /// At most so many scenarios, spread evenly over all; all if left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// Threads; all cores if left out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
    /// List the scenarios of the seen half that were not right. The unseen half's are never listed, so that nobody writes
    /// rules by them.
    #[arg(long)]
    pub misses: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `plimsoll analyst scenario`.
#[derive(Debug, Args)]
pub struct AnalystScenario {
    /// Its number, from 0.
    pub number: u32,
    /// As what.
    #[arg(long, value_enum, default_value_t)]
    pub format: HistoryFormat,
}

/// A history's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum HistoryFormat {
    /// Everything.
    #[default]
    Json,
    /// The figures alone.
    Csv,
}

/// What of a history may be shown, each with what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Shown {
    /// Nothing at all.
    Nothing,
    /// Figures without any name.
    Figures,
    /// Names as well.
    Names,
    /// Words of events and reasons as well, cleaned.
    #[default]
    Words,
}
