//! What the regression looks at: one row per origin and horizon.
//!
//! Every term but the last is a difference between two values of the series, so the model follows a shift of the level
//! exactly and a change of the unit too.

use serde::{Deserialize, Serialize};

/// Most terms a row has.
pub(super) const TERMS_MAX: usize = 16;

/// One row of a regression; the first `count` places are in use.
pub(super) type Row = [f64; TERMS_MAX];

const SHORT: [&str; 9] = [
    "constant",
    "the season before",
    "two seasons before",
    "now against a season ago",
    "the step before against a season ago",
    "lately against a season ago",
    "level against the season before",
    "now against this place",
    "lately against this place",
];
const LONG: [&str; 5] = [
    "this place in the long season",
    "this place two long seasons ago",
    "level against the long season",
    "now against the long season",
    "this place in the long season at the present level",
];

/// Lengths in steps that the terms are built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    /// The short season m.
    pub(super) short: usize,
    /// The long one M; none where the series has none or is too short for it.
    pub(super) long: Option<usize>,
    /// Whether the mean of seven seasons is compared with.
    pub(super) has_seven: bool,
}

impl Shape {
    /// Terms of a row, the constant included.
    pub(super) const fn terms(self) -> usize {
        9 + if self.has_seven { 1 } else { 0 } + if self.long.is_some() { 5 } else { 0 }
    }

    /// What its terms are called, in their order.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let seven = self.has_seven.then_some("level against seven seasons");
        let long = self.long.map(|_| LONG);
        SHORT.into_iter().chain(seven).chain(long.into_iter().flatten())
    }

    /// Values before and including the origin that a row reaches back to.
    pub(super) const fn reach(self) -> usize {
        let seven = if self.has_seven { 7 * self.short } else { 0 };
        let short = 3 * self.short;
        let reach = if seven > short { seven } else { short };
        match self.long {
            Some(long) if 2 * long + self.short > reach => 2 * long + self.short,
            _ => reach,
        }
    }
}

/// A series with the sums that make the mean of any window O(1).
pub(super) struct History {
    values: Vec<f64>,
    /// Σ and count of the measured values before each index.
    sums: Vec<(f64, u32)>,
}

impl History {
    pub(super) fn new(values: Vec<f64>) -> Self {
        let mut sums = Vec::with_capacity(values.len() + 1);
        let (mut sum, mut count) = (0.0, 0_u32);
        sums.push((sum, count));
        for value in &values {
            if value.is_finite() {
                sum += value;
                count += 1;
            }
            sums.push((sum, count));
        }
        Self { values, sums }
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Mean of the measured values among the `len` up to and including `end`; NaN where fewer than half were measured.
    fn mean(&self, end: isize, len: usize) -> f64 {
        let from = end + 1 - len as isize;
        if from < 0 {
            return f64::NAN;
        }
        let ((low, before), (high, after)) = (self.sums[from as usize], self.sums[(end + 1) as usize]);
        let count = (after - before) as usize;
        if 2 * count < len { f64::NAN } else { (high - low) / count as f64 }
    }

    fn at(&self, index: isize) -> f64 {
        usize::try_from(index).ok().and_then(|index| self.values.get(index)).copied().unwrap_or(f64::NAN)
    }

    /// The value of the last season at the place of `ahead` steps after `origin` (s₁), and the row of terms.
    pub(super) fn row(&self, shape: Shape, origin: usize, ahead: usize) -> (f64, Row) {
        let (m, t, h) = (shape.short as isize, origin as isize, ahead as isize);
        let seasons = (h + m - 1) / m;
        let place = t + h - seasons * m;
        let base = self.at(place);
        let recent = (shape.short / 4).max(1);
        let (now, level, near) = (self.at(t), self.mean(t, shape.short), self.mean(t, recent));
        let mut row = [0.0; TERMS_MAX];
        row[0] = 1.0;
        row[1] = self.at(place - m) - base;
        row[2] = self.at(place - 2 * m) - base;
        row[3] = now - self.at(t - m);
        row[4] = self.at(t - 1) - self.at(t - 1 - m);
        row[5] = near - self.mean(t - m, recent);
        row[6] = level - self.mean(t - m, shape.short);
        row[7] = now - base;
        row[8] = near - base;
        let mut count = 9;
        if shape.has_seven {
            row[count] = level - self.mean(t, 7 * shape.short);
            count += 1;
        }
        if let Some(long) = shape.long {
            let long = long as isize;
            let aligned = t + h - (h + long - 1) / long * long;
            let moved = level - self.mean(t - long, shape.short);
            row[count] = self.at(aligned) - base;
            row[count + 1] = self.at(aligned - long) - base;
            row[count + 2] = moved;
            row[count + 3] = now - self.at(t - long);
            row[count + 4] = self.at(aligned) - base + moved;
        }
        (base, row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_aligned_with_the_season() {
        let shape = Shape { short: 4, long: None, has_seven: false };
        let history = History::new((0..20).map(f64::from).collect());
        // Origin 15, six ahead: place 21 − 8 = 13.
        let (base, row) = history.row(shape, 15, 6);
        assert_eq!(base, 13.0);
        assert_eq!(row[..9], [1.0, -4.0, -8.0, 4.0, 4.0, 4.0, 4.0, 2.0, 2.0]);
        assert_eq!((shape.terms(), shape.reach()), (9, 12));
    }

    #[test]
    fn a_window_of_which_half_is_missing_has_no_mean() {
        let nan = f64::NAN;
        let history = History::new(vec![1.0, nan, 3.0, nan, nan]);
        assert_eq!(history.mean(3, 4), 2.0);
        assert!(history.mean(4, 4).is_nan() && history.mean(2, 4).is_nan());
    }
}
