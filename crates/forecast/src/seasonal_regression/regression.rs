//! Ridge regression for least absolute errors: normal equations by Cholesky, a few rounds of reweighting.

use super::features::{Row, TERMS_MAX};

/// Rounds of reweighting after plain least squares: the third changes M4's error in the fourth digit.
const ROUNDS: usize = 2;
/// Residuals below this share of their median weigh the same: without it an exact fit would weigh infinitely.
const CORE: f64 = 0.5;

/// Coefficients by place in the row, and the residual of every row.
pub(super) struct Estimate {
    pub(super) coefficients: Row,
    pub(super) residuals: Vec<f64>,
}

/// Minimises Σ |residual| / rows + penalty, approximately, the terms scaled to a mean square of 1.
pub(super) fn estimate(rows: &[Row], targets: &[f64], terms: usize, ridge: f64) -> Estimate {
    let scales = scales(rows, terms);
    let scaled: Vec<Row> = rows.iter().map(|row| std::array::from_fn(|place| row[place] * scales[place])).collect();
    let mut weights = vec![1.0; rows.len()];
    let mut residuals = targets.to_vec();
    let mut solution = [0.0; TERMS_MAX];
    for round in 0..=ROUNDS {
        solution = weighted(&scaled, targets, &weights, terms, ridge);
        for ((row, target), residual) in scaled.iter().zip(targets).zip(&mut residuals) {
            *residual = target - dot(row, &solution, terms);
        }
        if round < ROUNDS {
            reweigh(&residuals, &mut weights);
        }
    }
    Estimate { coefficients: std::array::from_fn(|place| solution[place] * scales[place]), residuals }
}

fn dot(row: &Row, other: &Row, terms: usize) -> f64 {
    row[..terms].iter().zip(&other[..terms]).map(|(a, b)| a * b).sum()
}

/// One over the root mean square of each term; 0 for a term that is always 0, which drops it.
fn scales(rows: &[Row], terms: usize) -> Row {
    let mut squares = [0.0; TERMS_MAX];
    for row in rows {
        row[..terms].iter().zip(&mut squares).for_each(|(value, sum)| *sum += value * value);
    }
    squares.map(|sum| if sum > 0.0 { 1.0 / libm::sqrt(sum / rows.len() as f64) } else { 0.0 })
}

fn reweigh(residuals: &[f64], weights: &mut [f64]) {
    let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    let middle = sizes.len() / 2;
    let median = *sizes.select_nth_unstable_by(middle, f64::total_cmp).1;
    if median > 0.0 {
        weights.iter_mut().zip(residuals).for_each(|(weight, r)| *weight = median / r.abs().max(CORE * median));
    }
}

/// Solves (XᵀWX / Σw + ridge·I) b = XᵀWy / Σw.
fn weighted(rows: &[Row], targets: &[f64], weights: &[f64], terms: usize, ridge: f64) -> Row {
    let mut gram = [[0.0; TERMS_MAX]; TERMS_MAX];
    let mut right = [0.0; TERMS_MAX];
    let mut total = 0.0;
    for ((row, target), weight) in rows.iter().zip(targets).zip(weights) {
        total += weight;
        for place in 0..terms {
            let heavy = weight * row[place];
            right[place] += heavy * target;
            for (cell, value) in gram[place][..=place].iter_mut().zip(row) {
                *cell += heavy * value;
            }
        }
    }
    for place in 0..terms {
        gram[place].iter_mut().for_each(|cell| *cell /= total);
        gram[place][place] += ridge;
        right[place] /= total;
    }
    cholesky_solve(&mut gram, right, terms)
}

/// Solves with the lower triangle of a positive definite matrix. The ridge keeps every pivot positive.
fn cholesky_solve(gram: &mut [[f64; TERMS_MAX]; TERMS_MAX], mut right: Row, terms: usize) -> Row {
    for i in 0..terms {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| gram[i][k] * gram[j][k]).sum();
            let rest = gram[i][j] - known;
            gram[i][j] = if i == j { libm::sqrt(rest.max(f64::MIN_POSITIVE)) } else { rest / gram[j][j] };
        }
        let known: f64 = (0..i).map(|k| gram[i][k] * right[k]).sum();
        right[i] = (right[i] - known) / gram[i][i];
    }
    for i in (0..terms).rev() {
        let known: f64 = (i + 1..terms).map(|k| gram[k][i] * right[k]).sum();
        right[i] = (right[i] - known) / gram[i][i];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_in_spite_of_outliers() {
        let rows: Vec<Row> =
            (0..60).map(|x| std::array::from_fn(|p| [1.0, f64::from(x % 13)].get(p).copied().unwrap_or(0.0))).collect();
        let targets: Vec<f64> =
            rows.iter().enumerate().map(|(i, row)| if i % 10 == 3 { 900.0 } else { 2.0 + 3.0 * row[1] }).collect();
        let found = estimate(&rows, &targets, 2, 1e-9);
        let plain = weighted(&rows, &targets, &[1.0; 60], 2, 1e-9);
        assert!((found.coefficients[1] - 3.0).abs() < 1.0 && (found.coefficients[0] - 2.0).abs() < 12.0);
        assert!(plain[0] > 50.0, "least squares is led astray: {plain:?}");
    }

    #[test]
    fn a_term_that_is_always_nothing_gets_nothing() {
        let rows = [[0.0; TERMS_MAX]; 5];
        assert_eq!(estimate(&rows, &[1.0; 5], 3, 0.1).coefficients, [0.0; TERMS_MAX]);
    }
}
