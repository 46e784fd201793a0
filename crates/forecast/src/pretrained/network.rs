//! The network itself: layers, their parameters in one vector, and a forward pass over any number of windows and steps.

use super::candidates::CANDIDATES;
use super::inputs::{STEP_INPUTS, Step, WINDOW_INPUTS};
use crate::neural::matrix::{Real, rows_times};
use plimsoll_stats::{Random, normal};

/// Probabilities whose quantiles the network says.
pub(super) const LEVELS: [f64; 13] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];
/// Outputs of a step: the quantiles, then a weight for each candidate.
pub(super) const OUTPUTS: usize = LEVELS.len() + CANDIDATES;
/// Widths within the part that sees the window, and of the part that sees a step.
const WIDE: usize = 128;
pub(super) const HIDDEN: usize = 96;

/// One dense layer: where its weights (`rows × columns`) lie; the biases follow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layer {
    pub name: &'static str,
    pub rows: usize,
    pub columns: usize,
    pub offset: usize,
}

impl Layer {
    const fn after(before: Option<&Self>, name: &'static str, rows: usize, columns: usize) -> Self {
        let offset = match before {
            Some(before) => before.offset + (before.rows + 1) * before.columns,
            None => 0,
        };
        Self { name, rows, columns, offset }
    }

    /// Where the biases begin.
    pub const fn bias(&self) -> usize {
        self.offset + self.rows * self.columns
    }

    /// The parameter after the last.
    pub const fn end(&self) -> usize {
        self.bias() + self.columns
    }
}

const WINDOW_1: Layer = Layer::after(None, "window.0", WINDOW_INPUTS, WIDE);
const WINDOW_2: Layer = Layer::after(Some(&WINDOW_1), "window.1", WIDE, WIDE);
const WINDOW_3: Layer = Layer::after(Some(&WINDOW_2), "window.2", WIDE, HIDDEN);
const STEP_1: Layer = Layer::after(Some(&WINDOW_3), "step.0", STEP_INPUTS, HIDDEN);
const STEP_2: Layer = Layer::after(Some(&STEP_1), "step.1", HIDDEN, HIDDEN);
const STEP_3: Layer = Layer::after(Some(&STEP_2), "step.2", HIDDEN, HIDDEN);
const HEAD: Layer = Layer::after(Some(&STEP_3), "head", HIDDEN, OUTPUTS);

/// All layers, in the order of the vector of parameters.
pub(super) const LAYERS: [Layer; 7] = [WINDOW_1, WINDOW_2, WINDOW_3, STEP_1, STEP_2, STEP_3, HEAD];
/// How many parameters there are.
pub(super) const PARAMETERS: usize = HEAD.end();

/// What the layers gave: kept whole, because the backward pass needs it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass<R> {
    /// Window inputs and what its three layers gave; each `windows × width`.
    pub window: [Vec<R>; 4],
    /// Step inputs, and what its three layers gave; each `windows × steps × width`.
    pub step: [Vec<R>; 4],
    /// `windows × steps × OUTPUTS`.
    pub outputs: Vec<R>,
}

/// Parameters to start from: He's for what a rectifier follows, near 0 for the rest; the first quantiles are a normal
/// distribution's, and the first weights even.
///
/// # Source
/// K. He et al., "Delving Deep into Rectifiers", ICCV 2015: variance 2 / inputs.
pub(super) fn start(random: &mut Random) -> Vec<f32> {
    let mut parameters = vec![0.0; PARAMETERS];
    for layer in LAYERS {
        let gain = match layer.name {
            "head" => 0.05,
            "window.2" | "step.1" | "step.2" => 0.5,
            _ => 1.0,
        };
        let deviation = gain * libm::sqrt(2.0 / layer.rows as f64);
        let weights = &mut parameters[layer.offset..layer.bias()];
        weights.iter_mut().for_each(|weight| *weight = (deviation * random.normal()) as f32);
    }
    let spread = &mut parameters[HEAD.bias()..][..LEVELS.len()];
    spread.iter_mut().zip(LEVELS).for_each(|(bias, level)| *bias = (1.3 * normal::quantile(level)) as f32);
    parameters
}

/// `y = x · W + b`, for rows of `x`.
fn dense<R: Real>(parameters: &[R], layer: &Layer, x: &[R]) -> Vec<R> {
    let bias = &parameters[layer.bias()..layer.end()];
    let mut y = bias.repeat(x.len() / layer.rows);
    rows_times(&mut y, x, &parameters[layer.offset..layer.bias()], layer.columns);
    y
}

