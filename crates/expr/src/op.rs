//! What each operation means, once: the evaluation by columns, the walk over the tree, the folding of constants and the
//! arithmetic of intervals all call these functions, so they cannot differ.
//!
//! Every function takes and gives finite numbers. The sign of a zero is never seen: no function tells zeros apart by more than
//! the sign of another zero.

/// The largest value; what would be larger stays here.
pub const LARGEST: f64 = f64::MAX;

/// From here on every `f64` is whole.
const WHOLE_FROM: f64 = 4_503_599_627_370_496.0;

/// An infinity becomes the largest value of its sign.
#[inline]
pub fn saturate(x: f64) -> f64 {
    min(max(x, -LARGEST), LARGEST)
}

/// `a + b`.
#[inline]
pub fn add(a: f64, b: f64) -> f64 {
    saturate(a + b)
}

/// `a - b`.
#[inline]
pub fn sub(a: f64, b: f64) -> f64 {
    saturate(a - b)
}

/// `a * b`.
#[inline]
pub fn mul(a: f64, b: f64) -> f64 {
    saturate(a * b)
}

/// `a / b`, and 0 where `b` is 0.
#[inline]
pub fn div(a: f64, b: f64) -> f64 {
    saturate(div_unbounded(a, b))
}

/// `a / b` and 0 where `b` is 0, for operands whose quotient is known not to overflow.
#[inline]
pub fn div_unbounded(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

/// The smaller one.
#[inline]
pub fn min(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The larger one.
#[inline]
pub fn max(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// 1 for true, 0 for false.
#[inline]
pub fn truth(condition: bool) -> f64 {
    if condition { 1.0 } else { 0.0 }
}

/// `a` where the condition is not 0, `b` otherwise.
#[inline]
pub fn choose(condition: f64, a: f64, b: f64) -> f64 {
    if condition != 0.0 { a } else { b }
}

/// The largest whole number that is not above `x`. Not `f64::floor`: without SSE4.1 that is a call for each value, and this
/// form is computed several lanes at a time, with the same result.
#[inline]
pub fn floor(x: f64) -> f64 {
    let magnitude = x.abs();
    let nearest = ((magnitude + WHOLE_FROM) - WHOLE_FROM).copysign(x);
    let below = if nearest > x { nearest - 1.0 } else { nearest };
    if magnitude < WHOLE_FROM { below } else { x }
}

/// The square root, and 0 of what is negative. IEEE 754 rounds it correctly.
#[inline]
pub fn sqrt(x: f64) -> f64 {
    if x > 0.0 { x.sqrt() } else { 0.0 }
}

/// The logarithm to base 2, and 0 of what is not positive.
#[inline]
pub fn log2(x: f64) -> f64 {
    if x > 0.0 { libm::log2(x) } else { 0.0 }
}

/// `e` to the power of `x`.
#[inline]
pub fn exp(x: f64) -> f64 {
    saturate(libm::exp(x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_undefined_is_zero_and_what_overflows_stays() {
        assert_eq!([div(5.0, 0.0), div(5.0, -0.0), sqrt(-1.0), log2(0.0), log2(-3.0)], [0.0; 5]);
        assert_eq!(mul(LARGEST, 2.0), LARGEST);
        assert_eq!(add(-LARGEST, -LARGEST), -LARGEST);
        assert_eq!(div(1.0, f64::from_bits(1)), LARGEST);
        assert_eq!(exp(1e6), LARGEST);
        assert_eq!(exp(-1e6), 0.0);
    }

    #[test]
    fn logarithm_and_exponential_have_these_bits_on_any_cpu() {
        assert_eq!(log2(3.0).to_bits(), 0x3ff9_5c01_a39f_bd68);
        assert_eq!(exp(1.0).to_bits(), 0x4005_bf0a_8b14_576a);
        assert_eq!(log2(8.0), 3.0);
    }

    proptest! {
        #[test]
        fn the_floor_is_that_of_the_library(bits in any::<u64>(), small in -1e6_f64..1e6) {
            let any = f64::from_bits(bits);
            if any.is_finite() {
                prop_assert_eq!(floor(any), any.floor());
            }
            prop_assert_eq!(floor(small), small.floor());
            prop_assert_eq!(floor(small.floor()), small.floor());
        }
    }
}
