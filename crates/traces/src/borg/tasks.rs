//! The lives of tasks put together from their events.
//!
//! - A task is what was submitted until it ended (failed, finished, killed, lost). An eviction does not end it: what is
//!   submitted after one is the same task, because under another scheduler the eviction might not happen. What is submitted
//!   after an end is a new one: `JOB/INDEX`, then `JOB/INDEX#2` and so on.
//! - Its true run time is that of its last run, schedule to end: Borg starts an evicted task from its beginning. A task
//!   that still runs when the parts end has none. The trace has no estimates.
//! - Its wait is from its submission to its first schedule.
//! - Left out, counted with their lines: tasks whose requests were not recorded, that ended while they waited, that were neither
//!   scheduled nor ended when the parts end, and those whose submission lies before the parts.
//! - Priority is the trace's, 0 to 11; below 9 (production) a task is preemptible. Class is `latency-0` to `latency-3`, of
//!   which 2 and 3 count as services. A task that needs a machine of its own keeps away from tasks with its label `job`.
//! - Changes of a task in mid-life (28 in parts 0 to 7) are not applied; a note counts them.

use super::{Event, EventKind};
use crate::cluster::{ClusterSet, Place, RecordedTask, Skipped};
use plimsoll_model::cluster::{Demand, Task, TaskAffinity, TaskKind};
use plimsoll_model::{Bytes, Millicores, Millis, Timestamp};
use std::collections::BTreeMap;

const NO_REQUESTS: &str = "its requests were not recorded";
const NEVER_RAN: &str = "it ended while it waited";
const STILL_WAITS: &str = "it still waited when the parts ended";
const NO_SUBMISSION: &str = "its submission is not in these parts";
/// Priorities from here on are production.
const PRODUCTION: u8 = 9;

/// Takes events in their order and gives tasks.
#[derive(Default)]
pub struct TaskBuilder {
    lives: Vec<Life>,
    newest: BTreeMap<(u64, u64), usize>,
    strangers: Skipped,
    updates: u64,
    evictions: u64,
}

struct Life {
    place: Place,
    job: u64,
    index: u64,
    attempt: u32,
    user: u32,
    class: u8,
    priority: u8,
    needs_own_machine: bool,
    requests: Option<(Millicores, Bytes, Bytes)>,
    submitted_us: u64,
    first_run_us: Option<u64>,
    runs_since_us: Option<u64>,
    ended: Option<Option<u64>>,
}

impl TaskBuilder {
    /// Takes the next event, which stands in `file`.
    pub fn take(&mut self, file: &str, event: &Event) {
        let newest = self.newest.get(&(event.job, event.index)).copied();
        if event.kind == EventKind::Submit {
            return self.submit(file, event, newest);
        }
        let Some(life) = newest.map(|index| &mut self.lives[index]) else {
            return self.strangers.add(NO_SUBMISSION, file, event.line);
        };
        match event.kind {
            EventKind::Schedule => {
                life.first_run_us.get_or_insert(event.at_us);
                life.runs_since_us = Some(event.at_us);
            }
            EventKind::Evict => {
                self.evictions += 1;
                life.runs_since_us = None;
            }
            EventKind::UpdatePending | EventKind::UpdateRunning => self.updates += 1,
            _ => {
                let run = life.runs_since_us.take().map(|since| event.at_us.saturating_sub(since));
                life.ended.get_or_insert(run);
            }
        }
    }

    fn submit(&mut self, file: &str, event: &Event, newest: Option<usize>) {
        let before = newest.map(|index| (self.lives[index].attempt, self.lives[index].ended.is_some()));
        let attempt = match before {
            Some((_, false)) => return,
            Some((attempt, true)) => attempt + 1,
            None => 1,
        };
        self.newest.insert((event.job, event.index), self.lives.len());
        self.lives.push(Life {
            place: Place { file: file.to_owned(), line: event.line },
            job: event.job,
            index: event.index,
            attempt,
            user: event.user,
            class: event.class,
            priority: event.priority,
            needs_own_machine: event.needs_own_machine,
            requests: event.requests,
            submitted_us: event.at_us,
            first_run_us: None,
            runs_since_us: None,
            ended: None,
        });
    }

    /// The tasks in the order of their first submission, what was left out, and notes.
    #[must_use]
    pub fn finish(self) -> ClusterSet {
        let mut set = ClusterSet::default();
        for life in self.lives {
            match life.task() {
                Ok(task) => set.tasks.push(task),
                Err((reason, place)) => set.skipped.add(reason, &place.file, place.line),
            }
        }
        set.skipped.append(self.strangers);
        set.notes = vec![
            "machines are made from the published count of each kind; disk of each is that of the largest".into(),
            "the largest machine is 100,000 millicores, 1,000,000 MiB of memory and of disk".into(),
            format!("the trace has {} evictions; a task submitted again after one is the same task", self.evictions),
            format!("{} changes of tasks in mid-life are not applied", self.updates),
        ];
        set
    }
}

