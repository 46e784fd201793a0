//! The last correction: what is left of the promise to cover the wanted share when every upper end has found its own reach.
//!
//! While there is little history, the conformal quantile of the excesses (demand above the fused upper end) is added, on the scale
//! on which such a correction lost least so far: additive, to the square root of the demand, or relative to it. It gives way
//! as the upper ends settle, because a rank among rare excesses is noisier than what they learnt. What stays is a slow shift
//! and a factor on the margin that grows with surplus exceedances: these bring the long-run share to the wanted one.
//!
//! # Source
//! Split conformal prediction on scaled residuals: J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani, L. Wasserman,
//! "Distribution-Free Predictive Inference for Regression", JASA 113 (2018). Shift and factor: the integral and
//! proportional parts of A. Angelopoulos, E. Candès, R. Tibshirani, "Conformal PID Control for Time Series Prediction", 2023.

use super::codec::{Fields, Io};
use super::health::pinball;
use super::sketch::Sketch;

/// Scales of excesses.
pub(super) const SCALES: usize = 3;
/// Their names.
pub(super) const SCALE_NAMES: [&str; SCALES] = ["additive", "square root", "relative"];
/// Loss kept from one step to the next.
const LOSS_KEPT: f64 = 1.0 - 1.0 / 4_000.0;
/// A surplus exceedance widens the margin by this share of it, a missing one narrows it.
const DEBT_FACTOR: f64 = 0.015;
/// Bounds of that factor.
const FACTOR: (f64, f64) = (0.8, 1.4);
/// Surplus exceedances kept from one forecast to the next.
const DEBT_KEPT: f64 = 1.0 - 1.0 / 3_000.0;
/// At most so many surplus or missing exceedances count.
const DEBT_MAX: f64 = 40.0;
/// The conformal part is at most so many usual errors.
const CORRECTION_MAX: f64 = 40.0;
/// After so many excesses the conformal part counts less and less.
const CONFORMAL_STEPS: f64 = 200.0;
/// Step of the slow shift, in usual errors.
const SHIFT_STEP: f64 = 0.02;
/// The slow shift is at most so many usual errors.
const SHIFT_MAX: f64 = 20.0;
/// Forecasts scored after which shift and factor count less and less: the upper ends' own coverage holds by then, and a
/// second control on top of theirs only adds noise.
const SETTLED_STEPS: f64 = 2_000.0;
/// Excesses before the conformal part may lower an upper end.
const SEEN_MIN: f64 = 100.0;

/// Excesses on each scale.
#[derive(Debug, Clone, Default)]
pub(super) struct Correction {
    sketches: [Sketch; SCALES],
    losses: [f64; SCALES],
    debt: f64,
    /// In relative usual errors.
    shift: f32,
    seen: u32,
}

impl Correction {
    /// The scale that lost least so far; of equals the first.
    pub fn chosen(&self) -> usize {
        (1..SCALES).fold(0, |best, index| if self.losses[index] < self.losses[best] { index } else { best })
    }

    /// What is added; `units` is the usual error on each scale times the scale.
    pub fn value(&self, units: &[f64; SCALES], quantile: f64) -> f64 {
        let chosen = self.chosen();
        let trusted = (CONFORMAL_STEPS / self.sketches[chosen].count().max(1.0)).min(1.0);
        trusted * self.on(chosen, quantile) * units[chosen] + f64::from(self.shift) * units[2]
    }

    fn on(&self, scale: usize, quantile: f64) -> f64 {
        let shift = self.sketches[scale].quantile(quantile).clamp(-CORRECTION_MAX, CORRECTION_MAX);
        if self.sketches[scale].count() < SEEN_MIN { shift.max(0.0) } else { shift }
    }

    /// How much shift and factor still count: all of it at first, less and less when thousands of forecasts were scored.
    fn settling(&self) -> f64 {
        (SETTLED_STEPS / f64::from(self.seen.max(1))).min(1.0)
    }

    /// What the whole margin is multiplied by.
    pub fn factor(&self) -> f64 {
        (1.0 + DEBT_FACTOR * self.settling() * self.debt).clamp(FACTOR.0, FACTOR.1)
    }

    /// Learns that the demand came so far above what was said without a correction, and whether it exceeded what was said with
    /// one.
    pub fn learn(&mut self, excess: f64, units: &[f64; SCALES], quantile: f64, exceeded: bool) {
        for (index, unit) in units.iter().enumerate() {
            let said = self.on(index, quantile) * unit;
            let loss = pinball(said, excess, quantile);
            if loss.is_finite() {
                self.losses[index] = self.losses[index] * LOSS_KEPT + loss;
            }
            if *unit > 0.0 {
                self.sketches[index].add(excess / unit);
            }
        }
        self.seen = self.seen.saturating_add(1);
        let way = if exceeded { quantile } else { quantile - 1.0 };
        self.shift = (f64::from(self.shift) + SHIFT_STEP * self.settling() * way).clamp(-SHIFT_MAX, SHIFT_MAX) as f32;
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
        io.f32(&mut self.shift);
        io.u32(&mut self.seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn the_scale_that_fits_is_chosen() {
        let (mut correction, mut random) = (Correction::default(), Random::new(4));
        for step in 0..20_000 {
            let level = if step % 2 == 0 { 10.0 } else { 1_000.0 };
            let units = [40.0, 0.1 * libm::sqrt(level * 500.0), 0.08 * level];
            correction.learn(0.1 * level * random.normal(), &units, 0.99, false);
        }
        assert_eq!(SCALE_NAMES[correction.chosen()], "relative");
    }

    #[test]
    fn a_broken_promise_widens_and_a_kept_one_narrows() {
        let mut correction = Correction::default();
        (0..10).for_each(|_| correction.learn(5.0, &[1.0; SCALES], 0.99, true));
        assert!(correction.factor() > 1.09 && correction.value(&[1.0; SCALES], 0.99) > 4.0);
        (0..2_000).for_each(|_| correction.learn(-1.0, &[1.0; SCALES], 0.99, false));
        assert!(correction.factor() < 0.95 && correction.value(&[1.0; SCALES], 0.99) < 0.0);
    }
}
