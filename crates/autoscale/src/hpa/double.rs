//! IEEE 754 binary64 arithmetic in integers, for numbers that are not negative.
//!
//! The Kubernetes autoscaler computes its ratios in binary64, and where a ratio times a number of pods falls on a whole
//! number its rounding shows: seven per cent of a hundred pods are eight. A policy that is to decide exactly as it does
//! has to round exactly as it does; and what decides in this crate must not be a float. So the four operations that are
//! needed are done here on integers, rounded to nearest, ties to even. Exponents stay far from the ends of the format, so
//! infinities and subnormal numbers never occur.
//!
//! # Source
//! IEEE 754-2019, 4.3.1 (roundTiesToEven). Checked against the processor's own in the tests.

use std::cmp::Ordering;

/// Bits of the significand.
const BITS: u32 = 53;

/// `significand × 2^exponent`; the significand is zero or has exactly 53 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Double {
    significand: u64,
    exponent: i32,
}

impl Double {
    /// Zero.
    pub const ZERO: Self = Self { significand: 0, exponent: 0 };

    /// One.
    pub const ONE: Self = Self { significand: 1 << (BITS - 1), exponent: 1 - BITS as i32 };

    /// The number nearest to an integer.
    pub fn of(value: u64) -> Self {
        Self::rounded(u128::from(value), 0, false)
    }

    /// The quotient; the divisor must not be zero (then zero).
    pub fn over(self, divisor: Self) -> Self {
        if self.significand == 0 || divisor.significand == 0 {
            return Self::ZERO;
        }
        let numerator = u128::from(self.significand) << 64;
        let denominator = u128::from(divisor.significand);
        let inexact = numerator % denominator != 0;
        Self::rounded(numerator / denominator, self.exponent - divisor.exponent - 64, inexact)
    }

    /// The product.
    pub fn times(self, factor: Self) -> Self {
        let product = u128::from(self.significand) * u128::from(factor.significand);
        Self::rounded(product, self.exponent + factor.exponent, false)
    }

    /// `1 + self`.
    pub fn plus_one(self) -> Self {
        let (one, it, exponent) = self.beside_one();
        Self::rounded(one + it, exponent, false)
    }

    /// `1 − self`; none where that is negative.
    pub fn minus_from_one(self) -> Option<Self> {
        let (one, it, exponent) = self.beside_one();
        one.checked_sub(it).map(|difference| Self::rounded(difference, exponent, false))
    }

    /// The least integer that is not below it.
    pub fn ceil(self) -> u64 {
        let (whole, rest) = self.split();
        whole.saturating_add(u64::from(rest))
    }

    /// The greatest integer that is not above it.
    pub fn floor(self) -> u64 {
        self.split().0
    }

    /// 1 and this number over a common power of two. Beyond 2^60 and below 2^-60 of 1 the smaller is dropped: such numbers
    /// are neither tolerances nor percentages.
    fn beside_one(self) -> (u128, u128, i32) {
        if self.significand == 0 || self.exponent < -112 {
            return (1, 0, 0);
        }
        if self.exponent > 0 {
            return (0, u128::from(self.significand), self.exponent);
        }
        (1_u128 << self.exponent.unsigned_abs(), u128::from(self.significand), self.exponent)
    }

    /// The whole part and whether anything is left.
    fn split(self) -> (u64, bool) {
        if self.exponent >= 0 {
            let shift = self.exponent.unsigned_abs();
            let fits = self.significand == 0 || shift <= self.significand.leading_zeros();
            return (if fits { self.significand.checked_shl(shift).unwrap_or(0) } else { u64::MAX }, false);
        }
        let shift = self.exponent.unsigned_abs();
        let whole = self.significand.checked_shr(shift).unwrap_or(0);
        (whole, whole.checked_shl(shift).unwrap_or(0) != self.significand)
    }

    /// `value × 2^exponent` (and a little more, where `inexact`), rounded to nearest, ties to even.
    fn rounded(value: u128, exponent: i32, inexact: bool) -> Self {
        if value == 0 {
            return Self::ZERO;
        }
        let bits = u128::BITS - value.leading_zeros();
        if bits <= BITS {
            // Only an exact value is that short: a quotient has 64 bits at least.
            let shift = BITS - bits;
            let significand = u64::try_from(value << shift).unwrap_or(u64::MAX);
            return Self { significand, exponent: exponent - shift.cast_signed() };
        }
        let shift = bits - BITS;
        let (kept, rest, half) = (value >> shift, value & ((1 << shift) - 1), 1_u128 << (shift - 1));
        let up = match rest.cmp(&half) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => inexact || kept & 1 == 1,
        };
        let significand = u64::try_from(kept + u128::from(up)).unwrap_or(u64::MAX);
        let exponent = exponent + shift.cast_signed();
        if significand == 1 << BITS {
            return Self { significand: significand >> 1, exponent: exponent + 1 };
        }
        Self { significand, exponent }
    }
}

impl Ord for Double {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.significand, other.significand) {
            (0, 0) => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            _ => (self.exponent, self.significand).cmp(&(other.exponent, other.significand)),
        }
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn native(it: Double) -> f64 {
        it.significand as f64 * 2_f64.powi(it.exponent)
    }

    #[test]
    fn seven_per_cent_of_a_hundred_pods_are_eight() {
        let ratio = Double::of(7).over(Double::of(100));
        assert_eq!(ratio.times(Double::of(100)).ceil(), 8);
        assert_eq!((7_f64 / 100.0 * 100.0).ceil(), 8.0, "as the processor has it");
    }

    #[test]
    fn one_less_a_tolerance_is_the_bound_that_a_ratio_meets() {
        let tolerance = Double::of(100).over(Double::of(1_000));
        assert_eq!(tolerance.plus_one(), Double::of(110).over(Double::of(100)));
        assert_eq!(tolerance.minus_from_one(), Some(Double::of(90).over(Double::of(100))));
        assert_eq!(Double::of(2).minus_from_one(), None);
        assert_eq!(Double::ONE.minus_from_one(), Some(Double::ZERO));
    }

    proptest! {
        #[test]
        fn every_operation_gives_the_bits_of_the_processor(a in any::<u64>(), b in 1_u64.., shift in 0_u32..60, small in 0_u64..4_000) {
            let (a, b) = (a >> shift, (b >> (shift / 2)).max(1));
            let (x, y) = (Double::of(a), Double::of(b));
            prop_assert_eq!(native(x), a as f64);
            prop_assert_eq!(native(x.over(y)), a as f64 / b as f64);
            prop_assert_eq!(native(x.times(y)), a as f64 * b as f64);
            let ratio = Double::of(small).over(Double::of(1_000));
            prop_assert_eq!(native(ratio.plus_one()), 1.0 + small as f64 / 1_000.0);
            let difference = 1.0 - small as f64 / 1_000.0;
            prop_assert_eq!(ratio.minus_from_one().map(native), (difference >= 0.0).then_some(difference));
            prop_assert_eq!(x.cmp(&y), (a as f64).total_cmp(&(b as f64)));
            let count = Double::of(b % 100_000);
            let scaled = (a as f64 / b as f64) * (b % 100_000) as f64;
            prop_assert_eq!(x.over(y).times(count).ceil(), scaled.ceil() as u64);
            prop_assert_eq!(x.over(y).times(count).floor(), scaled.floor() as u64);
        }
    }
}
