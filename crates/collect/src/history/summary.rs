//! What is kept of many samples: the least, the greatest, the sum and how many.

use plimsoll_model::Timestamp;

/// The samples of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Least value.
    pub min: i64,
    /// Greatest value.
    pub max: i64,
    /// Sum; wide enough for any number of samples of any size.
    pub sum: i128,
    /// Number of samples.
    pub count: u64,
}

impl Summary {
    /// Of one sample.
    #[must_use]
    pub fn of(value: i64) -> Self {
        Self { min: value, max: value, sum: value.into(), count: 1 }
    }

    /// Of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            count: self.count + other.count,
        }
    }

    /// Of all; none of none.
    pub(crate) fn of_all(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(Self::and)
    }

    /// Sum ÷ count, rounded to the nearest integer, halves up.
    #[must_use]
    pub fn mean(&self) -> i64 {
        let count = i128::from(self.count.max(1));
        let mean = (2 * self.sum + count).div_euclid(2 * count);
        i64::try_from(mean).unwrap_or(if mean < 0 { i64::MIN } else { i64::MAX })
    }
}

/// One answer of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Where its interval begins; of a single sample, its own time.
    pub at: Timestamp,
    /// Least value.
    pub min: i64,
    /// Greatest value.
    pub max: i64,
    /// Mean, rounded to the nearest integer.
    pub mean: i64,
    /// Number of samples.
    pub count: u64,
}

impl Point {
    pub(crate) fn new(at: i64, summary: Summary) -> Self {
        let Summary { min, max, count, .. } = summary;
        Self { at: Timestamp(at), min, max, mean: summary.mean(), count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_is_rounded_to_the_nearest_and_halves_up() {
        for (sum, count, mean) in [(5, 2, 3), (-5, 2, -2), (4, 3, 1), (5, 3, 2), (-4, 3, -1)] {
            assert_eq!(Summary { min: 0, max: 0, sum, count }.mean(), mean, "{sum}/{count}");
        }
        let extremes = Summary::of(i64::MAX).and(Summary::of(i64::MAX));
        assert_eq!((extremes.mean(), extremes.sum), (i64::MAX, 2 * i128::from(i64::MAX)));
    }
}
