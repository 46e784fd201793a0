//! What to change: a typed patch of the policy, what it should improve, the facts it rests on, until when it holds and what
//! takes it back.
//!
//! A proposal is a value. Nothing here applies one to anything that runs: [`Proposal::applied`] gives the spec as it would
//! be, for the twin to judge and for a person to approve. Where no policy would help, there is a proposal without changes
//! that says so, because "do not scale" is worth saying, too.

mod advice;
mod change;
mod told;

pub use advice::propose;
pub use change::{Change, Proof};

use crate::diagnosis::Cause;
use plimsoll_model::spec::ServiceSpec;
use serde::{Deserialize, Serialize};

/// What should become better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Which figure, by the id of its fact and its name.
    pub figure: String,
    /// Its value now, from that fact.
    pub now: f64,
    /// Its value to be expected at most.
    pub then: f64,
    /// What it may cost, or what may go wrong.
    pub risk: String,
}

/// What takes it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// Which figure.
    pub figure: String,
    /// Above this value
    pub above: f64,
    /// for so many seconds of trace time.
    pub for_s: f64,
}

/// A proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// For which service.
    pub service: String,
    /// Against what.
    pub cause: Cause,
    /// What to change; nothing where no policy helps.
    pub changes: Vec<Change>,
    /// What that should improve; none without changes.
    pub claim: Option<Claim>,
    /// Ids of the facts it rests on.
    pub evidence: Vec<String>,
    /// How sure the diagnosis is.
    pub confidence: f64,
    /// Trace time at which it is void, milliseconds since the epoch.
    pub expires_ms: i64,
    /// What takes it back; none without changes.
    pub rollback: Option<Rollback>,
    /// What a person should do or know.
    pub advice: String,
}

/// Why a proposal does not fit a spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// The spec has changed meanwhile.
    #[error("{field} is {found}, and the proposal was made for {expected}")]
    Stale {
        /// Which.
        field: &'static str,
        /// What the spec has.
        found: u64,
        /// What the proposal knew.
        expected: u64,
    },
    /// The spec has changed meanwhile.
    #[error("{field} would replace {expected}, and there is {found}")]
    Replaced {
        /// Which.
        field: &'static str,
        /// What the spec has.
        found: String,
        /// What the proposal knew.
        expected: String,
    },
    /// It is no formula, or nobody can prove it.
    #[error("scaling.formula: {why}")]
    Formula {
        /// What is wrong with it.
        why: String,
    },
    /// What it asks for cannot be.
    #[error("{field} would be {value}, and must be {range}")]
    Range {
        /// Which.
        field: &'static str,
        /// What it would be.
        value: u64,
        /// What may be.
        range: &'static str,
    },
}

impl Proposal {
    /// The spec with its changes.
    ///
    /// # Errors
    /// [`ProposalError`] where the spec is not the one it was made for, or would make no sense.
    pub fn applied(&self, spec: &ServiceSpec) -> Result<ServiceSpec, ProposalError> {
        let mut spec = spec.clone();
        for change in &self.changes {
            change.apply(&mut spec)?;
        }
        if spec.replicas_min > spec.replicas_max {
            let (value, range) = (u64::from(spec.replicas_min), "at most replicas.max");
            return Err(ProposalError::Range { field: "replicas.min", value, range });
        }
        if let Some(limit) = spec.limits.cpu.filter(|limit| *limit < spec.requests.cpu) {
            return Err(ProposalError::Range { field: "limits.cpu", value: limit.0, range: "at least requests.cpu" });
        }
        Ok(spec)
    }
}
