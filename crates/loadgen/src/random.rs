//! The distributions that load is drawn from, over a seeded generator.
//!
//! # Source
//! xoshiro256++ seeded by SplitMix64: D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021.
//! Normal deviates: G. Box, M. Muller, 1958.

/// A seeded stream; one owner each.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    pub(crate) fn new(mut seed: u64) -> Self {
        Self { state: std::array::from_fn(|_| split_mix(&mut seed)) }
    }

    fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Exponential with mean 1: finite, because 1 - unit is never 0.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Normal with mean 0 and variance 1.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviates_have_their_moments() {
        let mut random = Random::new(1);
        let count = 200_000;
        let draws: Vec<(f64, f64)> = (0..count).map(|_| (random.exponential(), random.normal())).collect();
        let mean = |pick: fn(&(f64, f64)) -> f64| draws.iter().map(pick).sum::<f64>() / f64::from(count);
        assert!((mean(|draw| draw.0) - 1.0).abs() < 0.01);
        assert!((mean(|draw| draw.0 * draw.0) - 2.0).abs() < 0.05);
        assert!(mean(|draw| draw.1).abs() < 0.01);
        assert!((mean(|draw| draw.1 * draw.1) - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_seed_is_a_stream() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.bits(), random.bits(), random.bits())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
