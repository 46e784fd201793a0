//! A small, fast, seeded generator of random numbers, and the distributions that have a user.
//!
//! Not for secrets: the state can be computed from its outputs. One generator belongs to one owner, which is why the
//! methods take `&mut self`; for several owners, [`Random::fork`] gives each an independent stream.
//!
//! # Source
//! xoshiro256++ and its seeding by SplitMix64: D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number
//! Generators", ACM TOMS 47(4), 2021.

/// xoshiro256++: period 2^256 - 1, four words of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    state: [u64; 4],
}

/// One step of SplitMix64: advances `state` and returns 64 well mixed bits.
///
/// # Source
/// G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
pub const fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mix(*state)
}

/// Spreads every input bit over all 64 output bits; a bijection, so different inputs never collide.
///
/// # Source
/// The finaliser of SplitMix64 (D. Stafford's variant 13 of MurmurHash3's).
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Random {
    /// A generator for this seed; every seed, zero included, gives a full-period stream.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let mut seed = seed;
        let state = [split_mix(&mut seed), split_mix(&mut seed), split_mix(&mut seed), split_mix(&mut seed)];
        Self { state }
    }

    /// A generator whose stream is independent of what this one gives from now on.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self::new(self.bits())
    }

    /// 64 uniform bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let mut next = [a, b, c ^ a, d ^ b];
        next[1] ^= next[2];
        next[0] ^= next[3];
        next[2] ^= b << 17;
        next[3] = next[3].rotate_left(45);
        self.state = next;
        result
    }

    /// Uniform in `0..bound`; zero when `bound` is zero.
    ///
    /// # Source
    /// D. Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29(1), 2019: the high word of a product,
    /// with the rejection that removes its bias.
    #[inline]
    pub const fn below(&mut self, bound: u64) -> u64 {
        let mut product = self.bits() as u128 * bound as u128;
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = self.bits() as u128 * bound as u128;
            }
        }
        (product >> 64) as u64
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_seeding_step_matches_the_published_vectors() {
        // First outputs of the reference SplitMix64 for seed 1234567.
        let mut seed = 1_234_567;
        let outputs: Vec<u64> = (0..3).map(|_| split_mix(&mut seed)).collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn the_generator_matches_the_published_vectors() {
        // The reference xoshiro256++ from state 1, 2, 3, 4.
        let mut random = Random { state: [1, 2, 3, 4] };
        let outputs: Vec<u64> = (0..4).map(|_| random.bits()).collect();
        assert_eq!(outputs, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn forks_go_their_own_ways() {
        let mut random = Random::new(1);
        let (mut left, mut right) = (random.fork(), random.fork());
        assert!((0..100).all(|_| left.bits() != right.bits()));
    }

    #[test]
    fn bounded_draws_are_even_for_a_bound_that_does_not_divide_the_range() {
        let mut random = Random::new(3);
        let mut counts = [0_u32; 7];
        (0..70_000).for_each(|_| counts[random.below(7) as usize] += 1);
        // Five standard deviations of a binomial count.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 470), "{counts:?}");
    }

    proptest! {
        #[test]
        fn draws_stay_in_their_range(seed: u64, bound in 1_u64..) {
            let mut random = Random::new(seed);
            prop_assert!(random.below(bound) < bound);
            prop_assert!((0.0..1.0).contains(&random.unit()));
            prop_assert_eq!(random.below(0), 0);
        }
    }
}
