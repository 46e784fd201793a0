//! The loss and its gradient: mean pinball loss over levels and steps, in each step's own unit.
//!
//! In its own unit (about the error that the best simple forecast made on that window) every series counts alike, whatever
//! its scale. The pinball loss has a bounded slope, so a burst that nobody could foresee pulls no harder than a small miss.

use super::candidates::CANDIDATES;
use super::network::{HIDDEN, LAYERS, LEVELS, Layer, OUTPUTS, PARAMETERS, Pass};
use crate::neural::matrix::{Real, rows_add, rows_times};

/// A candidate further out than this many units pulls at its weight as if it were this far: one such window would otherwise
/// decide the direction of a whole batch. With 10 in its place the loss on held-out series rose again after 5,000 batches,
/// because a wrong weight on a far candidate then costs more than it is taught.
const LEVER_MAX: f64 = 100.0;

/// The most that one step counts in the loss that is reported, in units; its gradient is bounded anyway.
pub(super) const REPORTED_MAX: f64 = 50.0;

/// What is known of one step beside its inputs.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub candidates: [f32; CANDIDATES],
    pub has: [bool; CANDIDATES],
    /// What came, in units and relative to the last value; none for a gap.
    pub truth: Option<f32>,
}

/// Mean loss over the steps that were measured, and its gradient with respect to the outputs.
pub(super) fn of_outputs<R: Real>(outputs: &[R], targets: &[Target]) -> (f64, Vec<R>) {
    let known = targets.iter().filter(|target| target.truth.is_some()).count().max(1);
    let share = 1.0 / (known * LEVELS.len()) as f64;
    let mut gradient = vec![R::ZERO; outputs.len()];
    let mut loss = 0.0;
    for ((outputs, gradient), target) in
        outputs.chunks_exact(OUTPUTS).zip(gradient.chunks_exact_mut(OUTPUTS)).zip(targets)
    {
        if let Some(truth) = target.truth {
            loss += of_step(outputs, gradient, target, f64::from(truth), share);
        }
    }
    (loss, gradient)
}

fn of_step<R: Real>(outputs: &[R], gradient: &mut [R], target: &Target, truth: f64, share: f64) -> f64 {
    let weights = softmax(outputs, &target.has);
    let base: f64 = weights.iter().zip(target.candidates).map(|(weight, value)| weight * f64::from(value)).sum();
    let (mut loss, mut pull) = (0.0, 0.0);
    for (index, level) in LEVELS.iter().enumerate() {
        let under = truth - (base + outputs[index].to_f64());
        let slope = if under > 0.0 { *level } else { level - 1.0 };
        loss += share * slope * under;
        pull -= share * slope;
        gradient[index] = R::from_f64(-share * slope);
    }
    for (index, weight) in weights.iter().enumerate() {
        let lever = (f64::from(target.candidates[index]) - base).clamp(-LEVER_MAX, LEVER_MAX);
        gradient[LEVELS.len() + index] = R::from_f64(pull * weight * lever);
    }
    loss.min(REPORTED_MAX * share * LEVELS.len() as f64)
}

/// In double precision, because a training step can afford it.
fn softmax<R: Real>(outputs: &[R], has: &[bool; CANDIDATES]) -> [f64; CANDIDATES] {
    let logits: [f64; CANDIDATES] = std::array::from_fn(|index| outputs[LEVELS.len() + index].to_f64());
    let known = logits.iter().zip(has).filter(|(_, has)| **has).map(|(logit, _)| *logit);
    let largest = known.fold(f64::NEG_INFINITY, f64::max);
    let mut index = 0;
    let raised = logits.map(|logit| {
        index += 1;
        if has[index - 1] { libm::exp(logit - largest) } else { 0.0 }
    });
    let sum: f64 = raised.iter().sum();
    raised.map(|value| value / sum)
}

/// The gradient with respect to all parameters, from that of the outputs.
pub(super) fn backward<R: Real>(parameters: &[R], pass: &Pass<R>, outputs: &[R]) -> Vec<R> {
    let mut gradient = vec![R::ZERO; PARAMETERS];
    let [window_1, window_2, window_3, step_1, step_2, step_3, head] = &LAYERS;
    let [steps, enter, middle, late] = &pass.step;
    let [windows, first, second, seen] = &pass.window;
    let mut pull = through(parameters, &mut gradient, head, late, outputs);
    pull = residual(parameters, &mut gradient, step_3, middle, late, pull);
    pull = residual(parameters, &mut gradient, step_2, enter, middle, pull);
    rectified(&mut pull, enter);
    into(&mut gradient, step_1, steps, &pull);
    let per_window = pull.len() / (seen.len() / HIDDEN).max(1);
    let mut of_seen = vec![R::ZERO; seen.len()];
    let rows = of_seen.chunks_mut(HIDDEN).zip(pull.chunks(per_window.max(1)));
    rows.for_each(|(sum, rows)| rows_add(sum, rows));
    let mut pull = through(parameters, &mut gradient, window_3, second, &of_seen);
    rectified(&mut pull, second);
    let mut pull = through(parameters, &mut gradient, window_2, first, &pull);
    rectified(&mut pull, first);
    into(&mut gradient, window_1, windows, &pull);
    gradient
}

