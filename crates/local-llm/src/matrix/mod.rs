//! Weights in eight bits, and their products with activations in eight bits.
//!
//! Both are in blocks of 32 values with a scale each, as ggml's `Q8_0`: what a kernel adds up within a block are whole numbers,
//! exactly, on every CPU. Sixteen rows lie together so that one instruction multiplies four values of each; the same order serves
//! one token and many. Four- and five-bit weights are made eight-bit ones when they are loaded: they would be half the size, and
//! unpacking them for every token costs more than reading them (on the reference engine 4.5 times).
//!
//! # Source
//! The layout follows ggml's repacked matrices (`repack.cpp`); the steps of a block are those of `ggml_vec_dot_q8_0_q8_0`.

mod kernel;
mod load;

pub use kernel::Level;
pub use load::load;

use crate::half;

/// Values of a block.
pub const BLOCK: usize = 32;
/// Rows that lie together.
pub const ROWS: usize = 16;
/// Lines of a block of sixteen rows; each has four values of every row.
const LINES: usize = BLOCK / 4;

/// Four values of sixteen rows. A value is stored plus 128, because the instruction takes one factor without a sign.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub struct Line([u8; 64]);

/// A matrix, output by input.
#[derive(Debug)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    /// By sixteen rows, then by block, eight lines each.
    lines: Vec<Line>,
    /// By sixteen rows, then by block: the scale of each row, 16-bit floats.
    scales: Vec<[u16; ROWS]>,
}

impl Matrix {
    /// Nothing but zeros. `columns` is a multiple of 32.
    fn zeros(rows: usize, columns: usize) -> Self {
        let blocks = rows.div_ceil(ROWS) * (columns / BLOCK);
        Self { rows, columns, lines: vec![Line([128; 64]); blocks * LINES], scales: vec![[0; ROWS]; blocks] }
    }

    /// Bytes that a matrix of this shape takes.
    #[must_use]
    pub const fn bytes(rows: u64, columns: u64) -> u64 {
        let blocks = rows.div_ceil(ROWS as u64).saturating_mul(columns / BLOCK as u64);
        blocks.saturating_mul((ROWS * (BLOCK + 2)) as u64)
    }

    /// Rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Columns.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    const fn blocks(&self) -> usize {
        self.columns / BLOCK
    }

    /// Lines and scales of sixteen rows.
    fn tile(&self, tile: usize) -> (&[Line], &[[u16; ROWS]]) {
        let blocks = self.blocks();
        let scales = &self.scales[tile * blocks..][..blocks];
        (&self.lines[tile * blocks * LINES..][..blocks * LINES], scales)
    }

    fn put(&mut self, row: usize, block: usize, scale: u16, values: &[i8; BLOCK]) {
        let (tile, lane) = (row / ROWS, row % ROWS);
        let at = tile * self.blocks() + block;
        self.scales[at][lane] = scale;
        for (line, four) in self.lines[at * LINES..][..LINES].iter_mut().zip(values.as_chunks::<4>().0) {
            line.0[lane * 4..][..4].copy_from_slice(&four.map(|value| (value as u8) ^ 0x80));
        }
    }

    /// The values of a row.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        let (lines, scales) = self.tile(row / ROWS);
        let lane = row % ROWS;
        for (i, out) in out.iter_mut().enumerate() {
            let value = (lines[i / 4].0[lane * 4 + i % 4] ^ 0x80) as i8;
            *out = f32::from(value) * half::widen(scales[i / BLOCK][lane]);
        }
    }

    /// The product with every token's activations: `out` is token by token, `rows` each. `wanted` says of which sixteen rows; the
    /// others' places are left as they are.
    pub fn times(&self, tokens: &Activations, out: &mut [f32], level: Level, wanted: impl Fn(usize) -> bool) {
        debug_assert_eq!(tokens.columns, self.columns);
        for tile in (0..self.rows.div_ceil(ROWS)).filter(|tile| wanted(*tile)) {
            let (lines, scales) = self.tile(tile);
            let first = tile * ROWS;
            let count = ROWS.min(self.rows - first);
            kernel::tile(level, lines, scales, tokens, |token, sums| {
                out[token * self.rows + first..][..count].copy_from_slice(&sums[..count]);
            });
        }
    }
}

/// Activations of some tokens, in eight bits.
#[derive(Debug, Default)]
pub struct Activations {
    columns: usize,
    count: usize,
    /// Token by token.
    values: Vec<i8>,
    /// Token by token, of each block: its scale, and 128 times the sum of its values.
    scales: Vec<f32>,
    sums: Vec<i32>,
}

