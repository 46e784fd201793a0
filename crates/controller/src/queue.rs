//! Jobs: when they are submitted. Which of them start is for `admit`.

use crate::admit::admit;
use crate::emit::Turn;
use crate::room::Room;
use crate::state::{JobState, QueuedTask, State, count};
use plimsoll_model::Spec;
use plimsoll_model::id::JobName;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::spec::{JobSpec, Schedule};

/// Runs of one job that may wait; more are refused.
const QUEUE_MAX: usize = 1_000;
const DAY_MS: u64 = 86_400_000;

/// Submits what is due and starts what fits beside the services.
pub(crate) fn run_jobs(state: &mut State, turn: &mut Turn, spec: &Spec, room: &mut Room) {
    for (name, job) in &spec.jobs {
        let entry = state.jobs.entry(name.clone()).or_default();
        if is_due(entry, job, turn.at, spec.tick) {
            enqueue(entry, job, turn.at);
        }
    }
    admit(state, turn, spec, room);
}

/// Submits a job because somebody asks for it.
pub(crate) fn submit(state: &mut State, turn: &mut Turn, spec: &Spec, name: &JobName) {
    let Some(job) = spec.jobs.get(name) else { return turn.bad(format!("job {name} is not in the spec")) };
    let entry = state.jobs.entry(name.clone()).or_default();
    if entry.queue.len() >= QUEUE_MAX {
        return turn.bad(format!("{QUEUE_MAX} runs of job {name} wait already"));
    }
    enqueue(entry, job, turn.at);
}

fn enqueue(entry: &mut JobState, job: &JobSpec, at: Timestamp) {
    entry.ordinal = entry.ordinal.saturating_add(1);
    entry.queue.push(QueuedTask {
        ordinal: entry.ordinal,
        submitted: at,
        retries_left: job.retries,
        requests: job.requests,
        limits: job.limits,
        told: None,
    });
}

/// Whether the schedule asks for a run now; works out when it does so next. A run that still goes lets the next one
/// pass, and however many were missed (the daemon was down) are made up for by one.
fn is_due(entry: &mut JobState, job: &JobSpec, at: Timestamp, tick: Millis) -> bool {
    if entry.schedule != Some(job.schedule) {
        let ran_once = entry.schedule.is_some() || entry.is_going();
        entry.schedule = Some(job.schedule);
        entry.due = match job.schedule {
            Schedule::Once => (!ran_once).then_some(at),
            Schedule::Every { .. } => Some(at),
            Schedule::Daily { at: time } => Some(next_daily(at, time)),
            Schedule::Manual => None,
        };
    }
    let Some(due) = entry.due.filter(|due| *due <= at) else { return false };
    entry.due = match job.schedule {
        Schedule::Once | Schedule::Manual => None,
        Schedule::Every { period } => {
            let period = period.max(tick).max(Millis(1));
            Some(due.plus(period.saturating_mul(at.since(due).0 / period.0 + 1)))
        }
        Schedule::Daily { at: time } => Some(next_daily(at.plus(Millis(1)), time)),
    };
    !entry.is_going()
}

/// The first moment from `at` on that is `time` after midnight, UTC.
fn next_daily(at: Timestamp, time: Millis) -> Timestamp {
    let into_day = at.0.rem_euclid(DAY_MS as i64).unsigned_abs();
    at.plus(Millis((time.0 % DAY_MS + DAY_MS - into_day) % DAY_MS))
}

/// Runs that wait for room, over all jobs.
#[must_use]
pub fn waiting(state: &State) -> u32 {
    count(state.jobs.values().map(|job| job.queue.len()).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daily_jobs_are_due_at_their_utc_time() {
        let hour = 3_600_000_i64;
        for (at, time, due) in [
            (0, 0, 0),
            (1, 0, 24 * hour),
            (5 * hour, 6 * hour, 6 * hour),
            (7 * hour, 6 * hour, 30 * hour),
            (-hour, 0, 0),
            (-hour, 22 * hour, 22 * hour),
            (0, 30 * hour, 6 * hour),
        ] {
            assert_eq!(next_daily(Timestamp(at), Millis(time.unsigned_abs())), Timestamp(due), "{at} {time}");
        }
    }
}
