//! From figures to a target, service by service.

use crate::emit::Turn;
use crate::fit::{Times, order_fits};
use crate::pods::pods;
use crate::policy::learn_demand;
use crate::resize::decide_size;
use crate::state::{ServiceState, State};
use plimsoll_autoscale::{Demand, Inputs, Reading, Scaler, Usage, cpu_per_request_ns, per_replica};
use plimsoll_model::id::{ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::observation::TrafficObservation;
use plimsoll_model::quantity::{MilliRps, Millis};
use plimsoll_model::{
    Finding, MetricReading, Observation, QueueObservation, ReplicaUsage, ScalingPolicy, ServiceRationale, ServiceSpec,
    UsageSum, Withheld,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Figures older than this, physical, are stale, unless three intervals are longer.
const AGE_MAX_MS: u64 = 15_000;
/// CPU per request is learnt while replicas use at least 1/this of their request: below it, what they use at rest counts
/// for too much.
const LEARN_FROM: u64 = 10;
/// Weight⁻¹ of a new sample in the CPU per request: about the last sixteen.
const LEARN_WEIGHT: u128 = 16;

/// No figures by name.
static NO_METRICS: BTreeMap<String, MetricReading> = BTreeMap::new();

/// Decides one service's target and remembers it.
pub(crate) fn scale(
    state: &State,
    turn: &mut Turn,
    (name, spec): (&ServiceName, &ServiceSpec),
    service: &mut ServiceState,
    tick: Millis,
    observation: Option<&Observation>,
) -> ServiceRationale {
    if let Some(held) = hold(service, observation, spec) {
        return held;
    }
    let seen = observation.and_then(|all| all.services.get(name));
    let traffic = seen.and_then(|seen| seen.traffic.as_ref());
    let queue = seen.and_then(|seen| seen.queue).map(|queue| on_trace(state, queue));
    let startup = state.traced(spec.startup);
    let lag = state.traced(Millis(traffic.map_or(0, |traffic| traffic.quality.age_ms)));
    if let Some(TrafficObservation { failed, finished, latency_p99, .. }) = traffic.filter(|it| it.failed > 0) {
        let (failed, finished, latency_p99) = (*failed, *finished, *latency_p99);
        turn.find(Finding::Failures { service: name.clone(), failed, finished, latency_p99 });
    }
    let horizon = state.horizon(spec.startup, tick);
    let mut untrusted = None;
    let age_max_ms = age_max_ms(observation);
    let current = starting_point(service, spec, turn);
    let age = traffic.map(|traffic| traffic.quality.age_ms);
    let sum = seen.and_then(|seen| seen.usage);
    let usage = |figure: fn(&ReplicaUsage) -> Option<u64>, of_sum: fn(&UsageSum) -> Option<u64>| match total(
        observation,
        name,
        service,
        age_max_ms,
        figure,
    ) {
        Reading::Absent => together(sum, age_max_ms, of_sum),
        measured => measured,
    };
    let cpu = usage(|usage| usage.cpu.map(|cpu| cpu.0), |sum| sum.cpu.map(|cpu| cpu.0));
    let memory = usage(|usage| usage.memory.map(|it| it.0), |sum| sum.memory.map(|it| it.0));
    let rate = reading(traffic.map(|traffic| traffic.rate), age, age_max_ms);
    learn(service, spec, cpu, rate);
    let mut pods = if spec.scaling.policies.iter().any(ScalingPolicy::needs_pods) {
        pods(observation, name, service, turn.at)
    } else {
        Vec::new()
    };
    // Utilization is of what the spec declares, whatever the size in force: the count never reads the size.
    if spec.scaling.vertical.is_some() {
        pods.iter_mut().for_each(|pod| pod.requests = spec.requests);
    }
    let per_replica = per_replica(&spec.scaling, spec.requests.cpu, service.cpu_per_request_ns);
    let inputs = Inputs {
        at: turn.at,
        scaling: &spec.scaling,
        replicas_min: spec.replicas_min,
        replicas_max: spec.replicas_max,
        requests: spec.requests,
        current,
        cpu,
        memory,
        rate,
        in_flight_milli: reading(traffic.map(|traffic| traffic.in_flight_milli), age, age_max_ms),
        demand: demand(service, turn, (name, spec), (rate, lag), (tick, horizon), &mut untrusted),
        per_replica,
        burst: service.scaler.burst(&spec.scaling, (turn.at, startup), rate, per_replica),
        ready: service.ready(),
        age: lag,
        startup,
        tick,
        age_max_ms,
        pods: &pods,
        metrics: seen.map_or(&NO_METRICS, |seen| &seen.metrics),
        queue: reading(
            queue,
            queue.map(|queue| queue.quality.age_ms),
            queue.and_then(|queue| queue.age_max_ms).unwrap_or(age_max_ms),
        ),
    };
    let mut rationale = plimsoll_autoscale::decide(&mut service.scaler, &inputs);
    rationale.withheld.extend(untrusted);
    rationale.current = service.live();
    rationale.ready = service.ready();
    service.target = Some(rationale.target);
    rationale.vertical =
        decide_size(service, turn, (name, spec), (current, rationale.target), (observation, age_max_ms));
    rationale
}

/// The last decision again, where this step brought no figures: nothing can be concluded about the load, so the target
/// stays, within the bounds of the spec, and damping does not see a proposal that nobody made.
fn hold(service: &mut ServiceState, observation: Option<&Observation>, spec: &ServiceSpec) -> Option<ServiceRationale> {
    if observation.is_some_and(|observation| !observation.inventory_only) {
        return None;
    }
    let target = service.target?.clamp(spec.replicas_min.min(spec.replicas_max), spec.replicas_max);
    let mut rationale = service.rationale.clone()?;
    service.target = Some(target);
    rationale.target = target;
    rationale.current = service.live();
    rationale.ready = service.ready();
    rationale.victims.clear();
    rationale.withheld.retain(|held| matches!(held, Withheld::WaitingForReady { .. } | Withheld::StaleData { .. }));
    Some(rationale)
}

/// The last target; at first what runs already, within the bounds.
fn starting_point(service: &mut ServiceState, spec: &ServiceSpec, turn: &Turn) -> u32 {
    if let Some(target) = service.target {
        return target;
    }
    let live = service.live();
    if live > 0 {
        service.scaler = Scaler::seeded(turn.at, live);
    }
    live.clamp(spec.replicas_min.min(spec.replicas_max), spec.replicas_max)
}

fn age_max_ms(observation: Option<&Observation>) -> u64 {
    observation.map_or(AGE_MAX_MS, |all| all.interval.0.saturating_mul(3).max(AGE_MAX_MS))
}

fn reading<T>(value: Option<T>, age_ms: Option<u64>, age_max_ms: u64) -> Reading<T> {
    match (value, age_ms.unwrap_or(0)) {
        (Some(value), age_ms) if age_ms <= age_max_ms => Reading::Fresh(value),
        (Some(_), age_ms) => Reading::Stale { age_ms, age_max_ms },
        (None, _) => Reading::Absent,
    }
}

/// Sums a figure over the ready replicas that have a fresh sample of it.
fn total(
    observation: Option<&Observation>,
    name: &ServiceName,
    service: &ServiceState,
    age_max_ms: u64,
    figure: fn(&ReplicaUsage) -> Option<u64>,
) -> Reading<Usage> {
    let Some(observation) = observation else { return Reading::Absent };
    if observation.usage.is_empty() {
        return Reading::Absent;
    }
    let (mut used, mut replicas, mut stale) = (0_u64, 0_u32, None::<u64>);
    // One id, whose ordinal changes: a name is not copied for every replica.
    let mut id = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: 0 });
    for (ordinal, _) in service.replicas.iter().filter(|(_, replica)| replica.is_ready()) {
        if let WorkloadId::Replica(id) = &mut id {
            id.ordinal = *ordinal;
        }
        let Some(usage) = observation.usage.get(&id) else { continue };
        let Some(value) = figure(usage) else { continue };
        if usage.quality.age_ms > age_max_ms {
            stale = Some(stale.map_or(usage.quality.age_ms, |age| age.min(usage.quality.age_ms)));
        } else {
            used = used.saturating_add(value);
            replicas = replicas.saturating_add(1);
        }
    }
    match (replicas, stale) {
        (0, Some(age_ms)) => Reading::Stale { age_ms, age_max_ms },
        (0, None) => Reading::Absent,
        _ => Reading::Fresh(Usage { used, replicas }),
    }
}

