//! 16-bit floats, which scales and the memory of past tokens are kept in.
//!
//! # Source
//! IEEE 754-2019, binary16; widening by a multiplication after F. Giesen, "Float->half and half->float conversions", 2012.

/// As 32 bits; exact. What is not finite becomes a large finite number: nothing here stores any.
#[inline(always)]
#[must_use]
pub const fn widen(half: u16) -> f32 {
    // 2^112 moves the exponent from one bias to the other, also for numbers below the normal ones.
    let magnitude = f32::from_bits(((half & 0x7fff) as u32) << 13) * f32::from_bits(0x7780_0000);
    f32::from_bits(magnitude.to_bits() | ((half as u32 & 0x8000) << 16))
}

/// The nearest one, ties to even; beyond the range the largest finite one, and 0 for what is no number.
#[must_use]
pub fn narrow(value: f32) -> u16 {
    /// The largest finite one.
    const MOST: f32 = 65_504.0;
    if value.is_nan() {
        return 0;
    }
    let value = value.clamp(-MOST, MOST);
    let sign = (value.to_bits() >> 16 & 0x8000) as u16;
    let bits = value.abs().to_bits();
    // Below 2^-14 the steps are 2^-24 wide: adding one half puts them at the end of the mantissa.
    if bits < 0x3880_0000 {
        return sign | (value.abs() + 0.5).to_bits().wrapping_sub(0x3f00_0000) as u16;
    }
    let is_odd = bits >> 13 & 1;
    sign | ((bits.wrapping_sub(112 << 23).wrapping_add(0xfff + is_odd)) >> 13) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finite_half_comes_back() {
        for half in (0..0x7c00).chain(0x8000..0xfc00) {
            assert_eq!(narrow(widen(half)), half, "{half:#06x}");
        }
        assert_eq!((widen(0x3c00), widen(1), widen(0x7bff)), (1.0, 5.960_464_5e-8, 65_504.0));
    }

    #[test]
    fn what_lies_between_goes_to_the_nearest_and_what_lies_beyond_to_the_end() {
        assert_eq!(narrow(1.0 + 1.0 / 2_048.0), 0x3c00);
        assert_eq!(narrow(1.0 + 3.0 / 2_048.0), 0x3c02);
        assert_eq!((narrow(1e9), narrow(f32::NEG_INFINITY), narrow(f32::NAN)), (0x7bff, 0xfbff, 0));
        assert_eq!((narrow(-1e-12), narrow(3e-8)), (0x8000, 1));
    }
}
