//! Sixteen rows times some tokens: with AVX-512 VNNI, with AVX2, and plainly.
//!
//! All three add up the same whole numbers within a block, and floats in the order of the blocks, so they differ by rounding
//! of the floats alone.
//!
//! # Source
//! Intel, "Intrinsics Guide": `_mm512_dpbusd_epi32` adds to each of sixteen sums four products of a number without and one with a
//! sign; `_mm256_maddubs_epi16` saturates, which |w|·|x| ≤ 127² twice does not reach.

use super::{Activations, BLOCK, LINES, Line, ROWS};
use crate::half;

/// Tokens that a kernel takes at once.
const TOKENS: usize = 4;

/// Which instructions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Those that every CPU has.
    Plain,
    /// AVX2, FMA and F16C.
    Avx2,
    /// AVX-512 with VNNI.
    Vnni,
}

impl Level {
    /// The best one that this CPU has.
    #[must_use]
    pub fn best() -> Self {
        Self::all().last().unwrap_or(Self::Plain)
    }

    /// All that this CPU has, the slowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Plain, Self::Avx2, Self::Vnni].into_iter().filter(|level| level.is_here())
    }

    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Avx2 => "avx2",
            Self::Vnni => "avx512-vnni",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_here(self) -> bool {
        match self {
            Self::Plain => true,
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Vnni => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vnni")
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_here(self) -> bool {
        self == Self::Plain
    }
}

/// Values of one token in a kernel's terms.
#[derive(Clone, Copy)]
struct Token<'a> {
    values: &'a [[i8; BLOCK]],
    scales: &'a [f32],
    sums: &'a [i32],
}

impl<'a> Token<'a> {
    fn of(all: &'a Activations, token: usize) -> Self {
        let blocks = all.columns / BLOCK;
        Self {
            values: &all.values.as_chunks::<BLOCK>().0[token * blocks..][..blocks],
            scales: &all.scales[token * blocks..][..blocks],
            sums: &all.sums[token * blocks..][..blocks],
        }
    }
}

/// Sixteen rows times every token; `done` is given each token's sums.
pub(super) fn tile(
    level: Level,
    lines: &[Line],
    scales: &[[u16; ROWS]],
    tokens: &Activations,
    mut done: impl FnMut(usize, &[f32; ROWS]),
) {
    let mut from = 0;
    while from < tokens.count {
        let count = if tokens.count - from >= TOKENS { TOKENS } else { 1 };
        let mut sums = [[0.0; ROWS]; TOKENS];
        if count == TOKENS {
            some::<TOKENS>(level, lines, scales, std::array::from_fn(|i| Token::of(tokens, from + i)), &mut sums);
        } else {
            let [first, ..] = &mut sums;
            some::<1>(level, lines, scales, [Token::of(tokens, from)], std::array::from_mut(first));
        }
        sums[..count].iter().enumerate().for_each(|(i, sums)| done(from + i, sums));
        from += count;
    }
}

