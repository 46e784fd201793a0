//! How far off a model's points were: quantiles of its errors by steps ahead.

use plimsoll_stats::{normal, quantile_sorted};
use serde::{Deserialize, Serialize};

/// Probabilities at which quantiles of errors are kept; others are interpolated over the normal distribution's scores.
const KEPT: [f64; 17] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995];
/// Errors further ahead than the last step measured grow with the steps by this power at most: a random walk's.
const GROWTH_MAX: f64 = 0.5;

/// Quantiles of errors (value − point, on the model's scale) at some steps ahead.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Rising, from 1.
    steps: Vec<usize>,
    /// `steps × KEPT`.
    values: Vec<f64>,
}

/// Scores of the levels wanted, computed once per forecast.
#[derive(Debug, Clone)]
pub(crate) struct Scores(Vec<(usize, f64)>);

impl Scores {
    /// Per level the kept probability before it and how far it lies to the next; the outer pairs are extended.
    pub(crate) fn new(levels: &[f64]) -> Self {
        let kept = KEPT.map(normal::quantile);
        let place = |level: &f64| {
            let score = normal::quantile(*level);
            let below = kept.partition_point(|kept| *kept <= score).clamp(1, KEPT.len() - 1) - 1;
            (below, (score - kept[below]) / (kept[below + 1] - kept[below]))
        };
        Self(levels.iter().map(place).collect())
    }
}

impl Spread {
    /// Adds the errors (in any order, gaps passed over) of forecasts `steps` ahead, widened by `factor`. Steps are added in
    /// rising order. No error at all is an error of 0.
    pub(crate) fn push(&mut self, steps: usize, errors: &mut Vec<f64>, factor: f64) {
        errors.retain(|error| error.is_finite());
        plimsoll_stats::quantile::sort(errors);
        self.steps.push(steps);
        self.values.extend(KEPT.map(|level| quantile_sorted(errors, level).unwrap_or(0.0) * factor));
    }

    /// Steps worth measuring up to `most`: all of the first few, then about every eighth part further.
    pub(crate) fn steps_up_to(most: usize) -> Vec<usize> {
        let next = |step: &usize| Some(step + (step / 6).max(1));
        let mut steps: Vec<usize> =
            std::iter::successors(Some(1), next).take_while(|step| *step < most.max(1)).collect();
        steps.push(most.max(1));
        steps
    }

    /// What to add to a point `step` (from 1) ahead for each level, appended to `out`.
    pub(crate) fn push_errors(&self, step: usize, scores: &Scores, out: &mut Vec<f64>) {
        let Some(last) = self.steps.len().checked_sub(1) else {
            out.extend(scores.0.iter().map(|_| 0.0));
            return;
        };
        let after = self.steps.partition_point(|kept| *kept < step);
        let (low, high) = (after.saturating_sub(1).min(last), after.min(last));
        let gap = self.steps[high] - self.steps[low];
        let share = if gap == 0 { 0.0 } else { (step - self.steps[low]) as f64 / gap as f64 };
        let growth = if step > self.steps[last] { self.growth(step) } else { 1.0 };
        for (below, part) in &scores.0 {
            let at = |index: usize| {
                let row = &self.values[index * KEPT.len()..];
                row[*below] + (row[below + 1] - row[*below]) * part
            };
            out.push((at(low) * (1.0 - share) + at(high) * share) * growth);
        }
    }

    /// Width of the middle 80 %.
    fn width(&self, index: usize) -> f64 {
        self.values[index * KEPT.len() + 12] - self.values[index * KEPT.len() + 4]
    }

    /// Beyond the last step errors go on growing as they did over the last half of the steps.
    fn growth(&self, step: usize) -> f64 {
        let last = self.steps.len() - 1;
        let middle = self.steps.partition_point(|kept| 2 * kept < self.steps[last]).min(last);
        let steps = libm::log(self.steps[last] as f64 / self.steps[middle] as f64);
        let widths = self.width(last) / self.width(middle);
        let power = if steps > 0.0 && widths > 0.0 && widths.is_finite() { libm::log(widths) / steps } else { 0.0 };
        libm::pow(step as f64 / self.steps[last] as f64, power.clamp(0.0, GROWTH_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(spread: &Spread, step: usize, levels: &[f64]) -> Vec<f64> {
        let mut out = Vec::new();
        spread.push_errors(step, &Scores::new(levels), &mut out);
        out
    }

    #[test]
    fn quantiles_are_those_of_the_errors_and_grow_between_and_beyond_steps() {
        let mut spread = Spread::default();
        for (step, size) in [(1, 1.0), (2, 2.0), (4, 4.0)] {
            spread.push(step, &mut (0..=1_000).map(|i| (f64::from(i) / 500.0 - 1.0) * size).collect(), 1.0);
        }
        assert!((errors(&spread, 1, &[0.9])[0] - 0.8).abs() < 1e-12);
        assert!((errors(&spread, 3, &[0.9])[0] - 2.4).abs() < 1e-12);
        assert!((errors(&spread, 16, &[0.9])[0] - 6.4).abs() < 1e-9, "√(16/4) times that of 4 steps");
        let outer = errors(&spread, 1, &[0.001, 0.77, 0.999]);
        assert!(outer[0] < -0.99 && (outer[1] - 0.54).abs() < 0.01 && outer[2] > 0.99, "{outer:?}");
    }

    #[test]
    fn no_errors_are_no_spread() {
        assert_eq!(errors(&Spread::default(), 3, &[0.9]), [0.0]);
        let mut spread = Spread::default();
        spread.push(1, &mut vec![f64::NAN], 1.0);
        assert_eq!(errors(&spread, 9, &[0.1, 0.9]), [0.0, 0.0]);
    }

    #[test]
    fn steps_are_dense_first() {
        assert_eq!(Spread::steps_up_to(1), [1]);
        let steps = Spread::steps_up_to(48);
        assert_eq!((steps.len(), steps[..12].to_vec(), steps[steps.len() - 1]), (22, (1..=12).collect(), 48));
    }
}
