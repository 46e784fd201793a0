//! Recursive least squares: of the point on what other experts see, and of the upper end on what says how far up.
//!
//! Inputs and target are relative to the present level, so that they have no unit. With errors weighed unevenly (above by τ,
//! below by 1 − τ) the same recursion follows an expectile instead of the mean: an upper one needs no quantile's
//! rare exceedances to learn, every step moves it.
//!
//! # Source
//! S. Haykin, *Adaptive Filter Theory*, 4th ed., table 9.1: exponentially weighted recursive least squares with
//! forgetting factor λ; k = a P x / (λ + a x′ P x), w ← w + k (d − w′x), P ← (P − k x′P) / λ. Expectiles: W. K. Newey,
//! J. L. Powell, "Asymmetric Least Squares Estimation and Testing", Econometrica 55 (1987), where a is τ or 1 − τ.

use crate::online::codec::{Fields, Io};

/// Forgetting: about the last 2,000 steps count.
const KEPT: f64 = 0.9995;
/// P at the start: how little the start weights are believed.
const START: f64 = 10.0;
/// P's diagonal is held below this: without excitation it would grow without bound.
const DIAGONAL_MAX: f64 = 1e4;
/// Inputs beyond this size are taken as this size.
const INPUT_MAX: f64 = 1.0;
/// What is said and learnt is at most so many levels away.
const TARGET_MAX: f64 = 2.0;
/// Most inputs of one regression.
const INPUTS_MAX: usize = 17;

/// Weights and inverse correlations.
#[derive(Debug, Clone)]
pub(crate) struct Regression {
    weights: Vec<f32>,
    /// Upper triangle of P, row by row.
    inverse: Vec<f32>,
    updates: u32,
}

impl Regression {
    pub fn new(inputs: usize) -> Self {
        debug_assert!(inputs <= INPUTS_MAX, "invariant: a gain fits");
        let mut inverse = vec![0.0; inputs * (inputs + 1) / 2];
        let mut place = 0;
        for row in 0..inputs {
            inverse[place] = START as f32;
            place += inputs - row;
        }
        Self { weights: vec![0.0; inputs], inverse, updates: 0 }
    }

    /// What the inputs say of the relative change.
    pub fn value(&self, inputs: &[f64]) -> f64 {
        self.product(inputs).clamp(-TARGET_MAX, TARGET_MAX)
    }

    /// Steps learnt.
    pub const fn updates(&self) -> u32 {
        self.updates
    }

    fn product(&self, inputs: &[f64]) -> f64 {
        let terms = self.weights.iter().zip(inputs);
        terms.map(|(weight, input)| f64::from(*weight) * input.clamp(-INPUT_MAX, INPUT_MAX)).sum()
    }

    /// Learns that these inputs were followed by this relative change; `above` is how much an error upwards weighs, of 1 for
    /// both directions, and `weight` how much the step does.
    pub fn learn(&mut self, inputs: &[f64], came: f64, above: f64, weight: f64) {
        let count = self.weights.len();
        let mut clipped = [0.0; INPUTS_MAX];
        for (clipped, input) in clipped.iter_mut().zip(inputs) {
            *clipped = input.clamp(-INPUT_MAX, INPUT_MAX);
        }
        let inputs = &clipped[..count];
        let error = came.clamp(-TARGET_MAX, TARGET_MAX) - self.product(inputs);
        let share = weight * if error > 0.0 { above } else { 1.0 - above };
        let gain = self.gain(inputs);
        let along: f64 = gain.iter().zip(inputs).map(|(gain, input)| gain * input).sum();
        let spread = KEPT + share * along;
        if !(spread.is_finite() && spread > 0.0 && along >= 0.0 && error.is_finite()) {
            *self = Self::new(count);
            return;
        }
        let mut place = 0;
        for row in 0..count {
            self.weights[row] = (f64::from(self.weights[row]) + share * gain[row] / spread * error) as f32;
            let factor = share * gain[row] / spread;
            for gain in &gain[row..count] {
                let element = &mut self.inverse[place];
                *element = ((f64::from(*element) - factor * gain) / KEPT) as f32;
                place += 1;
            }
        }
        self.hold();
        self.updates = self.updates.saturating_add(1);
    }

