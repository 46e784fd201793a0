//! Quantile regression: the linear model that minimises the pinball loss.

use super::{LeastSquares, LinearModel};

/// Rounds of reweighting.
const ROUNDS: usize = 25;

/// The linear model of the `level` quantile, with a ridge `penalty`, by majorisation: each round is least squares with
/// rows weighted by 1 / |error| and targets shifted for the slope that quantiles have.
///
/// It is approximate to the smoothing of errors below 1e-3 of their mean size, which is far below what quantiles of a few
/// thousand rows can tell. A level so high that fewer than ten rows lie above it is not worth asking for.
///
/// # Source
/// D. R. Hunter, K. Lange, "Quantile Regression via an MM Algorithm", Journal of Computational and Graphical Statistics
/// 9(1), 2000.
#[must_use]
pub fn quantile_regression(x: &[f64], width: usize, y: &[f64], level: f64, penalty: f64) -> LinearModel {
    let mut model = LeastSquares::new(x, width, y).ridge(penalty);
    let mut weights = vec![1.0; y.len()];
    let mut shifted = y.to_vec();
    for _ in 0..ROUNDS {
        let errors = x.chunks_exact(width.max(1)).zip(y).map(|(row, y)| y - model.predict(row));
        let errors: Vec<f64> = errors.collect();
        let size = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len().max(1) as f64;
        if size == 0.0 {
            break;
        }
        let smoothing = size * 1e-3;
        for (row, error) in errors.iter().enumerate() {
            // Majoriser of ρ(e): ¼ e²/(ε + |e_old|) + (level − ½) e, whose minimum is least squares on a shifted target.
            let width = smoothing + error.abs();
            weights[row] = size / width;
            shifted[row] = y[row] + (2.0 * level - 1.0) * width;
        }
        model = LeastSquares::weighted(x, width, &shifted, Some(&weights)).ridge(penalty);
    }
    model
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn a_share_of_the_rows_lies_below_and_the_slope_is_that_of_the_spread() {
        let mut random = Random::new(1);
        let x: Vec<f64> = (0..4_000).map(|_| random.unit()).collect();
        // Uniform errors that widen with x: the q quantile is x (1 + q).
        let y: Vec<f64> = x.iter().map(|x| x * (1.0 + random.unit())).collect();
        for level in [0.1, 0.5, 0.9] {
            let model = quantile_regression(&x, 1, &y, level, 0.0);
            assert!((model.weights[0] - 1.0 - level).abs() < 0.03, "{level}: {model:?}");
            let below = x.iter().zip(&y).filter(|(x, y)| **y <= model.predict(&[**x])).count() as f64;
            assert!((below / 4_000.0 - level).abs() < 0.01, "{level}: {below}");
        }
    }
}
