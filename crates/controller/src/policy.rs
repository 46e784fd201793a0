//! Putting a new policy in force, and warming a forecast with recorded history.

use crate::emit::Turn;
use crate::state::{ServiceState, State};
use plimsoll_forecast::{LoadForecaster, warm};
use plimsoll_model::id::{Generation, ServiceName};
use plimsoll_model::quantity::{MilliRps, Timestamp};
use plimsoll_model::{Finding, ServiceSpec, Spec};

/// Most replicas of one service: an absurd maximum must not make a step endless.
const REPLICAS_MAX: u32 = 10_000;

/// Puts a new policy in force. Replicas whose command, size or sandbox changed are replaced one by one later on; a
/// change of anything else keeps them.
pub(crate) fn adopt(state: &mut State, turn: &mut Turn, generation: Generation, spec: &Spec) {
    if generation <= state.generation && state.spec.is_some() {
        turn.bad(format!("policy generation {generation} is not above {}", state.generation));
        return;
    }
    let spec = bounded(spec, turn);
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
        let ordinal = state.service_ordinals.remove(name).unwrap_or(0);
        let entry = state.services.entry(name.clone()).or_default();
        entry.ordinal = entry.ordinal.max(ordinal);
        if known.is_none_or(|previous| runs_differently(previous, service)) {
            entry.revision = entry.revision.saturating_add(1);
            entry.exits = 0;
            entry.waiting = 0;
            entry.restart_at = None;
        }
        prepare_forecast(entry, turn, name, service);
    }
    for (name, job) in &spec.jobs {
        let ordinal = state.job_ordinals.remove(name).unwrap_or(0);
        let entry = state.jobs.entry(name.clone()).or_default();
        entry.ordinal = entry.ordinal.max(ordinal);
        let known = old.as_ref().and_then(|old| old.jobs.get(name));
        if known.is_some_and(|known| (known.requests, known.limits) == (job.requests, job.limits)) {
            // A try that waits with more memory than the spec says keeps what it has grown to.
            continue;
        }
        for waiting in &mut entry.queue {
            (waiting.requests, waiting.limits) = (job.requests, job.limits);
        }
    }
    let gone = old.iter().flat_map(|old| old.services.keys()).filter(|name| !spec.services.contains_key(*name));
    let removed = gone.cloned().collect();
    state.generation = generation;
    state.spec = Some(spec);
    state.shutdown = false;
    turn.find(Finding::PolicyChanged { added, removed, changed });
}

fn bounded(spec: &Spec, turn: &mut Turn) -> Box<Spec> {
    let mut spec = Box::new(spec.clone());
    for (name, service) in &mut spec.services {
        if service.replicas_max > REPLICAS_MAX {
            turn.bad(format!("{name} may have {} replicas; {REPLICAS_MAX} are the most", service.replicas_max));
            service.replicas_max = REPLICAS_MAX;
        }
    }
    spec
}

fn runs_differently(old: &ServiceSpec, new: &ServiceSpec) -> bool {
    old.run != new.run || old.requests != new.requests || old.limits != new.limits || old.sandbox != new.sandbox
}

/// Keeps what the forecast learnt as long as its season is cut the same way.
fn prepare_forecast(service: &mut ServiceState, turn: &mut Turn, name: &ServiceName, spec: &ServiceSpec) {
    let Some(wanted) = &spec.scaling.forecast else {
        service.forecaster = None;
        service.forecast = None;
        return;
    };
    if service.forecaster.as_ref().is_some_and(|forecaster| forecaster.is_shape(wanted.season, wanted.slot)) {
        return;
    }
    match LoadForecaster::try_new(wanted.season, wanted.slot) {
        Ok(forecaster) => service.forecaster = Some(forecaster),
        Err(error) => {
            service.forecaster = None;
            turn.bad(format!("{name} gets no forecast: {error}"));
        }
    }
}

pub(crate) fn warm_up(state: &mut State, turn: &mut Turn, name: &ServiceName, samples: &[(Timestamp, MilliRps)]) {
    let Some(spec) = &state.spec else {
        return turn.bad(format!("history of {name} came before there is a policy"));
    };
    let startup = spec.services.get(name).map_or(plimsoll_model::Millis::ZERO, |service| service.startup);
    let horizon = state.horizon(startup, spec.tick);
    let Some(forecaster) = state.services.get_mut(name).and_then(|service| service.forecaster.as_mut()) else {
        return turn.bad(format!("history of {name}, which has no forecast"));
    };
    let taken = warm(forecaster, samples, horizon);
    if taken < samples.len() {
        let refused = samples.len() - taken;
        turn.bad(format!("history of {name}: {refused} of {} samples are not after the one before", samples.len()));
    }
}
