//! Weights of upper ends by what each lost: a power of the inverse of its discounted pinball loss.
//!
//! At an upper quantile regrets are rare and large, so that a second-order rule swings with each exceedance; total losses over
//! a few thousand steps are what can be told apart. An upper end that lost half as much gets many times the weight.
//!
//! # Source
//! Weighted averages with polynomial potential: N. Cesa-Bianchi, G. Lugosi, *Prediction, Learning, and Games*, 2.1 and 2.11
//! (discounted regret).

use super::codec::{Fields, Io};
use super::health::pinball;

/// Loss kept from one step to the next: about the last 15,000 steps count.
const KEPT: f64 = 1.0 - 1.0 / 15_000.0;
/// Power of the inverse loss.
const POWER: f64 = 30.0;
/// One step's error upwards counts at most as so many usual errors.
const ERROR_MAX: f64 = 30.0;
/// How many times the weight of the others the trusted end has when all lost the same.
const TRUST: f64 = 30.0;
/// Loss that a newcomer is thought to have had per step, over the best's.
const NEWCOMER: f64 = 1.2;

/// Discounted mean losses of a fixed list of upper ends.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    losses: Vec<f32>,
    /// Steps behind each, discounted; 0 for one that never spoke.
    steps: Vec<f32>,
    /// The end that is believed beforehand.
    trusted: usize,
}

impl Ends {
    pub fn new(count: usize, trusted: usize) -> Self {
        Self { trusted, losses: vec![0.0; count], steps: vec![0.0; count] }
    }

    /// The mean loss of each that is awake; of one with few steps drawn towards a newcomer's.
    fn mean(&self, index: usize) -> Option<f64> {
        let steps = f64::from(self.steps[index]);
        (steps > 0.0).then(|| f64::from(self.losses[index]) / steps)
    }

    /// Weights of those that are awake: each at least 0, together 1 (all 0 when none is awake).
    pub fn weights<const N: usize>(&self, said: &[Option<f64>; N]) -> [f64; N] {
        let awake = |index: &usize| said[*index].is_some();
        let best = (0..N).filter(awake).filter_map(|index| self.mean(index)).reduce(f64::min);
        let mut weights = [0.0; N];
        let Some(best) = best.filter(|best| *best > 0.0) else {
            let count = said.iter().flatten().count();
            (0..N).filter(awake).for_each(|index| weights[index] = 1.0 / count as f64);
            return weights;
        };
        for index in (0..N).filter(awake) {
            let ratio = self.mean(index).map_or(NEWCOMER, |mean| mean / best).max(1.0);
            let trust = if index == self.trusted { TRUST } else { 1.0 };
            weights[index] = trust / libm::pow(ratio, POWER);
        }
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }

    /// Learns from what came, above the same point that the ends are above.
    pub fn learn<const N: usize>(&mut self, said: &[Option<f64>; N], came: f64, quantile: f64, unit: f64) {
        if unit <= 0.0 {
            return;
        }
        for (index, said) in said.iter().enumerate() {
            let Some(said) = said else { continue };
            let loss = (pinball(*said, came, quantile) / unit).min(ERROR_MAX);
            self.losses[index] = (f64::from(self.losses[index]) * KEPT + loss) as f32;
            self.steps[index] = (f64::from(self.steps[index]) * KEPT + 1.0) as f32;
        }
    }

    /// Forgets one: another takes its place.
    pub fn reset(&mut self, index: usize) {
        (self.losses[index], self.steps[index]) = (0.0, 0.0);
    }
}

impl Fields for Ends {
    fn fields(&mut self, io: &mut Io<'_>) {
        for value in self.losses.iter_mut().chain(&mut self.steps) {
            io.f32(value);
            io.check(*value >= 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn the_end_that_covers_at_least_cost_gets_the_weight_and_a_newcomer_some() {
        let (mut ends, mut random) = (Ends::new(4, 3), Random::new(5));
        let said = [Some(2.33), Some(4.5), Some(1.0), None];
        assert_eq!(ends.weights(&said), [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0]);
        (0..20_000).for_each(|_| ends.learn(&said, random.normal(), 0.99, 0.8));
        let weights = ends.weights(&said);
        assert!(weights[0] > 0.9 && weights[2] < 0.01, "{weights:?}");
        let all = ends.weights(&[said[0], said[1], said[2], Some(2.0)]);
        assert!(all[3] > 0.05 && all[3] < 0.3, "{all:?}");
        assert_eq!(ends.weights(&[None::<f64>; 4]), [0.0; 4]);
    }
}
