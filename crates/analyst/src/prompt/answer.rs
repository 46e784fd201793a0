//! Reads a model's answer: strictly, by the bounds of the schema that it was given, and by what the facts and the policy say.
//!
//! Nothing is guessed. A field that is missing, unknown or out of bounds, a fact that was not shown, a policy that would make
//! no sense: each is an error that names the place, what stands there and what may. Around the JSON a model may put a block of
//! code marks or its thoughts; both are taken off. Twice the same cause or id counts once.

use super::Prompt;
use super::change::Field;
use super::schema::{CHANGES_MAX, EVIDENCE_MAX, HYPOTHESES_MAX, PERCENT_MAX, RATIONALE_MAX};
use crate::diagnosis::{Cause, Hypothesis};
use crate::history::{Configured, History};
use crate::ladder::{Opinion, Rung};
use crate::proposal::{Change, Claim, Proposal, Rollback};
use serde::{Deserialize, Serialize};

/// Longest answer that is read, bytes.
const BYTES_MAX: usize = 64 * 1_024;
/// Longest part of an answer that a message repeats, characters.
const QUOTE_MAX: usize = 40;
/// A proposal is void after so many windows like the one it was made from.
const WINDOWS: f64 = 2.0;

/// How sure a model says that it is. A word, because a number would look measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    /// It may be.
    Unsure,
    /// More likely than not.
    Likely,
    /// Beyond doubt.
    Sure,
}

