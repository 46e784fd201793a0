//! What came after similar jumps.

use crate::explanation::Explanation;
use crate::{Ahead, Data, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample};
use plimsoll_stats::quantile_sorted;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The last value stands off the level (the median of the last few values) by a jump; the values to come stand off it as they
/// did after earlier jumps of the same sign and about the same size, scaled to this one. Where jumps came back this is the
/// level, where they stayed or grew it is the last value or more: each series says which, and for each size.
///
/// Its four stretches end at half, one, two and four windows; the last holds on beyond. The point is the weighted median of
/// what came after, quantiles are its weighted quantiles. A gap is no value: everything is of the last *measured* values.
///
/// # Source
/// Forecasts by analogues: E. N. Lorenz, "Atmospheric predictability as revealed by naturally occurring analogues", *Journal of
/// the Atmospheric Sciences* 26 (1969), 636-646.
#[derive(Debug, Clone, Copy)]
pub struct Analogue {
    /// How many values make the level; at least 2.
    pub window: usize,
}

impl Default for Analogue {
    /// On VMs of Bitbrains at two times earlier than the windows of the bench, 6 values lose more than 12 at both; 24 and 48 lose
    /// less at one and more, or less surely, at the other.
    fn default() -> Self {
        Self { window: 12 }
    }
}

/// Jumps kept: two weeks of five minutes. With the last 1,024, or these and the 256 largest before them, large and rare ones are
/// forgotten: the error over the last value's at three earlier times is 1.05, 0.96 and 0.86, or 0.97, 0.96 and 0.81, against 0.96,
/// 0.96 and 0.78 with all.
const KEPT: usize = 4_096;
/// Standard deviation of the natural logarithm of the size, within which jumps are similar. Half of it loses 4 % more
/// at one earlier time and 0.1 % less at another.
const SIMILAR: f64 = 0.7;
/// Standard deviations beyond which a jump is not looked at: it would have a hundredth of the weight.
const LOOKED_AT: f64 = 3.0;
/// Weight of the belief that a jump stays, in similar jumps: what holds where there were none.
const STAYS: f64 = 1.0;
const STRETCHES: usize = 4;

/// A jump and what came after it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Jump {
    /// The value's distance from the level.
    jump: f64,
    /// Natural logarithm of its size.
    size: f64,
    /// How far the median of each stretch was off the same level.
    later: [f64; STRETCHES],
}

/// The values, and the jumps among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct FittedAnalogue {
    window: usize,
    values: VecDeque<f64>,
    jumps: VecDeque<Jump>,
}

/// What is written down: the jumps follow from the values.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    window: usize,
    values: VecDeque<f64>,
}

impl From<FittedAnalogue> for Written {
    fn from(fitted: FittedAnalogue) -> Self {
        Self { window: fitted.window, values: fitted.values }
    }
}

impl From<Written> for FittedAnalogue {
    fn from(written: Written) -> Self {
        let mut fitted =
            Self { window: written.window.clamp(2, KEPT), values: VecDeque::new(), jumps: VecDeque::new() };
        written.values.into_iter().for_each(|value| fitted.take(value));
        fitted
    }
}

impl Fit for Analogue {
    fn name(&self) -> &'static str {
        "analogue"
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let window = self.window.clamp(2, KEPT);
        let mut fitted = FittedAnalogue { window, values: VecDeque::new(), jumps: VecDeque::new() };
        let measured: Vec<f64> = data.target.observed().collect();
        measured[measured.len().saturating_sub(fitted.memory())..].iter().for_each(|value| fitted.take(*value));
        if fitted.values.is_empty() {
            return Err(FitError::TooShort { model: self.name(), needed: 1, found: 0 });
        }
        Ok(Fitted::Analogue(fitted))
    }
}

impl FittedAnalogue {
    /// Values that all jumps kept can be found in again.
    const fn memory(&self) -> usize {
        KEPT + 5 * self.window - 1
    }

    /// The middle of some of the values.
    fn median(&self, from: usize, to: usize) -> f64 {
        let mut sorted: Vec<f64> = self.values.range(from..to).copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        quantile_sorted(&sorted, 0.5).unwrap_or(0.0)
    }

    /// First and last step of each stretch after a jump.
    fn stretches(&self) -> [(usize, usize); STRETCHES] {
        let window = self.window;
        [(0, window / 2), (window / 2, window), (window, 2 * window), (2 * window, 4 * window)]
    }

    /// The level now, and how far the last value is off it.
    fn now(&self) -> (f64, f64) {
        let len = self.values.len();
        let level = self.median(len.saturating_sub(self.window), len);
        (level, self.values.back().map_or(0.0, |last| last - level))
    }

