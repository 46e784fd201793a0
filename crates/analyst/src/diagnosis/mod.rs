//! Rules over features: what is the matter, how sure that is, and which facts it rests on.
//!
//! A rule is a few conditions. Each is graded from 0 (does not hold) to 1 (holds beyond doubt), the least grade is the rule's
//! confidence, and from a half on it is named. A grade's two ends are chosen on the seen half of the scenarios
//! ([`crate::scenario`]); the other half was never looked at. What has a cause among the others is not named twice: memory
//! that fills because CPU is short is no lack of memory ([`rules`]).
//!
//! Naming nothing is an answer: of a service with which nothing is wrong, and of one of which too little is known. The two
//! are told apart ([`Verdict`]).

mod cause;
mod rules;

pub use cause::Cause;

use crate::features::Features;
use serde::{Deserialize, Serialize};

/// Least confidence that is named.
pub const CONFIDENCE_MIN: f64 = 0.5;
/// With more of its samples without a load than this, a history says nothing.
const GAPS_MAX: f64 = 0.5;

/// One thing that may be the matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// What.
    pub cause: Cause,
    /// How sure, 0 to 1: the least grade of its conditions. A grade is no probability; how often each cause is right is what
    /// the evaluation measures.
    pub confidence: f64,
    /// Ids of the facts that it rests on.
    pub evidence: Vec<String>,
}

/// What a diagnosis comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Something is named.
    Causes,
    /// Nothing is wrong that a rule knows.
    NoFault,
    /// Too little was measured to say.
    Abstained,
}

/// A diagnosis: the surest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What it comes to.
    pub verdict: Verdict,
    /// What is named.
    pub hypotheses: Vec<Hypothesis>,
    /// Figures without which some rules could not be asked, by name.
    pub missing: Vec<String>,
}

impl Diagnosis {
    /// The causes named, the surest first.
    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        self.hypotheses.iter().map(|hypothesis| hypothesis.cause).collect()
    }
}

/// Diagnoses.
#[must_use]
pub fn diagnose(features: &Features) -> Diagnosis {
    let missing = [
        ("load", features.load.is_none()),
        ("cpu", features.cpu.is_none()),
        ("memory", features.memory.is_none()),
        ("latency", features.latency.is_none()),
        ("replicas", features.scaling.is_none()),
        ("host", features.host.is_none()),
        ("disk", features.disk.is_none()),
    ];
    let missing: Vec<String> =
        missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name.to_owned()).collect();
    if features.load.is_none() || features.gaps > GAPS_MAX {
        return Diagnosis { verdict: Verdict::Abstained, hypotheses: Vec::new(), missing };
    }
    let mut hypotheses = rules::all(features);
    hypotheses.retain(|hypothesis| hypothesis.confidence >= CONFIDENCE_MIN);
    hypotheses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.cause.cmp(&b.cause)));
    let verdict = if hypotheses.is_empty() { Verdict::NoFault } else { Verdict::Causes };
    Diagnosis { verdict, hypotheses, missing }
}