impl Sure {
    /// As a hypothesis has it. By convention, and measured by nobody.
    #[must_use]
    pub const fn confidence(self) -> f64 {
        match self {
            Self::Unsure => 0.5,
            Self::Likely => 0.7,
            Self::Sure => 0.9,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    abstain: bool,
    hypotheses: Vec<WrittenHypothesis>,
    rationale: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHypothesis {
    cause: Cause,
    confidence: Sure,
    evidence: Vec<String>,
    /// Must be there, if only as null.
    #[serde(deserialize_with = "Option::deserialize")]
    proposal: Option<WrittenProposal>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenProposal {
    changes: Vec<WrittenChange>,
    claim: WrittenClaim,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenChange {
    field: Field,
    to: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClaim {
    figure: String,
    then_percent: u64,
}

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not the JSON that was asked for.
    #[error("the answer is not the JSON that was asked for: {0}")]
    Json(String),
    /// A list or a text that is too long, or empty.
    #[error("{place} has {found}, and must have {range}")]
    Length {
        /// Where.
        place: String,
        /// How many.
        found: usize,
        /// How many may be.
        range: String,
    },
    /// A fact or figure that was not shown.
    #[error("{place} is {found:?}, which was not shown; it must be one of {allowed}")]
    Unknown {
        /// Where.
        place: String,
        /// What stands there.
        found: String,
        /// What may.
        allowed: String,
    },
    /// A number out of bounds.
    #[error("{place} is {found}, and must be {least} to {most}")]
    Bounds {
        /// Where.
        place: String,
        /// What stands there.
        found: u64,
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
    /// A sign that a rationale must not have.
    #[error("rationale has {0:?}; it may have letters, blanks and , . ; : ( ) ' - only")]
    Rationale(char),
    /// A policy that would make no sense.
    #[error("{place}: {why}")]
    Policy {
        /// Where.
        place: String,
        /// Why.
        why: String,
    },
}

/// An answer that holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// It says that the facts are too few; counts only where it names nothing.
    pub abstains: bool,
    /// What it names, in its order.
    pub hypotheses: Vec<Hypothesis>,
    /// What it would change, by hypothesis. Nothing of it has been proved.
    pub proposals: Vec<Proposal>,
    /// Its own words: letters alone.
    pub rationale: String,
}

impl Reading {
    /// As the opinion of the model of this name.
    #[must_use]
    pub fn into_opinion(self, by: &str) -> Opinion {
        if self.hypotheses.is_empty() && self.abstains {
            return Opinion::abstained(Rung::Model, by, &self.rationale);
        }
        let opinion = Opinion::of(Rung::Model, by, self.hypotheses);
        Opinion { proposals: self.proposals, note: self.rationale, ..opinion }
    }
}

pub(super) fn read(prompt: &Prompt, text: &str, history: &History) -> Result<Reading, AnswerError> {
    if text.len() > BYTES_MAX {
        let range = format!("at most {BYTES_MAX} bytes");
        return Err(AnswerError::Length { place: "the answer".into(), found: text.len(), range });
    }
    let written: Written =
        serde_json::from_str(bare(text)).map_err(|error| AnswerError::Json(short(&error.to_string(), 200)))?;
    length("hypotheses", written.hypotheses.len(), 0, HYPOTHESES_MAX)?;
    length("rationale", written.rationale.chars().count(), 0, RATIONALE_MAX)?;
    if let Some(sign) = written.rationale.chars().find(|c| !is_plain(*c)) {
        return Err(AnswerError::Rationale(sign));
    }
    let mut reading = Reading {
        abstains: written.abstain,
        hypotheses: Vec::new(),
        proposals: Vec::new(),
        rationale: written.rationale,
    };
    for (index, one) in written.hypotheses.into_iter().enumerate() {
        let place = format!("hypotheses[{index}]");
        let (hypothesis, proposal) = hypothesis(prompt, history, &place, one)?;
        if reading.hypotheses.iter().all(|known| known.cause != hypothesis.cause) {
            reading.hypotheses.push(hypothesis);
            reading.proposals.extend(proposal);
        }
    }
    Ok(reading)
}

const fn is_plain(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, ' ' | ',' | '.' | ';' | ':' | '(' | ')' | '\'' | '-')
}

/// The JSON without thoughts before it and code marks around it.
pub(super) fn bare(text: &str) -> &str {
    let mut text = text.trim();
    if let Some(rest) = text.strip_prefix("<think>") {
        text = rest.split_once("</think>").map_or(rest, |(_, after)| after).trim();
    }
    let Some(fenced) = text.strip_prefix("```") else { return text };
    let fenced = fenced.strip_prefix("json").unwrap_or(fenced);
    fenced.strip_suffix("```").unwrap_or(fenced).trim()
}

fn short(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

pub(super) fn length(place: &str, found: usize, least: usize, most: usize) -> Result<(), AnswerError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(AnswerError::Length { place: place.to_owned(), found, range: format!("{least} to {most}") })
}

fn hypothesis(
    prompt: &Prompt,
    history: &History,
    place: &str,
    written: WrittenHypothesis,
) -> Result<(Hypothesis, Option<Proposal>), AnswerError> {
    length(&format!("{place}.evidence"), written.evidence.len(), 1, EVIDENCE_MAX)?;
    let mut evidence: Vec<String> = Vec::new();
    for (index, id) in written.evidence.into_iter().enumerate() {
        if !prompt.ids.contains(&id) {
            let (place, allowed) = (format!("{place}.evidence[{index}]"), prompt.ids.join(" "));
            return Err(AnswerError::Unknown { place, found: short(&id, QUOTE_MAX), allowed });
        }
        if !evidence.contains(&id) {
            evidence.push(id);
        }
    }
    let hypothesis = Hypothesis { cause: written.cause, confidence: written.confidence.confidence(), evidence };
    let place = format!("{place}.proposal");
    let proposal =
        written.proposal.map(|written| proposal(prompt, history, &place, written, &hypothesis)).transpose()?;
    Ok((hypothesis, proposal))
}

fn proposal(
    prompt: &Prompt,
    history: &History,
    place: &str,
    written: WrittenProposal,
    hypothesis: &Hypothesis,
) -> Result<Proposal, AnswerError> {
    length(&format!("{place}.changes"), written.changes.len(), 1, CHANGES_MAX)?;
    for (index, change) in written.changes.iter().enumerate() {
        let (least, most) = change.field.bounds();
        let place = format!("{place}.changes[{index}].to ({})", change.field.name());
        bounds(place, change.to, least, most)?;
    }
    let [first, rest @ ..] = &written.changes[..] else { return changes_nothing(place) };
    if rest.iter().any(|other| other.field == first.field) {
        let why = format!("{} is changed twice", first.field.name());
        return Err(AnswerError::Policy { place: place.to_owned(), why });
    }
    sense(place, &written.changes, &history.configured)?;
    bounds(format!("{place}.claim.then_percent"), written.claim.then_percent, 0, PERCENT_MAX)?;
    let Some((_, now)) = prompt.figures.iter().find(|(name, _)| *name == written.claim.figure) else {
        let allowed = prompt.figures.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let (place, found) = (format!("{place}.claim.figure"), short(&written.claim.figure, QUOTE_MAX));
        return Err(AnswerError::Unknown { place, found, allowed });
    };
    let changes: Vec<Change> =
        written.changes.iter().map(|change| change.field.to(change.to, &history.configured)).collect();
    let then = crate::evidence::rounded(now * written.claim.then_percent as f64 / 100.0);
    let claim = Claim {
        figure: written.claim.figure,
        now: *now,
        then,
        risk: "A model proposed it; nothing of it has been proved.".into(),
    };
    let end = history.start_ms.saturating_add((history.span_s() * (1.0 + WINDOWS) * 1_000.0) as i64);
    Ok(Proposal {
        service: history.service.clone(),
        cause: hypothesis.cause,
        changes,
        claim: Some(claim),
        evidence: hypothesis.evidence.clone(),
        confidence: hypothesis.confidence,
        expires_ms: end,
        rollback: rollback(prompt, history),
        advice: String::new(),
    })
}

fn changes_nothing<T>(place: &str) -> Result<T, AnswerError> {
    Err(AnswerError::Policy { place: place.to_owned(), why: "it changes nothing".to_owned() })
}

fn bounds(place: String, found: u64, least: u64, most: u64) -> Result<(), AnswerError> {
    if (least..=most).contains(&found) { Ok(()) } else { Err(AnswerError::Bounds { place, found, least, most }) }
}

/// The policy as it would be makes sense.
fn sense(place: &str, changes: &[WrittenChange], set: &Configured) -> Result<(), AnswerError> {
    let to = |field: Field| changes.iter().find(|change| change.field == field).map(|change| change.to as f64);
    let least = to(Field::ReplicasMin).or_else(|| set.replicas_min.map(f64::from));
    let most = to(Field::ReplicasMax).or_else(|| set.replicas_max.map(f64::from));
    let request = to(Field::RequestCpuMillicores).or_else(|| set.request_cpu_cores.map(|cores| cores * 1_000.0));
    let limit = to(Field::LimitCpuMillicores).or_else(|| set.limit_cpu_cores.map(|cores| cores * 1_000.0));
    let wrong = |why: String| Err(AnswerError::Policy { place: place.to_owned(), why });
    match (least.zip(most), request.zip(limit)) {
        (Some((least, most)), _) if least > most => {
            wrong(format!("replicas_min would be {least} and replicas_max {most}"))
        }
        (_, Some((request, limit))) if request > limit => {
            wrong(format!("request_cpu_millicores would be {request} and limit_cpu_millicores {limit}"))
        }
        _ => Ok(()),
    }
}

/// As for the rules' own proposals: slower answers than there were take it back.
fn rollback(prompt: &Prompt, history: &History) -> Option<Rollback> {
    let (_, worst) = prompt.figures.iter().find(|(name, _)| name == "T1 worst_p99")?;
    Some(Rollback {
        figure: "T1 p99 ms".to_owned(),
        above: crate::evidence::rounded(worst * 1.1),
        for_s: 10.0 * history.step_s(),
    })
}

#[cfg(test)]
mod tests;
