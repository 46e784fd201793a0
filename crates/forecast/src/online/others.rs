//! Quantiles beside the wanted one: how many of its margins they lie away from the point.
//!
//! A share per usual quantile follows its own coverage, from where a normal distribution would have it; others lie between
//! those in proportion to their normal quantiles.

use super::codec::{Fields, Io};
use plimsoll_stats::normal;

/// The quantiles that are followed.
const LEVELS: [f64; 4] = [0.5, 0.9, 0.95, 0.99];
/// Step of a share.
const STEP: f64 = 0.01;
/// Shares stay within this.
const SHARE_MAX: f64 = 5.0;

/// Margins by quantile, in margins of the wanted one.
#[derive(Debug, Clone)]
pub(super) struct Others {
    shares: [f32; LEVELS.len()],
}

impl Others {
    pub fn new(wanted: f64) -> Self {
        let whole = normal::quantile(wanted.max(0.51));
        Self { shares: LEVELS.map(|level| (normal::quantile(level) / whole).min(SHARE_MAX) as f32) }
    }

    /// Learns that the demand came so many margins above the point.
    pub fn learn(&mut self, came: f64) {
        for (share, level) in self.shares.iter_mut().zip(LEVELS) {
            let way = if came > f64::from(*share) { level } else { level - 1.0 };
            *share = (f64::from(*share) + STEP * way).clamp(-SHARE_MAX, SHARE_MAX) as f32;
        }
    }

    /// How many margins above the point a quantile lies: 1 at the wanted one, at most 1 below it, at least 1 above.
    pub fn margins(&self, quantile: f64, wanted: f64) -> f64 {
        if (quantile - wanted).abs() < 1e-9 {
            return 1.0;
        }
        let margins = self.between(quantile);
        if quantile < wanted { margins.min(1.0) } else { margins.max(1.0) }
    }

    fn between(&self, quantile: f64) -> f64 {
        let at = normal::quantile(quantile);
        let upper = LEVELS.iter().position(|level| *level >= quantile).unwrap_or(LEVELS.len() - 1).max(1);
        let (low, high) = (normal::quantile(LEVELS[upper - 1]), normal::quantile(LEVELS[upper]));
        let (left, right) = (f64::from(self.shares[upper - 1]), f64::from(self.shares[upper]));
        left + (at - low) / (high - low) * (right - left)
    }
}

impl Fields for Others {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.shares.iter_mut().for_each(|share| io.f32(share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn each_quantile_finds_its_share_of_the_margin() {
        let (mut others, mut random) = (Others::new(0.99), Random::new(6));
        assert!((others.margins(0.95, 0.99) - 0.707).abs() < 0.001);
        (0..50_000).for_each(|_| others.learn(random.unit() * 2.0 - 1.0));
        for (quantile, wanted) in [(0.5, 0.0), (0.9, 0.8), (0.95, 0.9)] {
            assert!(
                (others.margins(quantile, 0.99) - wanted).abs() < 0.15,
                "{quantile}: {}",
                others.margins(quantile, 0.99)
            );
        }
        let between = others.margins(0.93, 0.99);
        assert!(between > others.margins(0.9, 0.99) && between < others.margins(0.95, 0.99));
    }
}
