//! What a report of the world changes in the state: phases, exits, strangers, capacity.

use crate::emit::Turn;
use crate::state::{ReplicaState, ServiceState, State};
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use plimsoll_model::spec::RestartSpec;
use plimsoll_model::{ActionKind, Finding, Observation, Phase, ReplicaId, ReplicaStatus, WorkloadId};
use std::collections::BTreeSet;

/// Share of throttled periods from which a replica counts as held back.
const THROTTLED_FROM: Permille = Permille(100);
/// Observations in a row that may lack a workload before it counts as gone.
const MISSED_MAX: u32 = 2;
/// Wait, physical, for a started workload to appear beyond the time its start may take.
const APPEAR_MAX: Millis = Millis(60_000);
/// Wait, physical, before the driver is told again to forget.
const FORGET_AGAIN: Millis = Millis(30_000);
/// Ordinals above this are not believed: no controller gets there, and counting on from one would wrap.
const ORDINAL_MAX: u64 = 1 << 53;
/// Most trace time per physical time that is believed.
const SPEED_MAX: u32 = 86_400;

pub(crate) fn observe(state: &mut State, turn: &mut Turn, observation: &Observation) {
    if observation.speed == 0 || observation.speed > SPEED_MAX {
        turn.bad(format!("speed {} is not 1 to {SPEED_MAX}", observation.speed));
    } else {
        state.speed = observation.speed;
    }
    let allocatable = observation.host.allocatable;
    if allocatable.cpu.0 == 0 || allocatable.memory.0 == 0 {
        turn.bad(format!("the node reports {allocatable} for workloads"));
    } else {
        state.allocatable = Some(allocatable);
    }
    let mut seen = BTreeSet::new();
    for status in &observation.workloads {
        if seen.insert(&status.id) {
            see(state, turn, observation, status);
        } else {
            turn.bad(format!("{} is reported twice", status.id));
        }
    }
    miss(state, turn, &seen);
}

fn see(state: &mut State, turn: &mut Turn, observation: &Observation, status: &ReplicaStatus) {
    if let Some(told) = state.forgotten.get(&status.id).copied() {
        let again = state.traced(FORGET_AGAIN);
        if turn.at.since(told) >= again {
            forget(state, turn, status.id.clone());
        }
        return;
    }
    if let WorkloadId::Replica(id) = &status.id {
        if id.ordinal > ORDINAL_MAX {
            turn.bad(format!("{id} has an ordinal that was never given out"));
            return;
        }
        see_replica(state, turn, observation, status, id);
    }
}

fn see_replica(state: &mut State, turn: &mut Turn, observation: &Observation, status: &ReplicaStatus, id: &ReplicaId) {
    let known_ordinal = state.ordinals.remove(&id.service).unwrap_or(0);
    let current = status.generation == state.generation;
    let service = state.services.entry(id.service.clone()).or_default();
    service.ordinal = service.ordinal.max(id.ordinal).max(known_ordinal);
    let revision = if current { service.revision } else { service.revision.wrapping_sub(1) };
    let at = turn.at;
    let fresh = || ReplicaState::adopted(revision, status, at);
    let replica = service.replicas.entry(id.ordinal).or_insert_with(fresh);
    replica.missed = 0;
    replica.phase = Some(status.phase);
    replica.unready_since = (status.phase == Phase::Unready).then(|| replica.unready_since.unwrap_or(at));
    if let Some(usage) = observation.usage.get(&status.id) {
        replica.memory = usage.memory.or(replica.memory);
        let share = usage.throttled.unwrap_or(Permille::ZERO);
        let throttled = share >= THROTTLED_FROM;
        if throttled && !replica.throttled {
            let cpu = usage.cpu.unwrap_or_default();
            turn.find(Finding::Throttled { workload: status.id.clone(), share, cpu });
        }
        replica.throttled = throttled;
    }
    if status.phase == Phase::Exited {
        let cause = status.exited.as_ref().map_or(ExitCause::Lost, |exited| exited.cause.clone());
        let ended = status.exited.as_ref().map_or(at, |exited| exited.at);
        exit(state, turn, id, &cause, ended.since(status.started_at));
        forget(state, turn, status.id.clone());
    }
}

