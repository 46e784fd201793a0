//! What can be typed after `plimsoll analyst prove`, `proposals`, `approve` and `reject`.

use super::{Installation, Output};
use clap::Args;
use std::path::PathBuf;

/// `plimsoll analyst prove`.
#[derive(Debug, Args)]
pub struct AnalystProve {
    /// A proposal as JSON (`plimsoll schema proposal`). Without one, the part of the history that a proposer may see is
    /// diagnosed by rules, and what that proposes is proved.
    pub proposal: Option<PathBuf>,
    /// The history to prove on: JSON (`plimsoll schema history`), or CSV by its ending.
    #[arg(long, value_name = "FILE", required_unless_present = "scenario", conflicts_with = "scenario")]
    pub history: Option<PathBuf>,
    /// A scenario of the twin instead, by number, with the spec that it ran under.
    #[arg(long, value_name = "N")]
    pub scenario: Option<u32>,
    /// The spec with the policy in force.
    #[arg(long, value_name = "FILE", required_unless_present = "scenario", conflicts_with = "scenario")]
    pub spec: Option<PathBuf>,
    /// The service, where the spec has several.
    #[arg(long, value_name = "NAME", conflicts_with = "scenario")]
    pub service: Option<String>,
    /// Trace time up to which the proposer has seen the history, milliseconds since the epoch; the first 60 % if left out.
    #[arg(long, value_name = "MS")]
    pub seen_until: Option<i64>,
    /// Proposals that were proved on this history before: who asks often must be surer.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub asked: u32,
    /// Mixed into the draws of the stresses, so that nobody can aim at them.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub salt: u64,
    /// Most steps of the controller that one proof may take.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub steps_max: u64,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll analyst proposals`.
#[derive(Debug, Args)]
pub struct AnalystProposals {
    /// One proposal, with its verdict; all if left out.
    pub id: Option<String>,
    /// Which installation.
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// `plimsoll analyst approve` and `reject`.
#[derive(Debug, Args)]
pub struct AnalystAnswer {
    /// The proposal, as `plimsoll analyst proposals` lists it.
    pub id: String,
    /// Who says so; the user's name if left out.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// Which installation.
    #[command(flatten)]
    pub installation: Installation,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}
