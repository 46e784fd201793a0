//! How far a task is: the work it has left and how fast that goes.

use super::speed::{UNIT, rate, speed_up, time, work};
use super::workload::Job;
use crate::kernel::Timer;
use plimsoll_model::cluster::{ElasticRange, Task};
use plimsoll_model::{Millis, Permille, Timestamp};
use plimsoll_placement::fleet::NodeIx;

/// One task that the scheduler has taken in.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Its place in the books.
    pub life: u32,
    /// Work from beginning to end; none has no end.
    total: Option<u128>,
    left: u128,
    rate: u64,
    since: Timestamp,
    /// Whether it ends because its estimate does.
    pub is_cut: bool,
    /// When it ends, as long as nothing changes.
    pub end: Option<Timer>,
    /// What is submitted again when its node is lost; none where nothing can fail.
    pub task: Option<Box<Task>>,
    elastic: Option<Box<ElasticRange>>,
    /// Its workers' nodes with their speeds, in order of being added.
    nodes: Vec<(NodeIx, Permille)>,
}

impl Progress {
    /// A task that has done nothing. `kills` ends it at its estimate.
    #[must_use]
    pub fn new(job: &Job, life: u32, kills: bool) -> Self {
        let elastic = job.task.elastic.clone().map(Box::new);
        let measured = rate(Permille(1_000), speed_up(elastic.as_deref(), job.workers.max(1)));
        // Without a law the workers that it was measured with are its unit.
        let measured = if elastic.is_some() { measured } else { UNIT };
        let estimate = job.task.run_time.filter(|_| kills);
        let is_cut = estimate.is_some_and(|estimate| job.run.is_none_or(|run| estimate < run));
        let run = if is_cut { estimate } else { job.run };
        let total = run.map(|run| work(run, measured));
        let left = total.unwrap_or(0);
        let since = job.task.submitted;
        Self { life, total, left, rate: measured, since, is_cut, end: None, task: None, elastic, nodes: Vec::new() }
    }

    /// Gives it a worker; the first one starts it.
    pub fn add(&mut self, at: Timestamp, node: NodeIx, speed: Permille) {
        self.settle(at);
        self.nodes.push((node, speed));
        self.go();
    }

    /// Takes one of its workers from a node.
    pub fn remove(&mut self, at: Timestamp, node: NodeIx) {
        self.settle(at);
        if let Some(place) = self.nodes.iter().rposition(|(own, _)| *own == node) {
            self.nodes.remove(place);
        }
        self.go();
    }

    /// Stops it. Returns the run time on the reference node that is thrown away, which is none where it keeps its work.
    pub fn stop(&mut self, at: Timestamp, keeps_work: bool) -> Millis {
        self.settle(at);
        self.nodes.clear();
        if keeps_work {
            return Millis(0);
        }
        let total = self.total.unwrap_or(0);
        let done = total - self.left;
        self.left = total;
        Millis(u64::try_from(done / u128::from(UNIT)).unwrap_or(u64::MAX))
    }

    /// When it ends at the present speed; none where it has no end.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.total.map(|_| self.since.plus(time(self.left, self.rate)))
    }

    /// Its gang, where it has one and is kept for being submitted again.
    #[must_use]
    pub fn gang(&self) -> Option<&str> {
        self.task.as_ref()?.gang.as_ref().map(|gang| gang.name.as_str())
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// Counts what was done since it last changed.
    fn settle(&mut self, at: Timestamp) {
        if !self.nodes.is_empty() {
            self.left = self.left.saturating_sub(work(at.since(self.since), self.rate));
        }
        self.since = at;
    }

    /// A task is as fast as its slowest worker: they wait for each other.
    fn go(&mut self) {
        if let Some(slowest) = self.nodes.iter().map(|(_, speed)| *speed).min() {
            let workers = if self.elastic.is_some() { self.workers() } else { 1 };
            self.rate = rate(slowest, speed_up(self.elastic.as_deref(), workers));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::SpeedUp;

    fn job(run: u64, elastic: Option<ElasticRange>, workers: u32) -> Job {
        Job { task: Task { elastic, ..Task::default() }, run: Some(Millis(run)), workers }
    }

    #[test]
    fn a_faster_node_ends_it_sooner() {
        let mut progress = Progress::new(&job(10_000, None, 1), 0, false);
        progress.add(Timestamp(5), NodeIx(0), Permille(2_000));
        assert_eq!(progress.ends_at(), Some(Timestamp(5_005)));
    }

    #[test]
    fn a_task_that_grows_does_the_same_work() {
        let elastic = ElasticRange {
            workers_min: 1,
            workers_max: 4,
            speed_up: SpeedUp::Table { speeds: vec![1_000, 1_800, 2_400, 3_000] },
        };
        // Measured as 10 s with two workers: 18 worker-seconds of the first kind.
        let mut progress = Progress::new(&job(10_000, Some(elastic), 2), 0, false);
        progress.add(Timestamp(0), NodeIx(0), Permille(1_000));
        assert_eq!(progress.ends_at(), Some(Timestamp(18_000)));
        progress.add(Timestamp(9_000), NodeIx(1), Permille(1_000));
        assert_eq!(progress.ends_at(), Some(Timestamp(14_000)));
        progress.remove(Timestamp(11_500), NodeIx(1));
        assert_eq!((progress.ends_at(), progress.workers()), (Some(Timestamp(16_000)), 1));
    }

    #[test]
    fn what_was_done_is_thrown_away_or_kept() {
        for (keeps, thrown, end) in [(false, 4_000, 30_000), (true, 0, 26_000)] {
            let mut progress = Progress::new(&job(10_000, None, 1), 0, false);
            progress.add(Timestamp(0), NodeIx(0), Permille(1_000));
            assert_eq!(progress.stop(Timestamp(4_000), keeps), Millis(thrown));
            progress.add(Timestamp(20_000), NodeIx(0), Permille(1_000));
            assert_eq!(progress.ends_at(), Some(Timestamp(end)));
        }
    }

    #[test]
    fn an_estimate_that_is_too_short_cuts_the_run() {
        let mut job = job(10_000, None, 1);
        job.task.run_time = Some(Millis(6_000));
        let mut progress = Progress::new(&job, 0, true);
        progress.add(Timestamp(0), NodeIx(0), Permille(1_000));
        assert_eq!((progress.ends_at(), progress.is_cut), (Some(Timestamp(6_000)), true));
        assert!(!Progress::new(&job, 0, false).is_cut);
    }
}
