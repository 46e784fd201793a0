//! From a head's numbers to forecasts, and the loss that they are trained on.
//!
//! The head gives `horizon × levels` numbers, step by step, and one weight per anchor. With weights w = softmax of the
//! latter, the forecast of step k at level q is Σ w anchor(k) + unit × number(k, q): all steps at once (a direct
//! forecast, which does not pile up its own errors), zero numbers being the mean of the anchors.

use crate::neural::matrix::Real;
use plimsoll_stats::normal;
use serde::{Deserialize, Serialize};

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The mean of the squared errors: points are means, quantiles normal with the deviation of each step's errors.
    Squared,
    /// The mean of the pinball losses over the levels: quantiles as they are, points are medians.
    Pinball,
}

/// Largest target in units that training looks at: what is further off pulls no harder.
const TARGET_MAX: f64 = 50.0;

/// What one step's outputs are compared with, in units from the last value.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// Per step ahead; NaN where there is nothing to compare with.
    pub values: Vec<f64>,
    /// Per step ahead, one per anchor.
    pub anchors: Vec<f64>,
}

impl Targets {
    /// Empties it.
    pub fn clear(&mut self) {
        self.values.clear();
        self.anchors.clear();
    }

    /// The next step ahead: a value (NaN for none) and its anchors, in units from the last value.
    pub fn push(&mut self, value: f64, anchors: impl Iterator<Item = f64>) {
        self.values.push(if value.is_finite() { value.clamp(-TARGET_MAX, TARGET_MAX) } else { f64::NAN });
        let sane = |anchor: f64| if anchor.is_finite() { anchor.clamp(-TARGET_MAX, TARGET_MAX) } else { 0.0 };
        self.anchors.extend(anchors.map(sane));
    }
}

/// e^x over the sum of them.
pub fn softmax<R: Real>(logits: &[R]) -> Vec<f64> {
    let largest = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|x| libm::exp(x.to_f64() - largest)).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The loss of one lane's outputs, averaged over steps and levels, and its gradient by them into `error`. None when there
/// is nothing to compare with.
///
/// # Source
/// Pinball loss: R. Koenker, G. Bassett, "Regression Quantiles", Econometrica 46(1), 1978.
pub fn loss<R: Real>(
    loss: Loss,
    levels: &[f64],
    outputs: &[R],
    targets: &Targets,
    error: Option<&mut [R]>,
) -> Option<f64> {
    let steps = targets.values.len();
    let (numbers, logits) = outputs.split_at(steps * levels.len());
    let weights = softmax(logits);
    let terms = targets.values.iter().filter(|value| value.is_finite()).count() * levels.len();
    if terms == 0 {
        return None;
    }
    let share = 1.0 / terms as f64;
    let (mut sum, mut slopes) = (0.0, vec![0.0; outputs.len()]);
    let (number_slopes, weight_slopes) = slopes.split_at_mut(numbers.len());
    // ∂loss/∂w per anchor; through the softmax below.
    let mut by_weight = vec![0.0; weights.len()];
    for step in (0..steps).filter(|step| targets.values[*step].is_finite()) {
        let anchors = &targets.anchors[step * weights.len()..(step + 1) * weights.len()];
        let base: f64 = anchors.iter().zip(&weights).map(|(anchor, weight)| anchor * weight).sum();
        for (k, level) in levels.iter().enumerate() {
            let at = step * levels.len() + k;
            let (value, slope) = one(loss, *level, targets.values[step] - base - numbers[at].to_f64());
            sum += value;
            number_slopes[at] = -slope * share;
            by_weight.iter_mut().zip(anchors).for_each(|(sum, anchor)| *sum -= slope * share * anchor);
        }
    }
    let mean: f64 = by_weight.iter().zip(&weights).map(|(slope, weight)| slope * weight).sum();
    let parts = weight_slopes.iter_mut().zip(&weights).zip(&by_weight);
    parts.for_each(|((to, weight), slope)| *to = weight * (slope - mean));
    if let Some(error) = error {
        error.iter_mut().zip(slopes).for_each(|(to, slope)| *to = R::from_f64(slope));
    }
    Some(sum * share)
}

/// Loss and its slope by the difference (what came minus what was said).
fn one(loss: Loss, level: f64, difference: f64) -> (f64, f64) {
    match loss {
        Loss::Squared => (0.5 * difference * difference, difference),
        Loss::Pinball if difference >= 0.0 => (level * difference, level),
        Loss::Pinball => ((level - 1.0) * difference, level - 1.0),
    }
}

/// The value at `level` of a distribution given by rising `values` at `known` levels: linear in the normal score, which
/// makes it exact for a normal distribution; beyond the ends the last slope goes on, but never backwards.
#[must_use]
pub fn at_level(known: &[f64], values: &[f64], level: f64) -> f64 {
    let score = normal::quantile(level);
    if known.len() < 2 {
        return values.first().copied().unwrap_or(0.0);
    }
    let upper = known.iter().position(|k| *k >= level).unwrap_or(known.len() - 1).clamp(1, known.len() - 1);
    let (from, to) = (normal::quantile(known[upper - 1]), normal::quantile(known[upper]));
    let slope = ((values[upper] - values[upper - 1]) / (to - from)).max(0.0);
    values[upper - 1] + slope * (score - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets {
        let mut targets = Targets::default();
        targets.push(1.5, [0.5, -1.0].into_iter());
        targets.push(f64::NAN, [2.0, 2.0].into_iter());
        targets.push(-0.7, [0.1, 3.0].into_iter());
        targets
    }

    #[test]
    fn gradients_of_both_losses_are_those_of_finite_differences() {
        let outputs: Vec<f64> = vec![0.3, 0.2, 0.1, 0.0, -0.5, 0.9, 1.1, -0.2, 0.4, 0.6, -0.3];
        let levels = [0.1, 0.5, 0.9];
        for kind in [Loss::Squared, Loss::Pinball] {
            let mut error = vec![0.0; outputs.len()];
            loss(kind, &levels, &outputs, &targets(), Some(&mut error)).unwrap();
            for index in 0..outputs.len() {
                let moved = |by: f64| {
                    let mut moved = outputs.clone();
                    moved[index] += by;
                    loss(kind, &levels, &moved, &targets(), None).unwrap()
                };
                let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!((numeric - error[index]).abs() < 1e-8, "{kind:?} {index}: {numeric} {}", error[index]);
            }
        }
    }

    #[test]
    fn nothing_to_compare_with_is_no_loss() {
        let mut none = Targets::default();
        none.push(f64::NAN, [1.0].into_iter());
        assert_eq!(loss(Loss::Pinball, &[0.5], &[0.0_f32, 0.0], &none, None), None);
    }

    #[test]
    fn levels_between_and_beyond_those_known_follow_the_normal_score() {
        let known = [0.1, 0.5, 0.9];
        let values = known.map(|level| 3.0 + 2.0 * normal::quantile(level));
        for level in [0.01, 0.1, 0.3, 0.77, 0.9, 0.995] {
            let exact = 3.0 + 2.0 * normal::quantile(level);
            assert!((at_level(&known, &values, level) - exact).abs() < 1e-12, "{level}");
        }
        assert_eq!(at_level(&[0.5], &[7.0], 0.9), 7.0);
        assert_eq!(at_level(&known, &[1.0, 1.0, 1.0], 0.99), 1.0);
    }
}
