//! A proposal as the daemon keeps it: with its verdict, what became of it, and what is needed to put it in force.

use plimsoll_analyst::{Occasion, Proposal};
use plimsoll_model::proposed::{PolicyPatch, ProposalTurn};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a proposal is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The gate refused it.
    Refused,
    /// The gate accepted it; a person has to say so as well.
    Waiting,
    /// It is followed as if it were in force.
    Shadow,
    /// In force, on trial.
    OnTrial,
    /// In force.
    InForce,
    /// What was watched burnt.
    RolledBack,
    /// Its time is over.
    Expired,
    /// Somebody took it back.
    Withdrawn,
    /// Somebody said no.
    Rejected,
    /// The policy beneath it changed.
    Overtaken,
}

impl Stage {
    /// Whether it stands above the spec's own policy.
    pub const fn stands(self) -> bool {
        matches!(self, Self::OnTrial | Self::InForce)
    }

    /// Whether it may still come into force.
    pub const fn may_come(self) -> bool {
        matches!(self, Self::Waiting | Self::Shadow)
    }

    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Waiting => "waiting",
            Self::Shadow => "shadow",
            Self::OnTrial => "on-trial",
            Self::InForce => "in-force",
            Self::RolledBack => "rolled-back",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Rejected => "rejected",
            Self::Overtaken => "overtaken",
        }
    }
}

/// One proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its id: of the proposal and the evidence, so that the same one is known again.
    pub id: String,
    /// For which service.
    pub service: String,
    /// Where it is.
    pub state: Stage,
    /// In words.
    pub about: String,
    /// Whose it is: `rules`, or a model's name. Of an earlier release, nobody's.
    #[serde(default)]
    pub by: String,
    /// Why anybody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occasion: Option<Occasion>,
    /// When it was made, trace time.
    pub made_at_ms: i64,
    /// The proposal.
    pub proposal: Proposal,
    /// What the gate says.
    pub verdict: Value,
    /// Fingerprint of the evidence.
    pub evidence: String,
    /// Fingerprint of the verdict.
    pub verdict_hash: String,
    /// What it would set; none where the gate did not get that far, or where it would resize replicas.
    pub patch: Option<PolicyPatch>,
    /// What it was proved over.
    pub base: PolicyPatch,
    /// What became of it, oldest first.
    pub course: Vec<String>,
}

impl Kept {
    /// Takes down what the controller made of it.
    pub fn turned(&mut self, at: &str, turned: &ProposalTurn) {
        self.state = match turned {
            ProposalTurn::Applied { .. } => Stage::OnTrial,
            ProposalTurn::Promoted { .. } => Stage::InForce,
            ProposalTurn::RolledBack { .. } => Stage::RolledBack,
            ProposalTurn::Expired { .. } => Stage::Expired,
            ProposalTurn::Withdrawn { .. } => Stage::Withdrawn,
            ProposalTurn::Overtaken { .. } => Stage::Overtaken,
        };
        self.note(format!("{at} {turned}"));
    }

    /// Takes a line down; the newest are kept.
    pub fn note(&mut self, line: String) {
        self.course.push(line);
        if self.course.len() > COURSE_MAX {
            self.course.remove(0);
        }
    }
}

/// Most lines of a course.
const COURSE_MAX: usize = 50;
