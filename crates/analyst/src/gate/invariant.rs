//! What a proposal has to be before it is worth a step of the twin: readable, of sane size, for this service, within what
//! can be proposed and what the operator allows, and a valid spec with it.

use super::refusal::Refusal;
use super::terms::{Envelope, Terms};
use crate::proposal::{Change, Proof, Proposal};
use plimsoll_model::id::ServiceName;
use plimsoll_model::spec::{ServiceSpec, Spec};
use std::path::Path;

/// Longest proposal that is read, bytes.
pub const BYTES_MAX: usize = 64 * 1_024;
/// Most changes.
const CHANGES_MAX: usize = 16;
/// Most facts it may rest on.
const EVIDENCE_MAX: usize = 64;
/// Most policies of a kind.
const POLICIES_MAX: usize = 8;
/// Longest formula, bytes: what is read and proved takes time that grows with it.
const FORMULA_MAX: usize = 2_000;
/// Longest text.
const TEXT_MAX: usize = 1_000;
/// Largest figure of a claim.
const FIGURE_MAX: f64 = 1e15;

/// Reads a proposal from bytes that anybody may have written.
///
/// # Errors
/// [`Refusal::TooLong`] or [`Refusal::Unreadable`].
pub fn read(bytes: &[u8]) -> Result<Proposal, Refusal> {
    if bytes.len() > BYTES_MAX {
        return Err(Refusal::TooLong { field: "the proposal", length: bytes.len(), most: BYTES_MAX });
    }
    serde_json::from_slice(bytes).map_err(|error| Refusal::Unreadable { why: error.to_string() })
}

/// The service as it would be.
///
/// # Errors
/// Every reason that needs no twin, in the order of the stages; those of one stage together.
pub fn check(
    proposal: &Proposal,
    spec: &Spec,
    service: &ServiceName,
    terms: &Terms,
) -> Result<ServiceSpec, Vec<Refusal>> {
    stage(shape(proposal))?;
    let present = spec.services.get(service).ok_or_else(|| {
        vec![Refusal::Service { proposed: proposal.service.clone(), known: "no service of the spec".to_owned() }]
    })?;
    stage(sense(proposal, service, terms))?;
    let patched = proposal.applied(present).map_err(|error| vec![Refusal::Misfit { why: error.to_string() }])?;
    if patched == *present {
        return Err(vec![Refusal::NoChange]);
    }
    stage(valid(spec, service, &patched))?;
    stage(terms.envelope.as_ref().map(|envelope| allowed(envelope, proposal, &patched)).unwrap_or_default())?;
    stage(provable(proposal))?;
    Ok(patched)
}

