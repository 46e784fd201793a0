//! How a tensor is stored, and the values of its blocks.
//!
//! # Source
//! ggml, `ggml-common.h` (layout of blocks) and `ggml-quants.c` (`dequantize_row_*`): a block holds 32 values (256 for the `K` kinds)
//! with a scale of 16 bits, and for the kinds `_1` an offset; five-bit kinds keep the fifth bits apart.

use crate::half;

/// How values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// 16-bit floats with the range of 32-bit ones.
    Bf16,
    /// 4 bits and a scale.
    Q4Zero,
    /// 4 bits, a scale and an offset.
    Q4One,
    /// 5 bits and a scale.
    Q5Zero,
    /// 5 bits, a scale and an offset.
    Q5One,
    /// 8 bits and a scale.
    Q8Zero,
    /// 6 bits, scales of 8 bits for 16 values each, and a scale of those.
    Q6K,
}

impl Kind {
    /// What may be read, for errors.
    pub const NAMES: &'static str = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 or Q6_K";

    /// By the number that stands in the file.
    #[must_use]
    pub const fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4Zero,
            3 => Self::Q4One,
            6 => Self::Q5Zero,
            7 => Self::Q5One,
            8 => Self::Q8Zero,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// Values of a block, and its bytes.
    #[must_use]
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::Bf16 => (1, 2),
            Self::Q4Zero => (32, 18),
            Self::Q4One => (32, 20),
            Self::Q5Zero => (32, 22),
            Self::Q5One => (32, 24),
            Self::Q8Zero => (32, 34),
            Self::Q6K => (256, 210),
        }
    }

    /// Bytes of so many values; none where they are no whole blocks.
    #[must_use]
    pub fn bytes(self, values: usize) -> Option<usize> {
        let (per_block, bytes) = self.block();
        values.is_multiple_of(per_block).then_some(values / per_block * bytes)
    }

    /// The values of whole blocks. `bytes` has [`Self::bytes`] of `values.len()`.
    pub fn values(self, bytes: &[u8], values: &mut [f32]) {
        let (per_block, size) = self.block();
        for (block, out) in bytes.chunks_exact(size).zip(values.chunks_exact_mut(per_block)) {
            self.one(block, out);
        }
    }

    fn one(self, block: &[u8], out: &mut [f32]) {
        let half = |at: usize| half::widen(u16::from_le_bytes([block[at], block[at + 1]]));
        let nibble = |at: usize, i: usize| match i {
            0..16 => block[at + i] & 15,
            _ => block[at + i - 16] >> 4,
        };
        // The fifth bits of all values stand together, the first value's in the lowest bit of the first byte.
        let five = |bits: usize, at: usize, i: usize| nibble(at, i) | (block[bits + i / 8] >> (i % 8) & 1) << 4;
        match self {
            Self::F32 => out[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]),
            Self::F16 => out[0] = half(0),
            Self::Bf16 => out[0] = f32::from_bits(u32::from(u16::from_le_bytes([block[0], block[1]])) << 16),
            Self::Q4Zero => fill(out, |i| (f32::from(nibble(2, i)) - 8.0) * half(0)),
            Self::Q4One => {
                let (scale, offset) = (half(0), half(2));
                let (low, high) = out.split_at_mut(16);
                for ((low, high), byte) in low.iter_mut().zip(high).zip(&block[4..]) {
                    *low = f32::from(byte & 15) * scale + offset;
                    *high = f32::from(byte >> 4) * scale + offset;
                }
            }
            Self::Q5Zero => fill(out, |i| (f32::from(five(2, 6, i)) - 16.0) * half(0)),
            Self::Q5One => fill(out, |i| f32::from(five(4, 8, i)) * half(0) + half(2)),
            Self::Q8Zero => fill(out, |i| f32::from(block[2 + i] as i8) * half(0)),
            Self::Q6K => {
                let scale = half(208);
                fill(out, |i| {
                    // Two halves of 128 values; in each, four runs of 32 share 64 bytes of low and 32 of high bits.
                    let (part, run, at) = (i / 128, i % 128 / 32, i % 32);
                    let low = block[part * 64 + at + run % 2 * 32] >> (run / 2 * 4) & 15;
                    let high = block[128 + part * 32 + at] >> (run * 2) & 3;
                    let by = f32::from(block[192 + i / 16] as i8);
                    (f32::from(low | high << 4) - 32.0) * by * scale
                });
            }
        }
    }
}

fn fill(out: &mut [f32], value: impl Fn(usize) -> f32) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = value(i);
    }
}

/// Where a tensor lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Lengths of its dimensions, the fastest first.
    pub shape: Vec<u64>,
    /// How it is stored.
    pub kind: Kind,
    /// Its first byte, from the beginning of the file.
    pub at: u64,
    /// Its bytes.
    pub size: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(kind: Kind, bytes: &[u8]) -> Vec<f32> {
        let mut out = vec![0.0; kind.block().0];
        kind.values(bytes, &mut out);
        out
    }

    /// A scale of 0.5 and an offset of -2 as halves.
    const SCALE: [u8; 2] = 0x3800_u16.to_le_bytes();
    const OFFSET: [u8; 2] = 0xc000_u16.to_le_bytes();

    #[test]
    fn four_and_five_bits_are_read_with_their_offsets() {
        let nibbles: Vec<u8> = (0..16).map(|i| i | (15 - i) << 4).collect();
        let one = values(Kind::Q4One, &[&SCALE[..], &OFFSET, &nibbles].concat());
        assert_eq!((one[0], one[15], one[16], one[31]), (-2.0, 5.5, 5.5, -2.0));
        let zero = values(Kind::Q4Zero, &[&SCALE[..], &nibbles].concat());
        assert_eq!((zero[0], zero[15], zero[16], zero[31]), (-4.0, 3.5, 3.5, -4.0));
        // Fifth bits of the first and of the last value.
        let fifth = [1, 0, 0, 0x80];
        let five = values(Kind::Q5Zero, &[&SCALE[..], &fifth, &nibbles].concat());
        assert_eq!((five[0], five[1], five[30], five[31]), (0.0, -7.5, -7.5, 0.0));
        let five = values(Kind::Q5One, &[&SCALE[..], &OFFSET, &fifth, &nibbles].concat());
        assert_eq!((five[0], five[1], five[16], five[31]), (6.0, -1.5, 5.5, 6.0));
    }

    #[test]
    fn eight_and_six_bits_and_halves_are_read() {
        let eight: Vec<u8> = (0..32).map(|i| (i as i8 - 16) as u8).collect();
        let eight = values(Kind::Q8Zero, &[&SCALE[..], &eight].concat());
        assert_eq!((eight[0], eight[31]), (-8.0, 7.5));
        let mut six = [0_u8; 210];
        (six[0], six[128], six[192], six[193]) = (0x21, 0b11_00_10_01, 2, 0xff);
        six[208..].copy_from_slice(&SCALE);
        let six = values(Kind::Q6K, &six);
        // 1 | 1 << 4 = 17, less 32, times 2, times a half.
        assert_eq!((six[0], six[1]), (-15.0, -32.0));
        // The run at 64 takes the high nibble and the third pair of bits.
        assert_eq!(six[16], 16.0);
        assert_eq!(values(Kind::F16, &OFFSET), [-2.0]);
        assert_eq!(values(Kind::Bf16, &0xbf80_u16.to_le_bytes()), [-1.0]);
        assert_eq!(values(Kind::F32, &1.5_f32.to_le_bytes()), [1.5]);
    }
}
