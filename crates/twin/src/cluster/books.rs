//! The books of a simulation: what became of every task, and what was given out when.
//!
//! They are kept by the World from what happens to tasks, and from nothing that the scheduler says of itself, so that a
//! scheduler which loses a task or gives room out twice is found out. [`Books::check`] is that audit; tests call it after
//! every moment.

use super::amounts::{Amounts, GPU};
use super::meter::Meter;
use super::workload::Job;
use plimsoll_model::cluster::TaskKind;
use plimsoll_model::{Millis, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It waits in the queue.
    Waiting,
    /// It runs.
    Running,
    /// It ran to its end.
    Finished,
    /// It was stopped at its estimated run time.
    Killed,
    /// It can never run and was refused when it was submitted.
    Refused,
    /// It did not fit when it arrived, and the policy does not let it wait.
    Dropped,
    /// Its node was lost and it was not to be tried again.
    Lost,
}

/// One task from its arrival to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// When it arrived.
    pub submitted: Timestamp,
    /// When it first started.
    pub started: Option<Timestamp>,
    /// When it came to its end, by whichever fate.
    pub ended: Option<Timestamp>,
    /// True run time on the reference node.
    pub run: Option<Millis>,
    /// What it is given per worker.
    pub demand: Amounts,
    /// Workers it has while it runs.
    pub workers: u32,
    /// Its priority.
    pub priority: i32,
    /// Whose it is, in the order of first arrival.
    pub user: u32,
    /// Its queue, likewise.
    pub queue: u32,
    /// Its class, likewise.
    pub class: u32,
    /// How often it was stopped for another task.
    pub evictions: u32,
    /// What became of it.
    pub fate: Fate,
}

/// Names in the order in which they first came up.
#[derive(Debug, Clone, Default)]
pub struct Names {
    numbers: BTreeMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    /// The number of a name.
    pub fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    /// All names by their numbers.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.names
    }
}

/// Everything that happened.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Every task that arrived, in that order.
    pub lives: Vec<Life>,
    /// Sums over time.
    pub meter: Meter,
    /// Users by their numbers.
    pub users: Names,
    /// Queues by their numbers.
    pub queues: Names,
    /// Classes by their numbers.
    pub classes: Names,
    /// Tasks started, each time that one was.
    pub placements: u64,
    /// Times that an elastic task was given more or fewer workers.
    pub resizes: u64,
    /// Tasks that were stopped because their node was lost.
    pub failures: u64,
    /// Why tasks were refused or dropped, by kind of reason.
    pub refusals: BTreeMap<String, Refused>,
    /// Milliseconds of run time, on the reference node, that were thrown away.
    pub work_lost_ms: u128,
    /// GPU shares that had been given out when this much had been asked for; filled as tasks arrive.
    pub allocations: Vec<Allocation>,
}

/// Tasks that did not come into the queue, or were dropped from it, for one kind of reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// What was said of the first of them.
    pub first: String,
}

/// GPUs given out when the demand that had arrived reached a share of the capacity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Allocation {
    /// Demand that had arrived, in thousandths of the capacity.
    pub arrived_permille: u64,
    /// Share of the GPUs that was given out.
    pub allocated: f64,
}

/// What an audit found wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// More is given out than there is.
    #[error("at {at} more is given out than there is: {used:?} of {capacity:?}")]
    Capacity {
        /// When.
        at: Timestamp,
        /// Given out.
        used: Amounts,
        /// There.
        capacity: Amounts,
    },
    /// The sum over running tasks is not what the books say is given out.
    #[error("at {at} running tasks hold {held:?} and the books say {used:?}")]
    Held {
        /// When.
        at: Timestamp,
        /// Sum over tasks.
        held: Amounts,
        /// In the books.
        used: Amounts,
    },
    /// The numbers of waiting and running tasks are not those of the books.
    #[error("at {at} {waiting} tasks wait and {running} run, and the books say {books_waiting} and {books_running}")]
    Counts {
        /// When.
        at: Timestamp,
        /// Counted.
        waiting: u64,
        /// Counted.
        running: u64,
        /// In the books.
        books_waiting: u64,
        /// In the books.
        books_running: u64,
    },
}

impl Books {
    /// Tasks by their fate.
    #[must_use]
    pub fn count(&self, fate: Fate) -> u64 {
        self.lives.iter().filter(|life| life.fate == fate).count() as u64
    }

    /// Notes the GPU allocation at every share of the capacity that the demand which has arrived does not exceed.
    pub fn note_allocation(&mut self) {
        let now = &self.meter.now;
        let (arrived, capacity) = (u128::from(now.arrived_gpu_milli), u128::from(now.capacity.0[GPU]));
        let allocated = self.meter.gpu_allocation();
        for noted in &mut self.allocations {
            if arrived * 1_000 <= capacity * u128::from(noted.arrived_permille) {
                noted.allocated = allocated;
            }
        }
    }

    /// Counts a task that does not come into the queue, or is dropped from it; `said` is called for the first of a kind.
    pub fn refuse(&mut self, kind: String, said: impl FnOnce() -> String) {
        let refused = self.refusals.entry(kind).or_insert_with(|| Refused { count: 0, first: said() });
        refused.count += 1;
    }

    /// A task arrives; its number is returned.
    pub fn arrival(&mut self, job: &Job, at: Timestamp) -> u32 {
        let task = &job.task;
        let class = task.class.as_deref().unwrap_or(match task.kind {
            TaskKind::Service => "service",
            TaskKind::Batch => "batch",
            TaskKind::Training => "training",
            TaskKind::System => "system",
        });
        let demand = Amounts::of_demand(&task.requests);
        let now = &mut self.meter.now;
        now.arrived_gpu_milli = now.arrived_gpu_milli.saturating_add(demand.0[GPU]);
        self.lives.push(Life {
            // A task that was submitted before the world began has waited since then all the same.
            submitted: task.submitted.min(at),
            started: None,
            ended: None,
            run: job.run,
            demand,
            workers: 0,
            priority: task.priority,
            user: self.users.number(&task.user),
            queue: self.queues.number(&task.queue),
            class: self.classes.number(class),
            evictions: 0,
            fate: Fate::Waiting,
        });
        (self.lives.len() - 1) as u32
    }

    /// Whether the books balance: nothing is given out twice and no task is unaccounted for.
    ///
    /// # Errors
    /// [`AuditError`], the first thing found wrong.
    pub fn check(&self) -> Result<(), AuditError> {
        let now = &self.meter.now;
        let at = now.at;
        let mut held = Amounts::default();
        let running = self.lives.iter().filter(|life| life.fate == Fate::Running);
        running.for_each(|life| held.add(life.demand.times(life.workers)));
        if held != now.used {
            return Err(AuditError::Held { at, held, used: now.used });
        }
        if !now.used.within(now.capacity) {
            return Err(AuditError::Capacity { at, used: now.used, capacity: now.capacity });
        }
        let (waiting, running) = (self.count(Fate::Waiting), self.count(Fate::Running));
        if (waiting, running) != (now.waiting, now.running) {
            let (books_waiting, books_running) = (now.waiting, now.running);
            return Err(AuditError::Counts { at, waiting, running, books_waiting, books_running });
        }
        Ok(())
    }
}
