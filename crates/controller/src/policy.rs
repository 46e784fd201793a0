//! Putting a new policy in force, and warming a forecast with recorded history.

use crate::emit::Turn;
use crate::fit::{FitBook, Times};
use crate::proposed::carry_over;
use crate::state::{ServiceState, State};
use plimsoll_forecast::LoadForecaster;
use plimsoll_model::id::{Generation, ServiceName};
use plimsoll_model::quantity::{MilliRps, Millis, Timestamp};
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::wheel::REPLICAS_MAX;
use plimsoll_model::{Finding, ServiceSpec, Spec};

/// Puts a new policy in force. Replicas whose command, size or sandbox changed are replaced one by one later on; a
/// change of anything else keeps them.
pub(crate) fn adopt(state: &mut State, turn: &mut Turn, generation: Generation, spec: &Spec) {
    if generation <= state.generation && state.spec.is_some() {
        turn.bad(format!("policy generation {generation} is not above {}", state.generation));
        return;
    }
    let mut spec = bounded(spec, turn);
    carry_over(state, turn, &mut spec);
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
            entry.replace_all();
        }
        if known.is_some_and(|previous| (previous.requests, previous.limits) != (service.requests, service.limits))
            && let Some(sizer) = &mut entry.scaler.sizer
        {
            sizer.declared_anew();
        }
        forget_forecast(entry, service, spec.tick);
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

/// Forgets a forecast that the new policy has no use for. One that it wants is made at its first sample.
pub(crate) fn forget_forecast(service: &mut ServiceState, spec: &ServiceSpec, tick: Millis) {
    let Some(wanted) = &spec.scaling.forecast else {
        service.forecaster = None;
        service.forecast = None;
        service.fits = FitBook::default();
        return;
    };
    if service.forecaster.as_ref().is_some_and(|forecaster| !forecaster.serves(wanted, tick)) {
        service.forecaster = None;
        service.fits = FitBook::default();
    }
}

/// The service's forecast, made where there is none yet, looking `horizon` ahead.
pub(crate) fn forecasting<'a>(
    service: &'a mut ServiceState,
    turn: &mut Turn,
    name: &ServiceName,
    spec: &ForecastSpec,
    times: Times,
) -> Option<&'a mut LoadForecaster> {
    let ready = match &mut service.forecaster {
        Some(forecaster) => forecaster.look_ahead(times.horizon),
        none => LoadForecaster::try_new(spec, times.step, times.horizon).map(|made| *none = Some(made)),
    };
    if let Err(error) = ready {
        turn.bad(format!("{name} gets no forecast: {error}"));
        return None;
    }
    service.forecaster.as_mut()
}

/// Takes recorded demand from before.
pub(crate) fn warm_up(state: &mut State, turn: &mut Turn, name: &ServiceName, samples: &[(Timestamp, MilliRps)]) {
    let Some(policy) = &state.spec else {
        return turn.bad(format!("history of {name} came before there is a policy"));
    };
    let wanted =
        policy.services.get(name).and_then(|service| Some((service.startup, service.scaling.forecast.clone()?)));
    let Some((startup, spec)) = wanted else {
        return turn.bad(format!("history of {name}, which has no forecast"));
    };
    let times = Times { step: policy.tick, horizon: state.horizon(startup, policy.tick) };
    let Some(service) = state.services.get_mut(name) else { return };
    let mut taken = 0;
    for (at, rate) in samples {
        taken += usize::from(learn_demand(service, turn, name, &spec, times, (*at, *rate)));
    }
    if taken < samples.len() {
        let refused = samples.len() - taken;
        turn.bad(format!("history of {name}: {refused} of {} samples are not after the one before", samples.len()));
    }
}

/// Gives one sample to a service's forecast and notes it for those that are fitted to it.
pub(crate) fn learn_demand(
    service: &mut ServiceState,
    turn: &mut Turn,
    name: &ServiceName,
    spec: &ForecastSpec,
    times: Times,
    (at, rate): (Timestamp, MilliRps),
) -> bool {
    let taken = forecasting(service, turn, name, spec, times).is_some_and(|forecaster| forecaster.observe(at, rate));
    if taken {
        service.fits.add(at, rate);
    }
    taken
}
