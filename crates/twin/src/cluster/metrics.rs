//! Figures of one simulation, computed from its books and from nothing else.
//!
//! Sums are exact integers; a float appears where a mean or a share is divided out, once. What each figure means stands at
//! its field, because most of them have two definitions in the literature.

use super::books::{Allocation, Books, Fate, Life, Refused};
use super::meter::Use;
use super::spread::{Spread, bounded_slowdown, jain};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_placement::choose::Regret;
use serde::Serialize;
use std::collections::BTreeMap;

/// Runs shorter than this count as this long in a bounded slowdown.
pub const TAU: Millis = Millis(10_000);
const MS_PER_HOUR: f64 = 3_600_000.0;

/// How many tasks came to which end; they add up to `submitted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Arrived.
    pub submitted: u64,
    /// Ran to their end.
    pub finished: u64,
    /// Stopped at their estimate.
    pub killed: u64,
    /// Can never run.
    pub refused: u64,
    /// Did not fit on arrival.
    pub dropped: u64,
    /// Lost with their node.
    pub lost: u64,
    /// Still waiting.
    pub waiting: u64,
    /// Still running.
    pub running: u64,
}

/// Tasks of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassRow {
    /// The class.
    pub class: String,
    /// Tasks that arrived.
    pub submitted: u64,
    /// Tasks that came to their end by running.
    pub ended: u64,
    /// Wait of those that started.
    pub wait: Spread,
    /// Mean bounded slowdown of those that ended; none of none.
    pub slowdown_mean: Option<f64>,
    /// Times that one was stopped for another.
    pub evictions: u64,
}

/// Everything measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// Tasks by their ends.
    pub tasks: Counts,
    /// Starts, restarts included.
    pub placements: u64,
    /// Changes of the number of workers.
    pub resizes: u64,
    /// Use of every resource there is.
    pub resources: Vec<Use>,
    /// GPUs given out when the demand that had arrived reached a share of the capacity; empty where that was not asked.
    pub gpu_allocation: Vec<Allocation>,
    /// From arrival to the first start, of tasks that started.
    pub wait: Spread,
    /// From arrival to the end, of tasks that ended by running.
    pub response: Spread,
    /// Mean of response / run time, runs below 10 s counted as 10 s and never below 1; run time is the true one on the
    /// reference node. None where no task with a run time ended.
    pub slowdown_mean: Option<f64>,
    /// Largest of them.
    pub slowdown_max: Option<f64>,
    /// From the first arrival to the last end.
    pub makespan_ms: u64,
    /// Tasks ended by running per hour of makespan.
    pub jobs_per_hour: Option<f64>,
    /// Jain's index over users of their progress: Σ run time / Σ response of their ended tasks.
    pub fairness_users: Option<f64>,
    /// The same over queues.
    pub fairness_queues: Option<f64>,
    /// Of the GPU free at the end, the share that typical tasks could not use; none without GPUs.
    pub gpu_fragmentation: Option<f64>,
    /// Mean tasks waiting, weighted with time.
    pub waiting_mean: f64,
    /// Mean tasks running, likewise.
    pub running_mean: f64,
    /// Stops for another task, by priority of the one stopped.
    pub evictions: BTreeMap<i32, u64>,
    /// Tasks stopped by the loss of their node.
    pub failures: u64,
    /// Run time thrown away by either, hours on the reference node.
    pub work_lost_hours: f64,
    /// Why tasks were refused or dropped, by kind of reason.
    pub refusals: BTreeMap<String, Refused>,
    /// By class.
    pub classes: Vec<ClassRow>,
    /// What an approximate choice of nodes lost against the exact one; none where all choices are exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regret: Option<Regret>,
}

impl Metrics {
    /// Of a simulation that has ended. `gpu_fragmentation` is handed in, because the free nodes are the fleet's.
    #[must_use]
    pub fn of(books: &Books, gpu_fragmentation: Option<f64>) -> Self {
        let lives = &books.lives;
        let all: Vec<&Life> = lives.iter().collect();
        let (slowdown_mean, slowdown_max) = slowdowns(&all);
        let makespan_ms = makespan(lives);
        let ended = lives.iter().filter(|life| has_run(life)).count();
        let (waiting_mean, running_mean) = books.meter.mean_tasks();
        let mut evictions = BTreeMap::new();
        for life in lives.iter().filter(|life| life.evictions > 0) {
            *evictions.entry(life.priority).or_insert(0) += u64::from(life.evictions);
        }
        Self {
            tasks: counts(books),
            placements: books.placements,
            resizes: books.resizes,
            resources: books.meter.uses(),
            gpu_allocation: books.allocations.clone(),
            wait: Spread::of(lives.iter().filter_map(wait).collect()),
            response: Spread::of(lives.iter().filter_map(response).collect()),
            slowdown_mean,
            slowdown_max,
            makespan_ms,
            jobs_per_hour: (makespan_ms > 0).then(|| ended as f64 / (makespan_ms as f64 / MS_PER_HOUR)),
            fairness_users: fairness(lives, |life| life.user),
            fairness_queues: fairness(lives, |life| life.queue),
            gpu_fragmentation,
            waiting_mean,
            running_mean,
            evictions,
            failures: books.failures,
            work_lost_hours: books.work_lost_ms as f64 / MS_PER_HOUR,
            refusals: books.refusals.clone(),
            classes: classes(books),
            regret: None,
        }
    }

