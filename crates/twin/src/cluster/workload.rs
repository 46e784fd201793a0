//! What is simulated: nodes, and jobs that arrive with run times that only the World knows.
//!
//! Arrivals are a stream and not a list, because a trace of a week of a large cell does not fit into memory as tasks
//! with all their fields; whoever has a list wraps it in [`Listed`].

use plimsoll_model::Millis;
use plimsoll_model::cluster::{Node, Task};

/// A task as it is submitted, and the truth about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// What the scheduler is told. `submitted` is when it arrives.
    pub task: Task,
    /// How long it runs on the reference node with `workers` workers; none runs until the end of the simulation.
    pub run: Option<Millis>,
    /// Workers it was measured with: how an elastic task's work follows from its run time. At least 1.
    pub workers: u32,
}

impl Job {
    /// A task that runs so long with one worker.
    #[must_use]
    pub const fn new(task: Task, run: Option<Millis>) -> Self {
        Self { task, run, workers: 1 }
    }
}

/// Jobs in the order of their arrival.
pub trait Arrivals {
    /// The next one; its `submitted` is never before that of the one given last.
    fn next_job(&mut self) -> Option<Job>;
}

/// Jobs of a list, in its order.
#[derive(Debug, Clone)]
pub struct Listed<'a> {
    jobs: std::slice::Iter<'a, Job>,
}

impl<'a> Listed<'a> {
    /// Of a list that is ordered by `submitted`.
    #[must_use]
    pub fn new(jobs: &'a [Job]) -> Self {
        Self { jobs: jobs.iter() }
    }
}

impl Arrivals for Listed<'_> {
    fn next_job(&mut self) -> Option<Job> {
        self.jobs.next().cloned()
    }
}

/// Nodes and a list of jobs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Workload {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The jobs, ordered by `submitted`.
    pub jobs: Vec<Job>,
}
