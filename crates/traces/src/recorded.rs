//! A recorded series as the forecasters take it: equally spaced values, NaN where nothing was measured.
//!
//! It differs from a [`RateSeries`] in that its values may be anything (a temperature, a negative trend, a share), not only
//! rates of requests.

use crate::RateSeries;
use plimsoll_model::{Millis, Timestamp};

/// One series as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// What the set or the file calls it.
    pub name: String,
    /// Start of the first slot; time 0 (1970-01-01) where the set has no times.
    pub start: Timestamp,
    /// Length of a slot.
    pub step: Millis,
    /// Oldest first; NaN where nothing was measured.
    pub values: Vec<f64>,
}

impl Recorded {
    /// The same series under another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Slots `group` times as long, each the mean of what was measured in it; a slot of which nothing was measured stays a
    /// gap, and a last one that is not whole is dropped (its mean would be of less time than the others).
    #[must_use]
    pub fn means_of(&self, group: usize) -> Self {
        let group = group.max(1);
        let values = self.values.chunks_exact(group).map(mean_of_measured).collect();
        Self { name: self.name.clone(), start: self.start, step: Millis(self.step.0 * group as u64), values }
    }

    /// Values that were measured.
    #[must_use]
    pub fn measured(&self) -> usize {
        self.values.iter().filter(|value| value.is_finite()).count()
    }
}

impl From<RateSeries> for Recorded {
    fn from(series: RateSeries) -> Self {
        Self { name: series.name, start: series.start, step: series.slot, values: series.rates }
    }
}

fn mean_of_measured(values: &[f64]) -> f64 {
    let measured = || values.iter().copied().filter(|value| value.is_finite());
    measured().sum::<f64>() / measured().count() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarser_slots_are_means_and_keep_their_gaps() {
        let nan = f64::NAN;
        let values = vec![1.0, 3.0, nan, 5.0, nan, nan, 9.0];
        let coarse = Recorded { name: "x".into(), start: Timestamp(7), step: Millis(10), values }.means_of(2);
        assert_eq!((coarse.start, coarse.step, coarse.values.len()), (Timestamp(7), Millis(20), 3));
        assert_eq!(coarse.values[..2], [2.0, 5.0]);
        assert!(coarse.values[2].is_nan() && coarse.measured() == 2);
    }
}