fn some<const N: usize>(
    level: Level,
    lines: &[Line],
    scales: &[[u16; ROWS]],
    tokens: [Token<'_>; N],
    out: &mut [[f32; ROWS]; N],
) {
    let lines = lines.as_chunks::<LINES>().0;
    match level {
        // SAFETY: a level is used only where `is_here` found its instructions.
        #[cfg(target_arch = "x86_64")]
        Level::Vnni => unsafe { x86::vnni(lines, scales, tokens, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::avx2(lines, scales, tokens, out) },
        _ => plain(lines, scales, tokens, out),
    }
}

fn plain<const N: usize>(
    lines: &[[Line; LINES]],
    scales: &[[u16; ROWS]],
    tokens: [Token<'_>; N],
    out: &mut [[f32; ROWS]; N],
) {
    for (block, (lines, scales)) in lines.iter().zip(scales).enumerate() {
        for (token, out) in tokens.iter().zip(out.iter_mut()) {
            let mut sums = [-token.sums[block]; ROWS];
            for (line, four) in lines.iter().zip(token.values[block].as_chunks::<4>().0) {
                for (sum, weights) in sums.iter_mut().zip(line.0.as_chunks::<4>().0) {
                    *sum += weights.iter().zip(four).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum::<i32>();
                }
            }
            for ((out, sum), scale) in out.iter_mut().zip(sums).zip(scales) {
                *out += sum as f32 * (half::widen(*scale) * token.scales[block]);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{BLOCK, LINES, Line, ROWS, Token};
    use crate::half;
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __m512i, _mm256_abs_epi8, _mm256_add_epi32, _mm256_add_ps, _mm256_cvtepi32_ps,
        _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8,
        _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_storeu_ps,
        _mm256_xor_si256, _mm512_add_epi32, _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps,
        _mm512_load_si512, _mm512_mul_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
        _mm512_storeu_ps,
    };

    /// Four values as one number, for the instruction that gives them to every row.
    fn four(values: &[i8; BLOCK], line: usize) -> i32 {
        let at = line * 4;
        i32::from_le_bytes([values[at] as u8, values[at + 1] as u8, values[at + 2] as u8, values[at + 3] as u8])
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn vnni<const N: usize>(
        lines: &[[Line; LINES]],
        scales: &[[u16; ROWS]],
        tokens: [Token<'_>; N],
        out: &mut [[f32; ROWS]; N],
    ) {
        let mut sums: [__m512; N] = [_mm512_setzero_ps(); N];
        for (block, (lines, scales)) in lines.iter().zip(scales).enumerate() {
            // SAFETY: sixteen scales are 32 bytes.
            let scale = _mm512_cvtph_ps(unsafe { _mm256_loadu_si256((&raw const *scales).cast()) });
            // Loops and no closures: those are compiled without this function's instructions where they are not inlined.
            let mut weights: [__m512i; LINES] = [_mm512_setzero_si512(); LINES];
            for (weights, line) in weights.iter_mut().zip(lines) {
                // SAFETY: a line is 64 bytes, aligned to 64.
                *weights = unsafe { _mm512_load_si512((&raw const *line).cast()) };
            }
            for (token, sum) in tokens.iter().zip(&mut sums) {
                let values = &token.values[block];
                // Two sums, so that an addition need not wait for the one before.
                let mut even = _mm512_set1_epi32(-token.sums[block]);
                let mut odd = _mm512_setzero_si512();
                for i in (0..LINES).step_by(2) {
                    even = _mm512_dpbusd_epi32(even, weights[i], _mm512_set1_epi32(four(values, i)));
                    odd = _mm512_dpbusd_epi32(odd, weights[i + 1], _mm512_set1_epi32(four(values, i + 1)));
                }
                let whole = _mm512_cvtepi32_ps(_mm512_add_epi32(even, odd));
                *sum = _mm512_fmadd_ps(whole, _mm512_mul_ps(scale, _mm512_set1_ps(token.scales[block])), *sum);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            // SAFETY: sixteen floats.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2<const N: usize>(
        lines: &[[Line; LINES]],
        scales: &[[u16; ROWS]],
        tokens: [Token<'_>; N],
        out: &mut [[f32; ROWS]; N],
    ) {
        let (sign, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
        for (block, (lines, scales)) in lines.iter().zip(scales).enumerate() {
            let scales: [f32; ROWS] = scales.map(half::widen);
            for side in 0..2 {
                // SAFETY: eight of sixteen floats.
                let scale: __m256 = unsafe { _mm256_loadu_ps(scales.as_ptr().add(side * 8)) };
                let mut weights: [__m256i; LINES] = [_mm256_setzero_si256(); LINES];
                for (weights, line) in weights.iter_mut().zip(lines) {
                    // SAFETY: half of a line of 64 bytes.
                    let half = unsafe { _mm256_loadu_si256(line.0.as_ptr().add(side * 32).cast()) };
                    *weights = _mm256_xor_si256(half, sign);
                }
                for (token, out) in tokens.iter().zip(out.iter_mut()) {
                    let mut whole = _mm256_setzero_si256();
                    for (i, weights) in weights.iter().enumerate() {
                        let values = _mm256_set1_epi32(four(&token.values[block], i));
                        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(*weights), _mm256_sign_epi8(values, *weights));
                        whole = _mm256_add_epi32(whole, _mm256_madd_epi16(pairs, ones));
                    }
                    let by = _mm256_mul_ps(scale, _mm256_set1_ps(token.scales[block]));
                    // SAFETY: eight of sixteen floats.
                    unsafe {
                        let at = out.as_mut_ptr().add(side * 8);
                        let more = _mm256_mul_ps(_mm256_cvtepi32_ps(whole), by);
                        _mm256_storeu_ps(at, _mm256_add_ps(_mm256_loadu_ps(at), more));
                    }
                }
            }
        }
    }
}
