//! The terms on which proposals are judged. They are part of a verdict, so that a proof can be run again.

use serde::{Deserialize, Serialize};

/// What may be proposed for a service without asking anybody: set by its operator, in the spec.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Envelope {
    /// `replicas.min` stays at this or above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas_least: Option<u32>,
    /// `replicas.max` stays at this or below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas_most: Option<u32>,
    /// Fields that may be changed, as in the spec file; empty is all that may be proposed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// By how much a figure may be worse, in its own unit. Nothing can be measured to zero: a policy that is not the same has
/// figures that are not the same.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margins {
    /// Percentage points of requests above what ready replicas may carry.
    pub shortage_pct: f64,
    /// Percentage points of requests above all that they can carry.
    pub overload_pct: f64,
    /// Percentage points of time with fewer replicas than needed.
    pub short_time_pct: f64,
    /// Changes of direction per hundred steps.
    pub turns_per_100: f64,
}

/// How a proposal is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Trace time up to which the proposer has seen the history, ms since the epoch; none is the first 60 % of it.
    pub seen_until_ms: Option<i64>,
    /// Price of a missing replica over that of one that is paid for.
    pub missing_price: u32,
    /// Price of one more start, in seconds of a replica.
    pub start_price_s: u32,
    /// Margins on the history that was held out, for the upper end of the paired interval.
    pub margins: Margins,
    /// Margins in each stress, for the figure itself.
    pub stress_margins: Margins,
    /// Two-sided confidence of the intervals for the first proposal, thousandths. What is left is divided by how many were
    /// asked: who asks a thousand times must be a thousand times as sure.
    pub confidence_permille: u32,
    /// Proposals that were judged on this history before.
    pub asked: u32,
    /// Draws of a bootstrap.
    pub resamples: u32,
    /// Most steps of the controller that one proof may take, comparisons included.
    pub steps_max: u64,
    /// Most samples of a history that are used, the newest ones.
    pub samples_max: usize,
    /// Trace time of the proof, ms since the epoch, to tell what has expired; none does not ask.
    pub now_ms: Option<i64>,
    /// What the operator allows; none allows all that can be proposed.
    pub envelope: Option<Envelope>,
    /// Chosen by whoever judges and mixed into every draw. A proposer does not know it.
    pub salt: u64,
}

impl Default for Terms {
    fn default() -> Self {
        let margins = Margins { shortage_pct: 0.25, overload_pct: 0.15, short_time_pct: 2.0, turns_per_100: 12.0 };
        let stress_margins = Margins { shortage_pct: 1.0, overload_pct: 0.5, short_time_pct: 5.0, turns_per_100: 20.0 };
        Self {
            seen_until_ms: None,
            missing_price: 20,
            start_price_s: 30,
            margins,
            stress_margins,
            confidence_permille: 950,
            asked: 0,
            resamples: 1_000,
            steps_max: 200_000,
            samples_max: 4_000,
            now_ms: None,
            envelope: None,
            salt: 0,
        }
    }
}

impl Terms {
    /// The confidence that is asked of this proposal.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        let left = 1.0 - f64::from(self.confidence_permille.min(999)) / 1_000.0;
        1.0 - left / (1.0 + f64::from(self.asked))
    }
}