    /// Takes a measured value: the jump four windows ago is complete with it.
    fn take(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.values.push_back(value);
        if self.values.len() > self.memory() {
            self.values.pop_front();
        }
        let Some(after) = self.values.len().checked_sub(4 * self.window).filter(|after| *after >= self.window) else {
            return;
        };
        let level = self.median(after - self.window, after);
        let jump = self.values[after - 1] - level;
        let later = self.stretches().map(|(from, to)| self.median(after + from, after + to) - level);
        self.jumps.push_back(Jump { jump, size: libm::log(jump.abs()), later });
        if self.jumps.len() > KEPT {
            self.jumps.pop_front();
        }
    }

    /// Every similar jump with its weight, and by what to multiply what came after it.
    fn similar(&self, jump: f64) -> Vec<(&Jump, f64, f64)> {
        if jump == 0.0 {
            return self.jumps.iter().filter(|one| one.jump == 0.0).map(|one| (one, 1.0, 1.0)).collect();
        }
        let size = libm::log(jump.abs());
        let alike = |one: &Jump| (one.jump > 0.0) == (jump > 0.0) && (one.size - size).abs() <= LOOKED_AT * SIMILAR;
        let mut found = Vec::new();
        for one in self.jumps.iter().filter(|one| alike(one)) {
            let off = (one.size - size) / SIMILAR;
            found.push((one, libm::exp(-off * off / 2.0), jump / one.jump));
        }
        found
    }
}

impl Forecaster for FittedAnalogue {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let (level, jump) = self.now();
        let similar = self.similar(jump);
        let total = STAYS + similar.iter().map(|(_, weight, _)| weight).sum::<f64>();
        let (mut points, mut values) = (Vec::with_capacity(ahead.horizon), Vec::new());
        for (stretch, (from, to)) in self.stretches().into_iter().enumerate() {
            let to = if stretch + 1 == STRETCHES { ahead.horizon } else { to.min(ahead.horizon) };
            if from >= to {
                continue;
            }
            let after = similar.iter().map(|(one, weight, factor)| (one.later[stretch] * factor, *weight));
            let mut after: Vec<(f64, f64)> = after.chain([(jump, STAYS)]).collect();
            after.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
            let mut sum = 0.0;
            after.iter_mut().for_each(|(_, weight)| {
                sum += *weight;
                *weight = sum;
            });
            let at = |share: f64| {
                let place = after.partition_point(|(_, below)| *below < share * total).min(after.len() - 1);
                level + after[place].0
            };
            let row: Vec<f64> = levels.as_slice().iter().map(|share| at(*share)).collect();
            points.resize(to, at(0.5));
            values.extend(row.repeat(to - from));
        }
        Prediction::new(levels, points, values)
    }

    fn update(&mut self, sample: &Sample<'_>) {
        self.take(sample.value);
    }

    fn explain(&self) -> Explanation {
        let (level, jump) = self.now();
        let form = format!("what came after {} similar jumps", self.similar(jump).len());
        Explanation { level: Some(level), ..Explanation::of(form) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;

    fn fitted(values: &[f64]) -> Fitted {
        Analogue::default().fit(&Data::alone(Series::untimed(values), &[]), 0).unwrap()
    }

    fn point(values: &[f64], step: usize) -> f64 {
        fitted(values).predict(&Ahead::steps(60), &Levels::deciles()).points()[step]
    }

    /// Every 100 values the load jumps from 10 to 20, for `long` values; ends right after the start of a jump.
    fn jumps(long: usize) -> Vec<f64> {
        (0..1_001).map(|i| if i >= 100 && i % 100 < long { 20.0 } else { 10.0 }).collect()
    }

    #[test]
    fn a_jump_comes_back_where_it_always_did_and_stays_where_it_always_stayed() {
        assert_eq!((point(&jumps(2), 0), point(&jumps(2), 59)), (10.0, 10.0));
        assert_eq!((point(&jumps(60), 0), point(&jumps(60), 47)), (20.0, 20.0));
        // Twenty values: the first three stretches are 20 for the most part, the last one is not.
        assert_eq!((point(&jumps(20), 11), point(&jumps(20), 24)), (20.0, 10.0));
    }

    #[test]
    fn what_was_never_seen_stays() {
        let mut values = vec![5.0; 200];
        values.push(50.0);
        assert_eq!((point(&values, 0), point(&values, 59)), (50.0, 50.0));
        assert_eq!(point(&[f64::NAN, 7.0, f64::NAN], 3), 7.0);
        assert!(Analogue::default().fit(&Data::alone(Series::untimed(&[f64::NAN]), &[]), 0).is_err());
    }

    #[test]
    fn an_update_equals_a_fit_on_the_longer_series_and_so_does_what_was_written() {
        let values: Vec<f64> = (0..5_000).map(|i| f64::from(i * 37 % 11 * (i % 7))).collect();
        let mut grown = fitted(&values[..4_300]);
        values[4_300..].iter().for_each(|value| grown.update(&Sample::of(*value)));
        assert_eq!(grown, fitted(&values));
        let text = serde_json::to_string(&grown).unwrap();
        assert_eq!(serde_json::from_str::<Fitted>(&text).unwrap(), grown);
    }
}
