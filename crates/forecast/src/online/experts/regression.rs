//! Recursive least squares on what the other experts see: one regression per horizon, relative to the present level.
//!
//! The inputs are differences from the last value (levels, trend, season), so that the regression says how far to go from
//! the last value towards each, and a constant. Divided by the present level, they have no unit.
//!
//! # Source
//! S. Haykin, *Adaptive Filter Theory*, 4th ed., table 9.1: exponentially weighted recursive least squares with
//! forgetting factor λ; k = P x / (λ + x′ P x), w ← w + k (d − w′x), P ← (P − k x′P) / λ.

use crate::online::codec::{Fields, Io};

/// Inputs of the regression.
pub(crate) const INPUTS: usize = 5;
/// Forgetting: about the last 2,000 steps count.
const KEPT: f64 = 0.9995;
/// P at the start: how little the start weights are believed.
const START: f64 = 10.0;
/// P's diagonal is held below this: without excitation it would grow without bound.
const DIAGONAL_MAX: f64 = 1e4;
/// Inputs and targets beyond this size are taken as this size.
const SIZE_MAX: f64 = 1.0;
/// Updates before it speaks.
const UPDATES_MIN: u32 = 60;

/// Weights and inverse correlations.
#[derive(Debug, Clone)]
pub(crate) struct Regression {
    weights: [f32; INPUTS],
    /// Upper triangle of P, row by row.
    inverse: [f32; INPUTS * (INPUTS + 1) / 2],
    updates: u32,
}

impl Default for Regression {
    fn default() -> Self {
        let mut inverse = [0.0; INPUTS * (INPUTS + 1) / 2];
        (0..INPUTS).for_each(|row| inverse[place(row, row)] = START as f32);
        Self { weights: [0.0; INPUTS], inverse, updates: 0 }
    }
}

/// Where an element of P is kept.
fn place(row: usize, column: usize) -> usize {
    let (row, column) = if row <= column { (row, column) } else { (column, row) };
    row * INPUTS - row * (row + 1) / 2 + column
}

impl Regression {
    /// What the inputs say of the relative change; none until it has learnt enough.
    pub fn value(&self, inputs: &[f64; INPUTS]) -> Option<f64> {
        (self.updates >= UPDATES_MIN).then(|| self.product(inputs).clamp(-SIZE_MAX, SIZE_MAX))
    }

    fn product(&self, inputs: &[f64; INPUTS]) -> f64 {
        let terms = self.weights.iter().zip(inputs);
        terms.map(|(weight, input)| f64::from(*weight) * input.clamp(-SIZE_MAX, SIZE_MAX)).sum()
    }

    /// Learns that these inputs were followed by this relative change.
    pub fn learn(&mut self, inputs: &[f64; INPUTS], came: f64) {
        let inputs = inputs.map(|input| input.clamp(-SIZE_MAX, SIZE_MAX));
        let error = came.clamp(-SIZE_MAX, SIZE_MAX) - self.product(&inputs);
        let mut gain = [0.0; INPUTS];
        for (row, gain) in gain.iter_mut().enumerate() {
            *gain = (0..INPUTS).map(|column| f64::from(self.inverse[place(row, column)]) * inputs[column]).sum();
        }
        let spread = KEPT + gain.iter().zip(&inputs).map(|(gain, input)| gain * input).sum::<f64>();
        if !(spread.is_finite() && spread > 0.0 && error.is_finite()) {
            *self = Self::default();
            return;
        }
        for row in 0..INPUTS {
            self.weights[row] = (f64::from(self.weights[row]) + gain[row] / spread * error) as f32;
            for column in row..INPUTS {
                let element = &mut self.inverse[place(row, column)];
                *element = ((f64::from(*element) - gain[row] * gain[column] / spread) / KEPT) as f32;
            }
        }
        self.hold();
        self.updates = self.updates.saturating_add(1);
    }

    /// Scales P down where a diagonal element has grown too large, and starts anew where rounding has broken it.
    fn hold(&mut self) {
        let diagonal = (0..INPUTS).map(|row| f64::from(self.inverse[place(row, row)]));
        let (least, most) = diagonal.fold((f64::MAX, 0.0f64), |(least, most), d| (least.min(d), most.max(d)));
        if !(least > 0.0 && most.is_finite()) || self.weights.iter().any(|weight| !weight.is_finite()) {
            *self = Self::default();
        } else if most > DIAGONAL_MAX {
            let factor = (DIAGONAL_MAX / most) as f32;
            self.inverse.iter_mut().for_each(|element| *element *= factor);
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
        let mut regression = Regression::default();
        for (round, rule) in [[0.0, 0.5, -0.2, 0.0, 0.1], [0.1, -0.3, 0.0, 0.0, 0.4]].into_iter().enumerate() {
            for _ in 0..12_000 {
                let inputs = [1.0, random.unit() - 0.5, random.unit() - 0.5, 0.0, random.unit() - 0.5];
                let came = inputs.iter().zip(rule).map(|(input, weight)| input * weight).sum::<f64>();
                regression.learn(&inputs, came + 0.01 * random.normal());
            }
            let said = regression.value(&[1.0, 0.2, -0.3, 0.0, 0.4]).unwrap();
            let wanted = rule[0] + 0.2 * rule[1] - 0.3 * rule[2] + 0.4 * rule[4];
            assert!((said - wanted).abs() < 0.01, "round {round}: {said} and not {wanted}");
        }
    }

    #[test]
    fn wild_inputs_leave_it_finite() {
        let mut regression = Regression::default();
        for step in 0..500 {
            let wild = if step % 2 == 0 { 1e300 } else { 0.0 };
            regression.learn(&[1.0, wild, -wild, 0.0, 1.0], wild);
            assert!(regression.value(&[1.0; INPUTS]).is_none_or(f64::is_finite));
        }
    }
}