impl Life {
    fn task(self) -> Result<RecordedTask, (&'static str, Place)> {
        let Some((cpu, memory, disk)) = self.requests else { return Err((NO_REQUESTS, self.place)) };
        let run_time_true = match (self.ended, self.runs_since_us) {
            (Some(Some(run)), _) => Some(Millis(run.div_ceil(1_000).max(1))),
            (Some(None), _) => return Err((NEVER_RAN, self.place)),
            (None, Some(_)) => None,
            (None, None) => return Err((STILL_WAITS, self.place)),
        };
        let wait = self.first_run_us.map(|at| Millis(at.saturating_sub(self.submitted_us) / 1_000));
        let attempt = if self.attempt > 1 { format!("#{}", self.attempt) } else { String::new() };
        let job = BTreeMap::from([("job".to_owned(), self.job.to_string())]);
        let (labels, affinity) = if self.needs_own_machine {
            let apart = TaskAffinity { tasks: job.clone(), domain: String::new(), anti: true, weight: None };
            (job, vec![apart])
        } else {
            (BTreeMap::new(), Vec::new())
        };
        let task = Task {
            id: format!("{}/{}{attempt}", self.job, self.index),
            kind: if self.class >= 2 { TaskKind::Service } else { TaskKind::Batch },
            class: Some(format!("latency-{}", self.class)),
            requests: Demand { cpu, memory, disk, ..Demand::default() },
            priority: i32::from(self.priority),
            submitted: Timestamp((self.submitted_us / 1_000).cast_signed()),
            user: format!("user-{}", self.user),
            preemptible: self.priority < PRODUCTION,
            labels,
            affinity,
            ..Task::default()
        };
        Ok(RecordedTask { task, run_time_true, wait })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(rows: &str) -> ClusterSet {
        super::super::read("p.csv", &mut rows.as_bytes()).unwrap()
    }

    #[test]
    fn an_eviction_does_not_end_a_task_and_an_end_does() {
        let row = |at: u64, kind: u8| format!("{at},,7,1,,{kind},u,0,2,0.5,0.25,0.001,1\n");
        // Submitted, run, evicted, submitted again, run for 3 s, failed, submitted anew, runs on.
        let text = [(1_000_000, 0), (2_000_000, 1), (5_000_000, 2), (5_000_000, 0), (6_000_000, 1), (9_000_000, 3)]
            .map(|(at, kind)| row(at, kind))
            .concat()
            + &row(9_000_000, 0)
            + &row(9_500_000, 1);
        let set = build(&text);
        let ids: Vec<&str> = set.tasks.iter().map(|one| one.task.id.as_str()).collect();
        assert_eq!(ids, ["7/1", "7/1#2"]);
        let (first, second) = (&set.tasks[0], &set.tasks[1]);
        assert_eq!((first.run_time_true, first.wait), (Some(Millis(3_000)), Some(Millis(1_000))));
        assert_eq!((second.run_time_true, second.wait, second.task.submitted.0), (None, Some(Millis(500)), 9_000));
        assert!(first.task.preemptible && first.task.affinity[0].anti);
        assert_eq!(first.task.affinity[0].tasks, first.task.labels);
        assert_eq!(set.notes[2], "the trace has 1 evictions; a task submitted again after one is the same task");
    }

    #[test]
    fn what_never_ran_is_counted_with_its_line() {
        let set = build(
            "1,,1,0,,0,u,0,9,,,,\n2,,2,0,,0,u,0,9,0.1,0.1,0,0\n3,,2,0,,5,u,0,9,0.1,0.1,0,0\n4,,3,0,,0,u,0,9,0.1,0.1,0,0\n\
             5,,4,0,,1,u,0,9,0.1,0.1,0,0\n6,,3,0,,7,u,0,9,0.1,0.1,0,0\n",
        );
        assert!(set.tasks.is_empty());
        assert_eq!(
            set.skipped.to_string(),
            "1 rows left out: its requests were not recorded (first: p.csv:1)\n\
             1 rows left out: it ended while it waited (first: p.csv:2)\n\
             1 rows left out: it still waited when the parts ended (first: p.csv:4)\n\
             1 rows left out: its submission is not in these parts (first: p.csv:5)"
        );
        assert_eq!(set.notes[3], "1 changes of tasks in mid-life are not applied");
    }
}
