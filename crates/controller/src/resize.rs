//! The size of a service's replicas: decided beside their number, then carried to those that run.
//!
//! A replica is changed in place first. A driver that cannot shows it by going on to report the old size; then, where the
//! mode is `recreate`, the replica counts as one of an older spec, and the rolling replacement that every change of a spec
//! goes through takes it: a ready one to spare before one goes, the minimum kept. In the other modes it keeps its size to
//! its end.

use crate::emit::Turn;
use crate::process::Resizing;
use crate::room::Room;
use crate::state::{ServiceState, State};
use plimsoll_autoscale::vertical::updater::replaceable;
use plimsoll_autoscale::vertical::{ReplicaUse, SizerInputs, tracked};
use plimsoll_model::id::{ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::quantity::Millis;
use plimsoll_model::scaling::{Size, VerticalMode, VerticalReason};
use plimsoll_model::{ActionKind, Observation, Phase, ServiceSpec};

/// Wait, physical, for a size to be reported after the driver was told.
const RESIZE_WAIT: Millis = Millis(30_000);

/// What a service's replicas are given: the size in force, which is the declared one without right-sizing.
pub(crate) fn size_of(service: &ServiceState, spec: &ServiceSpec) -> Size {
    let declared = Size { requests: spec.requests, limits: spec.limits };
    let sizer = service.scaler.sizer.as_deref();
    match (&spec.scaling.vertical, sizer) {
        (Some(vertical), Some(sizer)) => sizer.size(vertical, declared, tracked(&spec.scaling)),
        _ => declared,
    }
}

/// Decides the size in the same decision as the count, whose target goes from `before` to `target`.
pub(crate) fn decide_size(
    service: &mut ServiceState,
    turn: &Turn,
    (name, spec): (&ServiceName, &ServiceSpec),
    (before, target): (u32, u32),
    (observation, age_max_ms): (Option<&Observation>, u64),
) -> Option<Box<VerticalReason>> {
    let Some(vertical) = &spec.scaling.vertical else {
        service.scaler.sizer = None;
        service.count_changed_at = None;
        return None;
    };
    let replicas = uses(service, name, observation, age_max_ms);
    if before != target || service.count_changed_at.is_none() {
        service.count_changed_at = Some(turn.at);
    }
    let changed = service.count_changed_at.unwrap_or(turn.at);
    let is_complete = service.live() == target && service.ready() == target;
    let (tracks_cpu, tracks_memory) = tracked(&spec.scaling);
    let sizer = service.scaler.sizer.get_or_insert_default();
    Some(Box::new(sizer.decide(&SizerInputs {
        at: turn.at,
        spec: vertical,
        declared: Size { requests: spec.requests, limits: spec.limits },
        replicas: &replicas,
        target,
        replicas_max: spec.replicas_max,
        is_complete,
        settles: changed.plus(spec.scaling.stabilization_down),
        tracks_cpu,
        tracks_memory,
    })))
}

/// What the ready replicas used, as far as that is fresh.
fn uses(
    service: &ServiceState,
    name: &ServiceName,
    observation: Option<&Observation>,
    age_max_ms: u64,
) -> Vec<ReplicaUse> {
    let Some(observation) = observation else { return Vec::new() };
    let mut uses = Vec::new();
    for (ordinal, _) in service.replicas.iter().filter(|(_, replica)| replica.is_ready()) {
        let id = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: *ordinal });
        if let Some(usage) = observation.usage.get(&id).filter(|usage| usage.quality.age_ms <= age_max_ms) {
            uses.push(ReplicaUse { cpu: usage.cpu, memory: usage.memory });
        }
    }
    uses
}

/// Tells the driver about replicas that have another size than the one in force, as far as the mode and the room allow.
/// Returns how many have another size still.
pub(crate) fn resize(
    state: &State,
    turn: &mut Turn,
    room: &mut Room,
    (name, spec): (&ServiceName, &ServiceSpec),
    service: &mut ServiceState,
    granted: u32,
) -> u32 {
    let mode = spec.scaling.vertical.as_ref().map(|vertical| vertical.mode);
    let Some(mode) = mode.filter(|mode| *mode != VerticalMode::Off) else { return 0 };
    let size = size_of(service, spec);
    let wait = state.traced(RESIZE_WAIT);
    let revision = service.revision;
    let mut replaceable = replaceable(granted, service.ready());
    let mut pending = 0;
    for (ordinal, replica) in service.replicas.iter_mut().filter(|(_, it)| it.is_live() && it.revision == revision) {
        if replica.requests == size.requests && replica.resizing.is_none() {
            continue;
        }
        pending += 1;
        if mode == VerticalMode::Initial || !replica.phase.is_some_and(Phase::is_live) {
            continue;
        }
        if let Some(Resizing { at, .. }) = replica.resizing.filter(|resizing| resizing.to == size.requests) {
            let is_refused = turn.at.since(at) >= wait;
            if is_refused && mode == VerticalMode::Recreate && replica.phase == Some(Phase::Ready) && replaceable > 0 {
                replica.resizing = None;
                replica.revision = revision.wrapping_sub(1);
                replaceable -= 1;
            }
        } else if room.grow(replica.held(), size.requests) {
            replica.resizing = Some(Resizing { to: size.requests, at: turn.at });
            let replica = ReplicaId { service: name.clone(), ordinal: *ordinal };
            turn.actions.push(ActionKind::Resize { replica, requests: size.requests, limits: size.limits });
        }
    }
    pending
}