/// The times of a queue on the trace's clock, as all of scaling is.
fn on_trace(state: &State, queue: QueueObservation) -> QueueObservation {
    let traced = |physical: u64| state.traced(Millis(physical)).get();
    QueueObservation {
        oldest_ms: traced(queue.oldest_ms),
        remaining_work_ms: queue.remaining_work_ms.map(traced),
        ..queue
    }
}

/// The figure of a source that does not tell replicas apart.
fn together(sum: Option<UsageSum>, age_max_ms: u64, figure: fn(&UsageSum) -> Option<u64>) -> Reading<Usage> {
    let sum = sum.filter(|sum| sum.replicas > 0);
    let used = sum.as_ref().and_then(figure);
    let replicas = sum.map_or(0, |sum| sum.replicas);
    reading(used, sum.map(|sum| sum.quality.age_ms), age_max_ms).map(|used| Usage { used, replicas })
}

/// Follows the CPU per request, while every ready replica was measured and they were busy enough to tell. Not while one
/// is held back by its quota: it then uses less than its requests need.
fn learn(service: &mut ServiceState, spec: &ServiceSpec, cpu: Reading<Usage>, rate: Reading<MilliRps>) {
    let (Reading::Fresh(Usage { used, replicas }), Reading::Fresh(rate)) = (cpu, rate) else { return };
    let busy = used.saturating_mul(LEARN_FROM) >= spec.requests.cpu.0.saturating_mul(u64::from(replicas));
    let throttled = service.replicas.values().any(|replica| replica.throttled);
    if rate.0 == 0 || used == 0 || !busy || throttled || replicas != service.ready() {
        return;
    }
    let Some(sample) = cpu_per_request_ns(used, rate).map(u128::from) else { return };
    let learnt = match service.cpu_per_request_ns {
        None => sample,
        Some(before) => (u128::from(before) * (LEARN_WEIGHT - 1) + sample) / LEARN_WEIGHT,
    };
    service.cpu_per_request_ns = Some(u64::try_from(learnt).unwrap_or(u64::MAX).max(1));
}

