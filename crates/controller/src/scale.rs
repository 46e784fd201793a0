//! From figures to a target, service by service.

use crate::emit::Turn;
use crate::state::{ServiceState, State};
use plimsoll_autoscale::{Inputs, Reading, Stabilizer, Usage};
use plimsoll_model::id::ServiceName;
use plimsoll_model::observation::TrafficObservation;
use plimsoll_model::{Finding, Observation, ReplicaId, ReplicaUsage, ServiceRationale, ServiceSpec, WorkloadId};

/// Figures older than this, physical, are stale, unless three intervals are longer.
const AGE_MAX_MS: u64 = 15_000;

/// Decides one service's target and remembers it.
pub(crate) fn scale(state: &mut State, turn: &mut Turn, name: &ServiceName, spec: &ServiceSpec) -> ServiceRationale {
    let observation = turn.observation.take();
    let traffic = observation.as_deref().and_then(|all| all.services.get(name)?.traffic.as_ref());
    if let Some(traffic) = traffic.filter(|traffic| traffic.failed > 0) {
        let TrafficObservation { failed, finished, latency_p99, .. } = *traffic;
        turn.find(Finding::Failures { service: name.clone(), failed, finished, latency_p99 });
    }
    let age_max_ms = age_max_ms(observation.as_deref());
    let service = state.services.entry(name.clone()).or_default();
    let current = starting_point(service, spec, turn);
    let age = traffic.map(|traffic| traffic.quality.age_ms);
    let usage =
        |figure: fn(&ReplicaUsage) -> Option<u64>| total(observation.as_deref(), name, service, age_max_ms, figure);
    let inputs = Inputs {
        at: turn.at,
        scaling: &spec.scaling,
        replicas_min: spec.replicas_min,
        replicas_max: spec.replicas_max,
        requests: spec.requests,
        current,
        cpu: usage(|usage| usage.cpu.map(|cpu| cpu.0)),
        memory: usage(|usage| usage.memory.map(|memory| memory.0)),
        rate: reading(traffic.map(|traffic| traffic.rate), age, age_max_ms),
        in_flight_milli: reading(traffic.map(|traffic| traffic.in_flight_milli), age, age_max_ms),
        demand: None,
    };
    let mut rationale = plimsoll_autoscale::decide(&mut service.stabilizer, &inputs);
    rationale.current = service.live();
    rationale.ready = service.ready();
    service.target = Some(rationale.target);
    turn.observation = observation;
    rationale
}

/// The last target; at first what runs already, within the bounds.
fn starting_point(service: &mut ServiceState, spec: &ServiceSpec, turn: &Turn) -> u32 {
    if let Some(target) = service.target {
        return target;
    }
    let live = service.live();
    if live > 0 {
        service.stabilizer = Stabilizer::seeded(turn.at, live);
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
    let (mut used, mut replicas, mut stale) = (0_u64, 0_u32, None::<u64>);
    for (ordinal, _) in service.replicas.iter().filter(|(_, replica)| replica.is_ready()) {
        let id = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: *ordinal });
        let Some(usage) = observation.usage.get(&id) else { continue };
        let Some(value) = figure(usage) else { continue };
        if usage.quality.age_ms > age_max_ms {
            stale = Some(stale.map_or(usage.quality.age_ms, |age| age.min(usage.quality.age_ms)));
        } else {
            used = used.saturating_add(value);
            replicas += 1;
        }
    }
    match (replicas, stale) {
        (0, Some(age_ms)) => Reading::Stale { age_ms, age_max_ms },
        (0, None) => Reading::Absent,
        _ => Reading::Fresh(Usage { used, replicas }),
    }
}
