//! A decayed histogram of residuals in usual errors, and its quantiles.
//!
//! Bins are narrow around zero (a seventeenth of a usual error), where the corrected quantile should lie, and grow with the residual;
//! their mass is spread evenly over them. Old residuals fade, so that the sketch follows the series.

use super::codec::{Fields, Io};

/// Bins on either side of zero.
const SIDE: usize = 24;
const BINS: usize = 2 * SIDE;
/// Bins per doubling of `1 + FINE × |residual|`.
const PER_DOUBLING: f64 = 5.0;
const FINE: f64 = 2.0;
/// Count kept from one residual to the next: the newest 1,500 or so count.
const KEPT: f32 = 1.0 - 1.0 / 1_500.0;

/// Counts of residuals by size.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    bins: [f32; BINS],
    total: u32,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { bins: [0.0; BINS], total: 0 }
    }
}

/// A residual's place on the axis of bins, in bins from zero.
fn place(residual: f64) -> f64 {
    let size = libm::log2(1.0 + FINE * residual.abs()) * PER_DOUBLING;
    if residual < 0.0 { -size } else { size }
}

/// The residual at a place.
fn residual(place: f64) -> f64 {
    let size = (libm::exp2(place.abs() / PER_DOUBLING) - 1.0) / FINE;
    if place < 0.0 { -size } else { size }
}

impl Sketch {
    pub fn add(&mut self, residual: f64) {
        self.bins.iter_mut().for_each(|bin| *bin *= KEPT);
        let index = (place(residual).floor() + SIDE as f64).clamp(0.0, (BINS - 1) as f64);
        self.bins[index as usize] += 1.0;
        self.total = self.total.saturating_add(1);
    }

    /// Residuals ever added.
    pub fn total(&self) -> f64 {
        f64::from(self.total)
    }

    /// Residuals that count.
    pub fn count(&self) -> f64 {
        self.bins.iter().map(|bin| f64::from(*bin)).sum()
    }

    /// The residual that a share `quantile` does not exceed, with one more residual above all of them (the conformal
    /// correction); between two bins' edges in proportion. The largest bin's upper edge when there are too few.
    pub fn quantile(&self, quantile: f64) -> f64 {
        let count = self.count();
        let mut left = quantile * (count + 1.0);
        let mut top = 0.0;
        for (index, bin) in self.bins.iter().enumerate() {
            let bin = f64::from(*bin);
            if bin <= 1e-3 {
                left -= bin;
                continue;
            }
            top = index as f64 - SIDE as f64 + 1.0;
            if left <= bin {
                return residual(top - 1.0 + (left / bin).clamp(0.0, 1.0));
            }
            left -= bin;
        }
        residual(top)
    }
}

impl Fields for Sketch {
    fn fields(&mut self, io: &mut Io<'_>) {
        for bin in &mut self.bins {
            io.f32(bin);
            io.check(*bin >= 0.0);
        }
        io.u32(&mut self.total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_evenly_spread_residuals_are_where_they_should_be() {
        let mut sketch = Sketch::default();
        for step in 0..20_000u32 {
            sketch.add(f64::from(step * 7 % 1_000) / 500.0 - 1.0);
        }
        for quantile in [0.05, 0.5, 0.9, 0.95, 0.99] {
            let wanted = 2.0 * quantile - 1.0;
            assert!((sketch.quantile(quantile) - wanted).abs() < 0.08, "{quantile}: {}", sketch.quantile(quantile));
        }
    }

    #[test]
    fn nothing_seen_says_zero_and_a_wild_residual_stays_finite() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile(0.99), 0.0);
        sketch.add(1e300);
        assert!(sketch.quantile(0.99).is_finite());
    }
}
