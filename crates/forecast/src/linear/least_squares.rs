//! Least squares on standardised columns, with a ridge or an elastic-net penalty.

use super::solve::cholesky_solve;
use serde::{Deserialize, Serialize};

/// An intercept and one weight per column, in the units of the columns.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LinearModel {
    /// What is said of a row of zeros.
    pub intercept: f64,
    /// One per column.
    pub weights: Vec<f64>,
}

impl LinearModel {
    /// What it says of a row; NaN when the row has a gap.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        row.iter().zip(&self.weights).fold(self.intercept, |sum, (value, weight)| sum + value * weight)
    }
}

/// A regression problem with its products computed once, so that every penalty after the first is cheap.
///
/// Columns and target are standardised (mean 0, population deviation 1): penalties mean the same whatever the units are.
#[derive(Debug, Clone)]
pub struct LeastSquares {
    rows: usize,
    means: Vec<f64>,
    /// 0 for a constant column, which has weight 0.
    deviations: Vec<f64>,
    target_mean: f64,
    target_deviation: f64,
    /// Correlations between the columns, by rows.
    gram: Vec<f64>,
    /// Correlations of the columns with the target.
    moment: Vec<f64>,
}

/// Rounds of coordinate descent at most.
const ROUNDS_MAX: usize = 1_000;
/// Coordinate descent ends when no standardised weight moved by more than this.
const MOVED_MIN: f64 = 1e-7;

impl LeastSquares {
    /// From `x`, `targets × width` by rows, and `y`, without gaps.
    ///
    /// # Panics
    /// When the sizes do not fit.
    #[must_use]
    pub fn new(x: &[f64], width: usize, y: &[f64]) -> Self {
        Self::weighted(x, width, y, None)
    }

    /// The same with a weight above 0 per row.
    pub(crate) fn weighted(x: &[f64], width: usize, y: &[f64], weights: Option<&[f64]>) -> Self {
        assert_eq!(x.len(), width * y.len(), "invariant: a row per target");
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let total = (0..y.len()).map(weight).sum::<f64>().max(f64::MIN_POSITIVE);
        let mut means = vec![0.0; width];
        for (row, values) in x.chunks_exact(width.max(1)).enumerate() {
            means.iter_mut().zip(values).for_each(|(mean, value)| *mean += weight(row) * value);
        }
        means.iter_mut().for_each(|mean| *mean /= total);
        let target_mean = y.iter().enumerate().map(|(row, value)| weight(row) * value).sum::<f64>() / total;
        let mut problem = Self {
            rows: y.len(),
            deviations: vec![0.0; width],
            gram: vec![0.0; width * width],
            moment: vec![0.0; width],
            means,
            target_mean,
            target_deviation: 0.0,
        };
        problem.accumulate(x, y, total, &weight);
        problem.normalise();
        problem
    }

    /// Covariances of columns and target.
    fn accumulate(&mut self, x: &[f64], y: &[f64], total: f64, weight: &dyn Fn(usize) -> f64) {
        let width = self.means.len();
        let mut centred = vec![0.0; width];
        for (index, target) in y.iter().enumerate() {
            let row = &x[index * width..(index + 1) * width];
            let share = weight(index) / total;
            centred.iter_mut().zip(row).zip(&self.means).for_each(|((out, value), mean)| *out = value - mean);
            let target = target - self.target_mean;
            self.target_deviation += share * target * target;
            for (column, value) in centred.iter().enumerate() {
                let value = value * share;
                self.moment[column] += value * target;
                let products = &mut self.gram[column * width..column * width + column + 1];
                products.iter_mut().zip(&centred).for_each(|(sum, other)| *sum += value * other);
            }
        }
        self.target_deviation = libm::sqrt(self.target_deviation);
    }

    /// Covariances to correlations.
    fn normalise(&mut self) {
        let width = self.means.len();
        for column in 0..width {
            let deviation = libm::sqrt(self.gram[column * width + column]);
            // A constant column of large values has a deviation of rounding errors.
            let real = deviation > self.means[column].abs() * 1e-12 && deviation > 0.0;
            self.deviations[column] = if real { deviation } else { 0.0 };
        }
        let inverse = |deviation: f64| if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        let target = inverse(self.target_deviation);
        for row in 0..width {
            let own = inverse(self.deviations[row]);
            self.moment[row] *= own * target;
            for column in 0..=row {
                let value = self.gram[row * width + column] * own * inverse(self.deviations[column]);
                self.gram[row * width + column] = value;
                self.gram[column * width + row] = value;
            }
        }
    }