/// Adds a layer's own gradient: `xᵀ · pull`, and its column sums for the biases.
fn into<R: Real>(gradient: &mut [R], layer: &Layer, x: &[R], pull: &[R]) {
    let flipped = transposed(x, layer.rows);
    rows_times(&mut gradient[layer.offset..layer.bias()], &flipped, pull, layer.columns);
    rows_add(&mut gradient[layer.bias()..layer.end()], pull);
}

/// The same, and the pull on the layer's inputs.
fn through<R: Real>(parameters: &[R], gradient: &mut [R], layer: &Layer, x: &[R], pull: &[R]) -> Vec<R> {
    into(gradient, layer, x, pull);
    let flipped = transposed(&parameters[layer.offset..layer.bias()], layer.columns);
    let mut below = vec![R::ZERO; x.len()];
    rows_times(&mut below, pull, &flipped, layer.rows);
    below
}

/// The transpose of `x`, in blocks that fit into a cache line each way: half of a training step would go into the plain one.
fn transposed<R: Real>(x: &[R], columns: usize) -> Vec<R> {
    const BLOCK: usize = 16;
    let rows = x.len() / columns;
    let mut flipped = vec![R::ZERO; x.len()];
    for top in (0..rows).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            for column in left..(left + BLOCK).min(columns) {
                for row in top..(top + BLOCK).min(rows) {
                    flipped[column * rows + row] = x[row * columns + column];
                }
            }
        }
    }
    flipped
}

/// No pull on what a rectifier cut off.
fn rectified<R: Real>(pull: &mut [R], after: &[R]) {
    pull.iter_mut().zip(after).for_each(|(pull, after)| *pull = if *after > R::ZERO { *pull } else { R::ZERO });
}

/// Through `y = x + max(0, x · W + b)`: the branch was open where y differs from x.
fn residual<R: Real>(parameters: &[R], gradient: &mut [R], layer: &Layer, x: &[R], y: &[R], pull: Vec<R>) -> Vec<R> {
    let branch = |((pull, x), y): ((&R, &R), &R)| if *y > *x { *pull } else { R::ZERO };
    let open: Vec<R> = pull.iter().zip(x).zip(y).map(branch).collect();
    let mut below = through(parameters, gradient, layer, x, &open);
    below.iter_mut().zip(&pull).for_each(|(below, pull)| *below += *pull);
    below
}

#[cfg(test)]
mod tests {
    use super::super::inputs::{STEP_INPUTS, WINDOW_INPUTS};
    use super::super::network::{forward, start};
    use super::*;
    use plimsoll_stats::Random;

    /// Two windows of three steps each, one of them a gap and one with few candidates.
    fn problem() -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<Target>) {
        let mut random = Random::new(7);
        let parameters = start(&mut random).iter().map(|value| f64::from(*value)).collect();
        let mut draw = |count: usize| -> Vec<f64> { (0..count).map(|_| random.normal()).collect() };
        let (windows, steps) = (draw(2 * WINDOW_INPUTS), draw(6 * STEP_INPUTS));
        let targets = (0..6)
            .map(|index| Target {
                candidates: std::array::from_fn(|at| (at as f32 - 4.0) * 0.7 + index as f32 * 0.1),
                has: std::array::from_fn(|at| at == 0 || index != 2 || at == 5),
                truth: (index != 4).then_some(index as f32 - 2.5),
            })
            .collect();
        (parameters, windows, steps, targets)
    }

    #[test]
    fn the_gradient_is_what_finite_differences_say() {
        let (mut parameters, windows, steps, targets) = problem();
        let pass = forward(&parameters, windows.clone(), steps.clone());
        let (_, outputs) = of_outputs(&pass.outputs, &targets);
        let gradient = backward(&parameters, &pass, &outputs);
        let mut random = Random::new(3);
        let (mut checked, mut wrong) = (0, 0);
        for layer in LAYERS {
            for _ in 0..40 {
                let index = layer.offset + random.below((layer.end() - layer.offset) as u64) as usize;
                let mut loss = |change: f64| {
                    let before = parameters[index];
                    parameters[index] = before + change;
                    let outputs = forward(&parameters, windows.clone(), steps.clone()).outputs;
                    parameters[index] = before;
                    of_outputs(&outputs, &targets).0
                };
                let numeric = (loss(1e-6) - loss(-1e-6)) / 2e-6;
                checked += 1;
                // A kink of the loss or a rectifier may lie between the two; then they differ, and rarely.
                wrong += usize::from((numeric - gradient[index]).abs() > 1e-6 * (1.0 + numeric.abs()));
            }
        }
        assert!(checked == 280 && wrong <= 3, "{wrong} of {checked}");
        assert!(gradient.iter().filter(|value| **value != 0.0).count() > PARAMETERS / 4);
    }

    #[test]
    fn a_gap_pulls_at_nothing() {
        let (parameters, windows, steps, mut targets) = problem();
        let pass = forward(&parameters, windows, steps);
        let (_, gradient) = of_outputs(&pass.outputs, &targets);
        assert!(gradient[4 * OUTPUTS..5 * OUTPUTS].iter().all(|value| *value == 0.0));
        targets.iter_mut().for_each(|target| target.truth = None);
        assert_eq!(of_outputs(&pass.outputs, &targets).0, 0.0);
    }
}
