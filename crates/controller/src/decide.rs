//! The order of a decision: what goes in any case, targets, grants, stops, starts, jobs, and which reasons to tell.

use crate::emit::Turn;
use crate::plan::Plan;
use crate::queue::run_jobs;
use crate::resize::{resize, size_of};
use crate::room::Room;
use crate::scale::scale;
use crate::sharing::share_room;
use crate::state::{ServiceState, Services, State};
use crate::stop::{stop_again, stop_removed, stop_sick};
use crate::wheel::{expire, is_frozen, steer};
use plimsoll_model::id::ServiceName;
use plimsoll_model::{Observation, ServiceRationale, ServiceSpec, Spec};
use plimsoll_placement::Claim;

/// One service of the spec in one step.
struct Case<'a> {
    name: &'a ServiceName,
    spec: &'a ServiceSpec,
    service: &'a mut ServiceState,
    rationale: ServiceRationale,
    granted: u32,
}

/// Decides on everything in the spec. Before the node's capacity was seen once, nothing starts and nothing is scaled.
pub(crate) fn decide(state: &mut State, turn: &mut Turn, spec: &Spec, observation: Option<&Observation>) {
    let Some(allocatable) = state.allocatable else { return };
    stop_removed(state, turn, spec);
    stop_again(state, turn, spec);
    // Out of the state while it is decided on them: of many services, each is walked to instead of looked up again and again.
    let mut services = std::mem::take(&mut state.services);
    for name in spec.services.keys() {
        if !services.contains_key(name) {
            services.insert(name.clone(), ServiceState::default());
        }
    }
    let mut rationales: Vec<ServiceRationale> = Vec::with_capacity(spec.services.len());
    for (name, service_spec, service) in of_spec(spec, &mut services) {
        expire(turn, name, service);
        if !is_frozen(service) {
            stop_sick(state, turn, (name, service_spec), service);
        }
        let before = service.target;
        let decided = scale(state, turn, (name, service_spec), service, spec.tick, observation);
        rationales.push(steer(service, service_spec, before, decided));
    }
    let mut room = Room::new(state, &services, spec, allocatable);
    let claims: Vec<Claim> = of_spec(spec, &mut services).map(|(_, spec, service)| claim(service, spec)).collect();
    let names: Vec<&ServiceName> = spec.services.keys().collect();
    let shares = rationales.into_iter().zip(share_room(allocatable, &room.held(), &names, &claims));
    let mut cases: Vec<Case<'_>> = Vec::with_capacity(spec.services.len());
    for ((name, spec, service), (mut rationale, (granted, why))) in of_spec(spec, &mut services).zip(shares) {
        rationale.sharing = why.map(Box::new);
        cases.push(Case { name, spec, service, rationale, granted });
    }
    // Stable: those of the same priority go in the order of their names.
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(cases[*index].spec.priority));
    order.retain(|index| !is_frozen(cases[*index].service));
    order.iter().for_each(|index| cases[*index].plan(state, turn, &mut room).stops());
    order.iter().for_each(|index| cases[*index].start(state, turn, &mut room));
    run_jobs(state, turn, spec, &mut room);
    tell(turn, cases);
    state.services = services;
}

/// The services of the spec beside their memory. Both maps are in the order of the names; what is only in memory is being
/// removed.
fn of_spec<'a>(
    spec: &'a Spec,
    services: &'a mut Services,
) -> impl Iterator<Item = (&'a ServiceName, &'a ServiceSpec, &'a mut ServiceState)> {
    let mut known = services.iter_mut();
    spec.services.iter().filter_map(move |(name, spec)| {
        let (_, service) = known.find(|(known, _)| *known == name)?;
        Some((name, spec, service))
    })
}

fn claim(service: &ServiceState, spec: &ServiceSpec) -> Claim {
    Claim {
        priority: spec.priority,
        weight: spec.weight,
        guaranteed: spec.guaranteed.unwrap_or(spec.replicas_min),
        live: service.live(),
        wanted: service.target.unwrap_or(0),
        each: size_of(service, spec).requests,
    }
}

impl Case<'_> {
    fn plan<'b>(&'b mut self, state: &'b mut State, turn: &'b mut Turn, room: &'b mut Room) -> Plan<'b> {
        let size = size_of(self.service, self.spec);
        let (name, spec, granted) = (self.name, self.spec, self.granted);
        Plan { state, turn, room, name, spec, service: self.service, granted, size, rationale: &mut self.rationale }
    }

    fn start(&mut self, state: &mut State, turn: &mut Turn, room: &mut Room) {
        self.plan(state, turn, room).starts();
        let pending = resize(state, turn, room, (self.name, self.spec), self.service, self.granted);
        if let Some(vertical) = &mut self.rationale.vertical {
            vertical.pending = pending;
        }
    }
}

/// Puts into the decision the reasons of services about which something changed; the state keeps those of all. A quiet
/// tick of many services would otherwise fill the journal with the same sentences.
fn tell(turn: &mut Turn, cases: Vec<Case<'_>>) {
    let acted = turn.acted_on();
    for Case { name, service, rationale, .. } in cases {
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
        && before.order.as_ref().map(|it| &it.standing) == now.order.as_ref().map(|it| &it.standing)
        && before.bounds.iter().map(kind).eq(now.bounds.iter().map(kind))
        && before.terms.iter().map(|term| std::mem::discriminant(&term.basis)).nth(now.winner)
            == now.terms.iter().map(|term| std::mem::discriminant(&term.basis)).nth(now.winner)
        && before.withheld.iter().map(std::mem::discriminant).eq(now.withheld.iter().map(std::mem::discriminant))
}
