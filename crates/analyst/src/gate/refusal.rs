//! Why a proposal is not accepted: one typed reason each, with its numbers.

use serde::Serialize;

/// A reason.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Refusal {
    /// Not the JSON of a proposal.
    #[error("it is no proposal (`plimsoll schema proposal` says what one is): {why}")]
    Unreadable {
        /// What the reader said.
        why: String,
    },
    /// Longer than anything sensible.
    #[error("{field} is {length} long, and may be {most}")]
    TooLong {
        /// Which.
        field: &'static str,
        /// How long.
        length: usize,
        /// The most.
        most: usize,
    },
    /// A number that is none, or out of range.
    #[error("{field} is {value}, and must be {range}")]
    Number {
        /// Which.
        field: &'static str,
        /// As text, because JSON has no word for what is no number.
        value: String,
        /// What may be.
        range: &'static str,
    },
    /// Nothing would change.
    #[error("it changes nothing, so there is nothing to prove")]
    NoChange,
    /// The claim is missing.
    #[error("{field} is missing: what changes something says what that improves")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// Not for this service.
    #[error("it is for service {proposed}, and the history is of {known}")]
    Service {
        /// The proposal's.
        proposed: String,
        /// The history's.
        known: String,
    },
    /// Too late.
    #[error("it expired at {expires_ms}, and it is {now_ms} (ms)")]
    Expired {
        /// When.
        expires_ms: i64,
        /// Now.
        now_ms: i64,
    },
    /// One field twice.
    #[error("{field} is changed twice")]
    Twice {
        /// Which.
        field: &'static str,
    },
    /// It does not fit the spec.
    #[error("it does not fit the spec: {why}")]
    Misfit {
        /// How.
        why: String,
    },
    /// The spec with it would be refused.
    #[error("the spec with it is refused: {why}")]
    Invalid {
        /// What the spec's own rules say.
        why: String,
    },
    /// The operator did not allow it.
    #[error("{field} would be {value}, outside the operator's envelope: {bound}")]
    Envelope {
        /// Which.
        field: &'static str,
        /// What it would be.
        value: u32,
        /// What is allowed.
        bound: String,
    },
    /// The operator did not allow this field.
    #[error("{field} is not in the operator's envelope, which allows {allowed}")]
    Field {
        /// Which.
        field: &'static str,
        /// Those that are.
        allowed: String,
    },
    /// The twin cannot judge it.
    #[error("{field} cannot be proved: {why}")]
    NotProvable {
        /// Which.
        field: String,
        /// Why.
        why: String,
    },
    /// The history does not say enough.
    #[error("the history does not say enough: {why}")]
    History {
        /// What is missing.
        why: String,
    },
    /// More work than a proof may take.
    #[error("a proof would take {steps} steps, and may take {most}")]
    Budget {
        /// How many.
        steps: u64,
        /// The most.
        most: u64,
    },
    /// It is not cheaper on the history that was held out.
    #[error(
        "on history that it has not seen it costs {ratio:.3} of {than} ({low:.3} to {high:.3}), and must be below 1"
    )]
    NotCheaper {
        /// Than what.
        than: String,
        /// Price over price.
        ratio: f64,
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// A figure is worse on the history that was held out.
    #[error(
        "on history that it has not seen {figure} is {proposal:.3} against {reference:.3} of {than}: up to {high:.3} worse, and {margin:.3} may be"
    )]
    Worse {
        /// Which figure.
        figure: &'static str,
        /// Than what.
        than: String,
        /// The proposal's.
        proposal: f64,
        /// The other's.
        reference: f64,
        /// Upper end of the difference.
        high: f64,
        /// What may be.
        margin: f64,
    },
    /// A figure is worse in a stress.
    #[error(
        "in {stress} {figure} is {proposal:.3}, and {allowed:.3} is allowed (incumbent {incumbent:.3}, standard {standard:.3})"
    )]
    Stress {
        /// Which stress.
        stress: String,
        /// Which figure.
        figure: &'static str,
        /// The proposal's.
        proposal: f64,
        /// The incumbent's.
        incumbent: f64,
        /// The standard's.
        standard: f64,
        /// What is allowed.
        allowed: f64,
    },
    /// It pays without measure in stress.
    #[error("in {stress} its price is {proposal:.3} core hours, and {allowed:.3} are allowed")]
    Runaway {
        /// Which stress.
        stress: String,
        /// The proposal's.
        proposal: f64,
        /// What is allowed.
        allowed: f64,
    },
}

impl Refusal {
    /// Which stage refused.
    #[must_use]
    pub const fn stage(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::TooLong { .. } | Self::Number { .. } | Self::Missing { .. } => "schema",
            Self::NoChange
            | Self::Service { .. }
            | Self::Expired { .. }
            | Self::Twice { .. }
            | Self::Misfit { .. }
            | Self::Invalid { .. } => "invariants",
            Self::Envelope { .. } | Self::Field { .. } => "envelope",
            Self::NotProvable { .. } | Self::History { .. } | Self::Budget { .. } => "provable",
            Self::NotCheaper { .. } => "price",
            Self::Worse { .. } => "held-out history",
            Self::Stress { .. } | Self::Runaway { .. } => "stress",
        }
    }
}
