//! Minimising a smooth function of a few numbers: BFGS with differences for the gradient.
//!
//! # Source
//! J. Nocedal, S. J. Wright, *Numerical Optimization*, 2nd ed., chapter 6 (update 6.17) and algorithm 3.1 (backtracking).

/// Step of the differences: the objectives are smooth to about 1e-14 and of curvature about 1.
const DIFFERENCE: f64 = 1e-6;
/// Sufficient decrease of the backtracking.
const ARMIJO: f64 = 1e-4;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Most steps.
    pub steps: usize,
    /// Two steps in a row that gain less than this end it.
    pub gain: f64,
}

impl Effort {
    /// To the bottom.
    pub const FULL: Self = Self { steps: 60, gain: 1e-9 };
}

/// The lowest point found from `start`, with `inverse` (row by row) for the inverse Hessian to begin with. `function` gives
/// infinity where it is not defined; at `start` it must be defined.
pub(crate) fn minimise(
    mut function: impl FnMut(&[f64]) -> f64,
    start: &[f64],
    mut inverse: Vec<f64>,
    effort: Effort,
) -> (Vec<f64>, f64) {
    let size = start.len();
    let mut at = start.to_vec();
    let mut value = function(&at);
    if size == 0 || !value.is_finite() {
        return (at, value);
    }
    let mut slope = gradient(&mut function, &mut at, value);
    let mut idle = 0;
    for _ in 0..effort.steps {
        let mut step = direction(&inverse, &slope);
        if !(dot(&step, &slope) < 0.0) {
            step = slope.iter().map(|slope| -slope).collect();
        }
        let expected = dot(&step, &slope);
        if !(expected < -1e-12) {
            break;
        }
        let Some((next, found)) = backtrack(&mut function, &at, value, &step, expected) else { break };
        let gain = value - found;
        let moved: Vec<f64> = next.iter().zip(&at).map(|(next, at)| next - at).collect();
        (at, value) = (next, found);
        idle = if gain < effort.gain { idle + 1 } else { 0 };
        if idle == 2 {
            break;
        }
        let after = gradient(&mut function, &mut at, value);
        let turned: Vec<f64> = after.iter().zip(&slope).map(|(after, before)| after - before).collect();
        slope = after;
        learn(&mut inverse, &moved, &turned);
    }
    (at, value)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn direction(inverse: &[f64], slope: &[f64]) -> Vec<f64> {
    inverse.chunks(slope.len()).map(|row| -dot(row, slope)).collect()
}

fn gradient(function: &mut impl FnMut(&[f64]) -> f64, at: &mut [f64], value: f64) -> Vec<f64> {
    let mut slope = vec![0.0; at.len()];
    for index in 0..at.len() {
        let before = at[index];
        at[index] = before + DIFFERENCE;
        let mut change = (function(at) - value) / DIFFERENCE;
        if !change.is_finite() {
            at[index] = before - DIFFERENCE;
            change = (value - function(at)) / DIFFERENCE;
        }
        at[index] = before;
        slope[index] = if change.is_finite() { change } else { 0.0 };
    }
    slope
}

/// The first of the steps 1, 1/4, 1/16, … of `step` that lowers the function enough.
fn backtrack(
    function: &mut impl FnMut(&[f64]) -> f64,
    at: &[f64],
    value: f64,
    step: &[f64],
    expected: f64,
) -> Option<(Vec<f64>, f64)> {
    // Parameters are transformed, so that 2 is a long way: tanh(2) is 0.96.
    let longest = step.iter().fold(0.0f64, |longest, step| longest.max(step.abs()));
    let mut share = (2.0 / longest).min(1.0);
    for _ in 0..12 {
        let next: Vec<f64> = at.iter().zip(step).map(|(at, step)| at + share * step).collect();
        let found = function(&next);
        if found <= value + ARMIJO * share * expected {
            return Some((next, found));
        }
        share *= 0.25;
    }
    None
}

/// The BFGS update of the inverse Hessian from a step `moved` over which the gradient `turned`.
fn learn(inverse: &mut [f64], moved: &[f64], turned: &[f64]) {
    let size = moved.len();
    let curvature = dot(moved, turned);
    if !(curvature > 1e-14) {
        return;
    }
    let image: Vec<f64> = inverse.chunks(size).map(|row| dot(row, turned)).collect();
    let scale = (1.0 + dot(turned, &image) / curvature) / curvature;
    for row in 0..size {
        for col in 0..size {
            inverse[row * size + col] +=
                scale * moved[row] * moved[col] - (image[row] * moved[col] + moved[row] * image[col]) / curvature;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_bottom_of_a_bent_valley() {
        let rosenbrock = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let (at, value) = minimise(rosenbrock, &[-1.2, 1.0], vec![1.0, 0.0, 0.0, 1.0], Effort::FULL);
        assert!(value < 1e-6 && (at[0] - 1.0).abs() < 2e-3, "{at:?} {value}");
    }

    #[test]
    fn it_stays_where_the_function_is_defined() {
        let wall = |x: &[f64]| if x[0] > 0.5 { f64::INFINITY } else { (x[0] - 0.4).powi(2) };
        let (at, _) = minimise(wall, &[-3.0], vec![1.0], Effort::FULL);
        assert!((at[0] - 0.4).abs() < 1e-3, "{at:?}");
    }
}
