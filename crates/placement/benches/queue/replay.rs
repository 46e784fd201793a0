//! A log on one machine, driven through `Scheduler`: the smallest event loop that does it.

use plimsoll_model::cluster::Task;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_placement::fleet::Fleet;
use plimsoll_placement::scheduler::{Decision, Scheduler, SchedulerPolicy, TaskIx};
use plimsoll_traces::{ClusterSet, RecordedTask};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// In which order what happens at one time is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// All ends, then all submissions, then one decision.
    Together,
    /// As pyss does, the simulator of the published EASY results: ends that come when they were expected free their room
    /// first; then each submission and each end is followed by a decision.
    Pyss,
    /// As RLScheduler does: submissions before ends, each followed by a decision.
    Rls,
}

/// What a replay came to.
pub struct Replay {
    /// Wait of each task in seconds, in the order of the log.
    pub waits: Vec<u64>,
    /// Mean of `max(1, (wait + run) / max(run, 10 s))`.
    pub slowdown: f64,
    /// Longest wait in seconds.
    pub wait_max: u64,
    /// 99 % of waits are not longer; seconds.
    pub wait_p99: u64,
    /// Mean wait in seconds.
    pub wait_mean: f64,
    /// Decisions made.
    pub decisions: usize,
    /// A hash of all starts, for equality of runs.
    pub digest: u64,
}

/// Replays a set.
pub fn replay(set: &ClusterSet, policy: SchedulerPolicy, events: Events) -> Replay {
    let mut fleet = Fleet::new();
    for node in &set.nodes {
        fleet.add(node).expect("a log has one node");
    }
    replay_on(fleet, &set.tasks, policy, events)
}

/// Replays tasks on a fleet.
pub fn replay_on(fleet: Fleet, tasks: &[RecordedTask], policy: SchedulerPolicy, events: Events) -> Replay {
    let mut world = World {
        scheduler: Scheduler::new(fleet, policy).expect("no quotas, no contradictions"),
        tasks,
        jobs: Vec::with_capacity(tasks.len()),
        expected: vec![Timestamp(0); tasks.len()],
        starts: vec![Timestamp(0); tasks.len()],
        ends: BinaryHeap::new(),
        next: 0,
        now: Timestamp(0),
        out: Vec::new(),
        count: 0,
        started: 0,
        digest: 0xcbf2_9ce4_8422_2325,
    };
    while let Some(at) = world.next_time(events) {
        world.now = at;
        match events {
            Events::Together => world.together(at),
            Events::Pyss => world.pyss(at),
            Events::Rls => world.rls(at),
        }
    }
    world.result()
}

struct World<'a> {
    scheduler: Scheduler,
    tasks: &'a [RecordedTask],
    /// Index in `tasks` by the scheduler's number.
    jobs: Vec<usize>,
    expected: Vec<Timestamp>,
    starts: Vec<Timestamp>,
    ends: BinaryHeap<Reverse<(Timestamp, u64, TaskIx)>>,
    next: usize,
    now: Timestamp,
    out: Vec<Decision>,
    count: usize,
    started: u64,
    digest: u64,
}

impl World<'_> {
    fn next_time(&self, events: Events) -> Option<Timestamp> {
        let submit = self.tasks.get(self.next).map(|task| task.task.submitted);
        let end = self.ends.peek().map(|end| end.0.0);
        // Patience may end between two events; RLScheduler's and pyss's loops know nothing of that.
        let known = [submit, end].into_iter().flatten().min()?;
        let wake = if events == Events::Together { self.scheduler.wake_at(self.now) } else { None };
        Some(wake.map_or(known, |wake| wake.min(known)))
    }

    fn submit(&mut self, at: Timestamp) {
        let task: Task = self.tasks[self.next].task.clone();
        let index = self.scheduler.submit(at, task).expect("the log's jobs fit its machine");
        assert_eq!(index.0 as usize, self.jobs.len());
        self.jobs.push(self.next);
        self.next += 1;
    }

    fn submits_at(&self, at: Timestamp) -> bool {
        self.tasks.get(self.next).is_some_and(|task| task.task.submitted == at)
    }

    fn pop_end(&mut self, at: Timestamp) -> Option<TaskIx> {
        if self.ends.peek().is_some_and(|end| end.0.0 == at) { self.ends.pop().map(|end| end.0.2) } else { None }
    }

    fn decide(&mut self, at: Timestamp) {
        self.out.clear();
        self.scheduler.schedule(at, &mut self.out);
        self.count += self.out.len();
        for decision in &self.out {
            let Decision::Start { task, .. } = decision else { continue };
            let job = self.jobs[task.0 as usize];
            let recorded = &self.tasks[job];
            let run = recorded.run_time_true.unwrap_or(Millis(0));
            self.starts[job] = at;
            self.expected[job] = at.plus(recorded.task.run_time.unwrap_or(run));
            self.started += 1;
            self.ends.push(Reverse((at.plus(run), self.started, *task)));
            for byte in [job as u64, at.0.unsigned_abs()] {
                self.digest = (self.digest ^ byte).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }

    fn together(&mut self, at: Timestamp) {
        while let Some(task) = self.pop_end(at) {
            self.scheduler.finished(at, task);
        }
        while self.submits_at(at) {
            self.submit(at);
        }
        self.decide(at);
    }

    fn pyss(&mut self, at: Timestamp) {
        let mut late = Vec::new();
        let mut in_time = false;
        while let Some(task) = self.pop_end(at) {
            if self.expected[self.jobs[task.0 as usize]] == at {
                self.scheduler.finished(at, task);
                in_time = true;
            } else {
                late.push(task);
            }
        }
        while self.submits_at(at) {
            self.submit(at);
            self.decide(at);
        }
        for task in late {
            self.scheduler.finished(at, task);
            self.decide(at);
        }
        if in_time {
            self.decide(at);
        }
    }

    fn rls(&mut self, at: Timestamp) {
        if self.submits_at(at) {
            self.submit(at);
        } else if let Some(task) = self.pop_end(at) {
            self.scheduler.finished(at, task);
        }
        self.decide(at);
    }

    fn result(self) -> Replay {
        let seconds = |span: Millis| span.0 / 1_000;
        let waits: Vec<u64> = self
            .tasks
            .iter()
            .zip(&self.starts)
            .map(|(task, start)| seconds(start.since(task.task.submitted)))
            .collect();
        let slowdown = self.tasks.iter().zip(&waits).map(|(task, wait)| {
            let run = seconds(task.run_time_true.unwrap_or(Millis(0)));
            ((wait + run) as f64 / run.max(10) as f64).max(1.0)
        });
        let slowdown = slowdown.sum::<f64>() / waits.len() as f64;
        let mut sorted = waits.clone();
        sorted.sort_unstable();
        Replay {
            slowdown,
            wait_max: sorted.last().copied().unwrap_or(0),
            wait_p99: sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(0),
            wait_mean: waits.iter().sum::<u64>() as f64 / waits.len() as f64,
            waits,
            decisions: self.count,
            digest: self.digest,
        }
    }
}
