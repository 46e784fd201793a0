//! Which waiting runs start, in the order that the policy names, and what becomes of those that do not fit.
//!
//! The order is one of `placement`'s, over what a queue may know of a run. A run that fits when its turn comes starts. One
//! that does not lets less important runs make way, or has the room that is coming free kept for it, where that is
//! enough; otherwise the policy's backfill says who may pass it (`backfill`). Whatever the policy, a run that has waited
//! for `patience` lets nothing behind it start.

use crate::backfill::{Passing, pass};
use crate::emit::Turn;
use crate::process::ProcessState;
use crate::room::{Claimant, Room};
use crate::state::{QueuedTask, State, TaskState};
use plimsoll_model::id::{JobName, TaskId};
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::rationale::{JobRationale, Passed};
use plimsoll_model::spec::{JobSpec, QueueSpec, Resources};
use plimsoll_model::{ActionKind, Spec};
use plimsoll_placement::backfill::Backfill;
use plimsoll_placement::fits;
use plimsoll_placement::order::{Facts, Key, QueueOrder, Share};

/// What a run without an estimate is expected to take.
pub(crate) const RUN_TIME_UNKNOWN: Millis = Millis(86_400_000);

/// A run that waits, with its job's part of the policy.
pub(crate) struct Queued<'a> {
    pub name: JobName,
    pub task: QueuedTask,
    pub spec: &'a JobSpec,
}

impl Queued<'_> {
    pub fn id(&self) -> TaskId {
        TaskId { job: self.name.clone(), ordinal: self.task.ordinal }
    }
}

/// What became of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waits,
    Gone,
}

/// Starts what may start; the others wait on, and are told their place when it changes.
pub(crate) fn admit(state: &mut State, turn: &mut Turn, spec: &Spec, room: &mut Room) {
    let mut queued = take_queued(state, spec);
    let (order, backfill) = policy(turn, &spec.queue);
    let mut places = sorted(&queued, order, room.allocatable(), turn.at);
    places.retain(|index| !is_impossible(turn, room, &queued[*index]));
    let mut fates = vec![Fate::Gone; queued.len()];
    places.iter().for_each(|index| fates[*index] = Fate::Waits);
    let mut admission = Admission { state, turn, room, queued: &queued, patience: spec.queue.patience };
    let expected = admission.run(&places, backfill, &mut fates);
    places.retain(|index| fates[*index] == Fate::Waits);
    tell(turn, room.free(), &mut queued, &places, expected);
    for (queued, fate) in queued.into_iter().zip(fates) {
        if fate == Fate::Waits {
            state.jobs.entry(queued.name).or_default().queue.push(queued.task);
        }
    }
}

fn take_queued<'a>(state: &mut State, spec: &'a Spec) -> Vec<Queued<'a>> {
    let mut queued = Vec::new();
    for (name, job) in &mut state.jobs {
        let Some(spec) = spec.jobs.get(name) else { continue };
        let tasks = std::mem::take(&mut job.queue).into_iter();
        queued.extend(tasks.map(|task| Queued { name: name.clone(), task, spec }));
    }
    queued
}

/// The policy's order and backfill; names that this release does not know are a finding.
fn policy(turn: &mut Turn, spec: &QueueSpec) -> (QueueOrder, Backfill) {
    let ageing = QueueOrder::Ageing { span: Millis(spec.ageing.0.max(1)) };
    let order = match QueueOrder::by_name(&spec.order) {
        Some(QueueOrder::Ageing { .. }) => ageing,
        Some(order) => order,
        None => {
            turn.bad(format!("queue order {:?} is not known; `ageing` is used", spec.order));
            ageing
        }
    };
    let backfill = Backfill::by_name(&spec.backfill).unwrap_or_else(|| {
        turn.bad(format!("backfill {:?} is not known; `greedy` is used", spec.backfill));
        Backfill::Greedy
    });
    (order, backfill)
}

/// Indexes of `queued`, the one to look at first first.
fn sorted(queued: &[Queued<'_>], order: QueueOrder, allocatable: Resources, at: Timestamp) -> Vec<usize> {
    let key = |index: &usize| -> (Key, Timestamp, usize) {
        let run = &queued[*index];
        let asked = run.task.requests;
        let share = |amount: u64, of: u64| Share::of(amount.min(of), of);
        let facts = Facts {
            submitted: run.task.submitted,
            estimate: Millis(run.spec.run_time.unwrap_or(RUN_TIME_UNKNOWN).0.max(1)),
            priority: run.spec.priority,
            size: share(asked.cpu.0, allocatable.cpu.0).max(share(asked.memory.0, allocatable.memory.0)),
            processors: u32::try_from(asked.cpu.0.div_ceil(1_000).max(1)).unwrap_or(u32::MAX),
            ..Facts::default()
        };
        (order.key(&facts, at, 0), facts.submitted, *index)
    };
    let mut places: Vec<usize> = (0..queued.len()).collect();
    places.sort_by_cached_key(key);
    places
}

/// Refuses what would not fit on the empty node.
fn is_impossible(turn: &mut Turn, room: &Room, queued: &Queued<'_>) -> bool {
    let (asked, allocatable) = (queued.task.requests, room.allocatable());
    if fits(asked, allocatable) {
        return false;
    }
    let refused = JobRationale::Refused { task: queued.id(), asked, allocatable };
    turn.jobs.entry(queued.name.clone()).or_default().push(refused);
    true
}

struct Admission<'a, 'b> {
    state: &'a mut State,
    turn: &'a mut Turn,
    room: &'a mut Room,
    queued: &'a [Queued<'b>],
    patience: Millis,
}

