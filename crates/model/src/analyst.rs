//! What an operator lets the analyst do: look, say, follow, or act within an envelope.

use crate::quantity::{Millis, Permille};
use serde::{Deserialize, Serialize};

/// What becomes of what the analyst proposes for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnalystMode {
    /// Nothing is looked at.
    Off,
    /// It proposes and proves; a person approves.
    #[default]
    Advise,
    /// What would have been put in force is followed and told, and nothing is done.
    Shadow,
    /// What is proved and lies in the envelope comes into force by itself, on trial first.
    Auto,
}

/// How the analyst works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalystSpec {
    /// Trace time from one look at a service to the next.
    pub every: Millis,
    /// Newest samples that are looked at, one per tick.
    pub samples: u32,
    /// Most steps of the controller that one proof may take.
    pub steps_max: u64,
    /// A language model that is asked beside the rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelSpec>,
    /// A search for formulas in the background; none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evolve: Option<EvolveSpec>,
}

/// What starts a search for a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchOn {
    /// A service's turn.
    Schedule,
    /// A figure that is far from what it was.
    Drift,
    /// More failures than may be.
    Burn,
}

impl SearchOn {
    /// All.
    pub const ALL: [Self; 3] = [Self::Schedule, Self::Drift, Self::Burn];

    /// In the word of a spec.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Drift => "drift",
            Self::Burn => "burn",
        }
    }

    /// By that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|on| on.word() == word)
    }
}

/// A search for formulas of replicas in the background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvolveSpec {
    /// Trace time from one search for a service to the next.
    pub every: Millis,
    /// CPU time that all searches may take in a day, physical.
    pub cpu: Millis,
    /// What starts one.
    pub on: Vec<SearchOn>,
}

/// Where the key of a model's endpoint is found. The key itself stands in no spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// In this variable of the daemon's environment.
    Env(String),
    /// In this file.
    File(String),
}

/// The most that a model may be shown of a service, each with what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelShown {
    /// Nothing: it is never asked.
    Nothing,
    /// Figures without any name.
    Figures,
    /// Names too.
    Names,
    /// Words of events and reasons too, cleaned.
    Words,
}

/// What stands before the file of a model in the process, where others have a URL.
pub const LOCAL: &str = "local:";

/// A language model behind an endpoint that speaks OpenAI's chat completions, or in the process, and the bounds of what is done with
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// Base URL of its API; or [`LOCAL`] and the whole path of a GGUF file.
    pub endpoint: String,
    /// Its name there.
    pub name: String,
    /// Where its key is found; none is sent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyPlace>,
    /// What it may be shown.
    pub show: ModelShown,
    /// Names are shown as pseudonyms.
    pub pseudonyms: bool,
    /// Bound of one answer, physical time.
    pub timeout: Millis,
    /// Most tokens of evidence.
    pub evidence_tokens: u32,
    /// Most tokens of an answer.
    pub answer_tokens: u32,
    /// Most tokens a day, read and written.
    pub tokens_day: u64,
    /// Most requests a day.
    pub requests_day: u64,
    /// Price of a million tokens read, thousandths of the currency's unit.
    pub price_read: Permille,
    /// Price of a million tokens written, thousandths.
    pub price_written: Permille,
    /// Most money a day, thousandths.
    pub money_day: Permille,
    /// Failures in a row after which it is left alone for a while.
    pub failures: u32,
    /// The first such while, physical time; each further one is twice as long.
    pub pause: Millis,
}

impl ModelSpec {
    /// What it is called where nobody named it: servers of one model take any name.
    pub const UNNAMED: &'static str = "default";

    /// The file of a model in the process; none where it is behind a URL.
    #[must_use]
    pub fn file(&self) -> Option<&str> {
        self.endpoint.strip_prefix(LOCAL)
    }
}

impl Default for AnalystSpec {
    /// What a journal of an earlier release means, which has none.
    fn default() -> Self {
        Self { every: Millis(3_600_000), samples: 2_000, steps_max: 200_000, model: None, evolve: None }
    }
}

/// What the analyst may do about one service. Trace time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAnalyst {
    /// What becomes of what it proposes.
    pub mode: AnalystMode,
    /// A proposal is on trial for so long.
    pub trial: Millis,
    /// A proposal stands for so long at most.
    pub stands: Millis,
    /// A larger share of failed requests takes it back.
    pub failed_max: Permille,
    /// What is watched takes it back after burning for so long.
    pub burn: Millis,
    /// The envelope: fewest replicas that `replicas.min` may become.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas_least: Option<u32>,
    /// The envelope: most replicas that `replicas.max` may become.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas_most: Option<u32>,
}

impl Default for ServiceAnalyst {
    /// What a journal of an earlier release means, which has none.
    fn default() -> Self {
        Self {
            mode: AnalystMode::Advise,
            trial: Millis(1_800_000),
            stands: Millis(604_800_000),
            failed_max: Permille(10),
            burn: Millis(120_000),
            replicas_least: None,
            replicas_most: None,
        }
    }
}
