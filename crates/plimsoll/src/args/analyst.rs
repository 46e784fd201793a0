//! What can be typed after `plimsoll analyst`.
//!
//! A key is named by its variable or file and never typed: what is typed can be read by everybody on the machine.

use super::gate::{AnalystAnswer, AnalystProposals, AnalystProve};
use super::{Installation, Output};
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
    /// Show what the analyst of a running installation last found in a service: why it looked, what rules and model said, and the
    /// facts.
    Findings(AnalystFindings),
    /// Score the diagnosis on scenarios that the twin makes, whose cause is known.
    Eval(AnalystEval),
    /// Print the history of a scenario, as a file that the other verbs read.
    Scenario(AnalystScenario),
    /// Prove a proposal in the twin: on history that it has not seen and under stress, against the policy in force and the
    /// standard ones. Ends with 0 where it is accepted and 3 where it is refused.
    Prove(AnalystProve),
    /// List the proposals of a running installation with their verdicts.
    Proposals(AnalystProposals),
    /// Let a proved proposal of a running installation come into force, on trial first.
    Approve(AnalystAnswer),
    /// Reject a proposal of a running installation, or take back one that is in force.
    Reject(AnalystAnswer),
    /// List the models that an endpoint has.
    Models(AnalystModels),
    /// Ask a model some questions and say how many of its answers hold, how long they take and what they cost.
    Test(AnalystTest),
    /// Add an incident to a memory of past incidents, which `diagnose --with retrieval` asks.
    Remember(AnalystRemember),
}

/// A language model behind an endpoint that speaks OpenAI's chat completions.
#[derive(Debug, Args)]
pub struct ModelOf {
    /// Base URL of the API, as `http://127.0.0.1:8080/v1`, or `local:FILE` for a GGUF model in this process. A key goes only to this
    /// machine or over https.
    #[arg(long, value_name = "URL", env = "PLIMSOLL_MODEL_ENDPOINT")]
    pub endpoint: Option<String>,
    /// The model's name there (`plimsoll analyst models` lists them).
    #[arg(long, value_name = "NAME", env = "PLIMSOLL_MODEL", default_value = "default")]
    pub model: String,
    /// The environment variable that holds the key.
    #[arg(long, value_name = "VAR", conflicts_with = "key_file")]
    pub key_env: Option<String>,
    /// The file that holds the key.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Longest wait for one answer, seconds.
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub deadline: u64,
    /// Most tokens of evidence: 2000 for a large model, 256 for a small one.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(64..=1_000_000))]
    pub tokens: u32,
    /// Most tokens of an answer.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=100_000))]
    pub answer_tokens: u32,
    /// Most tokens in all, read and written. A question that might take more is not sent.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub tokens_max: u64,
    /// Price of a million tokens read, in any currency; with a price, --money-max is needed.
    #[arg(long, value_name = "PRICE", default_value_t = 0.0, value_parser = money, requires = "money_max")]
    pub price_read: f64,
    /// Price of a million tokens written.
    #[arg(long, value_name = "PRICE", default_value_t = 0.0, value_parser = money, requires = "money_max")]
    pub price_written: f64,
    /// Most money in all. A question that might cost more is not sent.
    #[arg(long, value_name = "SUM", value_parser = money)]
    pub money_max: Option<f64>,
    /// The most that the model may be shown; if left out, words of events to one on this machine, and names as pseudonyms
    /// without any words to one elsewhere.
    #[arg(long, value_enum)]
    pub show_model: Option<Shown>,
}

/// A sum of money, 0 to a million.
fn money(text: &str) -> Result<f64, String> {
    let sum: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1e6).contains(&sum) { Ok(sum) } else { Err(format!("{sum} is not 0 to 1000000")) }
}

/// `plimsoll analyst models`.
#[derive(Debug, Args)]
pub struct AnalystModels {
    /// Where.
    #[command(flatten)]
    pub of: ModelOf,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll analyst test`.
#[derive(Debug, Args)]
pub struct AnalystTest {
    /// Which model.
    #[command(flatten)]
    pub of: ModelOf,
    /// Questions: about scenarios of the seen half, spread evenly.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=260))]
    pub questions: u32,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
    /// No progress bar.
    #[arg(long, short)]
    pub quiet: bool,
}

/// `plimsoll analyst remember`.
#[derive(Debug, Args)]
pub struct AnalystRemember {
    /// Which history.
    #[command(flatten)]
    pub of: HistoryOf,
    /// The memory; it is made if there is none.
    #[arg(long, value_name = "FILE")]
    pub memory: PathBuf,
    /// What the incident is called; an incident of that name is replaced.
    #[arg(long, value_name = "NAME")]
    pub id: String,
    /// What it turned out to be, as `diagnose` calls it; may be given twice. None is no fault.
    #[arg(long, value_name = "CAUSE")]
    pub cause: Vec<String>,
    /// What came of what was done.
    #[arg(long, value_enum, default_value_t)]
    pub outcome: Came,
}

/// What came of what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Came {
    /// Nobody knows.
    #[default]
    Unknown,
    /// It helped.
    Helped,
    /// It did not help.
    DidNotHelp,
    /// It was taken back.
    RolledBack,
}

/// A rung of the ladder above the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum With {
    /// Trees taught by the twin.
    Classifier,
    /// Past incidents of --memory that were alike.
    Retrieval,
    /// The language model at --endpoint.
    Model,
}

/// Where a history comes from.
#[derive(Debug, Args)]
pub struct HistoryOf {
    /// A recorded history: JSON (`plimsoll schema history`), or CSV with the same figures as columns, by its ending. See
    /// docs/analyst.md.
    #[arg(required_unless_present_any = ["scenario", "live"], conflicts_with = "scenario")]
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
    /// What a running installation has recorded of this service instead.
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["file", "scenario", "spec", "service"])]
    pub live: Option<String>,
    /// Which installation.
    #[command(flatten)]
    pub installation: Installation,
}

/// `plimsoll analyst findings`.
#[derive(Debug, Args)]
pub struct AnalystFindings {
    /// The service.
    pub service: String,
    /// Which installation.
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
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
    /// Rungs of the ladder to ask beside the rules, separated by commas. They add; what the rules say stays.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub with: Vec<With>,
    /// Past incidents, for `--with retrieval` (`plimsoll analyst remember` writes them).
    #[arg(long, value_name = "FILE")]
    pub memory: Option<PathBuf>,
    /// The model, for `--with model`.
    #[command(flatten)]
    pub model: ModelOf,
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
    /// Score also recorded series in which people marked what is out of the ordinary: the Numenta Anomaly Benchmark and
    /// Microsoft's cloud telemetry, read below `PLIMSOLL_DATA`.
    #[arg(long)]
    pub recorded: bool,
    /// A model to be scored as well, on a fixed sample of 60 scenarios.
    #[command(flatten)]
    pub model: ModelOf,
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
    /// The spec that it ran under.
    Spec,
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