fn stage(refusals: Vec<Refusal>) -> Result<(), Vec<Refusal>> {
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn shape(proposal: &Proposal) -> Vec<Refusal> {
    let mut found = Vec::new();
    let mut length = |field, length: usize, most| {
        if length > most {
            found.push(Refusal::TooLong { field, length, most });
        }
    };
    length("service", proposal.service.len(), 63);
    length("changes", proposal.changes.len(), CHANGES_MAX);
    length("evidence", proposal.evidence.len(), EVIDENCE_MAX);
    length("advice", proposal.advice.len(), TEXT_MAX);
    proposal.evidence.iter().for_each(|id| length("an id of evidence", id.len(), 16));
    for change in &proposal.changes {
        match change {
            Change::Policies { to } => length("scaling", to.len(), POLICIES_MAX),
            Change::ForecastModels { to } => length("scaling.forecast.models", to.len(), POLICIES_MAX),
            Change::Formula { to, .. } => {
                length("scaling.formula.text", to.text.len(), FORMULA_MAX);
                length("scaling.formula.name", to.name.len(), 63);
            }
            _ => {}
        }
    }
    if let Some(claim) = &proposal.claim {
        length("claim.figure", claim.figure.len(), 100);
        length("claim.risk", claim.risk.len(), TEXT_MAX);
    }
    if let Some(rollback) = &proposal.rollback {
        length("rollback.figure", rollback.figure.len(), 100);
    }
    let mut number = |field, value: f64, least: f64, most: f64, range| {
        if !(least..=most).contains(&value) {
            found.push(Refusal::Number { field, value: value.to_string(), range });
        }
    };
    number("confidence", proposal.confidence, 0.0, 1.0, "0 to 1");
    if let Some(claim) = &proposal.claim {
        number("claim.now", claim.now, -FIGURE_MAX, FIGURE_MAX, "a number up to 1e15");
        number("claim.then", claim.then, -FIGURE_MAX, FIGURE_MAX, "a number up to 1e15");
    }
    if let Some(rollback) = &proposal.rollback {
        number("rollback.above", rollback.above, 0.0, FIGURE_MAX, "0 to 1e15");
        number("rollback.for_s", rollback.for_s, 0.0, 86_400.0 * 366.0, "0 to a year of seconds");
    }
    found
}

fn sense(proposal: &Proposal, service: &ServiceName, terms: &Terms) -> Vec<Refusal> {
    let mut found = Vec::new();
    if proposal.service != service.as_str() {
        found.push(Refusal::Service { proposed: proposal.service.clone(), known: service.to_string() });
    }
    if let Some(now_ms) = terms.now_ms.filter(|now| *now >= proposal.expires_ms) {
        found.push(Refusal::Expired { expires_ms: proposal.expires_ms, now_ms });
    }
    if proposal.changes.is_empty() {
        found.push(Refusal::NoChange);
        return found;
    }
    // Without a rollback of its own it is taken back by failed requests, which are always watched.
    if proposal.claim.is_none() {
        found.push(Refusal::Missing { field: "claim" });
    }
    for (index, change) in proposal.changes.iter().enumerate() {
        let field = change.field();
        if proposal.changes[..index].iter().any(|before| before.field() == field) {
            found.push(Refusal::Twice { field });
        }
    }
    found
}

/// The spec's own rules, by writing it down and reading it again: what a person could not write, nobody can propose.
fn valid(spec: &Spec, service: &ServiceName, patched: &ServiceSpec) -> Vec<Refusal> {
    let alone = alone(spec, service, patched.clone());
    let text = plimsoll_config::render(&alone);
    match plimsoll_config::parse(&text, Path::new("proposal")) {
        Ok(_) => Vec::new(),
        Err(report) => {
            let why = report.to_string();
            // Doubts may stand before what is wrong.
            let first = why.lines().find(|line| line.starts_with("error")).or_else(|| why.lines().next());
            vec![Refusal::Invalid { why: first.unwrap_or_default().chars().take(200).collect() }]
        }
    }
}

/// The spec with this service alone: what a backtest runs and what is written down.
pub(crate) fn alone(spec: &Spec, service: &ServiceName, mut patched: ServiceSpec) -> Spec {
    let mut spec = spec.clone();
    spec.jobs.clear();
    spec.gateway.listeners.clear();
    if let Some(forecast) = &mut patched.scaling.forecast {
        // A file of demand warms the daemon up; here the history does.
        forecast.history = None;
    }
    spec.services = std::iter::once((service.clone(), patched)).collect();
    spec
}

fn allowed(envelope: &Envelope, proposal: &Proposal, patched: &ServiceSpec) -> Vec<Refusal> {
    let mut found = Vec::new();
    let mut outside = |field, value: u32, is_in: bool, bound: String| {
        if !is_in {
            found.push(Refusal::Envelope { field, value, bound });
        }
    };
    if let Some(least) = envelope.replicas_least {
        let min = patched.replicas_min;
        outside("replicas.min", min, min >= least, format!("at least {least}"));
    }
    if let Some(most) = envelope.replicas_most {
        let max = patched.replicas_max;
        outside("replicas.max", max, max <= most, format!("at most {most}"));
    }
    if !envelope.fields.is_empty() {
        let fields = proposal.changes.iter().map(Change::field);
        let not = fields.filter(|field| !envelope.fields.iter().any(|allowed| allowed == field));
        let allowed = envelope.fields.join(", ");
        found.extend(not.map(|field| Refusal::Field { field, allowed: allowed.clone() }));
    }
    found
}

fn provable(proposal: &Proposal) -> Vec<Refusal> {
    let refused = |change: &Change| match change.proof() {
        Proof::Twin => None,
        Proof::None(why) => Some(Refusal::NotProvable { field: change.field().to_owned(), why: why.to_owned() }),
    };
    proposal.changes.iter().filter_map(refused).collect()
}
