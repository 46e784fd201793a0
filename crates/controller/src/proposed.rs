//! A proved proposal above the spec's own policy: put in force, watched at every observation, and taken back.
//!
//! The patched policy stands in the spec that the controller decides by; what stood there before is kept beside it and put
//! back in the end. All of it is state, and every change of it comes from a journaled input or from what was observed, so a
//! replay takes the same turns.

use crate::emit::Turn;
use crate::policy::forget_forecast;
use crate::state::State;
use plimsoll_model::id::ServiceName;
use plimsoll_model::proposed::{PROPOSAL_ID_MAX, PolicyPatch, ProposalHand, ProposalTurn, StandingProposal};
use plimsoll_model::quantity::{Micros, Permille, Timestamp};
use plimsoll_model::wheel::{BY_LEN_MAX, REPLICAS_MAX};
use plimsoll_model::{Finding, Observation, ServiceSpec, Spec};
use serde::{Deserialize, Serialize};

/// A proposal that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposalState {
    /// What it is.
    pub standing: StandingProposal,
    /// Since when.
    pub since: Timestamp,
    /// It has stood its trial.
    pub is_promoted: bool,
    /// Since when what is watched burns without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burning_since: Option<Timestamp>,
}

/// Takes what is done with a proposal, or finds out why not.
pub(crate) fn take_proposal(state: &mut State, turn: &mut Turn, name: &ServiceName, hand: &ProposalHand) {
    let done = match hand {
        ProposalHand::Apply(standing) => apply(state, turn, name, standing),
        ProposalHand::Withdraw { id, by } => {
            let stands = state.services.get(name).and_then(|service| service.proposal.as_ref());
            match stands.filter(|it| it.standing.id == *id && by.len() <= BY_LEN_MAX) {
                Some(_) => {
                    put_back(state, name);
                    Ok(ProposalTurn::Withdrawn { id: id.clone(), by: by.clone() })
                }
                None => Err(format!("proposal {id} is not in force")),
            }
        }
    };
    match done {
        Ok(turned) => turn.find(Finding::Proposal { service: name.clone(), turned }),
        Err(why) => turn.bad(format!("a proposal for service {name}: {why}")),
    }
}

fn apply(
    state: &mut State,
    turn: &Turn,
    name: &ServiceName,
    standing: &StandingProposal,
) -> Result<ProposalTurn, String> {
    let StandingProposal { id, by, patch, base, canary_until, until, .. } = standing;
    if id.is_empty() || id.len() > PROPOSAL_ID_MAX || by.is_empty() || by.len() > BY_LEN_MAX {
        return Err("its id or who let it is no name".to_owned());
    }
    if *until <= turn.at {
        return Err(format!("{id} would end at {until}, and it is {}", turn.at));
    }
    if patch.replicas_min > patch.replicas_max || patch.replicas_max > REPLICAS_MAX {
        let PolicyPatch { replicas_min, replicas_max, .. } = patch;
        return Err(format!("{id} asks for {replicas_min} to {replicas_max} replicas; {REPLICAS_MAX} are the most"));
    }
    // One that stands is taken back first, so that the next is held against the spec's own policy.
    put_back(state, name);
    let tick = state.spec.as_ref().map(|spec| spec.tick).unwrap_or_default();
    let spec = state.spec.as_mut().and_then(|spec| spec.services.get_mut(name));
    let (Some(spec), Some(service)) = (spec, state.services.get_mut(name)) else {
        return Err("there is no such service".to_owned());
    };
    if PolicyPatch::of(spec) != *base {
        return Err(format!("{id} was proved over another policy than the one in force"));
    }
    patch.put(spec);
    forget_forecast(service, spec, tick);
    let since = turn.at;
    service.proposal =
        Some(Box::new(ProposalState { standing: standing.clone(), since, is_promoted: false, burning_since: None }));
    Ok(ProposalTurn::Applied { id: id.clone(), by: by.clone(), canary_until: *canary_until, until: *until })
}

/// Puts the spec's own policy back; gives the proposal that stood.
fn put_back(state: &mut State, name: &ServiceName) -> Option<Box<ProposalState>> {
    let service = state.services.get_mut(name)?;
    let stood = service.proposal.take()?;
    let tick = state.spec.as_ref().map(|spec| spec.tick).unwrap_or_default();
    if let Some(spec) = state.spec.as_mut().and_then(|spec| spec.services.get_mut(name)) {
        stood.standing.base.put(spec);
        forget_forecast(service, spec, tick);
    }
    Some(stood)
}

/// Looks at every proposal in force: over, on trial no more, or burning.
pub(crate) fn watch(state: &mut State, turn: &mut Turn, observation: Option<&Observation>) {
    let standing: Vec<ServiceName> =
        state.services.iter().filter(|(_, it)| it.proposal.is_some()).map(|(name, _)| name.clone()).collect();
    for name in standing {
        let Some(proposal) = state.services.get_mut(&name).and_then(|it| it.proposal.as_mut()) else { continue };
        let id = proposal.standing.id.clone();
        let ends = if proposal.standing.until <= turn.at {
            Some(ProposalTurn::Expired { id })
        } else {
            observation.and_then(|seen| burnt(proposal, turn.at, seen, &name))
        };
        if let Some(turned) = ends {
            put_back(state, &name);
            turn.find(Finding::Proposal { service: name, turned });
        } else if !proposal.is_promoted && proposal.standing.canary_until <= turn.at {
            proposal.is_promoted = true;
            let id = proposal.standing.id.clone();
            turn.find(Finding::Proposal { service: name, turned: ProposalTurn::Promoted { id } });
        }
    }
}

/// The turn that a burn takes, once it has lasted. Without figures nothing is said.
fn burnt(proposal: &mut ProposalState, at: Timestamp, seen: &Observation, name: &ServiceName) -> Option<ProposalTurn> {
    if seen.inventory_only {
        return None;
    }
    let traffic = seen.services.get(name)?.traffic.as_ref()?;
    let watched = proposal.standing.watched;
    let failed = Permille(traffic.failed.saturating_mul(1_000) / traffic.finished.max(1));
    let is_slow = watched.latency_p99_max.is_some_and(|most: Micros| traffic.latency_p99 > most);
    if !(is_slow || failed > watched.failed_max) {
        proposal.burning_since = None;
        return None;
    }
    let since = *proposal.burning_since.get_or_insert(at);
    (at.since(since) >= watched.lasting).then(|| ProposalTurn::RolledBack {
        id: proposal.standing.id.clone(),
        latency_p99: traffic.latency_p99,
        failed,
        watched,
        since,
    })
}

/// A new spec comes in: proposals that stand on what it says as well go on, others are over.
pub(crate) fn carry_over(state: &mut State, turn: &mut Turn, spec: &mut Spec) {
    for (name, service) in &mut state.services {
        let Some(proposal) = &service.proposal else { continue };
        let same = |new: &&mut ServiceSpec| PolicyPatch::of(new) == proposal.standing.base;
        match spec.services.get_mut(name).filter(same) {
            Some(new) => proposal.standing.patch.put(new),
            None => {
                let id = proposal.standing.id.clone();
                service.proposal = None;
                turn.find(Finding::Proposal { service: name.clone(), turned: ProposalTurn::Overtaken { id } });
            }
        }
    }
}