    /// Stops for another task, of every priority.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evictions.values().sum()
    }
}

fn counts(books: &Books) -> Counts {
    Counts {
        submitted: books.lives.len() as u64,
        finished: books.count(Fate::Finished),
        killed: books.count(Fate::Killed),
        refused: books.count(Fate::Refused),
        dropped: books.count(Fate::Dropped),
        lost: books.count(Fate::Lost),
        waiting: books.count(Fate::Waiting),
        running: books.count(Fate::Running),
    }
}

const fn has_run(life: &Life) -> bool {
    matches!(life.fate, Fate::Finished | Fate::Killed)
}

fn wait(life: &Life) -> Option<u64> {
    life.started.map(|started| started.since(life.submitted).get())
}

fn response(life: &Life) -> Option<u64> {
    life.ended.filter(|_| has_run(life)).map(|ended| ended.since(life.submitted).get())
}

fn slowdown(life: &Life) -> Option<f64> {
    Some(bounded_slowdown(Millis(response(life)?), life.run?, TAU))
}

fn slowdowns(lives: &[&Life]) -> (Option<f64>, Option<f64>) {
    let (mut count, mut sum, mut most) = (0_u64, 0.0, 0.0_f64);
    for slowdown in lives.iter().filter_map(|life| slowdown(life)) {
        (count, sum, most) = (count + 1, sum + slowdown, most.max(slowdown));
    }
    if count == 0 { (None, None) } else { (Some(sum / count as f64), Some(most)) }
}

fn makespan(lives: &[Life]) -> u64 {
    let first: Option<Timestamp> = lives.iter().map(|life| life.submitted).min();
    let last = lives.iter().filter(|life| has_run(life)).filter_map(|life| life.ended).max();
    first.zip(last).map_or(0, |(first, last)| last.since(first).get())
}

fn fairness(lives: &[Life], of: impl Fn(&Life) -> u32) -> Option<f64> {
    let mut sums: BTreeMap<u32, (u128, u128)> = BTreeMap::new();
    for life in lives {
        if let (Some(response), Some(run)) = (response(life), life.run) {
            let sum = sums.entry(of(life)).or_default();
            sum.0 += u128::from(run.get().max(1));
            sum.1 += u128::from(response.max(1));
        }
    }
    jain(sums.values().map(|(run, response)| *run as f64 / *response as f64))
}

fn classes(books: &Books) -> Vec<ClassRow> {
    let mut lives: Vec<Vec<&Life>> = vec![Vec::new(); books.classes.all().len()];
    for life in &books.lives {
        if let Some(own) = lives.get_mut(life.class as usize) {
            own.push(life);
        }
    }
    let row = |(class, lives): (&String, Vec<&Life>)| ClassRow {
        class: class.clone(),
        submitted: lives.len() as u64,
        ended: lives.iter().filter(|life| has_run(life)).count() as u64,
        wait: Spread::of(lives.iter().filter_map(|life| wait(life)).collect()),
        slowdown_mean: slowdowns(&lives).0,
        evictions: lives.iter().map(|life| u64::from(life.evictions)).sum(),
    };
    let mut rows: Vec<ClassRow> = books.classes.all().iter().zip(lives).map(row).collect();
    rows.sort_by(|one, other| one.class.cmp(&other.class));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Amounts;

    fn life(submitted: i64, started: i64, run: u64, user: u32) -> Life {
        Life {
            submitted: Timestamp(submitted),
            started: Some(Timestamp(started)),
            ended: Some(Timestamp(started).plus(Millis(run))),
            run: Some(Millis(run)),
            demand: Amounts::default(),
            workers: 1,
            priority: 0,
            user,
            queue: 0,
            class: 0,
            evictions: 0,
            fate: Fate::Finished,
        }
    }

    #[test]
    fn figures_of_a_worked_example() {
        let mut books = Books::default();
        books.classes.number("batch");
        // Runs 100 s at once; waits 100 s to run 100 s; waits 30 s to run 1 s (counted as 10 s).
        books.lives = vec![life(0, 0, 100_000, 0), life(0, 100_000, 100_000, 1), life(170_000, 200_000, 1_000, 1)];
        let refused = Life { fate: Fate::Refused, started: None, ended: None, ..life(0, 0, 5, 0) };
        books.lives.push(refused);
        let metrics = Metrics::of(&books, None);
        assert_eq!((metrics.tasks.submitted, metrics.tasks.finished, metrics.tasks.refused), (4, 3, 1));
        assert_eq!(metrics.slowdown_mean, Some((1.0 + 2.0 + 3.1) / 3.0));
        assert_eq!((metrics.makespan_ms, metrics.wait.max_ms, metrics.response.max_ms), (201_000, 100_000, 200_000));
        // User 0 progressed at 1, user 1 at 101 / 231.
        let other = 101.0 / 231.0;
        let expected = (1.0 + other) * (1.0 + other) / (2.0 * (1.0 + other * other));
        assert!((metrics.fairness_users.unwrap() - expected).abs() < 1e-12);
        assert_eq!((metrics.classes.len(), metrics.classes[0].submitted, metrics.classes[0].ended), (1, 4, 3));
    }

    #[test]
    fn nothing_that_happened_has_no_means() {
        let metrics = Metrics::of(&Books::default(), None);
        assert_eq!((metrics.slowdown_mean, metrics.jobs_per_hour, metrics.fairness_users), (None, None, None));
    }
}
