//! Cholesky factors of small symmetric matrices, row by row.

/// The lower factor L of a positive definite matrix A = L Lᵀ.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

/// A pivot below this share of its diagonal is rounding: the matrix is singular for what it is used for here.
const PIVOT_MIN: f64 = 1e-13;

impl Cholesky {
    /// Of `matrix`, `size × size`. None when it is not safely positive definite.
    pub fn try_new(matrix: &[f64], size: usize) -> Option<Self> {
        let mut lower = matrix.to_vec();
        for row in 0..size {
            for col in 0..=row {
                let (above, below) = lower.split_at(row * size);
                let a = &below[..col];
                let dot: f64 = match col == row {
                    true => a.iter().map(|x| x * x).sum(),
                    false => a.iter().zip(&above[col * size..]).map(|(x, y)| x * y).sum(),
                };
                let rest = lower[row * size + col] - dot;
                lower[row * size + col] = if col < row {
                    rest / lower[col * size + col]
                } else if rest > PIVOT_MIN * matrix[row * size + row] {
                    libm::sqrt(rest)
                } else {
                    return None;
                };
            }
        }
        Some(Self { size, lower })
    }

    fn row(&self, row: usize) -> &[f64] {
        &self.lower[row * self.size..=row * self.size + row]
    }

    /// x with A x = b, in the place of b.
    pub fn solve(&self, b: &mut [f64]) {
        for row in 0..self.size {
            let lower = self.row(row);
            let dot: f64 = lower[..row].iter().zip(&*b).map(|(l, x)| l * x).sum();
            b[row] = (b[row] - dot) / lower[row];
        }
        for row in (0..self.size).rev() {
            let dot: f64 = (row + 1..self.size).map(|below| self.lower[below * self.size + row] * b[below]).sum();
            b[row] = (b[row] - dot) / self.lower[row * self.size + row];
        }
    }

    /// The logarithm of the determinant of the leading `count × count` part of A.
    pub fn log_determinant(&self, count: usize) -> f64 {
        (0..count).map(|row| 2.0 * libm::log(self.lower[row * self.size + row])).sum()
    }

    /// Columns C with C Cᵀ = A⁻¹ of the leading `count × count` part: those of L⁻ᵀ.
    pub fn inverse_root(&self, count: usize) -> Vec<Vec<f64>> {
        let column = |index: usize| {
            let mut column = vec![0.0; count];
            for row in (0..=index).rev() {
                let dot: f64 = (row + 1..=index).map(|below| self.lower[below * self.size + row] * column[below]).sum();
                let unit = f64::from(u8::from(row == index));
                column[row] = (unit - dot) / self.lower[row * self.size + row];
            }
            column
        };
        (0..count).map(column).collect()
    }
}

/// Columns C with C Cᵀ close to a positive semi-definite matrix: its largest remaining diagonal is taken first, and what
/// is left of every diagonal is at most `tolerance`.
pub(crate) fn low_rank(mut matrix: Vec<f64>, size: usize, tolerance: f64) -> Vec<Vec<f64>> {
    let mut columns: Vec<Vec<f64>> = Vec::new();
    while columns.len() < size {
        let diagonal = |index: &usize| matrix[index * size + index];
        let pivot = (0..size).max_by(|a, b| diagonal(a).total_cmp(&diagonal(b))).unwrap_or(0);
        let largest = matrix.get(pivot * size + pivot).copied().unwrap_or(0.0);
        // Written so that NaN ends it as well.
        if !(largest > tolerance) {
            break;
        }
        let root = libm::sqrt(largest);
        let column: Vec<f64> = (0..size).map(|row| matrix[row * size + pivot] / root).collect();
        for (row, a) in column.iter().enumerate() {
            let out = &mut matrix[row * size..(row + 1) * size];
            out.iter_mut().zip(&column).for_each(|(out, b)| *out -= a * b);
        }
        columns.push(column);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRIX: [f64; 9] = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];

    #[test]
    fn it_solves_and_has_the_determinant() {
        let factor = Cholesky::try_new(&MATRIX, 3).unwrap();
        let mut x = [4.0 + 4.0 + 1.8, 2.0 + 10.0 + 3.0, 0.6 + 2.0 + 9.0];
        factor.solve(&mut x);
        for (found, expected) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!((factor.log_determinant(2) - 16f64.ln()).abs() < 1e-12);
        assert!(Cholesky::try_new(&[1.0, 1.0, 1.0, 1.0], 2).is_none());
    }

    #[test]
    fn roots_multiply_back() {
        let square = |columns: &[Vec<f64>], row: usize, col: usize| -> f64 {
            columns.iter().map(|column| column[row] * column[col]).sum()
        };
        let columns = low_rank(MATRIX.to_vec(), 3, 1e-14);
        let inverse = Cholesky::try_new(&MATRIX, 3).unwrap().inverse_root(3);
        for row in 0..3 {
            for col in 0..3 {
                assert!((square(&columns, row, col) - MATRIX[row * 3 + col]).abs() < 1e-12);
                let product: f64 = (0..3).map(|k| MATRIX[row * 3 + k] * square(&inverse, k, col)).sum();
                assert!((product - f64::from(u8::from(row == col))).abs() < 1e-12);
            }
        }
        assert_eq!(low_rank(vec![1.0, 1.0, 1.0, 1.0], 2, 1e-14).len(), 1);
    }
}
