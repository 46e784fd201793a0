//! Shifts that follow a quantile: up by a little at each exceedance, down by a hundredth of it otherwise (at 0.99).
//!
//! However the errors are distributed and however they change, the share of exceedances tends to the wanted one, because a shift
//! that stays within bounds went up as far as it went down.
//!
//! # Source
//! I. Gibbs, E. Candès, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 2021; A. Angelopoulos, E. Candès,
//! R. Tibshirani, "Conformal PID Control for Time Series Prediction", NeurIPS 2023, section 2.1 (quantile tracking).

use super::codec::{Fields, Io};
use super::health::pinball;

/// Step of a shift, in usual errors.
const STEP: f64 = 0.08;
/// The step is larger at first, by one over this share of the steps learnt.
const START: f64 = 20.0;
/// A shift stays within so many usual errors.
const SHIFT_MAX: f64 = 60.0;
/// Loss kept from one step to the next.
const LOSS_KEPT: f64 = 1.0 - 1.0 / 4_000.0;

/// One shift, in units of some scale.
#[derive(Debug, Clone, Default)]
pub(super) struct Tracker {
    pub shift: f32,
}

impl Tracker {
    /// Learns whether the demand exceeded what was shifted by it. `usual` is the usual error on its scale.
    pub fn learn(&mut self, exceeded: bool, quantile: f64, usual: f64, count: u32) {
        let step = STEP * usual * (1.0 + START / (1.0 + f64::from(count) / 10.0));
        let way = if exceeded { quantile } else { quantile - 1.0 };
        let most = SHIFT_MAX * usual;
        self.shift = (f64::from(self.shift) + step * way).clamp(-most, most) as f32;
    }
}

impl Fields for Tracker {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.f32(&mut self.shift);
    }
}

/// Scales of the last correction.
pub(super) const SCALES: usize = 3;
/// Their names.
pub(super) const SCALE_NAMES: [&str; SCALES] = ["additive", "square root", "relative"];

/// The last correction: a shift per scale, of which the one that lost least so far is used.
#[derive(Debug, Clone, Default)]
pub(super) struct Correction {
    trackers: [Tracker; SCALES],
    losses: [f64; SCALES],
}

impl Correction {
    /// The scale that lost least so far; of equals the first.
    pub fn chosen(&self) -> usize {
        (1..SCALES).fold(0, |best, index| if self.losses[index] < self.losses[best] { index } else { best })
    }

    /// What is added; `scales` is what each shift is multiplied by.
    pub fn value(&self, scales: &[f64; SCALES]) -> f64 {
        let chosen = self.chosen();
        f64::from(self.trackers[chosen].shift) * scales[chosen]
    }

    /// Learns from the demand that came, `above` what was said without a correction.
    pub fn learn(&mut self, above: f64, scales: &[f64; SCALES], usual: &[f64; SCALES], quantile: f64, count: u32) {
        for (index, tracker) in self.trackers.iter_mut().enumerate() {
            let said = f64::from(tracker.shift) * scales[index];
            self.losses[index] = self.losses[index] * LOSS_KEPT + pinball(said, above, quantile);
            tracker.learn(above > said, quantile, usual[index], count);
        }
    }
}

impl Fields for Correction {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.trackers.iter_mut().for_each(|tracker| tracker.fields(io));
        for loss in &mut self.losses {
            io.f64(loss);
            io.check(*loss >= 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn the_share_of_exceedances_is_the_wanted_one_even_when_errors_grow() {
        let (mut tracker, mut random, mut exceeded) = (Tracker::default(), Random::new(3), 0);
        for step in 0..40_000u32 {
            let error = random.normal() * if step < 20_000 { 1.0 } else { 3.0 };
            let above = error > f64::from(tracker.shift);
            exceeded += u32::from(above);
            tracker.learn(above, 0.99, 0.8, step);
        }
        assert!((f64::from(exceeded) / 40_000.0 - 0.01).abs() < 0.002, "{exceeded}");
    }

    #[test]
    fn the_scale_that_fits_is_chosen() {
        let (mut correction, mut random) = (Correction::default(), Random::new(4));
        for step in 0..20_000 {
            let level = if step % 2 == 0 { 10.0 } else { 1_000.0 };
            let scales = [1.0, libm::sqrt(level * 500.0), level];
            correction.learn(0.1 * level * random.normal(), &scales, &[40.0, 0.1, 0.08], 0.99, step);
        }
        assert_eq!(SCALE_NAMES[correction.chosen()], "relative");
    }
}
