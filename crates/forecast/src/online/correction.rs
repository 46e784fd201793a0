//! The last correction: what demands exceeded the fused upper end by, on the scale where that is most regular.
//!
//! Excesses are kept additive, to the square root of the demand and relative to it, each in usual errors of its kind. The scale
//! whose own correction lost least so far is used: relative on request rates, additive where the demand comes from nothing.
//! The level that is asked of the excesses rises with every surplus exceedance and falls slowly in between, so that the long-run
//! share is the wanted one even where excesses change.
//!
//! # Source
//! Split conformal prediction on scaled residuals: J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani, L. Wasserman,
//! "Distribution-Free Predictive Inference for Regression", JASA 113 (2018); the level: I. Gibbs, E. Candès, "Adaptive
//! Conformal Inference Under Distribution Shift", 2021.

use super::codec::{Fields, Io};
use super::health::pinball;
use super::sketch::Sketch;

/// Scales of excesses.
pub(super) const SCALES: usize = 3;
/// Their names.
pub(super) const SCALE_NAMES: [&str; SCALES] = ["additive", "square root", "relative"];
/// Loss kept from one step to the next.
const LOSS_KEPT: f64 = 1.0 - 1.0 / 4_000.0;
/// How fast surplus exceedances lower the share of misses that is asked for: by a tenth each.
const DEBT_WEIGHT: f64 = 0.03;
/// Surplus exceedances kept from one forecast to the next.
const DEBT_KEPT: f64 = 1.0 - 1.0 / 3_000.0;
/// At most so many surplus exceedances count, and half as many missing ones.
const DEBT_MAX: f64 = 12.0;
/// A correction is at most so many usual errors.
const CORRECTION_MAX: f64 = 40.0;
/// After so many steps the conformal part counts less and less: upper ends have found their reach by then.
const CONFORMAL_STEPS: f64 = 200.0;
const FINAL_STEP: f64 = 0.02;
const FINAL_MAX: f64 = 20.0;
const DEBT_FACTOR: f64 = 0.01;
/// Excesses before they may lower an upper end.
const SEEN_MIN: f64 = 100.0;

/// Excesses on each scale.
#[derive(Debug, Clone, Default)]
pub(super) struct Correction {
    sketches: [Sketch; SCALES],
    losses: [f64; SCALES],
    debt: f64,
    tracker: f32,
}

impl Correction {
    /// The scale that lost least so far; of equals the first.
    pub fn chosen(&self) -> usize {
        (1..SCALES).fold(0, |best, index| if self.losses[index] < self.losses[best] { index } else { best })
    }

    /// What is added; `units` is the usual error on each scale times the scale.
    pub fn value(&self, units: &[f64; SCALES], quantile: f64) -> f64 {
        let chosen = self.chosen();
        let trusted = (CONFORMAL_STEPS / self.sketches[chosen].total().max(1.0)).min(1.0);
        trusted * self.on(chosen, quantile) * units[chosen] + f64::from(self.tracker) * units[2]
    }

    fn on(&self, scale: usize, quantile: f64) -> f64 {
        let debt = self.debt.clamp(-DEBT_MAX / 2.0, DEBT_MAX);
        let level = 1.0 - (1.0 - quantile) * libm::exp(-DEBT_WEIGHT * debt);
        let shift = self.sketches[scale].quantile(level).clamp(-CORRECTION_MAX, CORRECTION_MAX);
        if self.sketches[scale].count() < SEEN_MIN { shift.max(0.0) } else { shift }
    }

    /// What the whole margin is multiplied by.
    pub fn factor(&self) -> f64 {
        (1.0 + DEBT_FACTOR * self.debt).clamp(0.8, 1.4)
    }

    /// Learns that the demand came so far above what was said without a correction, and whether it exceeded what was said with
    /// one.
    pub fn learn(&mut self, excess: f64, units: &[f64; SCALES], quantile: f64, exceeded: bool) {
        for index in 0..SCALES {
            let said = self.on(index, quantile) * units[index];
            let loss = pinball(said, excess, quantile);
            if loss.is_finite() {
                self.losses[index] = self.losses[index] * LOSS_KEPT + loss;
            }
            if units[index] > 0.0 {
                self.sketches[index].add(excess / units[index]);
            }
        }
        let way = if exceeded { quantile } else { quantile - 1.0 };
        self.tracker = (f64::from(self.tracker) + FINAL_STEP * way).clamp(-FINAL_MAX, FINAL_MAX) as f32;
        let missed = f64::from(u8::from(exceeded)) - (1.0 - quantile);
        self.debt = (self.debt * DEBT_KEPT + missed).clamp(-DEBT_MAX, DEBT_MAX);
    }
}

impl Fields for Correction {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.sketches.iter_mut().for_each(|sketch| sketch.fields(io));
        for loss in &mut self.losses {
            io.f64(loss);
            io.check(*loss >= 0.0);
        }
        io.f64(&mut self.debt);
        io.f32(&mut self.tracker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn the_scale_that_fits_is_chosen_and_the_wanted_share_is_covered() {
        let (mut correction, mut random, mut misses) = (Correction::default(), Random::new(4), 0);
        for step in 0..20_000 {
            let level = if step % 2 == 0 { 10.0 } else { 1_000.0 };
            let units = [40.0, 0.1 * libm::sqrt(level * 500.0), 0.08 * level];
            let excess = 0.1 * level * random.normal();
            let exceeded = excess > correction.value(&units, 0.99);
            misses += u32::from(exceeded);
            correction.learn(excess, &units, 0.99, exceeded);
        }
        assert_eq!(SCALE_NAMES[correction.chosen()], "relative");
        assert!((170..230).contains(&misses), "{misses}");
    }
}
