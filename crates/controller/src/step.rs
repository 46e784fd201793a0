//! One step: inputs in their order, then one decision.

use crate::emit::Turn;
use crate::input::Input;
use crate::observe::observe;
use crate::service::decide_services;
use crate::state::State;
use plimsoll_model::id::Generation;
use plimsoll_model::inventory::Phase;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::{ActionKind, Decision, Finding, ReplicaId, ServiceSpec, Spec, StopReason, WorkloadId};

/// Takes what happened and decides. Total: whatever comes in, a decision comes out.
///
/// `at` is trace time and must not go back; where it does, that is a finding and the later time is kept.
pub fn step(state: &mut State, at: Timestamp, inputs: &[Input]) -> Decision {
    let kept = state.at.map_or(at, |last| last.max(at));
    let mut turn = Turn::new(kept);
    if kept > at {
        turn.find(Finding::ClockBackwards { at, kept });
    }
    state.at = Some(kept);
    state.step = state.step.saturating_add(1);
    for input in inputs {
        take(state, &mut turn, input);
    }
    if state.shutdown {
        stop_all(state, &mut turn);
    } else if let Some(why) = state.frozen.clone() {
        turn.find(Finding::Frozen { why });
    } else if let Some(spec) = state.spec.take() {
        decide_services(state, &mut turn, &spec);
        state.spec = Some(spec);
    }
    turn.decision(state)
}

fn take(state: &mut State, turn: &mut Turn, input: &Input) {
    match input {
        Input::Policy { generation, spec } => adopt(state, turn, *generation, spec),
        Input::Observed(observation) => {
            if state.frozen.is_none() || state.shutdown {
                observe(state, turn, observation);
                turn.observation = Some(observation.clone());
            }
        }
        Input::History { service, .. } => turn.bad(format!("history of {service}, which has no forecast")),
        Input::RunJob { job } => turn.bad(format!("job {job} is not in the spec")),
        Input::Shutdown => state.shutdown = true,
        Input::Frozen { why } => state.frozen = Some(why.clone()),
        Input::Thawed => state.frozen = None,
    }
}

/// Puts a new policy in force. Replicas whose command, size or sandbox changed are replaced one by one later on.
fn adopt(state: &mut State, turn: &mut Turn, generation: Generation, spec: &Spec) {
    if generation <= state.generation && state.spec.is_some() {
        turn.bad(format!("policy generation {generation} is not above {}", state.generation));
        return;
    }
    let old = state.spec.take();
    let before = |name| old.as_ref().and_then(|old| old.services.get(name));
    let (mut added, mut changed) = (Vec::new(), Vec::new());
    for (name, service) in &spec.services {
        let known = before(name);
        match known {
            None => added.push(name.clone()),
            Some(previous) if previous != service => changed.push(name.clone()),
            Some(_) => {}
        }
        let ordinal = state.ordinals.remove(name);
        let entry = state.services.entry(name.clone()).or_default();
        entry.ordinal = entry.ordinal.max(ordinal.unwrap_or(0));
        if known.is_none_or(|previous| runs_differently(previous, service)) {
            entry.revision = entry.revision.saturating_add(1);
            entry.exits = 0;
            entry.waiting = 0;
            entry.restart_at = None;
        }
    }
    let gone = old.iter().flat_map(|old| old.services.keys()).filter(|name| !spec.services.contains_key(*name));
    let removed = gone.cloned().collect();
    state.generation = generation;
    state.spec = Some(Box::new(spec.clone()));
    state.shutdown = false;
    turn.find(Finding::PolicyChanged { added, removed, changed });
}

fn runs_differently(old: &ServiceSpec, new: &ServiceSpec) -> bool {
    old.run != new.run || old.requests != new.requests || old.limits != new.limits || old.sandbox != new.sandbox
}

fn stop_all(state: &mut State, turn: &mut Turn) {
    let mut remaining = 0_u32;
    let spec = state.spec.take();
    let names: Vec<_> = state.services.keys().cloned().collect();
    for name in names {
        let grace =
            spec.as_ref().and_then(|spec| spec.services.get(&name)).map_or(GRACE_UNKNOWN, |service| service.grace);
        let resend = crate::service::resend_after(state, grace);
        let Some(service) = state.services.get_mut(&name) else { continue };
        for (ordinal, replica) in &mut service.replicas {
            remaining = remaining.saturating_add(u32::from(replica.phase != Some(Phase::Exited)));
            if replica.stop(StopReason::Shutdown, turn.at, resend) {
                let workload = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: *ordinal });
                turn.actions.push(ActionKind::Stop { workload, reason: StopReason::Shutdown, grace });
            }
        }
    }
    state.spec = spec;
    turn.find(Finding::ShuttingDown { remaining });
}

/// Grace time of a workload whose spec is gone, physical.
pub(crate) const GRACE_UNKNOWN: Millis = Millis(10_000);
