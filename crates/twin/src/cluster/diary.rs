//! What happened to one task, for `--explain`: every decision about it in words, and at the end why it still waits.

use super::books::Fate;
use plimsoll_model::Timestamp;
use plimsoll_model::cluster::Task;
use plimsoll_placement::fleet::{Fleet, NodeIx};
use plimsoll_placement::scheduler::{
    BackfillFit, Decision, HoldReason, OrderTerms, PreemptReason, Remedy, ResizeReason, Scheduler, StartReason,
    SubmitError, TaskIx,
};
use std::fmt::Write as _;

/// Most lines; a task that is resized at every event must not fill the memory.
const LINES_MAX: usize = 200;
/// Runners-up that are named.
const FITTING_MAX: usize = 3;

/// The lines about one task; nothing is kept where no task was asked about.
#[derive(Debug, Clone, Default)]
pub struct Diary {
    wanted: Option<String>,
    /// Its place in the books.
    life: Option<u32>,
    /// Its number, which is another one when it is submitted again.
    task: Option<TaskIx>,
    lines: Vec<String>,
}

impl Diary {
    /// About the task of that name.
    #[must_use]
    pub fn of(name: Option<&str>) -> Self {
        Self { wanted: name.map(str::to_owned), ..Self::default() }
    }

    fn note(&mut self, at: Timestamp, text: &str) {
        if self.lines.len() < LINES_MAX {
            self.lines.push(format!("{at} {text}"));
        }
    }

    /// A task arrived.
    pub fn submitted(&mut self, at: Timestamp, task: &Task, life: u32) {
        if self.wanted.as_deref() == Some(task.id.as_str()) {
            self.life = Some(life);
            self.note(at, "submitted");
        }
    }

    /// The scheduler gave a task this number.
    pub fn is(&mut self, task: TaskIx, life: u32) {
        if self.life == Some(life) {
            self.task = Some(task);
        }
    }

    /// A task is refused.
    pub fn refused(&mut self, at: Timestamp, life: u32, error: &SubmitError) {
        if self.life == Some(life) {
            self.note(at, &format!("refused: {error}"));
        }
    }

    /// A task came to its end.
    pub fn ended(&mut self, at: Timestamp, task: TaskIx, fate: Fate) {
        if self.task == Some(task) {
            self.note(at, if fate == Fate::Killed { "stopped at its estimated run time" } else { "finished" });
        }
    }

    /// A task lost its node.
    pub fn failed(&mut self, at: Timestamp, task: TaskIx, node: NodeIx, fleet: &Fleet) {
        if self.task == Some(task) {
            self.note(at, &format!("stopped: node {} was lost", fleet.name(node)));
        }
    }

    /// The scheduler decided something.
    pub fn decided(&mut self, at: Timestamp, decision: &Decision, fleet: &Fleet) {
        let Some(own) = self.task else { return };
        let text = match decision {
            Decision::Start { task, binding, choice, why } if *task == own => {
                let score = choice.as_ref().map_or(String::new(), |choice| format!(", score {}", choice.score));
                Some(format!("started on {}{score}: {}", fleet.name(binding.node), started(why)))
            }
            Decision::Preempt { victim, why, .. } if *victim == own => Some(format!("stopped: {}", preempted(why))),
            Decision::Resize { task, workers, speed, why, .. } if *task == own => {
                Some(format!("{workers} workers, speed {speed} ‰: {}", resized(why)))
            }
            Decision::Hold { task, why } if *task == own => Some(format!("waits: {}", held(why, fleet))),
            Decision::Drop { task, why } if *task == own => {
                let first = why.first().map_or("no node", |(refusal, _)| refusal.filter());
                Some(format!("dropped: refused by {first} on most nodes"))
            }
            _ => None,
        };
        if let Some(text) = text {
            self.note(at, &text);
        }
    }

