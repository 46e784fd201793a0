//! A small minimiser of smooth functions: limited-memory BFGS with a backtracking line search.
//!
//! It asks for few gradients, which is what counts where each costs a pass over the series. A function may be infinite
//! outside of its domain; the search steps back from there.
//!
//! # Source
//! J. Nocedal, S. J. Wright, *Numerical Optimization*, 2nd ed., algorithm 7.4 (two-loop recursion), 3.1 (backtracking)
//! and equation 3.57 (quadratic interpolation).

/// Pairs of steps and changes of the gradient that are remembered.
const MEMORY: usize = 8;
/// Share of the promised decrease that a step has to bring.
const ARMIJO: f64 = 1e-4;
/// Halvings of one step at most.
const BACKTRACKS: usize = 12;

/// When a search ends.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Steps at most.
    pub steps: usize,
    /// It has converged when two steps in a row brought less than this.
    pub gain: f64,
    /// Give up when, at twice the present pace for all steps that are left, this would not be reached.
    pub target: f64,
}

/// What is remembered between steps; reused from search to search.
#[derive(Debug, Default)]
pub struct Minimiser {
    steps: Vec<Vec<f64>>,
    changes: Vec<Vec<f64>>,
    inverses: Vec<f64>,
    direction: Vec<f64>,
    gradient: Vec<f64>,
    trial: Vec<f64>,
    trial_gradient: Vec<f64>,
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

impl Minimiser {
    /// Moves `x` downhill and returns the least value found. `function` returns the value at its first argument and
    /// writes the gradient to its second.
    pub fn run(&mut self, x: &mut [f64], limits: &Limits, mut function: impl FnMut(&[f64], &mut [f64]) -> f64) -> f64 {
        self.reset(x.len());
        let mut value = function(x, &mut self.gradient);
        let mut small = 0;
        for step in 0..limits.steps {
            let lower = if value.is_finite() && self.direct() { self.search(x, value, &mut function) } else { None };
            let Some(lower) = lower else {
                if self.steps.is_empty() {
                    break;
                }
                self.forget(); // The model of the curvature misled; from here as if it were the start.
                continue;
            };
            let gain = value - lower;
            value = lower;
            small = if gain < limits.gain { small + 1 } else { 0 };
            let hope = 2.0 * gain * (limits.steps - step) as f64;
            if small >= 2 || (step >= 4 && value - hope > limits.target) {
                break;
            }
        }
        value
    }

    fn reset(&mut self, len: usize) {
        self.forget();
        for vector in [&mut self.direction, &mut self.gradient, &mut self.trial, &mut self.trial_gradient] {
            vector.clear();
            vector.resize(len, 0.0);
        }
    }

    fn forget(&mut self) {
        self.steps.clear();
        self.changes.clear();
        self.inverses.clear();
    }

    /// Sets the direction of descent; false at a flat place.
    fn direct(&mut self) -> bool {
        self.direction.clone_from(&self.gradient);
        let mut weights = [0.0; MEMORY];
        for pair in (0..self.steps.len()).rev() {
            weights[pair] = self.inverses[pair] * dot(&self.steps[pair], &self.direction);
            let change = &self.changes[pair];
            self.direction.iter_mut().zip(change).for_each(|(d, change)| *d -= weights[pair] * change);
        }
        let scale = match (self.steps.last(), self.changes.last()) {
            (Some(step), Some(change)) => dot(step, change) / dot(change, change),
            _ => 0.5 / self.gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs())),
        };
        self.direction.iter_mut().for_each(|d| *d *= -scale);
        for (pair, weight) in weights.iter().enumerate().take(self.steps.len()) {
            // The sign is that of the direction, which is turned already.
            let weight = -weight - self.inverses[pair] * dot(&self.changes[pair], &self.direction);
            let step = &self.steps[pair];
            self.direction.iter_mut().zip(step).for_each(|(d, step)| *d += weight * step);
        }
        let slope = dot(&self.direction, &self.gradient);
        slope < 0.0 && self.direction.iter().all(|d| d.is_finite())
    }

    /// Finds a step that goes down enough, and takes it.
    fn search(
        &mut self,
        x: &mut [f64],
        value: f64,
        function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
    ) -> Option<f64> {
        let slope = dot(&self.direction, &self.gradient);
        let mut length = 1.0;
        for _ in 0..BACKTRACKS {
            for ((trial, x), d) in self.trial.iter_mut().zip(x.iter()).zip(&self.direction) {
                *trial = x + length * d;
            }
            let lower = function(&self.trial, &mut self.trial_gradient);
            if lower <= value + ARMIJO * length * slope {
                self.remember(x);
                x.copy_from_slice(&self.trial);
                return Some(lower);
            }
            let best = -slope * length * length / (2.0 * (lower - value - slope * length));
            length = if best.is_finite() { best.clamp(0.1 * length, 0.5 * length) } else { 0.2 * length };
        }
        None
    }

    fn remember(&mut self, x: &[f64]) {
        let recycled = self.steps.len() == MEMORY;
        let (mut step, mut change) = if recycled {
            self.inverses.remove(0);
            (self.steps.remove(0), self.changes.remove(0))
        } else {
            (vec![0.0; x.len()], vec![0.0; x.len()])
        };
        for index in 0..x.len() {
            step[index] = self.trial[index] - x[index];
            change[index] = self.trial_gradient[index] - self.gradient[index];
        }
        self.gradient.copy_from_slice(&self.trial_gradient);
        let curvature = dot(&step, &change);
        if curvature > 1e-10 * dot(&change, &change) {
            self.inverses.push(1.0 / curvature);
            self.steps.push(step);
            self.changes.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { steps: 200, gain: 1e-14, target: f64::INFINITY };

    #[test]
    fn it_finds_the_bottom_of_a_bent_valley() {
        let mut x = [-1.2, 1.0];
        let least = Minimiser::default().run(&mut x, &LIMITS, |x, gradient| {
            let bend = x[1] - x[0] * x[0];
            gradient[0] = -400.0 * x[0] * bend - 2.0 * (1.0 - x[0]);
            gradient[1] = 200.0 * bend;
            100.0 * bend * bend + (1.0 - x[0]) * (1.0 - x[0])
        });
        assert!(least < 1e-12 && (x[0] - 1.0).abs() < 1e-5, "{least} at {x:?}");
    }

    #[test]
    fn it_steps_back_from_where_there_is_no_value() {
        let mut x = [3.0];
        let least = Minimiser::default().run(&mut x, &LIMITS, |x, gradient| {
            if x[0] <= 0.0 {
                return f64::INFINITY;
            }
            gradient[0] = 1.0 - 1.0 / x[0];
            x[0] - libm::log(x[0])
        });
        assert!((least - 1.0).abs() < 1e-12, "{least} at {x:?}");
    }
}
