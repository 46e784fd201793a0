//! What the end of a process means: for a service a restart, sooner or later; for a job success, another try, or failure.

use crate::emit::Turn;
use crate::process::ProcessState;
use crate::state::{QueuedTask, ServiceState, State};
use plimsoll_autoscale::vertical::OutOfMemory;
use plimsoll_model::id::{ReplicaId, TaskId, WorkloadId};
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::{Bytes, Millis, Timestamp};
use plimsoll_model::rationale::JobRationale;
use plimsoll_model::spec::{JobSpec, RestartSpec};
use plimsoll_model::{Finding, StopReason};

/// Takes a replica's end into account: reports it if nobody asked for it, and counts it if it came quickly.
pub(crate) fn replica_ended(state: &mut State, turn: &mut Turn, id: &ReplicaId, cause: &ExitCause, ran: Millis) {
    let speed = u64::from(state.speed);
    let Some(service) = state.services.get_mut(&id.service) else { return };
    let Some(replica) = service.replicas.remove(&id.ordinal) else { return };
    if replica.stopping.is_some() {
        return;
    }
    let spec = state.spec.as_ref().and_then(|spec| spec.services.get(&id.service));
    let limit = spec.and_then(|spec| spec.limits.memory);
    report(turn, WorkloadId::Replica(id.clone()), cause, &replica, limit);
    if let (ExitCause::OutOfMemory, Some(vertical)) = (cause, spec.and_then(|spec| spec.scaling.vertical.as_ref())) {
        let requested = replica.requests.memory;
        service.scaler.sizer.get_or_insert_default().ran_out(vertical, turn.at, OutOfMemory { requested, ran });
    }
    // Somebody else's stop (an order of an earlier life that the state does not know) says nothing about the service.
    let by_order = matches!(cause, ExitCause::Stopped | ExitCause::KilledAfterGrace);
    if let Some(spec) = spec.filter(|_| !by_order) {
        count_exit(service, turn.at, &spec.restart, speed, cause, ran);
    }
}

fn report(turn: &mut Turn, workload: WorkloadId, cause: &ExitCause, process: &ProcessState, limit: Option<Bytes>) {
    if *cause == ExitCause::OutOfMemory {
        let (requested, used) = (process.requests.memory, process.memory);
        turn.find(Finding::OutOfMemory { workload: workload.clone(), requested, limit, used });
    }
    turn.find(Finding::Exited { workload, cause: cause.clone() });
}

