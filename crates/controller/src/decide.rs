//! The order of a decision: what goes in any case, targets, grants, stops, starts, jobs, and which reasons to tell.

use crate::emit::Turn;
use crate::plan::Plan;
use crate::queue::run_jobs;
use crate::resize::{resize, size_of};
use crate::room::Room;
use crate::scale::scale;
use crate::sharing::sharing;
use crate::state::{ServiceState, State};
use crate::stop::{stop_again, stop_removed, stop_sick};
use plimsoll_model::id::ServiceName;
use plimsoll_model::{Observation, ServiceRationale, ServiceSpec, Spec};
use plimsoll_placement::{Claim, share};
use std::collections::BTreeMap;

/// Decides on everything in the spec. Before the node's capacity was seen once, nothing starts and nothing is scaled.
pub(crate) fn decide(state: &mut State, turn: &mut Turn, spec: &Spec, observation: Option<&Observation>) {
    let Some(allocatable) = state.allocatable else { return };
    stop_removed(state, turn, spec);
    stop_again(state, turn, spec);
    let mut rationales: BTreeMap<&ServiceName, ServiceRationale> = BTreeMap::new();
    for (name, service) in &spec.services {
        stop_sick(state, turn, name, service);
        rationales.insert(name, scale(state, turn, (name, service), spec.tick, observation));
    }
    let mut room = Room::new(state, spec, allocatable);
    let claims: Vec<Claim> = spec.services.iter().map(|(name, service)| claim(state, name, service)).collect();
    let granted = share(allocatable, &room.held(), &claims);
    for (rationale, why) in rationales.values_mut().zip(sharing(allocatable, spec, &claims, &granted)) {
        rationale.sharing = why.map(Box::new);
    }
    let granted: BTreeMap<&ServiceName, u32> = spec.services.keys().zip(granted).collect();
    let mut order: Vec<(&ServiceName, &ServiceSpec)> = spec.services.iter().collect();
    order.sort_by_key(|(_, service)| std::cmp::Reverse(service.priority));
    for starting in [false, true] {
        for (name, service) in &order {
            let Some(rationale) = rationales.get_mut(name) else { continue };
            let granted = granted.get(name).copied().unwrap_or(0);
            let size = size_of(state.services.get(*name), service);
            let mut plan = Plan { state, turn, room: &mut room, name, spec: service, granted, size, rationale };
            if starting {
                plan.starts();
                let pending = resize(state, turn, &mut room, (name, service), granted);
                if let Some(vertical) = &mut rationale.vertical {
                    vertical.pending = pending;
                }
            } else {
                plan.stops();
            }
        }
    }
    run_jobs(state, turn, spec, &mut room);
    tell(state, turn, rationales);
}

fn claim(state: &State, name: &ServiceName, spec: &ServiceSpec) -> Claim {
    let service = state.services.get(name);
    let wanted = service.and_then(|service| service.target).unwrap_or(0);
    Claim {
        priority: spec.priority,
        weight: spec.weight,
        guaranteed: spec.guaranteed.unwrap_or(spec.replicas_min),
        live: service.map_or(0, ServiceState::live),
        wanted,
        each: size_of(service, spec).requests,
    }
}

/// Puts into the decision the reasons of services about which something changed; the state keeps those of all. A quiet
/// tick of many services would otherwise fill the journal with the same sentences.
fn tell(state: &mut State, turn: &mut Turn, rationales: BTreeMap<&ServiceName, ServiceRationale>) {
    let acted: std::collections::BTreeSet<ServiceName> = turn.acted_on();
    for (name, rationale) in rationales {
        let Some(service) = state.services.get_mut(name) else { continue };
        let same = service.rationale.as_ref().is_some_and(|before| is_same_story(before, &rationale));
        if !same || acted.contains(name) {
            turn.services.insert(name.clone(), rationale.clone());
        }
        service.rationale = Some(rationale);
    }
}

/// The same replicas, the same target, and the same kinds of reasons; only measured figures differ.
fn is_same_story(before: &ServiceRationale, now: &ServiceRationale) -> bool {
    let counts = |it: &ServiceRationale| (it.current, it.ready, it.target, it.winner, it.terms.len());
    let kind = std::mem::discriminant;
    counts(before) == counts(now)
        && before.vertical.as_ref().map(|it| it.size) == now.vertical.as_ref().map(|it| it.size)
        && before.sharing == now.sharing
        && before.bounds.iter().map(kind).eq(now.bounds.iter().map(kind))
        && before.terms.iter().map(|term| std::mem::discriminant(&term.basis)).nth(now.winner)
            == now.terms.iter().map(|term| std::mem::discriminant(&term.basis)).nth(now.winner)
        && before.withheld.iter().map(std::mem::discriminant).eq(now.withheld.iter().map(std::mem::discriminant))
}