fn rectify<R: Real>(values: &mut [R]) {
    values.iter_mut().for_each(|value| *value = if *value > R::ZERO { *value } else { R::ZERO });
}

/// Runs the network: `windows` of [`WINDOW_INPUTS`] each, and for each of them the same number of steps of
/// [`STEP_INPUTS`]. The window's part is computed once per window.
pub(super) fn forward<R: Real>(parameters: &[R], windows: Vec<R>, steps: Vec<R>) -> Pass<R> {
    let mut first = dense(parameters, &WINDOW_1, &windows);
    rectify(&mut first);
    let mut second = dense(parameters, &WINDOW_2, &first);
    rectify(&mut second);
    let third = dense(parameters, &WINDOW_3, &second);
    let mut enter = dense(parameters, &STEP_1, &steps);
    let per_window = enter.len() / (third.len() / HIDDEN).max(1);
    for (rows, seen) in enter.chunks_mut(per_window.max(1)).zip(third.chunks(HIDDEN)) {
        rows.chunks_mut(HIDDEN).for_each(|row| row.iter_mut().zip(seen).for_each(|(value, seen)| *value += *seen));
    }
    rectify(&mut enter);
    let middle = residual(parameters, &STEP_2, &enter);
    let late = residual(parameters, &STEP_3, &middle);
    let outputs = dense(parameters, &HEAD, &late);
    Pass { window: [windows, first, second, third], step: [steps, enter, middle, late], outputs }
}

/// `x + max(0, x · W + b)`.
fn residual<R: Real>(parameters: &[R], layer: &Layer, x: &[R]) -> Vec<R> {
    let mut y = dense(parameters, layer, x);
    rectify(&mut y);
    y.iter_mut().zip(x).for_each(|(y, x)| *y += *x);
    y
}

/// Softmax over the candidates that there are.
pub(super) fn weights(outputs: &[f32], has: &[bool; CANDIDATES]) -> [f32; CANDIDATES] {
    let logits = &outputs[LEVELS.len()..];
    let known = || logits.iter().zip(has).filter(|(_, has)| **has).map(|(logit, _)| *logit);
    let largest = known().fold(f32::NEG_INFINITY, f32::max);
    let mut weights = [0.0; CANDIDATES];
    for ((weight, logit), has) in weights.iter_mut().zip(logits).zip(has) {
        *weight = if *has { libm::expf(logit - largest) } else { 0.0 };
    }
    let sum: f32 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// The quantiles of one step, in units and relative to the last value, in no order that is guaranteed.
pub(super) fn quantiles(outputs: &[f32], step: &Step) -> [f32; LEVELS.len()] {
    let weights = weights(outputs, &step.has);
    let base: f32 = weights.iter().zip(step.candidates).map(|(weight, candidate)| weight * candidate).sum();
    std::array::from_fn(|index| base + outputs[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert_eq!(LAYERS.iter().map(|layer| (layer.rows + 1) * layer.columns).sum::<usize>(), PARAMETERS);
        const { assert!(PARAMETERS * 4 < 390_000) };
    }

    #[test]
    fn one_window_gives_the_same_alone_and_among_others() {
        let mut random = Random::new(1);
        let parameters = start(&mut random);
        let mut draw = |count: usize| -> Vec<f32> { (0..count).map(|_| random.normal() as f32).collect() };
        let (windows, steps) = (draw(3 * WINDOW_INPUTS), draw(3 * 2 * STEP_INPUTS));
        let all = forward(&parameters, windows.clone(), steps.clone()).outputs;
        let alone = forward(
            &parameters,
            windows[WINDOW_INPUTS..2 * WINDOW_INPUTS].to_vec(),
            steps[2 * STEP_INPUTS..4 * STEP_INPUTS].to_vec(),
        );
        assert_eq!(all[2 * OUTPUTS..4 * OUTPUTS], alone.outputs);
    }

    #[test]
    fn absent_candidates_have_no_weight() {
        let mut has = [false; CANDIDATES];
        has[0] = true;
        has[3] = true;
        let weights = weights(&[0.0; OUTPUTS], &has);
        assert_eq!((weights[0], weights[1], weights[3]), (0.5, 0.0, 0.5));
    }
}
