//! The open-loop protocol of placement papers: tasks arrive one after another in random order, never leave, and are
//! drawn again until their demand exceeds the GPUs by a given factor. It asks one question: how much of the GPUs can a
//! policy give out before fragments stop it.
//!
//! # Source
//! Q. Weng et al., USENIX ATC 2023, section 6: tasks are sorted by name, shuffled, and drawn again with replacement until
//! the GPUs asked for are 1.3 times those there are; a task that does not fit is dropped.

use super::amounts::{Amounts, GPU};
use super::workload::{Arrivals, Job};
use crate::kernel::stream;
use plimsoll_model::Timestamp;
use plimsoll_stats::Random;

/// Purpose of the stream that orders and draws.
const PURPOSE: u64 = 0x0fed;

/// Which job comes when.
#[derive(Debug, Clone)]
pub struct Inflated<'a> {
    jobs: &'a [Job],
    order: Vec<u32>,
    next: usize,
}

impl<'a> Inflated<'a> {
    /// Orders `jobs`, which are sorted by name, at random by `seed`, and goes on drawing until the demand reaches
    /// `target_gpu_milli`; what is beyond it is left out. Jobs that ask for no GPU are drawn as they come.
    #[must_use]
    pub fn new(jobs: &'a [Job], target_gpu_milli: u64, seed: u64) -> Self {
        let mut random = stream(seed, PURPOSE);
        let demand = |index: u32| Amounts::of_demand(&jobs[index as usize].task.requests).0[GPU];
        let mut order = shuffled(jobs.len() as u32, &mut random);
        let mut sum = 0;
        let within = order.iter().take_while(|index| {
            let more = sum < target_gpu_milli;
            sum += if more { demand(**index) } else { 0 };
            more
        });
        let kept = within.count();
        order.truncate(kept);
        // Without any demand for GPUs the target would never be reached.
        while sum < target_gpu_milli && sum > 0 {
            let index = random.below(jobs.len() as u64) as u32;
            sum += demand(index);
            order.push(index);
        }
        Self { jobs, order, next: 0 }
    }

    /// How many jobs arrive.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none does.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

/// The numbers below `count` in random order (Fisher and Yates).
fn shuffled(count: u32, random: &mut Random) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, random.below(last as u64 + 1) as usize);
    }
    order
}

impl Arrivals for Inflated<'_> {
    fn next_job(&mut self) -> Option<Job> {
        let index = *self.order.get(self.next)?;
        let mut job = self.jobs[index as usize].clone();
        // One arrival per millisecond: each is decided before the next comes.
        job.task.submitted = Timestamp(self.next as i64);
        if self.next >= self.jobs.len() {
            job.task.id = format!("{}+{}", job.task.id, self.next);
        }
        job.run = None;
        self.next += 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::cluster::{Demand, GpuDemand, Task};
    use std::collections::BTreeSet;

    fn jobs() -> Vec<Job> {
        let job = |n: u32| {
            let gpu = GpuDemand { count: n % 3, milli: 1_000, models: Vec::new() };
            let requests = Demand { gpu, ..Demand::default() };
            Job::new(Task { id: format!("t{n:02}"), requests, ..Task::default() }, None)
        };
        (0..30).map(job).collect()
    }

    fn names(jobs: &[Job], target: u64, seed: u64) -> Vec<String> {
        let mut arrivals = Inflated::new(jobs, target, seed);
        std::iter::from_fn(|| arrivals.next_job()).map(|job| job.task.id).collect()
    }

    #[test]
    fn every_job_comes_once_before_any_comes_again() {
        let jobs = jobs();
        let drawn = names(&jobs, 50_000, 1);
        let first: BTreeSet<&String> = drawn[..30].iter().collect();
        assert_eq!((first.len(), drawn[30..].iter().all(|name| name.contains('+'))), (30, true));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), drawn.len(), "no name comes twice");
        assert_eq!((names(&jobs, 50_000, 1) == drawn, names(&jobs, 50_000, 2) == drawn), (true, false));
    }

    #[test]
    fn it_ends_when_the_demand_is_reached_from_either_side() {
        let jobs = jobs();
        // All jobs together ask for 30 GPUs.
        for target in [10_000, 29_000, 45_000] {
            let mut arrivals = Inflated::new(&jobs, target, 3);
            let asked: u64 = std::iter::from_fn(|| arrivals.next_job())
                .map(|job| Amounts::of_demand(&job.task.requests).0[GPU])
                .sum();
            assert!((target..target + 2_000).contains(&asked), "{asked} for {target}");
        }
        assert!(Inflated::new(&[], 1_000, 1).is_empty());
        let without = vec![Job::default(); 3];
        assert_eq!(Inflated::new(&without, 1_000, 1).len(), 3);
    }
}
