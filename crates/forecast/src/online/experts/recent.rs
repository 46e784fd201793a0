//! The last few steps as they were: the last value, their mean, their line, and how much they move.

use crate::online::codec::{Fields, Io};

/// Steps kept.
const KEPT: usize = 16;
/// Steps that a moving mean and a line are made of, at most.
const USED: usize = 12;
/// Measured steps that a line needs.
const LINE_MIN: usize = 4;

/// A ring of the newest steps; NaN where one was not measured.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    ring: [f32; KEPT],
    /// Place of the newest.
    newest: u8,
    last: f64,
    count: u64,
}

impl Default for Recent {
    fn default() -> Self {
        Self { ring: [f32::NAN; KEPT], newest: 0, last: 0.0, count: 0 }
    }
}

impl Recent {
    pub fn push(&mut self, gap: u32, value: f64) {
        for _ in 0..gap.min(KEPT as u32) {
            self.put(f32::NAN);
        }
        self.put(value as f32);
        self.last = value;
        self.count = self.count.saturating_add(1);
    }

    fn put(&mut self, value: f32) {
        self.newest = (self.newest + 1) % KEPT as u8;
        self.ring[usize::from(self.newest)] = value;
    }

    /// Steps measured in all.
    pub const fn count(&self) -> u64 {
        self.count
    }

    pub fn last(&self) -> Option<f64> {
        (self.count > 0).then_some(self.last)
    }

    /// The value so many steps back, where it is kept and was measured.
    pub fn back(&self, steps: usize) -> Option<f64> {
        let index = (usize::from(self.newest) + KEPT - steps % KEPT) % KEPT;
        let value = f64::from(self.ring[index]);
        (steps < KEPT && value.is_finite()).then_some(value)
    }

    /// How old and how large: the measured among the newest steps.
    fn used(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        (0..USED).filter_map(|steps| Some((steps as f64, self.back(steps)?)))
    }

    pub fn mean(&self) -> Option<f64> {
        let (sum, count) = self.used().fold((0.0, 0.0), |(sum, count), (_, value)| (sum + value, count + 1.0));
        (count > 0.0).then(|| sum / count)
    }

    /// The greatest of the newest `steps` steps.
    pub fn max(&self, steps: usize) -> Option<f64> {
        (0..steps).filter_map(|step| self.back(step)).reduce(f64::max)
    }

    /// The straight line through the newest steps, `steps` ahead.
    pub fn ramp(&self, steps: u32) -> Option<f64> {
        let count = self.used().count();
        if count < LINE_MIN {
            return None;
        }
        let (sum_x, sum_y) = self.used().fold((0.0, 0.0), |(x, y), (age, value)| (x - age, y + value));
        let (mean_x, mean_y) = (sum_x / count as f64, sum_y / count as f64);
        let products = self.used().map(|(age, value)| (-age - mean_x) * (value - mean_y));
        let squares = self.used().map(|(age, _)| (-age - mean_x) * (-age - mean_x));
        let slope = products.sum::<f64>() / squares.sum::<f64>();
        Some(mean_y + slope * (f64::from(steps) - mean_x))
    }
}

impl Fields for Recent {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.ring.iter_mut().for_each(|value| io.f32_or_gap(value));
        io.u8(&mut self.newest);
        io.check(usize::from(self.newest) < KEPT);
        io.f64(&mut self.last);
        io.u64(&mut self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_and_a_gap_is_no_point_of_it() {
        let mut recent = Recent::default();
        assert_eq!((recent.last(), recent.mean(), recent.ramp(1), recent.max(5)), (None, None, None, None));
        for value in [10.0, 12.0, 14.0] {
            recent.push(0, value);
        }
        assert_eq!(recent.ramp(1), None);
        recent.push(1, 18.0);
        assert_eq!((recent.back(1), recent.back(2), recent.max(3)), (None, Some(14.0), Some(18.0)));
        assert!((recent.ramp(5).unwrap() - 28.0).abs() < 1e-9);
        assert_eq!(recent.mean(), Some(13.5));
    }

    #[test]
    fn a_long_gap_leaves_nothing_but_the_last_value() {
        let mut recent = Recent::default();
        recent.push(0, 5.0);
        recent.push(u32::MAX, 7.0);
        assert_eq!((recent.last(), recent.mean(), recent.back(1)), (Some(7.0), Some(7.0), None));
    }
}