/// Feeds the forecast and asks it, where the spec has one and one replica's capacity is known. While it is out of bounds it
/// is not asked, and `withheld` says so.
///
/// Samples bear the time at which they came. One that is late is of an earlier time, so the forecast looks ahead from there:
/// further by as much, and what it says is of that much earlier.
fn demand(
    service: &mut ServiceState,
    turn: &mut Turn,
    (name, spec): (&ServiceName, &ServiceSpec),
    (rate, age): (Reading<MilliRps>, Millis),
    (step, horizon): (Millis, Millis),
    withheld: &mut Option<Withheld>,
) -> Option<Demand> {
    let wanted = spec.scaling.forecast.as_ref()?;
    if let Reading::Fresh(_) = rate {
        service.lateness.take(age, step);
    }
    let late = service.lateness.by(step);
    let times = Times { step, horizon: horizon.saturating_add(late) };
    if let Reading::Fresh(rate) = rate {
        learn_demand(service, turn, name, wanted, times, (turn.at, rate));
        order_fits(service, turn, name, wanted, times);
    }
    let forecaster = service.forecaster.as_ref()?;
    let (mut forecast, fault) = forecaster.forecast(turn.at.plus(times.horizon), wanted.quantile)?;
    forecast.at = forecast.at.minus(late);
    let forecast = Arc::new(forecast);
    service.forecast = Some(Arc::clone(&forecast));
    if let Some(fault) = fault {
        *withheld = Some(Withheld::ForecastUntrusted { fault });
        return None;
    }
    let per_replica = per_replica(&spec.scaling, spec.requests.cpu, service.cpu_per_request_ns)?;
    let demand = forecast.at_quantile(wanted.quantile)?.value;
    let missing_price = wanted.missing_price;
    Some(Demand { forecast, quantile: wanted.quantile, demand, per_replica, missing_price })
}
