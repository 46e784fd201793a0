//! Symmetric positive definite systems by Cholesky's factorisation.

/// Solves `a x = b` in place of `b`. `a` is symmetric, `n × n` by rows; its lower triangle is overwritten by the factor.
///
/// A pivot that is not above `1e-14` of the largest diagonal is a column that the ones before it make up: its unknown is 0.
///
/// # Source
/// G. H. Golub, C. F. Van Loan, *Matrix Computations*, 4th ed., 4.2 (outer product form, by rows).
pub(crate) fn cholesky_solve(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    let largest = (0..n).map(|i| a[i * n + i]).fold(0.0, f64::max);
    for j in 0..n {
        let (above, row) = a.split_at_mut(j * n);
        for i in 0..j {
            let other = &above[i * n..i * n + i];
            let dot: f64 = row[..i].iter().zip(other).map(|(x, y)| x * y).sum();
            let pivot = above[i * n + i];
            row[i] = if pivot > 0.0 { (row[i] - dot) / pivot } else { 0.0 };
        }
        let square: f64 = row[..j].iter().map(|x| x * x).sum();
        let rest = row[j] - square;
        row[j] = if rest > largest * 1e-14 { libm::sqrt(rest) } else { 0.0 };
    }
    for i in 0..n {
        let dot: f64 = (0..i).map(|k| a[i * n + k] * b[k]).sum();
        b[i] = if a[i * n + i] > 0.0 { (b[i] - dot) / a[i * n + i] } else { 0.0 };
    }
    for i in (0..n).rev() {
        let dot: f64 = (i + 1..n).map(|k| a[k * n + i] * b[k]).sum();
        b[i] = if a[i * n + i] > 0.0 { (b[i] - dot) / a[i * n + i] } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_system_and_one_with_a_column_twice() {
        let mut b = [10.0, 8.0, 3.0];
        cholesky_solve(&mut [4.0, 2.0, 0.0, 2.0, 3.0, 1.0, 0.0, 1.0, 2.0], &mut b);
        let residual = [4.0 * b[0] + 2.0 * b[1], 2.0 * b[0] + 3.0 * b[1] + b[2], b[1] + 2.0 * b[2]];
        assert!(residual.iter().zip([10.0, 8.0, 3.0]).all(|(is, should)| (is - should).abs() < 1e-12), "{residual:?}");
        let mut twice = [2.0, 2.0];
        cholesky_solve(&mut [1.0, 1.0, 1.0, 1.0], &mut twice);
        assert_eq!(twice, [2.0, 0.0]);
    }
}