    /// P x.
    fn gain(&self, inputs: &[f64]) -> [f64; INPUTS_MAX] {
        let mut gain = [0.0; INPUTS_MAX];
        let mut place = 0;
        for row in 0..inputs.len() {
            gain[row] += f64::from(self.inverse[place]) * inputs[row];
            for column in row + 1..inputs.len() {
                place += 1;
                let element = f64::from(self.inverse[place]);
                gain[row] += element * inputs[column];
                gain[column] += element * inputs[row];
            }
            place += 1;
        }
        gain
    }

    /// Scales row and column of a diagonal element down where it has grown too large (which keeps P positive), and starts
    /// anew where rounding has broken it.
    fn hold(&mut self) {
        let count = self.weights.len();
        let mut place = 0;
        for row in 0..count {
            let diagonal = f64::from(self.inverse[place]);
            if !(diagonal > 0.0 && diagonal.is_finite() && self.weights[row].is_finite()) {
                *self = Self::new(count);
                return;
            }
            if diagonal > DIAGONAL_MAX {
                self.shrink(row, libm::sqrt(DIAGONAL_MAX / diagonal));
            }
            place += count - row;
        }
    }

    fn shrink(&mut self, which: usize, factor: f64) {
        let count = self.weights.len();
        let mut place = 0;
        for row in 0..count {
            for column in row..count {
                let times = usize::from(row == which) + usize::from(column == which);
                for _ in 0..times {
                    self.inverse[place] = (f64::from(self.inverse[place]) * factor) as f32;
                }
                place += 1;
            }
        }
    }
}

impl Fields for Regression {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.weights.iter_mut().for_each(|weight| io.f32(weight));
        self.inverse.iter_mut().for_each(|element| io.f32(element));
        io.u32(&mut self.updates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn it_finds_the_weights_of_a_linear_rule_and_follows_when_they_change() {
        let mut random = Random::new(7);
        let mut regression = Regression::new(5);
        for (round, rule) in [[0.0, 0.5, -0.2, 0.0, 0.1], [0.1, -0.3, 0.0, 0.0, 0.4]].into_iter().enumerate() {
            for _ in 0..12_000 {
                let inputs = [1.0, random.unit() - 0.5, random.unit() - 0.5, 0.0, random.unit() - 0.5];
                let came = inputs.iter().zip(rule).map(|(input, weight)| input * weight).sum::<f64>();
                regression.learn(&inputs, came + 0.01 * random.normal(), 0.5, 1.0);
            }
            let said = regression.value(&[1.0, 0.2, -0.3, 0.0, 0.4]);
            let wanted = rule[0] + 0.2 * rule[1] - 0.3 * rule[2] + 0.4 * rule[4];
            assert!((said - wanted).abs() < 0.01, "round {round}: {said} and not {wanted}");
        }
    }

    #[test]
    fn an_upper_expectile_lies_as_far_above_as_errors_spread() {
        let mut random = Random::new(9);
        let mut regression = Regression::new(2);
        for _ in 0..20_000 {
            let spread = 0.1 + 0.2 * random.unit();
            regression.learn(&[0.1, spread], spread * random.normal(), 0.97, 1.0);
        }
        // The 0.97 expectile of a standard normal is 1.332 (Newey and Powell's equation, solved numerically).
        for spread in [0.1, 0.3] {
            let said = regression.value(&[0.1, spread]);
            assert!((said / spread - 1.332).abs() < 0.12, "{said}");
        }
    }

    #[test]
    fn wild_inputs_leave_it_finite() {
        let mut regression = Regression::new(5);
        for step in 0..500 {
            let wild = if step % 2 == 0 { 1e300 } else { 0.0 };
            regression.learn(&[1.0, wild, -wild, 0.0, 1.0], wild, 0.97, 1.0);
            assert!(regression.value(&[1.0; 5]).is_finite());
        }
    }
}
