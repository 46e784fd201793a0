//! Integer arithmetic of simulated annealing: logarithms of uniform draws, and geometric cooling.
//!
//! A worsening by `d` is accepted with probability `exp(-d / t)`, which is the same as drawing `u` first and accepting when
//! `d <= t * -ln(u)`. Drawing the bound first lets a move be judged by one comparison, and the logarithms come from a
//! table in fixed point, so that the same seed gives the same search on any CPU.

/// Bits after the point.
pub(super) const POINT: u32 = 16;
const TABLE_BITS: u32 = 12;

/// `-ln(u)` for `u` in the middle of each of 4,096 equal parts of (0, 1), in fixed point.
#[derive(Debug, Clone)]
pub(super) struct Logarithms {
    table: Vec<u32>,
}

impl Logarithms {
    pub(super) fn new() -> Self {
        // u = (2 i + 1) / 2^13, so -ln(u) = (13 - log2(2 i + 1)) * ln 2.
        let entry = |index: u64| {
            let bits = ((u64::from(TABLE_BITS) + 1) << 32) - log2(2 * index + 1);
            u32::try_from((u128::from(bits) * LN_2) >> (64 - POINT)).expect("invariant: ln(2^13) is below 10")
        };
        Self { table: (0..1 << TABLE_BITS).map(entry).collect() }
    }

    /// The largest worsening accepted at `temperature` for a draw of (at least 12) uniform low bits.
    #[inline]
    pub(super) fn bound(&self, temperature: i64, draw: u64) -> i64 {
        let part = usize::try_from(draw & ((1 << TABLE_BITS) - 1)).unwrap_or(0);
        (temperature * i64::from(self.table[part])) >> POINT
    }
}

/// ln 2 with 32 bits after the point.
const LN_2: u128 = 2_977_044_472;

/// `log2(value)` with 32 bits after the point, for `value` of at least 1 and below 2^31, by repeated squaring.
fn log2(value: u64) -> u64 {
    let whole = u64::from(value.max(1).ilog2());
    let mut fraction = 0;
    // In [1, 2) with 31 bits after the point.
    let mut rest = value.max(1) << (31 - whole);
    for _ in 0..32 {
        rest = (rest * rest) >> 31;
        fraction <<= 1;
        if rest >= 1 << 32 {
            fraction |= 1;
            rest >>= 1;
        }
    }
    (whole << 32) + fraction
}

/// `2^exponent` for an exponent with 32 bits after the point, below 2^62; rounded down, at least 1.
fn exp2(exponent: u64) -> u64 {
    let whole = u32::try_from(exponent >> 32).unwrap_or(u32::MAX).min(61);
    // Powers 2^(2^-k): the square root of the one before, with 62 bits after the point.
    let mut root: u128 = 2 << 62;
    let mut result: u128 = 1 << 62;
    for bit in (0..32).rev() {
        root = (root << 62).isqrt();
        if exponent >> bit & 1 == 1 {
            result = (result * root) >> 62;
        }
    }
    u64::try_from(result >> (62 - whole)).unwrap_or(1 << 61).max(1)
}

/// The value between `from` and `to` (both at least 1 and below 2^31 after scaling) after `part` of `whole` steps of equal
/// ratio.
pub(super) fn geometric(from: u64, to: u64, part: u64, whole: u64) -> u64 {
    let (from, to, whole) = (log2_wide(from), log2_wide(to), whole.max(1));
    let part = part.min(whole);
    let mixed = (u128::from(from) * u128::from(whole - part) + u128::from(to) * u128::from(part)) / u128::from(whole);
    exp2(u64::try_from(mixed).unwrap_or(0))
}

/// `log2` of any value: what lies beyond 31 bits is dropped from the mantissa.
fn log2_wide(value: u64) -> u64 {
    let value = value.max(1);
    let extra = (value.ilog2() + 1).saturating_sub(31);
    (u64::from(extra) << 32) + log2(value >> extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_match_known_values() {
        assert_eq!(log2(1), 0);
        assert_eq!(log2(8), 3 << 32);
        // log2(3) = 1.58496250072115618...
        assert_eq!(log2(3) >> 16, 0x1_95c0);
        assert_eq!(log2_wide(3 << 40) >> 16, (0x1_95c0) + (40 << 16));
        let logarithms = Logarithms::new();
        // -ln(1/8192) = 9.010913 and -ln(8191/8192) = 0.000122078, in 65536ths.
        assert_eq!(logarithms.table[0], 590_539);
        assert_eq!(logarithms.table[4_095], 8);
        // The mean of -ln(u) is 1; the midpoint rule misses little of it.
        let mean = logarithms.table.iter().map(|it| u64::from(*it)).sum::<u64>() >> TABLE_BITS;
        assert!((65_480..=65_540).contains(&mean), "{mean}");
    }

    #[test]
    fn cooling_is_geometric() {
        assert_eq!(geometric(1_000_000, 1, 0, 10) / 1_000, 999);
        assert_eq!(geometric(1_000_000, 1, 10, 10), 1);
        let middle = geometric(1_000_000, 1, 5, 10);
        assert!((998..=1_000).contains(&middle), "{middle}");
        let large = geometric(1 << 50, 1 << 40, 1, 2);
        assert!(large.abs_diff(1 << 45) < 1 << 20, "{large}");
    }
}
