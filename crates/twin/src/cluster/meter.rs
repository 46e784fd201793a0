//! Sums over time: how much of each resource was there, how much was given out, how many tasks waited and ran.
//!
//! Integrals are exact integers (amount × milliseconds in 128 bits); a division happens once, when a figure is printed.
//! The course over time is kept as a bounded number of points: when there are too many, every second one goes, so that
//! memory does not grow with the length of a run and the same run always keeps the same points.

use super::amounts::{Amounts, GPU, RESOURCES};
use plimsoll_model::Timestamp;
use serde::Serialize;

/// Most points of a course.
const POINTS_MAX: usize = 1_024;

/// The cluster at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Thousandths of GPUs that have been asked for by everything that arrived.
    pub arrived_gpu_milli: u64,
    /// Given out.
    #[serde(skip)]
    pub used: Amounts,
    /// There, on nodes that are not lost.
    #[serde(skip)]
    pub capacity: Amounts,
    /// Tasks waiting.
    pub waiting: u64,
    /// Tasks running.
    pub running: u64,
}

/// Use of one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Use {
    /// Its name.
    pub resource: &'static str,
    /// Share given out over the whole run, weighted with time.
    pub mean: f64,
    /// Largest share given out at any moment.
    pub peak: f64,
    /// Share given out at the end of the last arrival's moment.
    pub at_last_arrival: f64,
    /// Share given out at the end of the run.
    pub end: f64,
}

/// The books.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    /// As it stands now.
    pub now: Point,
    begun: bool,
    used_ms: [u128; 5],
    capacity_ms: [u128; 5],
    waiting_ms: u128,
    running_ms: u128,
    elapsed_ms: u128,
    peak: [Share; 5],
    at_last_arrival: Point,
    course: Vec<Point>,
    every: u64,
    seen: u64,
}

/// A fraction that can be compared without rounding.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    const fn exceeds(self, other: Self) -> bool {
        self.part as u128 * other.whole as u128 > other.part as u128 * self.whole as u128
    }

    fn value(self) -> f64 {
        ratio(u128::from(self.part), u128::from(self.whole))
    }
}

fn ratio(part: u128, whole: u128) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

impl Meter {
    /// Counts what stood since the last moment, and goes to `at`.
    pub fn advance(&mut self, at: Timestamp) {
        let span = if self.begun { u128::from(at.since(self.now.at).get()) } else { 0 };
        self.begun = true;
        for resource in 0..RESOURCES.len() {
            self.used_ms[resource] += u128::from(self.now.used.0[resource]) * span;
            self.capacity_ms[resource] += u128::from(self.now.capacity.0[resource]) * span;
        }
        self.waiting_ms += u128::from(self.now.waiting) * span;
        self.running_ms += u128::from(self.now.running) * span;
        self.elapsed_ms += span;
        self.now.at = at;
    }

    /// Everything of this moment has happened.
    pub fn settled(&mut self, arrived: bool) {
        for resource in 0..RESOURCES.len() {
            let share = Share { part: self.now.used.0[resource], whole: self.now.capacity.0[resource] };
            if share.whole > 0 && (self.peak[resource].whole == 0 || share.exceeds(self.peak[resource])) {
                self.peak[resource] = share;
            }
        }
        if arrived {
            self.at_last_arrival = self.now;
        }
        if self.seen.is_multiple_of(self.every.max(1)) {
            self.course.push(self.now);
        }
        self.seen += 1;
        if self.course.len() > POINTS_MAX {
            let mut index = 0;
            self.course.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every = self.every.max(1) * 2;
        }
    }

    /// The course over time, oldest first, with the last moment.
    #[must_use]
    pub fn course(&self) -> Vec<Point> {
        let mut course = self.course.clone();
        if course.last() != Some(&self.now) {
            course.push(self.now);
        }
        course
    }

    /// Use of every resource that the cluster has.
    #[must_use]
    pub fn uses(&self) -> Vec<Use> {
        let of = |index: usize| {
            let share = |point: &Point| Share { part: point.used.0[index], whole: point.capacity.0[index] }.value();
            Use {
                resource: RESOURCES[index],
                mean: ratio(self.used_ms[index], self.capacity_ms[index]),
                peak: self.peak[index].value(),
                at_last_arrival: share(&self.at_last_arrival),
                end: share(&self.now),
            }
        };
        (0..RESOURCES.len()).filter(|index| self.peak[*index].whole > 0).map(of).collect()
    }

    /// Mean tasks waiting and running, weighted with time.
    #[must_use]
    pub fn mean_tasks(&self) -> (f64, f64) {
        (ratio(self.waiting_ms, self.elapsed_ms), ratio(self.running_ms, self.elapsed_ms))
    }

    /// Share of the GPUs given out now.
    #[must_use]
    pub fn gpu_allocation(&self) -> f64 {
        Share { part: self.now.used.0[GPU], whole: self.now.capacity.0[GPU] }.value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(amount: u64) -> Amounts {
        Amounts([amount, 0, 0, 0, 0])
    }

    #[test]
    fn a_share_is_weighted_with_how_long_it_stood() {
        let mut meter = Meter::default();
        meter.advance(Timestamp(1_000));
        meter.now.capacity = cpu(10);
        meter.now.used = cpu(10);
        meter.settled(true);
        meter.advance(Timestamp(2_000));
        meter.now.used = cpu(0);
        meter.settled(false);
        meter.advance(Timestamp(5_000));
        let uses = meter.uses();
        assert_eq!(uses.len(), 1, "a resource that no node has is no row");
        assert_eq!((uses[0].mean, uses[0].peak, uses[0].at_last_arrival, uses[0].end), (0.25, 1.0, 1.0, 0.0));
    }

    #[test]
    fn a_long_course_keeps_a_bounded_number_of_points_and_both_ends() {
        let mut meter = Meter::default();
        for moment in 0..100_000 {
            meter.advance(Timestamp(moment));
            meter.settled(false);
        }
        let course = meter.course();
        assert!((500..=POINTS_MAX + 1).contains(&course.len()), "{}", course.len());
        assert_eq!((course[0].at, course[course.len() - 1].at), (Timestamp(0), Timestamp(99_999)));
    }
}
