//! Shifts that follow a quantile: up by a little at each exceedance, down by a hundredth of it otherwise (at 0.99).
//!
//! However the errors are distributed and however they change, the share of exceedances tends to the wanted one, because a shift
//! that stays within bounds went up as far as it went down.
//!
//! # Source
//! I. Gibbs, E. Candès, "Adaptive Conformal Inference Under Distribution Shift", NeurIPS 2021; A. Angelopoulos, E. Candès,
//! R. Tibshirani, "Conformal PID Control for Time Series Prediction", NeurIPS 2023, section 2.1 (quantile tracking).

use super::codec::{Fields, Io};

/// Step of a shift, in usual errors.
const STEP: f64 = 0.03;
/// The step is larger at first, by one over this share of the steps learnt.
const START: f64 = 40.0;
/// A shift stays within so many usual errors.
const SHIFT_MAX: f64 = 60.0;

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

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn the_share_of_exceedances_is_the_wanted_one_even_when_errors_grow() {
        let (mut tracker, mut random, mut exceeded) = (Tracker::default(), Random::new(3), [0; 2]);
        for step in 0..100_000u32 {
            let spread = if step < 50_000 { 1.0 } else { 3.0 };
            let error = random.normal() * spread;
            let above = error > f64::from(tracker.shift);
            exceeded[usize::from(step >= 50_000)] += u32::from(above);
            tracker.learn(above, 0.99, 0.8 * spread, step);
        }
        for count in exceeded {
            assert!((f64::from(count) / 50_000.0 - 0.01).abs() < 0.003, "{exceeded:?}");
        }
    }
}