    /// All of it; none where no task was asked about. A task that waits still is explained as it stands now.
    #[must_use]
    pub fn finish(
        mut self,
        at: Timestamp,
        scheduler: &Scheduler,
        is_waiting: impl Fn(TaskIx) -> bool,
    ) -> Option<String> {
        let wanted = self.wanted.take()?;
        if self.lines.is_empty() {
            return Some(format!("no task {wanted:?} arrived"));
        }
        if let Some(task) = self.task.filter(|task| is_waiting(*task)) {
            self.lines.push(waiting(at, scheduler, task));
        }
        Some(self.lines.join("\n"))
    }
}

fn terms(terms: &OrderTerms) -> String {
    format!("{} after waiting {}, estimate {}", terms.order, terms.waited, terms.estimate)
}

fn started(why: &StartReason) -> String {
    match why {
        StartReason::Turn(of) => format!("its turn by {}", terms(of)),
        StartReason::Patience { due, .. } => format!("out of patience since {due}"),
        StartReason::Backfill { ends, fit, .. } => {
            let fit = match fit {
                BackfillFit::EndsBefore => "it ends before the head needs the room",
                BackfillFit::OtherNode => "the head needs another node",
                BackfillFit::ExtraRoom => "there is room beside the head",
                BackfillFit::NothingKept => "nothing is kept for the head",
            };
            format!("backfilled, expected to end {ends}: {fit}")
        }
        StartReason::Reserved { at, .. } => format!("its reservation for {at} came"),
    }
}

fn preempted(why: &PreemptReason) -> String {
    match why {
        PreemptReason::Reclaim { .. } => "its queue had borrowed what is guaranteed to another".to_owned(),
        PreemptReason::Priority { victim, task } => format!("priority {victim} for priority {task}"),
    }
}

fn resized(why: &ResizeReason) -> String {
    match why {
        ResizeReason::Begin => "as it starts".to_owned(),
        ResizeReason::Grow { gain } => format!("room that nobody waits for, gaining {gain} ‰"),
        ResizeReason::Shrink { loss, .. } => format!("somebody waits, losing {loss} ‰"),
    }
}

fn held(why: &HoldReason, fleet: &Fleet) -> String {
    match why {
        HoldReason::NoRoom { shadow, node, .. } => {
            let when = shadow.map_or("not known when".to_owned(), |at| format!("expected {at}"));
            let place = node.map_or(String::new(), |node| format!(" on {}", fleet.name(node)));
            format!("no room; {when}{place}")
        }
        HoldReason::Quota(refusal) => format!("quota of {} is full", refusal.counted.name()),
        HoldReason::Gang { members, size } => format!("its gang has {members} of {size} members"),
    }
}

/// Why a task waits at the end, and what would have to change.
fn waiting(at: Timestamp, scheduler: &Scheduler, task: TaskIx) -> String {
    let Some(report) = scheduler.explain(at, task) else { return "neither waits nor runs".to_owned() };
    let mut out = format!("still waits, {} before it, {}", report.ahead, terms(&report.terms));
    for (refusal, nodes) in &report.filtered {
        let _ = write!(out, "\n  {nodes} nodes refused by {}", refusal.filter());
    }
    for (node, score) in report.fitting.iter().take(FITTING_MAX) {
        let _ = write!(out, "\n  has room: {} (score {score})", scheduler.fleet().name(*node));
    }
    let remedy = match report.remedy {
        Remedy::Turn => "nothing: it starts when its turn comes".to_owned(),
        Remedy::HeadFirst { shadow, .. } => {
            let when = shadow.map_or(String::new(), |at| format!(", expected {at}"));
            format!("the task before it has to start first{when}")
        }
        Remedy::Room { refusal, nodes, expected } => {
            let when = expected.map_or(String::new(), |at| format!(", expected {at}"));
            format!("room by {} on one of {nodes} nodes{when}", refusal.filter())
        }
        Remedy::Quota(refusal) => format!("room under the quota of {}", refusal.counted.name()),
        Remedy::Members { missing } => format!("the {missing} missing members of its gang"),
        Remedy::Impossible => "no node can ever run it".to_owned(),
    };
    let _ = write!(out, "\n  would start with: {remedy}");
    out
}
