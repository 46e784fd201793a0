//! The few dense operations that networks need, over row-major slices.
//!
//! Every output is a sum in one order that the source fixes. The inner loops run over *outputs* (axpy form), so the
//! compiler vectorises them without changing the order in which any one output is summed: the result is the same on
//! every CPU, and the same for one row as for that row within many. There is no fused multiply-add: it rounds differently.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// A floating-point number that a network computes with: `f32` to run and train, `f64` to check gradients.
pub trait Real:
    Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The nearest value.
    fn from_f64(value: f64) -> Self;
    /// The same value.
    fn to_f64(self) -> f64;
    /// Hyperbolic tangent; a saturated value is at most 1 in size.
    fn squashed(self) -> Self;
    /// 1 / (1 + e^-x).
    #[inline]
    fn sigmoid(self) -> Self {
        let half = Self::from_f64(0.5);
        half + half * Self::squashed(half * self)
    }
}

impl Real for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline]
    fn from_f64(value: f64) -> Self {
        value as Self
    }

    #[inline]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    /// A ratio of polynomials within 4e-7 of the true value, because it vectorises and `libm::tanhf` does not.
    ///
    /// # Source
    /// The coefficients of Eigen's `generic_fast_tanh_float` (13th over 6th degree, argument clamped).
    #[inline]
    fn squashed(self) -> Self {
        let x = self.clamp(-7.998_811_7, 7.998_811_7);
        let x2 = x * x;
        let above = -2.760_768_5e-16 * x2 + 2.000_188e-13;
        let above = above * x2 - 8.604_672e-11;
        let above = above * x2 + 5.122_297e-8;
        let above = above * x2 + 1.485_722_35e-5;
        let above = above * x2 + 6.372_619_3e-4;
        let above = above * x2 + 4.893_524_6e-3;
        let below = 1.198_258_4e-6 * x2 + 1.185_347_1e-4;
        let below = below * x2 + 2.268_434_6e-3;
        let below = below * x2 + 4.893_525e-3;
        x * above / below
    }
}

impl Real for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    #[inline]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline]
    fn squashed(self) -> Self {
        libm::tanh(self)
    }
}

/// `y += a · x`, element by element.
#[inline]
pub fn axpy<R: Real>(y: &mut [R], a: R, x: &[R]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * *x);
}

/// `y += x · w` for a row `x` of `n` values and `w` of `n × y.len()`.
///
/// Four rows of `w` at a time, so that `y` is read and written a quarter as often: y + (((a0 w0 + a1 w1) + a2 w2) + a3 w3).
///
/// # Panics
/// When `w` is not `x.len() × y.len()`.
pub fn row_times<R: Real>(y: &mut [R], x: &[R], w: &[R]) {
    let width = y.len();
    assert_eq!(w.len(), x.len() * width, "invariant: a matrix of x rows and y columns");
    if width == 0 {
        return;
    }
    let mut rows = w.chunks_exact(4 * width);
    let mut fours = x.chunks_exact(4);
    for (block, four) in (&mut rows).zip(&mut fours) {
        let (w0, rest) = block.split_at(width);
        let (w1, rest) = rest.split_at(width);
        let (w2, w3) = rest.split_at(width);
        let (a0, a1, a2, a3) = (four[0], four[1], four[2], four[3]);
        for ((((y, w0), w1), w2), w3) in y.iter_mut().zip(w0).zip(w1).zip(w2).zip(w3) {
            *y += a0 * *w0 + a1 * *w1 + a2 * *w2 + a3 * *w3;
        }
    }
    let left = rows.remainder().chunks_exact(width);
    fours.remainder().iter().zip(left).for_each(|(a, row)| axpy(y, *a, row));
}

/// `y += x · w` row by row: `y` of `rows × columns`, `x` of `rows × n`, `w` of `n × columns`.
pub fn rows_times<R: Real>(y: &mut [R], x: &[R], w: &[R], columns: usize) {
    let rows = y.len() / columns.max(1);
    let n = x.len() / rows.max(1);
    y.chunks_exact_mut(columns.max(1)).zip(x.chunks_exact(n.max(1))).for_each(|(y, x)| row_times(y, x, w));
}

/// `w += xᵀ · z` for rows `x` of `n` values and `z` of `columns` values: the gradient of a weight matrix.
pub fn outer_add<R: Real>(w: &mut [R], x: &[R], z: &[R], columns: usize) {
    let rows = z.len() / columns.max(1);
    let n = x.len() / rows.max(1);
    for (x, z) in x.chunks_exact(n.max(1)).zip(z.chunks_exact(columns.max(1))) {
        w.chunks_exact_mut(columns.max(1)).zip(x).for_each(|(w, x)| axpy(w, *x, z));
    }
}

/// `b += Σ rows of z`: the gradient of a bias.
pub fn rows_add<R: Real>(b: &mut [R], z: &[R]) {
    z.chunks_exact(b.len().max(1)).for_each(|row| axpy(b, R::ONE, row));
}

/// The transpose of `w`, which has `columns` columns.
#[must_use]
pub fn transposed<R: Real>(w: &[R], columns: usize) -> Vec<R> {
    let columns = columns.max(1);
    (0..columns).flat_map(|column| w.iter().skip(column).step_by(columns).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_tangent_stays_close_to_the_exact_one() {
        let (mut worst, mut worst_sigmoid) = (0.0_f64, 0.0_f64);
        for step in -40_000..=40_000 {
            let x = step as f32 / 2_000.0;
            worst = worst.max((Real::squashed(x).to_f64() - libm::tanh(f64::from(x))).abs());
            let exact = 1.0 / (1.0 + libm::exp(-f64::from(x)));
            worst_sigmoid = worst_sigmoid.max((x.sigmoid().to_f64() - exact).abs());
        }
        assert!(worst < 4e-7 && worst_sigmoid < 2e-7, "{worst} {worst_sigmoid}");
        assert!(Real::squashed(f32::INFINITY) <= 1.0 && Real::squashed(-1e30_f32) >= -1.0);
    }

    #[test]
    fn products_are_what_the_definition_says_for_every_length() {
        for (rows, n, columns) in [(1, 1, 1), (2, 3, 5), (3, 4, 2), (1, 9, 17), (2, 13, 8)] {
            let x: Vec<f64> = (0..rows * n).map(|i| (i * 7 % 11) as f64 - 5.0).collect();
            let w: Vec<f64> = (0..n * columns).map(|i| (i * 5 % 13) as f64 - 6.0).collect();
            let mut y = vec![1.0; rows * columns];
            rows_times(&mut y, &x, &w, columns);
            for r in 0..rows {
                for c in 0..columns {
                    let exact: f64 = (0..n).map(|i| x[r * n + i] * w[i * columns + c]).sum();
                    assert_eq!(y[r * columns + c], 1.0 + exact, "{rows} {n} {columns}");
                }
            }
            let mut gradient = vec![0.0; n * columns];
            outer_add(&mut gradient, &x, &y, columns);
            let exact: f64 = (0..rows).map(|r| x[r * n + n - 1] * y[r * columns]).sum();
            assert_eq!(gradient[(n - 1) * columns], exact);
            assert_eq!(transposed(&transposed(&w, columns), n), w);
            let mut bias = vec![0.0; columns];
            rows_add(&mut bias, &y);
            assert_eq!(bias[0], (0..rows).map(|r| y[r * columns]).sum::<f64>());
        }
    }
}