    /// Rows it was made of.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Minimises mean square error + `penalty` × Σ weight², both standardised. Tiny penalties are raised to 1e-10, which
    /// keeps columns that make each other up apart.
    ///
    /// # Source
    /// A. E. Hoerl, R. W. Kennard, "Ridge Regression", Technometrics 12(1), 1970.
    #[must_use]
    pub fn ridge(&self, penalty: f64) -> LinearModel {
        let width = self.means.len();
        let mut gram = self.gram.clone();
        for column in 0..width {
            gram[column * width + column] += penalty.max(1e-10);
        }
        let mut weights = self.moment.clone();
        cholesky_solve(&mut gram, &mut weights);
        self.in_units(weights)
    }

    /// Minimises ½ mean square error + `penalty` × (`share` Σ |weight| + ½ (1 − `share`) Σ weight²), standardised, by
    /// cyclic coordinate descent on the products.
    ///
    /// # Source
    /// J. Friedman, T. Hastie, R. Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate Descent",
    /// Journal of Statistical Software 33(1), 2010, 2.2 (covariance updates).
    #[must_use]
    pub fn elastic_net(&self, penalty: f64, share: f64) -> LinearModel {
        let width = self.means.len();
        let (first, second) = (penalty * share, penalty * (1.0 - share));
        let mut weights = vec![0.0; width];
        // What of each column's correlation with the target the others leave.
        let mut left = self.moment.clone();
        for _ in 0..ROUNDS_MAX {
            let mut moved: f64 = 0.0;
            for column in (0..width).filter(|column| self.deviations[*column] > 0.0) {
                let gradient = left[column] + weights[column];
                let shrunk = (gradient.abs() - first).max(0.0) / (1.0 + second);
                let new = if gradient < 0.0 { -shrunk } else { shrunk };
                let step = new - weights[column];
                if step != 0.0 {
                    weights[column] = new;
                    let products = &self.gram[column * width..(column + 1) * width];
                    left.iter_mut().zip(products).for_each(|(left, product)| *left -= step * product);
                    moved = moved.max(step.abs());
                }
            }
            if moved < MOVED_MIN {
                break;
            }
        }
        self.in_units(weights)
    }

    /// Standardised weights in the units of the columns.
    fn in_units(&self, mut weights: Vec<f64>) -> LinearModel {
        let mut intercept = self.target_mean;
        for ((weight, deviation), mean) in weights.iter_mut().zip(&self.deviations).zip(&self.means) {
            *weight = if *deviation > 0.0 { *weight * self.target_deviation / deviation } else { 0.0 };
            intercept -= *weight * mean;
        }
        LinearModel { intercept, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_relation_is_found_and_a_constant_column_has_no_weight() {
        let x: Vec<f64> = (0..20).flat_map(|i| [f64::from(i), f64::from(i * i % 7), 1e9]).collect();
        let y: Vec<f64> = x.chunks(3).map(|row| 3.0 + 2.0 * row[0] - 0.5 * row[1]).collect();
        let problem = LeastSquares::new(&x, 3, &y);
        for model in [problem.ridge(0.0), problem.elastic_net(1e-9, 0.5)] {
            assert!((model.weights[0] - 2.0).abs() < 1e-4 && (model.weights[1] + 0.5).abs() < 1e-4, "{model:?}");
            assert_eq!(model.weights[2], 0.0);
            assert!((model.predict(&[1.0, 1.0, 1e9]) - 4.5).abs() < 1e-4);
        }
    }

    #[test]
    fn the_lasso_drops_what_says_nothing() {
        let x: Vec<f64> = (0..40).flat_map(|i| [f64::from(i), f64::from(i * 13 % 7)]).collect();
        let y: Vec<f64> = x.chunks(2).map(|row| row[0]).collect();
        let model = LeastSquares::new(&x, 2, &y).elastic_net(0.1, 1.0);
        assert!(model.weights[0] > 0.85 && model.weights[1] == 0.0, "{model:?}");
    }
}