fn forget(state: &mut State, turn: &mut Turn, workload: WorkloadId) {
    state.forgotten.insert(workload.clone(), turn.at);
    turn.actions.push(ActionKind::Forget { workload });
}

/// Takes a replica's end into account: reports it if nobody asked for it, and counts it if it came quickly.
fn exit(state: &mut State, turn: &mut Turn, id: &ReplicaId, cause: &ExitCause, ran: Millis) {
    let spec = state.spec.as_ref().and_then(|spec| spec.services.get(&id.service));
    let limit = spec.and_then(|spec| spec.limits.memory);
    let restart = spec.map(|spec| spec.restart.clone());
    let speed = u64::from(state.speed);
    let Some(service) = state.services.get_mut(&id.service) else { return };
    let Some(replica) = service.replicas.remove(&id.ordinal) else { return };
    if replica.stopping.is_some() {
        return;
    }
    let workload = WorkloadId::Replica(id.clone());
    if *cause == ExitCause::OutOfMemory {
        let (requested, used) = (replica.requests.memory, replica.memory);
        turn.find(Finding::OutOfMemory { workload: workload.clone(), requested, limit, used });
    }
    turn.find(Finding::Exited { workload, cause: cause.clone() });
    if let Some(restart) = restart {
        count_exit(service, turn.at, &restart, speed, cause, ran);
    }
}

/// A row of quick exits grows by one per step however many replicas went at once (a killer that takes five is one
/// event), and ends when one ran, or the row rested, for `stable_after`.
pub(crate) fn count_exit(
    service: &mut ServiceState,
    at: Timestamp,
    restart: &RestartSpec,
    speed: u64,
    cause: &ExitCause,
    ran: Millis,
) {
    let stable = restart.stable_after.saturating_mul(speed);
    let rested = service.exited_at.is_none_or(|last| at.since(last) >= stable);
    if ran >= stable || (rested && service.exited_at != Some(at)) {
        service.exits = 0;
        service.waiting = 0;
        service.restart_at = None;
    }
    if ran >= stable {
        return;
    }
    if service.exited_at != Some(at) || service.exits == 0 {
        service.exits = service.exits.saturating_add(1);
    }
    service.exited_at = Some(at);
    service.exit_cause = Some(cause.clone());
    let wait = backoff(restart, service.exits);
    if wait > Millis::ZERO {
        service.waiting = service.waiting.saturating_add(1);
        service.restart_at = Some(at.plus(wait.saturating_mul(speed)));
    }
}

/// None before the first restart, `backoff` before the second, doubling up to `backoff_max`; a crash loop waits longest.
fn backoff(restart: &RestartSpec, exits: u32) -> Millis {
    if exits <= 1 {
        return Millis::ZERO;
    }
    if exits >= restart.crash_loop_after.max(2) {
        return restart.backoff_max;
    }
    let factor = 1_u64.checked_shl(exits - 2).unwrap_or(u64::MAX);
    restart.backoff.saturating_mul(factor).min(restart.backoff_max)
}

/// What the driver no longer reports is gone; what was just started gets time to appear.
fn miss(state: &mut State, turn: &mut Turn, seen: &BTreeSet<&WorkloadId>) {
    state.forgotten.retain(|workload, _| seen.contains(workload));
    let speed = u64::from(state.speed);
    let mut gone = Vec::new();
    for (name, service) in &mut state.services {
        let spec = state.spec.as_ref().and_then(|spec| spec.services.get(name));
        let appear = spec.map_or(APPEAR_MAX, |spec| spec.health.startup_max.saturating_add(APPEAR_MAX));
        for (ordinal, replica) in &mut service.replicas {
            let id = ReplicaId { service: name.clone(), ordinal: *ordinal };
            if seen.contains(&WorkloadId::Replica(id.clone())) {
                continue;
            }
            replica.missed = replica.missed.saturating_add(1);
            let waited = turn.at.since(replica.asked_at);
            let lost = match replica.phase {
                Some(_) => replica.missed >= MISSED_MAX,
                None => waited >= appear.saturating_mul(speed),
            };
            if lost {
                gone.push((id, waited));
            }
        }
    }
    for (id, ran) in gone {
        exit(state, turn, &id, &ExitCause::Lost, ran);
    }
}
