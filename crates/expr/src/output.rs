//! From a value to the integer that decides.
//!
//! Decisions compare integers, so that equal to the eye is equal to the comparison, and a score that peers truncate can be
//! truncated in the same way.

use crate::op;

/// What integer a value becomes. All of them keep the order of values; the coarser ones make more ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Rounded to this many decimals (at most 9), ties to even, and multiplied by their power of ten: 6 gives millionths. What
    /// would be beyond ±2^51 stays there: at 6 decimals, 2.2 thousand million.
    Decimals(u8),
    /// Cut off to a whole number from 0 to this one.
    Levels(u32),
    /// An integer for each value there is, in the order of values: nothing is rounded, and only equal values are ties.
    Order,
}

/// Scores in millionths.
impl Default for Output {
    fn default() -> Self {
        Self::Decimals(6)
    }
}

/// Most decimals.
pub(crate) const DECIMALS_MAX: u8 = 9;
const POWERS_OF_TEN: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const LARGEST: f64 = 2_251_799_813_685_248.0;
/// Added to a number up to 2^51, its low bits are the number rounded to a whole one. It is how a rounding is computed several
/// lanes at a time on any x86-64; `f64::round_ties_even` is a call there.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

impl Output {
    /// The integer of a value.
    pub fn quantise(self, value: f64) -> i64 {
        match self {
            Self::Decimals(decimals) => to_decimals(value, self.scale(decimals)),
            Self::Levels(levels) => to_levels(value, f64::from(levels)),
            Self::Order => to_order(value),
        }
    }

    /// Of each value.
    pub(crate) fn quantise_all(self, values: &[f64], out: &mut [i64]) {
        let pairs = out.iter_mut().zip(values);
        match self {
            Self::Decimals(decimals) => {
                let scale = self.scale(decimals);
                pairs.for_each(|(out, value)| *out = to_decimals(*value, scale));
            }
            Self::Levels(levels) => {
                let most = f64::from(levels);
                pairs.for_each(|(out, value)| *out = to_levels(*value, most));
            }
            Self::Order => pairs.for_each(|(out, value)| *out = to_order(*value)),
        }
    }

    /// The value that an integer stands for, rounded as it was.
    pub fn value(self, integer: i64) -> f64 {
        match self {
            Self::Decimals(decimals) => integer as f64 / self.scale(decimals),
            Self::Levels(_) => integer as f64,
            Self::Order => f64::from_bits(turned(integer) as u64),
        }
    }

    fn scale(self, decimals: u8) -> f64 {
        POWERS_OF_TEN[usize::from(decimals.min(DECIMALS_MAX))]
    }
}

#[inline]
fn to_decimals(value: f64, scale: f64) -> i64 {
    let held = op::min(op::max(value * scale, -LARGEST), LARGEST);
    whole(held)
}

#[inline]
fn to_levels(value: f64, most: f64) -> i64 {
    whole(op::floor(op::min(op::max(value, 0.0), most)))
}

#[inline]
fn to_order(value: f64) -> i64 {
    turned((value + 0.0).to_bits() as i64)
}

/// The nearest whole number, ties to even, of what is within ±2^51.
#[inline]
fn whole(value: f64) -> i64 {
    ((value + ROUNDER).to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64)
}

/// Bits of floats order like integers once those of negative ones are turned over; turning twice gives them back.
#[inline]
fn turned(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_become_integers_as_documented() {
        let millionths = Output::default();
        assert_eq!([0.25, -0.25, 1e-7, 1.5e-6, 2.5e-6].map(|v| millionths.quantise(v)), [250_000, -250_000, 0, 2, 2]);
        assert_eq!(millionths.quantise(f64::MAX), 1 << 51);
        assert_eq!([-3.0, 0.99, 57.9, 100.0, 250.0].map(|v| Output::Levels(100).quantise(v)), [0, 0, 57, 100, 100]);
        assert_eq!(Output::Order.quantise(0.0), Output::Order.quantise(-0.0));
        assert_eq!(millionths.value(250_000), 0.25);
    }

    proptest! {
        #[test]
        fn the_order_of_values_is_the_order_of_integers(a in proptest::num::f64::NORMAL, b in proptest::num::f64::NORMAL) {
            let order = Output::Order;
            prop_assert_eq!(order.quantise(a).cmp(&order.quantise(b)), a.total_cmp(&b));
            prop_assert_eq!(order.value(order.quantise(a)), a);
            for output in [Output::Decimals(6), Output::Levels(100)] {
                prop_assert!(a > b || output.quantise(a) <= output.quantise(b));
            }
        }
    }
}
