//! The logistic function in integers, exact where it crosses a hundredth.
//!
//! The FGD simulator cuts `100 / (1 + e^-x)` to an integer. Cut at the same `x`, the integer is the same, so a table of
//! the 99 crossings `ln(k / (100 - k))` is all that is needed; between them the function is a straight line, which is
//! monotone and otherwise arbitrary.

use super::level;

/// The least `x` in 10^-9 at which `100 / (1 + e^-x)` is `k` or more, for k = 50 to 99; the other half is its mirror
/// image.
const CROSSINGS: [i64; 50] = [
    0,
    40_005_335,
    80_042_708,
    120_144_312,
    160_342_651,
    200_670_696,
    241_162_057,
    281_851_153,
    322_773_393,
    363_965_378,
    405_465_109,
    447_312_219,
    489_548_226,
    532_216_814,
    575_364_145,
    619_039_209,
    663_294_218,
    708_185_058,
    753_771_803,
    800_119_301,
    847_297_861,
    895_384_048,
    944_461_609,
    994_622_576,
    1_045_968_556,
    1_098_612_289,
    1_152_679_510,
    1_208_311_206,
    1_265_666_374,
    1_324_925_415,
    1_386_294_362,
    1_450_010_176,
    1_516_347_490,
    1_585_627_264,
    1_658_228_077,
    1_734_601_056,
    1_815_289_967,
    1_900_958_762,
    1_992_430_165,
    2_090_741_097,
    2_197_224_578,
    2_313_634_930,
    2_442_347_036,
    2_586_689_345,
    2_751_535_314,
    2_944_438_980,
    3_178_053_831,
    3_476_098_690,
    3_891_820_299,
    4_595_119_851,
];
/// Where the lines to 0 and 1 end, in 10^-9: no node loses more than 64 GPUs to fragments at once.
const END: i64 = 64_000_000_000;

/// The least `x` at which the function, in hundredths, is `k`.
const fn crossing(k: usize) -> i64 {
    match k {
        0 => -END,
        1..50 => 1 - CROSSINGS[50 - k],
        50..100 => CROSSINGS[k - 50],
        _ => END,
    }
}

/// `1 / (1 + e^-x)` for `x` in 10^-9, in the fixed point of scores: exact in its hundredths, a line between them.
#[must_use]
pub fn sigmoid(x: i64) -> i64 {
    let x = x.clamp(-END, END - 1);
    let (mut low, mut high) = (0, 100);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if crossing(middle) <= x { low = middle } else { high = middle }
    }
    let (from, to) = (crossing(low), crossing(high));
    let (bottom, top) = (level(low as i64, 100), level(high as i64, 100));
    bottom + (i128::from(top - bottom - 1) * i128::from(x - from) / i128::from(to - from)) as i64
}

#[cfg(test)]
mod tests {
    use super::super::{ONE, cut};
    use super::*;

    #[test]
    fn it_is_cut_where_the_real_one_is() {
        for milli in -20_000_i64..20_000 {
            // Off the crossings, where the last bit of a float would decide.
            let x = milli as f64 / 1_000.0 + 1e-7;
            let real = (100.0 / (1.0 + (-x).exp())) as i64;
            assert_eq!(cut(sigmoid(milli * 1_000_000 + 100), 100), real, "x = {x}");
        }
        assert_eq!(cut(sigmoid(0), 100), 50);
        assert_eq!(cut(sigmoid(-1), 100), 49);
    }

    #[test]
    fn it_never_falls() {
        let mut last = -1;
        for x in (-70_000_000_000..70_000_000_000).step_by(13_000_001) {
            let value = sigmoid(x);
            assert!(value >= last && (0..=ONE).contains(&value), "x = {x}");
            last = value;
        }
    }
}