/// A row of quick exits grows by one per step however many replicas went at once (a killer that takes five is one
/// event). It ends when a replica that goes had run for `stable_after`, or when none had gone for as long.
pub(crate) fn count_exit(
    service: &mut ServiceState,
    at: Timestamp,
    restart: &RestartSpec,
    speed: u64,
    cause: &ExitCause,
    ran: Millis,
) {
    let stable = restart.stable_after.saturating_mul(speed);
    let same_step = service.exited_at == Some(at) && service.exits > 0;
    let rested = service.exited_at.is_none_or(|last| at.since(last) >= stable);
    if !same_step && (rested || ran >= stable) {
        service.exits = 0;
        service.waiting = 0;
        service.restart_at = None;
    }
    if ran >= stable {
        return;
    }
    if !same_step {
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
    if is_crash_loop(restart, exits) {
        return restart.backoff_max;
    }
    let factor = 1_u64.checked_shl(exits - 2).unwrap_or(u64::MAX);
    restart.backoff.saturating_mul(factor).min(restart.backoff_max)
}

/// A single exit is no loop, whatever the spec says.
pub(crate) fn is_crash_loop(restart: &RestartSpec, exits: u32) -> bool {
    exits >= restart.crash_loop_after.max(2)
}

/// Takes the end of a run into account. A pre-empted run waits again in its old place; one that failed is tried again
/// while tries are left, with more memory where that was what it lacked and its spec allows more.
pub(crate) fn task_ended(state: &mut State, turn: &mut Turn, id: &TaskId, cause: &ExitCause) {
    let Some(job) = state.jobs.get_mut(&id.job) else { return };
    let Some(ended) = job.tasks.remove(&id.ordinal) else { return };
    let Some(spec) = state.spec.as_ref().and_then(|spec| spec.jobs.get(&id.job)) else { return };
    let told = |turn: &mut Turn, rationale| turn.jobs.entry(id.job.clone()).or_default().push(rationale);
    if *cause == (ExitCause::Status { code: 0 }) {
        told(turn, JobRationale::Succeeded { task: id.clone() });
        return;
    }
    let again = QueuedTask { ordinal: job.ordinal.saturating_add(1), told: None, ..ended.run.clone() };
    match ended.process.stopping.map(|stopping| stopping.reason) {
        Some(StopReason::Preempted) => {
            job.ordinal = again.ordinal;
            return job.queue.push(again);
        }
        Some(_) => return,
        None => {}
    }
    report(turn, WorkloadId::Task(id.clone()), cause, &ended.process, ended.run.limits.memory);
    match another_try(&again, spec, cause) {
        Some(again) => {
            let (retries_left, memory) = (again.retries_left, again.requests.memory);
            told(turn, JobRationale::Retrying { task: id.clone(), cause: cause.clone(), retries_left, memory });
            job.ordinal = again.ordinal;
            job.queue.push(again);
        }
        None => told(turn, JobRationale::Failed { task: id.clone(), cause: cause.clone() }),
    }
}

/// The next try, if there is one. Out of memory at the spec's bound is final: the same again would end the same way.
fn another_try(failed: &QueuedTask, spec: &JobSpec, cause: &ExitCause) -> Option<QueuedTask> {
    let mut again = failed.clone();
    again.retries_left = failed.retries_left.checked_sub(1)?;
    let Some(growth) = spec.memory_retry.filter(|_| *cause == ExitCause::OutOfMemory) else { return Some(again) };
    let grown = |memory: Bytes| {
        let product = u128::from(memory.0) * u128::from(growth.factor.0) / 1_000;
        Bytes(u64::try_from(product).unwrap_or(u64::MAX)).min(growth.memory_max)
    };
    let (request, limit) = (failed.requests.memory, failed.limits.memory);
    let may_grow = grown(request) > request || limit.is_some_and(|limit| grown(limit) > limit);
    again.requests.memory = grown(request).max(request);
    again.limits.memory = limit.map(|limit| grown(limit).max(limit).max(again.requests.memory));
    may_grow.then_some(again)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restart() -> RestartSpec {
        RestartSpec {
            backoff: Millis(1_000),
            backoff_max: Millis(10_000),
            crash_loop_after: 6,
            stable_after: Millis(60_000),
        }
    }

    #[test]
    fn the_first_restart_is_immediate_and_the_wait_doubles_from_there() {
        let waits: Vec<u64> = (0..8).map(|exits| backoff(&restart(), exits).0).collect();
        assert_eq!(waits, [0, 0, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
        assert_eq!(backoff(&restart(), u32::MAX), Millis(10_000));
    }

    #[test]
    fn a_row_grows_once_per_step_and_ends_with_a_stable_replica_or_a_rest() {
        let mut service = ServiceState::default();
        let mut exit = |at: i64, ran: u64| {
            let cause = ExitCause::Signal { signal: 9 };
            count_exit(&mut service, Timestamp(at), &restart(), 1, &cause, Millis(ran));
            (service.exits, service.waiting)
        };
        assert_eq!(exit(1_000, 0), (1, 0));
        assert_eq!(exit(1_000, 0), (1, 0), "two at once are one event");
        assert_eq!(exit(2_000, 0), (2, 1));
        assert_eq!(exit(2_000, 0), (2, 2));
        assert_eq!(exit(3_000, 60_000), (0, 0), "one that ran long ends the row");
        assert_eq!(exit(4_000, 0), (1, 0));
        assert_eq!(exit(90_000, 0), (1, 0), "after a rest it starts anew");
    }
}