impl Activations {
    /// Takes these values, `columns` for each token. What is no number becomes 0.
    pub fn set(&mut self, values: &[f32], columns: usize) {
        (self.columns, self.count) = (columns, values.len() / columns);
        self.values.clear();
        self.scales.clear();
        self.sums.clear();
        for block in values.as_chunks::<BLOCK>().0 {
            let (scale, values) = quantised(block);
            self.values.extend(values);
            self.scales.push(scale);
            self.sums.push(128 * values.iter().map(|value| i32::from(*value)).sum::<i32>());
        }
    }
}

/// A block in eight bits: each value becomes the nearest of 255 steps, so the error is at most half a step, which is
/// 1/254 of the block's largest magnitude.
#[must_use]
pub fn quantised(block: &[f32; BLOCK]) -> (f32, [i8; BLOCK]) {
    /// Added and taken away again it leaves a whole number, the nearest, ties to even.
    const WHOLE: f32 = 12_582_912.0;
    let largest = block.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = largest / 127.0;
    let by = if scale.is_normal() { scale.recip() } else { 0.0 };
    if by == 0.0 {
        return (0.0, [0; BLOCK]);
    }
    // The low byte of the sum's bits is the whole number in two's complement.
    (scale, block.map(|value| ((value * by) + WHOLE).to_bits() as i8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Matrix {
        let mut matrix = Matrix::zeros(rows, columns);
        for row in 0..rows {
            for block in 0..columns / BLOCK {
                let (scale, values) = quantised(&std::array::from_fn(|i| value(row, block * BLOCK + i)));
                matrix.put(row, block, half::narrow(scale), &values);
            }
        }
        matrix
    }

    fn noise(seed: usize, i: usize) -> f32 {
        let mixed = (seed as u64 * 0x9e37_79b9 + i as u64 * 0x85eb_ca6b).wrapping_mul(0xc2b2_ae35_27d4_eb4f) >> 40;
        mixed as f32 / (1 << 23) as f32 - 1.0
    }

    proptest! {
        #[test]
        fn an_eight_bit_value_is_off_by_half_a_step_at_the_most(values in prop::array::uniform32(-1e4_f32..1e4)) {
            let (scale, eight) = quantised(&values);
            let largest = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            for (value, eight) in values.iter().zip(eight) {
                prop_assert!((value - f32::from(eight) * scale).abs() <= largest / 254.0 * 1.000_1);
            }
        }
    }

    #[test]
    fn odd_blocks_become_zeros_and_no_number_does_no_harm() {
        assert_eq!(quantised(&[0.0; BLOCK]), (0.0, [0; BLOCK]));
        assert_eq!(quantised(&[1e-42; BLOCK]).0, 0.0);
        assert_eq!(quantised(&[f32::INFINITY; BLOCK]).0, 0.0);
        let mut block = [1.0; BLOCK];
        block[3] = f32::NAN;
        assert_eq!(quantised(&block).1[0], 127);
    }

    #[test]
    fn every_kernel_gives_the_same_and_close_to_the_exact_product() {
        for (rows, columns, count) in [(16, 32, 1), (40, 64, 3), (48, 576, 9), (7, 96, 4)] {
            let matrix = matrix(rows, columns, noise);
            let values: Vec<f32> = (0..count * columns).map(|i| 3.0 * noise(99, i)).collect();
            let mut tokens = Activations::default();
            tokens.set(&values, columns);
            let product = |level| {
                let mut out = vec![f32::NAN; count * rows];
                matrix.times(&tokens, &mut out, level, |_| true);
                out
            };
            let plain = product(Level::Plain);
            for level in Level::all() {
                for (one, other) in product(level).iter().zip(&plain) {
                    assert!((one - other).abs() < 1e-4, "{level:?}: {one} and {other}");
                }
            }
            for (place, got) in plain.iter().enumerate() {
                let (token, row) = (place / rows, place % rows);
                let exact: f32 = (0..columns).map(|i| noise(row, i) * values[token * columns + i]).sum();
                assert!((got - exact).abs() < 0.02 * (columns as f32).sqrt(), "{got} and {exact}");
            }
        }
    }

    #[test]
    fn rows_that_nobody_wants_are_left_and_a_row_reads_back() {
        let matrix = matrix(40, 32, noise);
        let mut tokens = Activations::default();
        tokens.set(&[1.0; 32], 32);
        let mut out = vec![7.0; 40];
        matrix.times(&tokens, &mut out, Level::best(), |tile| tile == 1);
        assert!(out[..16].iter().chain(&out[32..]).all(|value| *value == 7.0) && out[16] != 7.0);
        let mut row = [0.0; 32];
        matrix.row(39, &mut row);
        assert!(row.iter().enumerate().all(|(i, value)| (value - noise(39, i)).abs() < 0.005));
        assert_eq!(Matrix::bytes(40, 32), 3 * 16 * 34);
    }
}
