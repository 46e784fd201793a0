//! Weights of experts by what each would have lost, per horizon and quantile.
//!
//! ML-Poly with the gradient trick: an expert's regret is the slope of the pinball loss at the mixture times its distance from
//! it, its weight is its positive regret over the regret's own squares, and sleeping experts neither gain nor lose.
//! Regrets are discounted, so that what held long ago does not outvote what works now.
//!
//! # Source
//! P. Gaillard, G. Stoltz, T. van Erven, "A Second-order Bound with Excess Losses", COLT 2014, algorithm 2 (ML-Poly) and
//! section 5 (sleeping experts); discounting: N. Cesa-Bianchi, G. Lugosi, *Prediction, Learning, and Games*, 2.11.

use super::codec::{Fields, Io};

/// Regret kept from one step to the next: about the last 700 steps count.
const KEPT: f64 = 0.9986;
/// One step's regret counts at most this much, in units of the usual loss.
const STEP_MAX: f64 = 20.0;

/// Regrets of a fixed list of experts.
#[derive(Debug, Clone)]
pub(super) struct Fusion {
    regrets: Vec<f32>,
    squares: Vec<f32>,
}

impl Fusion {
    pub fn new(experts: usize) -> Self {
        Self { regrets: vec![0.0; experts], squares: vec![0.0; experts] }
    }

    /// Weights of the experts that are awake: each at least 0, together 1 (all 0 when none is awake).
    pub fn weights<const N: usize>(&self, said: &[Option<f64>; N]) -> [f64; N] {
        let mut weights = [0.0; N];
        for (index, weight) in weights.iter_mut().enumerate().filter(|(index, _)| said[*index].is_some()) {
            let (regret, square) = (f64::from(self.regrets[index]), f64::from(self.squares[index]));
            *weight = regret.max(0.0) / (1.0 + square);
        }
        let sum: f64 = weights.iter().sum();
        let awake = said.iter().flatten().count();
        for (weight, said) in weights.iter_mut().zip(said) {
            *weight = match said {
                None => 0.0,
                Some(_) if sum > 0.0 => *weight / sum,
                Some(_) => 1.0 / awake as f64,
            };
        }
        weights
    }

    /// Learns from what came: `mixed` is what the weights made of `said`, losses are divided by `unit`.
    pub fn learn<const N: usize>(&mut self, said: &[Option<f64>; N], mixed: f64, came: f64, quantile: f64, unit: f64) {
        if unit <= 0.0 {
            return;
        }
        let slope = if mixed > came { 1.0 - quantile } else { -quantile };
        for (index, said) in said.iter().enumerate() {
            let Some(said) = said else { continue };
            let regret = (slope * (mixed - said) / unit).clamp(-STEP_MAX, STEP_MAX);
            self.regrets[index] = (f64::from(self.regrets[index]) * KEPT + regret) as f32;
            self.squares[index] = (f64::from(self.squares[index]) * KEPT + regret * regret) as f32;
        }
    }

    /// After a change of regime: keeps a share of what was learnt.
    pub fn forget(&mut self, kept: f64) {
        for value in self.regrets.iter_mut().chain(&mut self.squares) {
            *value = (f64::from(*value) * kept) as f32;
        }
    }

    /// Forgets one expert: another takes its place.
    pub fn reset(&mut self, index: usize) {
        (self.regrets[index], self.squares[index]) = (0.0, 0.0);
    }
}

impl Fields for Fusion {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.regrets.iter_mut().for_each(|value| io.f32(value));
        for value in &mut self.squares {
            io.f32(value);
            io.check(*value >= 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_expert_wins_and_a_sleeper_keeps_its_place() {
        let mut fusion = Fusion::new(3);
        let awake = [Some(10.0), Some(14.0), None];
        assert_eq!(fusion.weights(&awake), [0.5, 0.5, 0.0]);
        for step in 0..200 {
            let weights = fusion.weights(&awake);
            let mixed = weights[0] * 10.0 + weights[1] * 14.0;
            fusion.learn(&awake, mixed, 10.0 + f64::from(step % 3 - 1), 0.5, 1.0);
        }
        assert!(fusion.weights(&awake)[0] > 0.9, "{:?}", fusion.weights(&awake));
        fusion.forget(0.0);
        assert_eq!(fusion.weights(&awake), [0.5, 0.5, 0.0]);
        assert_eq!(fusion.weights(&[None::<f64>; 3]), [0.0; 3]);
    }

    #[test]
    fn weights_follow_a_change() {
        let mut fusion = Fusion::new(2);
        let said = [Some(0.0), Some(1.0)];
        let mut run = |came: f64, steps: usize| {
            for _ in 0..steps {
                let weights = fusion.weights(&said);
                fusion.learn(&said, weights[1], came, 0.5, 1.0);
            }
            fusion.weights(&said)
        };
        assert!(run(0.0, 500)[0] > 0.9);
        assert!(run(1.0, 500)[1] > 0.9);
    }
}
