//! A proved proposal in force for one service: what it changes, who let it, what is watched, and what ends it.
//!
//! The patch holds bounds and scaling and nothing else: no command, size, sandbox or secret can be changed by one, whoever
//! wrote it. It stands until it expires, is taken back, burns what is watched, or the operator changes the policy beneath it.

use crate::quantity::{Micros, Millis, Permille, Timestamp};
use crate::spec::{ScalingSpec, ServiceSpec};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest id of a proposal, bytes.
pub const PROPOSAL_ID_MAX: usize = 64;

/// What of a service a proposal may set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPatch {
    /// Fewest replicas.
    pub replicas_min: u32,
    /// Most replicas.
    pub replicas_max: u32,
    /// How many there should be.
    pub scaling: ScalingSpec,
}

impl PolicyPatch {
    /// What a service has.
    #[must_use]
    pub fn of(service: &ServiceSpec) -> Self {
        let ServiceSpec { replicas_min, replicas_max, scaling, .. } = service;
        Self { replicas_min: *replicas_min, replicas_max: *replicas_max, scaling: scaling.clone() }
    }

    /// Gives it to a service.
    pub fn put(&self, service: &mut ServiceSpec) {
        (service.replicas_min, service.replicas_max) = (self.replicas_min, self.replicas_max);
        service.scaling = self.scaling.clone();
    }
}

/// What takes a proposal back while it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Slower than this for 99 % is a burn; none does not look at latency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p99_max: Option<Micros>,
    /// A larger share of failed requests is a burn.
    pub failed_max: Permille,
    /// A burn that lasts so long, trace time, takes it back.
    pub lasting: Millis,
}

/// A proposal that comes into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingProposal {
    /// Its id.
    pub id: String,
    /// Who let it: a person, or `auto` by the operator's envelope.
    pub by: String,
    /// What it sets.
    pub patch: PolicyPatch,
    /// What the service had when it was proved: it is put in force over this and nothing else.
    pub base: PolicyPatch,
    /// It is on trial until then, trace time.
    pub canary_until: Timestamp,
    /// It is void then.
    pub until: Timestamp,
    /// What is watched.
    pub watched: Watched,
    /// Fingerprint of the evidence: the history it was proved on.
    pub evidence: String,
    /// Fingerprint of the verdict.
    pub verdict: String,
}

/// What is done with a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "hand")]
pub enum ProposalHand {
    /// It comes into force.
    Apply(Box<StandingProposal>),
    /// It is taken back.
    Withdraw {
        /// Which.
        id: String,
        /// By whom.
        by: String,
    },
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "turn")]
pub enum ProposalTurn {
    /// It is in force, on trial.
    Applied {
        /// Which.
        id: String,
        /// Who let it.
        by: String,
        /// On trial until then.
        canary_until: Timestamp,
        /// In force until then at most.
        until: Timestamp,
    },
    /// The trial is over and nothing burnt.
    Promoted {
        /// Which.
        id: String,
    },
    /// What was watched burnt.
    RolledBack {
        /// Which.
        id: String,
        /// 99 % were faster, at the end.
        latency_p99: Micros,
        /// Failed of the requests finished then, thousandths.
        failed: Permille,
        /// What was watched.
        watched: Watched,
        /// Since when it burnt.
        since: Timestamp,
    },
    /// Its time was over.
    Expired {
        /// Which.
        id: String,
    },
    /// Somebody took it back.
    Withdrawn {
        /// Which.
        id: String,
        /// Who.
        by: String,
    },
    /// The operator changed the policy that it stood on.
    Overtaken {
        /// Which.
        id: String,
    },
}

impl ProposalTurn {
    /// Which proposal.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Applied { id, .. }
            | Self::Promoted { id }
            | Self::RolledBack { id, .. }
            | Self::Expired { id }
            | Self::Withdrawn { id, .. }
            | Self::Overtaken { id } => id,
        }
    }
}

impl fmt::Display for ProposalTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied { id, by, canary_until, until } => write!(
                f,
                "the policy is proposal {id}, let by {by}: on trial until {canary_until}, in force until {until} at most"
            ),
            Self::Promoted { id } => write!(f, "proposal {id} has stood its trial and stays"),
            Self::RolledBack { id, latency_p99, failed, watched, since } => {
                write!(f, "proposal {id} is taken back: since {since} 99 % took up to {latency_p99}")?;
                write!(f, " and {failed} failed, and at most ")?;
                if let Some(most) = watched.latency_p99_max {
                    write!(f, "{most} and ")?;
                }
                write!(f, "{} may for {}", watched.failed_max, watched.lasting)
            }
            Self::Expired { id } => write!(f, "proposal {id} is over; the spec's own policy is back"),
            Self::Withdrawn { id, by } => write!(f, "proposal {id} is taken back by {by}"),
            Self::Overtaken { id } => write!(f, "proposal {id} is over: the spec beneath it has changed"),
        }
    }
}
