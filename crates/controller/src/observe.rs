//! What a report of the world changes in the state: phases, exits, strangers, capacity.

use crate::emit::Turn;
use crate::exit::{replica_ended, task_ended};
use crate::process::ProcessState;
use crate::seen::Seen;
use crate::state::{QueuedTask, State, TaskState};
use plimsoll_model::id::{ReplicaId, TaskId, WorkloadId};
use plimsoll_model::inventory::{ExitCause, Phase, ReplicaStatus};
use plimsoll_model::quantity::Millis;
use plimsoll_model::spec::Limits;
use plimsoll_model::{ActionKind, Observation};
use std::cmp::Ordering;

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
    let mut seen = Seen::new(&observation.workloads);
    for status in &observation.workloads {
        if !seen.insert(&status.id) {
            turn.bad(format!("{} is reported twice", status.id));
            continue;
        }
        see(state, turn, observation, status);
    }
    miss(state, turn, seen);
}

fn see(state: &mut State, turn: &mut Turn, observation: &Observation, status: &ReplicaStatus) {
    if let Some(told) = state.forgotten.get(&status.id).copied() {
        if status.phase != Phase::Exited {
            turn.bad(format!("{} was reported to have exited and runs again", status.id));
        } else if turn.at.since(told) >= state.traced(FORGET_AGAIN) {
            forget(state, turn, status.id.clone());
        }
        return;
    }
    let (WorkloadId::Replica(ReplicaId { ordinal, .. }) | WorkloadId::Task(TaskId { ordinal, .. })) = &status.id;
    if *ordinal > ORDINAL_MAX {
        turn.bad(format!("{} has an ordinal that was never given out", status.id));
        return;
    }
    match &status.id {
        WorkloadId::Replica(id) => see_replica(state, turn, observation, status, id),
        WorkloadId::Task(id) => see_task(state, turn, observation, status, id),
    }
}

/// A replica that nobody here started (the state was lost) is adopted. Started under another generation, it is taken for
/// one of an older spec.
fn see_replica(state: &mut State, turn: &mut Turn, observation: &Observation, status: &ReplicaStatus, id: &ReplicaId) {
    let gone = state.service_ordinals.remove(&id.service).unwrap_or(0);
    let current = status.generation == state.generation;
    let service = state.services.entry(id.service.clone()).or_default();
    service.ordinal = service.ordinal.max(id.ordinal).max(gone);
    let revision = if current { service.revision } else { service.revision.wrapping_sub(1) };
    let adopted = || ProcessState::started(revision, status.requests, turn.at);
    let replica = service.replicas.entry(id.ordinal).or_insert_with(adopted);
    replica.see(turn, status, observation.usage.get(&status.id));
    if let Some((cause, ran)) = ended(status, turn) {
        replica_ended(state, turn, id, &cause, ran);
        forget(state, turn, status.id.clone());
    }
}

fn see_task(state: &mut State, turn: &mut Turn, observation: &Observation, status: &ReplicaStatus, id: &TaskId) {
    let gone = state.job_ordinals.remove(&id.job).unwrap_or(0);
    let spec = state.spec.as_ref().and_then(|spec| spec.jobs.get(&id.job));
    let (retries_left, limits) = spec.map_or((0, Limits::default()), |spec| (spec.retries, spec.limits));
    let job = state.jobs.entry(id.job.clone()).or_default();
    job.ordinal = job.ordinal.max(id.ordinal).max(gone);
    let (at, requests) = (turn.at, status.requests);
    let task = job.tasks.entry(id.ordinal).or_insert_with(|| TaskState {
        process: ProcessState::started(0, requests, at),
        run: QueuedTask { ordinal: id.ordinal, submitted: at, retries_left, requests, limits, told: None },
    });
    task.process.see(turn, status, observation.usage.get(&status.id));
    if let Some((cause, _)) = ended(status, turn) {
        task_ended(state, turn, id, &cause);
        forget(state, turn, status.id.clone());
    }
}

/// Why a process ended and how long it ran, if it ended.
fn ended(status: &ReplicaStatus, turn: &Turn) -> Option<(ExitCause, Millis)> {
    (status.phase == Phase::Exited).then(|| match &status.exited {
        Some(exited) => (exited.cause.clone(), exited.at.since(status.started_at)),
        None => (ExitCause::Lost, turn.at.since(status.started_at)),
    })
}

fn forget(state: &mut State, turn: &mut Turn, workload: WorkloadId) {
    state.forgotten.insert(workload.clone(), turn.at);
    turn.actions.push(ActionKind::Forget { workload });
}

/// What the driver no longer reports is gone; what was just started gets time to appear.
fn miss(state: &mut State, turn: &mut Turn, mut seen: Seen<'_>) {
    state.forgotten.retain(|workload, _| seen.contains(|other| other.cmp(workload)));
    let appear = state.traced(APPEAR_MAX);
    let mut replicas = Vec::new();
    for (name, service) in &mut state.services {
        for (ordinal, process) in &mut service.replicas {
            let order = |other: &WorkloadId| match other {
                WorkloadId::Replica(other) => (&other.service, other.ordinal).cmp(&(name, *ordinal)),
                WorkloadId::Task(_) => Ordering::Greater,
            };
            if !seen.contains(order) && is_gone(process, turn, appear) {
                let id = ReplicaId { service: name.clone(), ordinal: *ordinal };
                replicas.push((id, turn.at.since(process.asked_at)));
            }
        }
    }
    let mut tasks = Vec::new();
    for (name, job) in &mut state.jobs {
        for (ordinal, task) in &mut job.tasks {
            let order = |other: &WorkloadId| match other {
                WorkloadId::Replica(_) => Ordering::Less,
                WorkloadId::Task(other) => (&other.job, other.ordinal).cmp(&(name, *ordinal)),
            };
            if !seen.contains(order) && is_gone(&mut task.process, turn, appear) {
                tasks.push(TaskId { job: name.clone(), ordinal: *ordinal });
            }
        }
    }
    for (id, ran) in replicas {
        replica_ended(state, turn, &id, &ExitCause::Lost, ran);
    }
    for id in tasks {
        task_ended(state, turn, &id, &ExitCause::Lost);
    }
}

fn is_gone(process: &mut ProcessState, turn: &Turn, appear: Millis) -> bool {
    process.missed = process.missed.saturating_add(1);
    match process.phase {
        Some(_) => process.missed >= MISSED_MAX,
        None => turn.at.since(process.asked_at) >= appear,
    }
}
