//! The distributions that load is drawn from, over the shared seeded generator.
//!
//! # Source
//! Normal deviates: G. Box, M. Muller, "A Note on the Generation of Random Normal Deviates", 1958.

use plimsoll_stats::Random;

/// Exponential with mean 1: finite, because 1 - unit is never 0.
pub(crate) fn exponential(random: &mut Random) -> f64 {
    -(1.0 - random.unit()).ln()
}

/// Normal with mean 0 and variance 1.
pub(crate) fn normal(random: &mut Random) -> f64 {
    let radius = (2.0 * exponential(random)).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deviates_have_their_moments() {
        let mut random = Random::new(1);
        let count = 200_000;
        let draws: Vec<(f64, f64)> = (0..count).map(|_| (exponential(&mut random), normal(&mut random))).collect();
        let mean = |pick: fn(&(f64, f64)) -> f64| draws.iter().map(pick).sum::<f64>() / f64::from(count);
        assert!((mean(|draw| draw.0) - 1.0).abs() < 0.01);
        assert!((mean(|draw| draw.0 * draw.0) - 2.0).abs() < 0.05);
        assert!(mean(|draw| draw.1).abs() < 0.01);
        assert!((mean(|draw| draw.1 * draw.1) - 1.0).abs() < 0.02);
    }
}
