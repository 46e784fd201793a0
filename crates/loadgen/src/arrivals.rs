//! The moments at which requests are due.
//!
//! Time is rescaled by the rate: the n-th arrival is where the area under the rate reaches the n-th point of a process
//! of rate 1 (sums of exponential gaps for Poisson, whole numbers less one half for even spacing). This is exact for stretches of
//! constant rate, needs no thinning, and gives the same moments for the same seed.
//!
//! # Source
//! E. Çinlar, "Introduction to Stochastic Processes", 1975, ch. 4.7 (inversion of the cumulative rate).

use crate::random::exponential;
use crate::shape::Shape;
use plimsoll_stats::Random;
use std::time::Duration;

/// How requests follow each other around the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// Independent users: exponential gaps.
    #[default]
    Poisson,
    /// Equal gaps; the first request comes after half a gap, so that a count does not hang on how an end is rounded.
    Even,
}

/// The due moments of a run in order, from its start.
#[derive(Debug, Clone)]
pub struct Arrivals<'a> {
    shape: &'a Shape,
    scale: f64,
    spacing: Spacing,
    random: Random,
    /// The stretch we are in.
    index: u64,
    /// Seconds from the start, inside that stretch.
    at_s: f64,
    begun: bool,
}

impl<'a> Arrivals<'a> {
    /// Arrivals of `shape` with every rate times `scale`, drawn from `seed`.
    #[must_use]
    pub fn new(shape: &'a Shape, scale: f64, spacing: Spacing, seed: u64) -> Self {
        Self { shape, scale, spacing, random: Random::new(seed), index: 0, at_s: 0.0, begun: false }
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let mut area = match self.spacing {
            Spacing::Poisson => exponential(&mut self.random),
            Spacing::Even if self.begun => 1.0,
            Spacing::Even => 0.5,
        };
        self.begun = true;
        loop {
            let stretch = self.shape.stretch(self.index)?;
            let rps = stretch.rps.unwrap_or(0.0) * self.scale;
            let left = (stretch.end_s - self.at_s).max(0.0) * rps;
            if rps > 0.0 && area <= left {
                self.at_s += area / rps;
                return Some(Duration::from_secs_f64(self.at_s));
            }
            area -= left;
            self.at_s = stretch.end_s;
            self.index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn even_spacing_is_even_across_a_step() {
        let shape = Shape::Step {
            rps_before: 2.0,
            rps_after: 4.0,
            at: Duration::from_secs(1),
            duration: Duration::from_secs(2),
        };
        let due: Vec<u128> = Arrivals::new(&shape, 1.0, Spacing::Even, 0).map(|due| due.as_millis()).collect();
        assert_eq!(due, [250, 750, 1_125, 1_375, 1_625, 1_875]);
    }

    proptest! {
        #[test]
        fn poisson_counts_lie_where_a_poisson_count_lies(seed: u64, rps in 1.0_f64..500.0, scale in 0.1_f64..4.0) {
            let shape = Shape::Sine {
                rps_mean: rps,
                rps_amplitude: rps / 2.0,
                period: Duration::from_secs(10),
                duration: Duration::from_secs(100),
            };
            let due: Vec<Duration> = Arrivals::new(&shape, scale, Spacing::Poisson, seed).collect();
            let expected = rps * scale * 100.0;
            // Six standard deviations: one false alarm in 10^9 draws.
            prop_assert!((due.len() as f64 - expected).abs() < 6.0 * expected.sqrt() + 3.0, "{} {expected}", due.len());
            prop_assert!(due.is_sorted());
            prop_assert!(due.last().is_none_or(|last| last.as_secs_f64() <= 100.0));
            prop_assert_eq!(&due, &Arrivals::new(&shape, scale, Spacing::Poisson, seed).collect::<Vec<_>>());
        }
    }
}
