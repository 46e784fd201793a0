//! A histogram of excesses in usual errors, and its quantiles.
//!
//! Bins are narrow around zero (a fourteenth of a usual error), where the corrected quantile should lie, and grow with the excess;
//! their mass is spread evenly over them. Counts are halved when one is full, so that old excesses fade.

use super::codec::{Fields, Io};

/// Bins on either side of zero.
const SIDE: usize = 24;
const BINS: usize = 2 * SIDE;
/// Bins per doubling of `1 + FINE × |excess|`.
const PER_DOUBLING: f64 = 5.0;
const FINE: f64 = 2.0;

/// Counts of excesses by size.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    bins: [u16; BINS],
}

impl Default for Sketch {
    fn default() -> Self {
        Self { bins: [0; BINS] }
    }
}

/// An excess's place on the axis of bins, in bins from zero.
fn place(excess: f64) -> f64 {
    let size = libm::log2(1.0 + FINE * excess.abs()) * PER_DOUBLING;
    if excess < 0.0 { -size } else { size }
}

/// The excess at a place.
fn excess(place: f64) -> f64 {
    let size = (libm::exp2(place.abs() / PER_DOUBLING) - 1.0) / FINE;
    if place < 0.0 { -size } else { size }
}

impl Sketch {
    pub fn add(&mut self, excess: f64) {
        let index = (place(excess).floor() + SIDE as f64).clamp(0.0, (BINS - 1) as f64) as usize;
        if self.bins[index] == u16::MAX {
            self.bins.iter_mut().for_each(|bin| *bin /= 2);
        }
        self.bins[index] += 1;
    }

    /// Excesses that count.
    pub fn count(&self) -> f64 {
        self.bins.iter().map(|bin| f64::from(*bin)).sum()
    }

    /// The excess that a share `quantile` does not exceed, with one more above all of them (the conformal correction);
    /// between two bins' edges in proportion. The largest bin's upper edge when there are too few.
    pub fn quantile(&self, quantile: f64) -> f64 {
        let mut left = quantile * (self.count() + 1.0);
        let mut top = 0.0;
        for (index, bin) in self.bins.iter().enumerate().filter(|(_, bin)| **bin > 0) {
            let bin = f64::from(*bin);
            top = index as f64 - SIDE as f64 + 1.0;
            if left <= bin {
                return excess(top - 1.0 + (left / bin).clamp(0.0, 1.0));
            }
            left -= bin;
        }
        excess(top)
    }
}

impl Fields for Sketch {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.bins.iter_mut().for_each(|bin| io.u16(bin));
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