impl Admission<'_, '_> {
    /// Walks the queue. Returns who waits with a reservation, and for when it is.
    fn run(&mut self, places: &[usize], backfill: Backfill, fates: &mut [Fate]) -> Option<(usize, Timestamp)> {
        let mut head: Option<usize> = None;
        for (place, index) in places.iter().enumerate() {
            let passed = head.map(|head| Passed { head: self.queued[head].id(), shadow: None, ends: None });
            if self.turn.starts_left > 0 && self.start(*index, passed) {
                fates[*index] = Fate::Gone;
                continue;
            }
            if self.turn.starts_left == 0 {
                return None;
            }
            let keeps = self.make_way(*index);
            match backfill {
                _ if self.is_out_of_patience(*index) && (keeps || !reserves(backfill)) => return None,
                Backfill::Greedy => head = head.or(Some(*index)),
                Backfill::None | Backfill::RlsNone => return None,
                _ if keeps => {}
                _ => return self.pass(&places[place..], backfill, fates),
            }
        }
        None
    }

    /// Starts those behind a head that has no room, as far as they delay nobody.
    fn pass(&mut self, places: &[usize], backfill: Backfill, fates: &mut [Fate]) -> Option<(usize, Timestamp)> {
        let behind: Vec<&Queued<'_>> = places.iter().map(|index| &self.queued[*index]).collect();
        let impatient = places.iter().skip(1).position(|index| self.is_out_of_patience(*index));
        let reach = impatient.map_or(behind.len(), |position| position + 2);
        let Passing { starts, shadow } = pass(self.room, &behind[..reach], backfill, self.turn.at);
        for (place, ends) in starts {
            let known = self.queued[places[place]].spec.run_time.is_some();
            let passed = Passed { head: behind[0].id(), shadow, ends: ends.filter(|_| known) };
            if self.turn.starts_left > 0 && self.start(places[place], Some(passed)) {
                fates[places[place]] = Fate::Gone;
            }
        }
        Some(places[0]).zip(shadow)
    }

    fn is_out_of_patience(&self, index: usize) -> bool {
        self.turn.at.since(self.queued[index].task.submitted) >= self.patience
    }

    /// Starts a run if it fits.
    fn start(&mut self, index: usize, passed: Option<Passed>) -> bool {
        let queued = &self.queued[index];
        let (requests, free) = (queued.task.requests, self.room.free());
        if !self.room.start_run(requests, self.turn.at, queued.spec.run_time) {
            return false;
        }
        self.turn.starts_left -= 1;
        let process = ProcessState::started(0, requests, self.turn.at);
        let started = TaskState { process, run: queued.task.clone() };
        let job = self.state.jobs.entry(queued.name.clone()).or_default();
        job.tasks.insert(queued.task.ordinal, started);
        self.turn.actions.push(ActionKind::StartTask { task: queued.id(), requests, limits: queued.task.limits });
        let told = JobRationale::Started { task: queued.id(), requests, free, passed };
        self.turn.jobs.entry(queued.name.clone()).or_default().push(told);
        true
    }

    /// Keeps the room that comes free for a run, or pre-empts less important ones; true where that is enough.
    fn make_way(&mut self, index: usize) -> bool {
        let queued = &self.queued[index];
        let claimant = Claimant { by: format!("job {}", queued.name), priority: queued.spec.priority };
        self.room.make_way(self.state, self.turn, queued.task.requests, &claimant)
    }
}

/// Whether the head of the queue has its room reserved, so that nobody who passes it delays it.
const fn reserves(backfill: Backfill) -> bool {
    matches!(backfill, Backfill::Easy(_) | Backfill::Conservative | Backfill::Rls)
}

/// Says to those that wait what their place is, where it is another than was said last.
fn tell(
    turn: &mut Turn,
    free: Resources,
    queued: &mut [Queued<'_>],
    waiting: &[usize],
    expected: Option<(usize, Timestamp)>,
) {
    for (position, index) in (1_u32..).zip(waiting) {
        let id = queued[*index].id();
        let Queued { name, task, .. } = &mut queued[*index];
        if task.told == Some(position) {
            continue;
        }
        task.told = Some(position);
        let waits = JobRationale::Waiting {
            task: id,
            since: task.submitted,
            asked: task.requests,
            free,
            position,
            expected: expected.filter(|(head, _)| head == index).map(|(_, at)| at),
        };
        turn.jobs.entry(name.clone()).or_default().push(waits);
    }
}
