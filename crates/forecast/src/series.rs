//! One series: equally spaced values from a start on, with what was not measured left as a gap.

use plimsoll_model::quantity::{Millis, Timestamp};

/// A borrowed series. `values[i]` belongs to `start + i × step`; NaN is a gap, and nothing here ever fills one.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Moment of the first value.
    pub start: Timestamp,
    /// Time from value to value.
    pub step: Millis,
    /// Oldest first; NaN marks what was not measured.
    pub values: &'a [f64],
}

impl<'a> Series<'a> {
    /// A series of hourly values from time 0, for callers who have no times.
    #[must_use]
    pub const fn untimed(values: &'a [f64]) -> Self {
        Self { start: Timestamp(0), step: Millis(3_600_000), values }
    }

    /// Moment of the value at `index`, which may lie beyond the last one.
    #[must_use]
    pub fn at(&self, index: usize) -> Timestamp {
        self.start.plus(self.step.saturating_mul(index as u64))
    }

    /// Its first `len` values.
    #[must_use]
    pub fn head(&self, len: usize) -> Self {
        Self { values: &self.values[..len.min(self.values.len())], ..*self }
    }

    /// Its last `len` values.
    #[must_use]
    pub fn tail(&self, len: usize) -> Self {
        let skipped = self.values.len().saturating_sub(len);
        Self { start: self.at(skipped), values: &self.values[skipped..], ..*self }
    }

    /// Values that were measured.
    pub fn observed(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().copied().filter(|value| value.is_finite())
    }

    /// The newest measured value.
    #[must_use]
    pub fn last_observed(&self) -> Option<f64> {
        self.values.iter().rev().copied().find(|value| value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_its_times_and_a_gap_is_not_a_value() {
        let values = [1.0, 2.0, f64::NAN];
        let series = Series { start: Timestamp(1_000), step: Millis(10), values: &values };
        let tail = series.tail(2);
        assert_eq!(tail.start, Timestamp(1_010));
        assert_eq!(tail.at(5), Timestamp(1_060));
        assert_eq!((tail.last_observed(), tail.observed().count()), (Some(2.0), 1));
        assert_eq!(series.head(9).values.len(), 3);
    }
}
