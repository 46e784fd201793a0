//! What one rung says.

use crate::diagnosis::{Cause, Diagnosis, Hypothesis, Verdict};
use crate::proposal::Proposal;
use serde::{Deserialize, Serialize};

/// A rung, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// Rules and statistics ([`crate::diagnosis`]).
    Rules,
    /// Trees taught by the twin ([`crate::classifier`]).
    Classifier,
    /// Past incidents that were alike ([`crate::retrieval`]).
    Retrieval,
    /// A language model ([`crate::prompt`]).
    Model,
}

impl Rung {
    /// All, the lowest first.
    pub const ALL: [Self; 4] = [Self::Rules, Self::Classifier, Self::Retrieval, Self::Model];

    /// Its name, as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Classifier => "classifier",
            Self::Retrieval => "retrieval",
            Self::Model => "model",
        }
    }
}

impl std::fmt::Display for Rung {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// What an opinion comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Something is named.
    Causes,
    /// Nothing is the matter.
    NoFault,
    /// It cannot say.
    Abstained,
    /// It was asked and gave nothing that holds.
    Failed,
}

impl Outcome {
    /// It says something of the service.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Causes | Self::NoFault)
    }
}

/// A hypothesis that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// What it named.
    pub cause: Cause,
    /// Why it was not taken.
    pub why: String,
}

/// What one rung says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// Which rung.
    pub rung: Rung,
    /// Whose answer: a model's name, the hash of weights, how many incidents.
    pub by: String,
    /// What it comes to.
    pub outcome: Outcome,
    /// What it names, the surest first.
    pub hypotheses: Vec<Hypothesis>,
    /// What it would change. None of it has been proved.
    pub proposals: Vec<Proposal>,
    /// What was named and not taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
    /// Why it abstained or failed, or what else is to be known; one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Opinion {
    /// One that names these, or finds no fault where there are none.
    #[must_use]
    pub fn of(rung: Rung, by: &str, hypotheses: Vec<Hypothesis>) -> Self {
        let outcome = if hypotheses.is_empty() { Outcome::NoFault } else { Outcome::Causes };
        let (proposals, refused, note) = (Vec::new(), Vec::new(), String::new());
        Self { rung, by: by.to_owned(), outcome, hypotheses, proposals, refused, note }
    }

    /// One that cannot say.
    #[must_use]
    pub fn abstained(rung: Rung, by: &str, why: &str) -> Self {
        Self { outcome: Outcome::Abstained, note: why.to_owned(), ..Self::of(rung, by, Vec::new()) }
    }

    /// One that gave nothing that holds.
    #[must_use]
    pub fn failed(rung: Rung, by: &str, why: &str) -> Self {
        Self { outcome: Outcome::Failed, note: why.to_owned(), ..Self::of(rung, by, Vec::new()) }
    }

    pub(super) fn of_rules(diagnosis: &Diagnosis, proposals: Vec<Proposal>) -> Self {
        let outcome = match diagnosis.verdict {
            Verdict::Causes => Outcome::Causes,
            Verdict::NoFault => Outcome::NoFault,
            Verdict::Abstained => Outcome::Abstained,
        };
        Self { outcome, proposals, ..Self::of(Rung::Rules, "rules", diagnosis.hypotheses.clone()) }
    }

    /// Whether it names a cause.
    #[must_use]
    pub fn names(&self, cause: Cause) -> bool {
        self.hypotheses.iter().any(|hypothesis| hypothesis.cause == cause)
    }

    /// The same without ids of facts that there are not, hypotheses that are left without any, and what is named twice.
    pub(super) fn checked(mut self, is_fact: impl Fn(&str) -> bool) -> Self {
        let mut kept: Vec<Hypothesis> = Vec::new();
        for mut hypothesis in std::mem::take(&mut self.hypotheses) {
            hypothesis.evidence.retain(|id| is_fact(id));
            let why = if hypothesis.evidence.is_empty() {
                "it cites no fact that there is"
            } else if kept.iter().any(|known| known.cause == hypothesis.cause) {
                "it is named twice"
            } else {
                let sure = hypothesis.confidence;
                hypothesis.confidence = if sure.is_finite() { sure.clamp(0.0, 1.0) } else { 0.0 };
                kept.push(hypothesis);
                continue;
            };
            self.refused.push(Refused { cause: hypothesis.cause, why: why.to_owned() });
        }
        self.hypotheses = kept;
        if self.outcome == Outcome::Causes && self.hypotheses.is_empty() {
            self.outcome = Outcome::Failed;
            self.note = "nothing that it names rests on a fact".to_owned();
        } else if !self.hypotheses.is_empty() {
            self.outcome = Outcome::Causes;
        }
        let named: Vec<Cause> = self.hypotheses.iter().map(|hypothesis| hypothesis.cause).collect();
        self.proposals.retain(|proposal| named.contains(&proposal.cause));
        self
    }
}
