//! What can be typed after `plimsoll ask`.

use super::{HistoryOf, Installation, Output};
use clap::Args;
use std::path::PathBuf;

/// `plimsoll ask`.
#[derive(Debug, Args)]
pub struct Ask {
    /// The question, in quotes: "why did web scale to 14 at nine?", "what limits web?", "what would make web cheaper?", "what if
    /// Friday brings three times the load?". Times are UTC.
    pub question: String,
    /// A recorded history (JSON, or CSV by its ending). Without one and without --scenario the running installation is asked,
    /// which answers from what it measures and from its journal.
    #[arg(conflicts_with = "scenario")]
    pub file: Option<PathBuf>,
    /// A scenario of the twin instead, by number.
    #[arg(long, value_name = "N")]
    pub scenario: Option<u32>,
    /// The spec that the service ran under, for a file.
    #[arg(long, value_name = "FILE", requires = "file")]
    pub spec: Option<PathBuf>,
    /// The service, where the question does not say which.
    #[arg(long, value_name = "NAME", conflicts_with = "scenario")]
    pub service: Option<String>,
    /// Which installation is asked.
    #[command(flatten)]
    pub installation: Installation,
    /// Print the facts that the answer rests on, too.
    #[arg(long)]
    pub facts: bool,
    /// How results are printed.
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

impl Ask {
    /// The history that was named; none where the running installation is asked.
    #[must_use]
    pub fn of(&self) -> Option<HistoryOf> {
        (self.file.is_some() || self.scenario.is_some()).then(|| HistoryOf {
            file: self.file.clone(),
            scenario: self.scenario,
            spec: self.spec.clone(),
            service: self.service.clone(),
            live: None,
            installation: Installation::here(),
        })
    }
}
