//! Samples of any cadence become steps, and no value is invented.
//!
//! Steps are counted from the first sample on, and a sample belongs to the step whose middle is nearest, so that samples
//! that come once a step but not quite on time still fall one into each. A step is closed by the sample after which the
//! next one is expected in a later step; a sample that comes after all to a closed step is left out of it.

use super::codec::{Fields, Io};
use plimsoll_model::quantity::{Millis, Timestamp};

/// The sampling clock of one stream.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    /// Moment of the first sample: the middle of step 0.
    anchor: i64,
    /// Newest sample.
    last: i64,
    /// Time between the newest two samples, ms.
    between: u64,
    started: bool,
    /// The step that takes samples, and whether it was closed already.
    open: u32,
    is_closed: bool,
    sum: f64,
    count: u32,
}

/// A step whose value is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Its number; numbers that are passed over are gaps.
    pub index: u32,
    /// Mean of its samples.
    pub value: f64,
}

impl Clock {
    /// Takes a sample; none when it is not newer. Gives the steps that it closed, oldest first.
    pub fn sample(&mut self, at: Timestamp, value: f64, step: Millis) -> Option<[Option<Step>; 2]> {
        if !self.started {
            *self = Self { anchor: at.0, last: at.0, between: step.0, started: true, ..Self::default() };
        } else if at.0 <= self.last {
            return None;
        } else {
            self.between = at.since(Timestamp(self.last)).0;
            self.last = at.0;
        }
        let index = self.index(at, step);
        let mut closed = [None; 2];
        if index > self.open {
            closed[0] = self.close();
            (self.open, self.is_closed, self.sum, self.count) = (index, false, 0.0, 0);
        }
        if value.is_finite() && !self.is_closed {
            self.sum += value;
            self.count = self.count.saturating_add(1);
        }
        if self.index(at.plus(Millis(self.between)), step) > self.open {
            closed[1] = self.close();
        }
        Some(closed)
    }

    fn close(&mut self) -> Option<Step> {
        if std::mem::replace(&mut self.is_closed, true) || self.count == 0 {
            return None;
        }
        let value = self.sum / f64::from(self.count);
        value.is_finite().then_some(Step { index: self.open, value })
    }

    /// The step whose middle is nearest to `at`.
    pub fn index(&self, at: Timestamp, step: Millis) -> u32 {
        let since = at.since(Timestamp(self.anchor)).0.saturating_add(step.0 / 2);
        u32::try_from(since / step.0.max(1)).unwrap_or(u32::MAX)
    }

    /// Middle of a step.
    pub fn at(&self, index: u32, step: Millis) -> Timestamp {
        Timestamp(self.anchor).plus(step.saturating_mul(u64::from(index)))
    }
}

impl Fields for Clock {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.i64(&mut self.anchor);
        io.i64(&mut self.last);
        io.u64(&mut self.between);
        io.flag(&mut self.started);
        io.u32(&mut self.open);
        io.flag(&mut self.is_closed);
        io.f64(&mut self.sum);
        io.u32(&mut self.count);
        io.check(self.anchor <= self.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(samples: &[(i64, f64)]) -> Vec<(u32, f64)> {
        let mut clock = Clock::default();
        let closed = samples.iter().filter_map(|(at, value)| clock.sample(Timestamp(*at), *value, Millis(60)));
        closed.flatten().flatten().map(|step| (step.index, step.value)).collect()
    }

    #[test]
    fn one_sample_a_step_is_known_at_once_though_it_comes_unevenly() {
        assert_eq!(steps(&[(7, 1.0), (65, 2.0), (130, 3.0), (186, 4.0)]), [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)]);
    }

    #[test]
    fn fast_samples_are_averaged_and_slow_ones_leave_gaps() {
        let fast: Vec<(i64, f64)> = (0..15).map(|index| (index * 20, index as f64)).collect();
        assert_eq!(steps(&fast), [(0, 0.0), (1, 3.0), (2, 6.0), (3, 9.0), (4, 12.0)]);
        assert_eq!(steps(&[(0, 1.0), (300, 2.0), (600, 3.0)]), [(0, 1.0), (5, 2.0), (10, 3.0)]);
    }

    #[test]
    fn a_gap_a_repeat_and_a_clock_that_goes_back_give_no_step() {
        assert_eq!(steps(&[(0, 1.0), (60, f64::NAN), (120, 3.0), (120, 9.0), (60, 9.0)]), [(0, 1.0), (2, 3.0)]);
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        assert_eq!(steps(&[(i64::MIN, 1.0), (i64::MAX, 2.0)]), [(0, 1.0)]);
        let far = [(i64::MIN, 1.0), (i64::MAX - 1, 2.0), (i64::MAX, 3.0)];
        assert_eq!(steps(&far), [(0, 1.0)], "the last step never ends");
    }
}
