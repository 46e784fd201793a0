//! The node's books of one step: what is taken now, and what will be taken once everything told to stop has gone.
//!
//! Two ledgers, because a start needs room in both: in `now` or the node would be overbooked while something drains; in
//! `later` or it would take the room that something drains for.

use crate::emit::Turn;
use crate::process::ProcessState;
use crate::state::{Services, State};
use crate::stop::resend_after;
use plimsoll_model::id::{TaskId, WorkloadId};
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::rationale::JobRationale;
use plimsoll_model::spec::Resources;
use plimsoll_model::{ActionKind, Spec, StopReason};
use plimsoll_placement::{Candidate, Held, Ledger, fits, victims};

/// A run that may have to make way.
struct Running {
    id: TaskId,
    candidate: Candidate,
    run_time: Option<Millis>,
    grace: Millis,
}

/// Who needs room.
pub(crate) struct Claimant {
    pub by: String,
    pub priority: i32,
}

pub(crate) struct Room {
    now: Ledger,
    later: Ledger,
    running: Vec<Running>,
    /// Runs that start in this step: requests, when, and how long they are expected to take.
    fresh: Vec<(Resources, Timestamp, Option<Millis>)>,
}

impl Room {
    /// Books everything that has a process or is about to. A run whose job is not in the spec makes way for nobody: it
    /// is being stopped already.
    pub fn new(state: &State, services: &Services, spec: &Spec, allocatable: Resources) -> Self {
        let mut room = Self {
            now: Ledger::new(allocatable),
            later: Ledger::new(allocatable),
            running: Vec::new(),
            fresh: Vec::new(),
        };
        for replica in services.values().flat_map(|service| service.replicas.values()) {
            room.book(replica);
        }
        for (name, job) in &state.jobs {
            let Some(spec) = spec.jobs.get(name) else {
                job.tasks.values().for_each(|task| room.book(&task.process));
                continue;
            };
            for (ordinal, task) in &job.tasks {
                room.book(&task.process);
                if task.process.is_live() {
                    let candidate = Candidate {
                        priority: spec.priority,
                        preemptible: spec.preemptible,
                        started: task.process.asked_at,
                        requests: task.process.requests,
                    };
                    let id = TaskId { job: name.clone(), ordinal: *ordinal };
                    room.running.push(Running { id, candidate, run_time: spec.run_time, grace: spec.grace });
                }
            }
        }
        room
    }

    fn book(&mut self, process: &ProcessState) {
        self.now.hold(process.held());
        if process.stopping.is_none() {
            self.later.hold(process.held());
        }
    }

    /// What the runs of jobs hold, since when, and how long each is expected to take.
    pub fn runs(&self) -> impl Iterator<Item = (Resources, Timestamp, Option<Millis>)> + '_ {
        let before = self.running.iter().map(|it| (it.candidate.requests, it.candidate.started, it.run_time));
        before.chain(self.fresh.iter().copied())
    }

    /// What the runs of jobs hold, for the sharing among services.
    pub fn held(&self) -> Vec<Held> {
        let held = |running: &Running| Held {
            priority: running.candidate.priority,
            preemptible: running.candidate.preemptible,
            requests: running.candidate.requests,
        };
        self.running.iter().map(held).collect()
    }

    /// Books a start if there is room for it now and nobody waits for that room.
    pub fn start(&mut self, asked: Resources) -> bool {
        if !fits(asked, self.now.free()) {
            return false;
        }
        self.later.take(asked) && self.now.take(asked)
    }

    /// Books the start of a job's run like [`Room::start`], and remembers when it is expected to end.
    pub fn start_run(&mut self, asked: Resources, at: Timestamp, run_time: Option<Millis>) -> bool {
        let fits = self.start(asked);
        if fits {
            self.fresh.push((asked, at, run_time));
        }
        fits
    }

    /// Books what a running process takes more when it becomes `to`; false, and nothing booked, where that is not free.
    pub fn grow(&mut self, from: Resources, to: Resources) -> bool {
        let more = Resources { cpu: to.cpu.saturating_sub(from.cpu), memory: to.memory.saturating_sub(from.memory) };
        self.start(more)
    }

    /// A process was told to stop: its room will come free.
    pub fn leaves(&mut self, requests: Resources) {
        self.later.release(requests);
    }

    /// Keeps room for what may not start yet, as far as there is any.
    pub fn keep(&mut self, asked: Resources) -> bool {
        self.later.take(asked)
    }

    /// Room for a start now.
    pub fn free(&self) -> Resources {
        let (now, later) = (self.now.free(), self.later.free());
        Resources { cpu: now.cpu.min(later.cpu), memory: now.memory.min(later.memory) }
    }

    pub fn allocatable(&self) -> Resources {
        self.now.allocatable()
    }

    /// Keeps room for `asked`, stopping less important runs for it where that is allowed and enough. True when the room
    /// is there or will be.
    pub fn make_way(&mut self, state: &mut State, turn: &mut Turn, asked: Resources, claimant: &Claimant) -> bool {
        let candidates: Vec<Candidate> = self.running.iter().map(|running| running.candidate).collect();
        let Some(mut chosen) = victims(asked, self.later.free(), claimant.priority, &candidates) else { return false };
        chosen.sort_unstable();
        for index in chosen.into_iter().rev() {
            let victim = self.running.remove(index);
            self.preempt(state, turn, &victim, claimant);
        }
        self.later.take(asked)
    }

    fn preempt(&mut self, state: &mut State, turn: &mut Turn, victim: &Running, claimant: &Claimant) {
        let resend = resend_after(state, victim.grace);
        let task = state.jobs.get_mut(&victim.id.job).and_then(|job| job.tasks.get_mut(&victim.id.ordinal));
        if let Some(task) = task
            && task.process.stop(StopReason::Preempted, turn.at, resend)
        {
            let workload = WorkloadId::Task(victim.id.clone());
            turn.actions.push(ActionKind::Stop { workload, reason: StopReason::Preempted, grace: victim.grace });
        }
        self.later.release(victim.candidate.requests);
        turn.jobs.entry(victim.id.job.clone()).or_default().push(JobRationale::Preempted {
            task: victim.id.clone(),
            by: claimant.by.clone(),
            priority: victim.candidate.priority,
            by_priority: claimant.priority,
        });
    }
}
