//! Damped trend: level and slope, each smoothed, and the slope fades with the steps ahead.
//!
//! # Source
//! E. S. Gardner, E. McKenzie, "Forecasting Trends in Time Series", Management Science 31 (1985):
//! ŷ_h = ℓ + (φ + φ² + … + φ^h) b.

use crate::online::codec::{Fields, Io};

/// Level and slope of a damped trend with fixed weights.
#[derive(Debug, Clone)]
pub(crate) struct Holt {
    level_weight: f64,
    slope_weight: f64,
    damping: f64,
    level: f64,
    slope: f64,
    is_known: bool,
}

impl Holt {
    pub const fn new(level_weight: f64, slope_weight: f64, damping: f64) -> Self {
        Self { level_weight, slope_weight, damping, level: 0.0, slope: 0.0, is_known: false }
    }

    /// Takes a value, `gap` steps that were not measured after the one before.
    pub fn update(&mut self, gap: u32, value: f64) {
        if !std::mem::replace(&mut self.is_known, true) {
            self.level = value;
            return;
        }
        let steps = gap.saturating_add(1);
        let expected = self.level + self.run(steps) * self.slope;
        let faded = self.slope * libm::pow(self.damping, f64::from(steps));
        let level = expected + self.level_weight * (value - expected);
        let slope = faded + self.slope_weight * ((level - self.level) / f64::from(steps) - faded);
        (self.level, self.slope) = (level, slope);
    }

    /// φ + φ² + … + φ^steps.
    fn run(&self, steps: u32) -> f64 {
        self.damping * (1.0 - libm::pow(self.damping, f64::from(steps))) / (1.0 - self.damping)
    }

    pub fn ahead(&self, steps: u32) -> Option<f64> {
        self.is_known.then(|| self.level + self.run(steps) * self.slope)
    }

    pub const fn slope(&self) -> f64 {
        self.slope
    }
}

impl Fields for Holt {
    fn fields(&mut self, io: &mut Io<'_>) {
        io.f64(&mut self.level);
        io.f64(&mut self.slope);
        io.flag(&mut self.is_known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_a_ramp_part_of_the_way() {
        let mut holt = Holt::new(0.5, 0.2, 0.9);
        (0..100).for_each(|step| holt.update(0, f64::from(step)));
        let said = holt.ahead(5).unwrap();
        assert!(said > 99.0 && said < 104.5, "{said}");
        assert!(holt.ahead(1_000).unwrap() < 99.0 + 9.0);
    }

    #[test]
    fn a_gap_moves_the_level_along_the_trend() {
        let mut holt = Holt::new(0.5, 0.2, 0.9);
        (0..100).for_each(|step| holt.update(0, f64::from(step)));
        let mut gapped = holt.clone();
        let expected = holt.ahead(4).unwrap();
        gapped.update(3, expected);
        assert!((gapped.ahead(0).unwrap() - expected).abs() < 1e-9);
    }
}
