//! Logarithm and decay in integers, for decisions whose published formulas need them: orders of queues, decaying use.
//!
//! A key decides, so it must be the same on any CPU: no float enters. The logarithm takes one bit per squaring, the power
//! one factor per bit of the exponent; both are exact to their last bit but one. What is compared is a monotone function
//! of the published formula wherever that is cheaper than the formula.
//!
//! # Source
//! Knuth, The Art of Computer Programming 1, section 1.2.2, exercises 25 and 28 (digit by digit).

/// Fraction bits of what [`log2`] returns and [`decay`] takes.
pub const BITS: u32 = 32;
/// One, in the format of [`log2`].
pub const ONE: i64 = 1 << BITS;

/// Binary logarithm of `value` (0 counts as 1), 32 fraction bits, rounded down.
#[must_use]
pub const fn log2(value: u64) -> i64 {
    let value = if value == 0 { 1 } else { value };
    let whole = 63 - value.leading_zeros();
    let mut mantissa = value << (63 - whole);
    let mut result = whole as i64;
    let mut bit = 0;
    while bit < BITS {
        let square = (mantissa as u128 * mantissa as u128) >> 63;
        let carry = square >> 64;
        mantissa = (square >> carry) as u64;
        result = (result << 1) | carry as i64;
        bit += 1;
    }
    result
}

/// `2^(-2^-k)` for k from 1, 64 fraction bits.
const ROOTS: [u64; 32] = [
    0xb504f333f9de6484,
    0xd744fccad69d6af4,
    0xeac0c6e7dd24392f,
    0xf5257d152486cc2c,
    0xfa83b2db722a033a,
    0xfd3e0c0cf486c175,
    0xfe9e115c7b8f884c,
    0xff4ecb59511ec8a5,
    0xffa756521c8daed2,
    0xffd3a751c0f7e10c,
    0xffe9d2b2f7db2756,
    0xfff4e91bff1b8c3e,
    0xfffa747ea0040664,
    0xfffd3a3b7814eb54,
    0xfffe9d1cc60ddab1,
    0xffff4e8e25879bfa,
    0xffffa7470363f451,
    0xffffd3a37dda0313,
    0xffffe9d1bdf703af,
    0xfffff4e8debe025e,
    0xfffffa746f4fa150,
    0xfffffd3a37a3f8b0,
    0xfffffe9d1bd1065a,
    0xffffff4e8de845ae,
    0xffffffa746f41377,
    0xffffffd3a37a05e4,
    0xffffffe9d1bd01fc,
    0xfffffff4e8de80c0,
    0xfffffffa746f4051,
    0xfffffffd3a37a025,
    0xfffffffe9d1bd011,
    0xffffffff4e8de808,
];

/// `value × 2^-halvings`, where `halvings` has 32 fraction bits; rounded down.
#[must_use]
pub fn decay(value: u128, halvings: u64) -> u128 {
    let whole = halvings >> BITS;
    if whole >= 127 {
        return 0;
    }
    let fraction = halvings as u32;
    let set = ROOTS.iter().enumerate().filter(|(k, _)| fraction >> (31 - k) & 1 == 1);
    set.fold(value >> whole, |value, (_, root)| scaled(value, *root))
}

/// `value × factor / 2^64`, rounded down, without overflow.
const fn scaled(value: u128, factor: u64) -> u128 {
    let (high, low) = (value >> 64, value & u64::MAX as u128);
    high * factor as u128 + ((low * factor as u128) >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn powers_of_two_are_exact() {
        for (value, log) in [(0, 0), (1, 0), (2, 1), (1 << 20, 20), (1 << 63, 63)] {
            assert_eq!(log2(value), log << BITS, "{value}");
        }
        assert_eq!(decay(1 << 100, 3 << BITS), 1 << 97);
        assert_eq!(decay(u128::MAX, 127 << BITS), 0);
    }

    proptest! {
        #[test]
        fn both_agree_with_floats_and_never_fall_out_of_order(a in 1_u64..u64::MAX / 2, halvings in 0_u64..40 << BITS) {
            let ours = log2(a) as f64 / ONE as f64;
            prop_assert!((ours - (a as f64).log2()).abs() < 1e-9);
            prop_assert!(log2(a + 1) >= log2(a));
            let kept = decay(u128::from(a) << 60, halvings) as f64;
            let exact = a as f64 * 2_f64.powi(60) * (-(halvings as f64) / ONE as f64).exp2();
            prop_assert!((kept / exact - 1.0).abs() < 1e-9);
            prop_assert!(decay(u128::from(a) << 60, halvings + 1) <= decay(u128::from(a) << 60, halvings));
        }
    }
}
