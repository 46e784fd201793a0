//! Stops that no target asks for: shutdown, removal from the spec, a process that is sick, a stop that had no effect.

use crate::emit::Turn;
use crate::exit::count_exit;
use crate::state::{ServiceState, State};
use plimsoll_model::id::{ReplicaId, ServiceName, TaskId, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Phase};
use plimsoll_model::quantity::Millis;
use plimsoll_model::{ActionKind, Finding, ServiceSpec, Spec, StopReason};

/// Grace time of a workload whose spec is gone, physical.
const GRACE_UNKNOWN: Millis = Millis(10_000);
/// Wait, physical, beyond the grace time before a driver is told again to stop something.
const STOP_AGAIN: Millis = Millis(30_000);

/// Trace time after which a stop is repeated.
pub(crate) fn resend_after(state: &State, grace: Millis) -> Millis {
    state.traced(grace.saturating_add(STOP_AGAIN))
}

/// Stops everything that has a process, and starts nothing.
pub(crate) fn stop_all(state: &mut State, turn: &mut Turn) {
    let spec = state.spec.take();
    let mut remaining = 0_usize;
    let services: Vec<ServiceName> = state.services.keys().cloned().collect();
    for name in services {
        let grace = spec.as_ref().and_then(|spec| spec.services.get(&name)).map_or(GRACE_UNKNOWN, |it| it.grace);
        remaining += state.services.get(&name).map_or(0, |service| service.replicas.len());
        stop_replicas(state, turn, &name, StopReason::Shutdown, grace);
    }
    let jobs: Vec<_> = state.jobs.keys().cloned().collect();
    for name in jobs {
        let grace = spec.as_ref().and_then(|spec| spec.jobs.get(&name)).map_or(GRACE_UNKNOWN, |it| it.grace);
        remaining += state.jobs.get(&name).map_or(0, |job| job.tasks.len());
        stop_tasks(state, turn, &name, StopReason::Shutdown, grace);
    }
    state.spec = spec;
    turn.find(Finding::ShuttingDown { remaining: crate::state::count(remaining) });
}

/// Stops what the spec no longer has, and drops the memory of what is gone.
pub(crate) fn stop_removed(state: &mut State, turn: &mut Turn, spec: &Spec) {
    // Nearly always the same names in the same order, which costs less to see than to look each one up.
    let is_removed = |name: &&ServiceName| !spec.services.contains_key(*name);
    let services: Vec<_> = if state.services.keys().eq(spec.services.keys()) {
        Vec::new()
    } else {
        state.services.keys().filter(is_removed).cloned().collect()
    };
    for name in services {
        stop_replicas(state, turn, &name, StopReason::Removed, GRACE_UNKNOWN);
        if let Some(service) = state.services.get(&name).filter(|service| service.replicas.is_empty()) {
            state.service_ordinals.insert(name.clone(), service.ordinal);
            state.services.remove(&name);
        }
    }
    let jobs: Vec<_> = state.jobs.keys().filter(|name| !spec.jobs.contains_key(*name)).cloned().collect();
    for name in jobs {
        stop_tasks(state, turn, &name, StopReason::Removed, GRACE_UNKNOWN);
        if let Some(job) = state.jobs.get_mut(&name) {
            job.queue.clear();
            if job.tasks.is_empty() {
                state.job_ordinals.insert(name.clone(), job.ordinal);
                state.jobs.remove(&name);
            }
        }
    }
}

fn stop_replicas(state: &mut State, turn: &mut Turn, name: &ServiceName, reason: StopReason, grace: Millis) {
    let resend = resend_after(state, grace);
    let Some(service) = state.services.get_mut(name) else { return };
    for (ordinal, replica) in &mut service.replicas {
        if replica.stop(reason, turn.at, resend) {
            let workload = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: *ordinal });
            turn.actions.push(ActionKind::Stop { workload, reason, grace });
        }
    }
}

fn stop_tasks(state: &mut State, turn: &mut Turn, name: &plimsoll_model::JobName, reason: StopReason, grace: Millis) {
    let resend = resend_after(state, grace);
    let Some(job) = state.jobs.get_mut(name) else { return };
    for (ordinal, task) in &mut job.tasks {
        if task.process.stop(reason, turn.at, resend) {
            let workload = WorkloadId::Task(TaskId { job: name.clone(), ordinal: *ordinal });
            turn.actions.push(ActionKind::Stop { workload, reason, grace });
        }
    }
}

/// Stops replicas that did not become ready in time or have been unready for as long, and repeats stops that had no
/// effect. Those that never became ready count as quick exits, so that a service that cannot start backs off.
pub(crate) fn stop_sick(
    state: &State,
    turn: &mut Turn,
    (name, spec): (&ServiceName, &ServiceSpec),
    service: &mut ServiceState,
) {
    let patience = state.traced(spec.health.startup_max);
    let resend = resend_after(state, spec.grace);
    let speed = u64::from(state.speed);
    let mut never_ready = 0_u32;
    for (ordinal, replica) in &mut service.replicas {
        let too_long = |since| turn.at.since(since) > patience;
        let reason = match (replica.stopping, replica.phase) {
            (Some(stopping), _) => stopping.reason,
            (None, Some(Phase::Starting)) if too_long(replica.asked_at) => StopReason::NeverReady,
            (None, Some(Phase::Unready)) if replica.unready_since.is_some_and(too_long) => StopReason::Unready,
            _ => continue,
        };
        never_ready += u32::from(replica.stopping.is_none() && reason == StopReason::NeverReady);
        if replica.stop(reason, turn.at, resend) {
            let workload = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: *ordinal });
            turn.actions.push(ActionKind::Stop { workload, reason, grace: spec.grace });
        }
    }
    for _ in 0..never_ready {
        count_exit(service, turn.at, &spec.restart, speed, &ExitCause::NeverReady, Millis::ZERO);
    }
}

/// Repeats stops of runs that had no effect.
pub(crate) fn stop_again(state: &mut State, turn: &mut Turn, spec: &Spec) {
    for (name, job) in &spec.jobs {
        let resend = resend_after(state, job.grace);
        let tasks = state.jobs.get_mut(name).into_iter().flat_map(|job| &mut job.tasks);
        for (ordinal, task) in tasks {
            let Some(stopping) = task.process.stopping else { continue };
            if task.process.stop(stopping.reason, turn.at, resend) {
                let workload = WorkloadId::Task(TaskId { job: name.clone(), ordinal: *ordinal });
                turn.actions.push(ActionKind::Stop { workload, reason: stopping.reason, grace: job.grace });
            }
        }
    }
}
