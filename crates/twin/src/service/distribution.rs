//! How long things take: a mean and a shape, drawn from by the exact tier and cut into slices by the fast one.
//!
//! Few shapes, because a recording of latencies tells a mean, a spread and little more. Log-normal is the default: the
//! long tail of a service. The others are there for what is known (a constant), for theory (exponential), and for work
//! of two kinds (hyper-exponential: many short requests, few long ones).

use plimsoll_stats::Random;
use plimsoll_stats::normal::quantile as normal_quantile;
use serde::{Deserialize, Serialize};

/// The shape of a distribution; its mean is given beside it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Always the mean.
    Constant,
    /// Exponential: standard deviation equal to the mean.
    Exponential,
    /// Log-normal with the distribution's `variation`.
    #[default]
    LogNormal,
    /// Two exponentials with balanced means: as often as not, half of all work is in either. `variation` at least 1.
    HyperExponential,
}

/// A positive random time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Mean in milliseconds, at least 0.
    pub mean_ms: f64,
    /// Coefficient of variation: standard deviation over mean, 0 to 20. Not read for `constant` and `exponential`.
    #[serde(default)]
    pub variation: f64,
    /// Its shape.
    #[serde(default)]
    pub shape: Shape,
}

impl Distribution {
    /// Always the same.
    #[must_use]
    pub const fn constant(mean_ms: f64) -> Self {
        Self { mean_ms, variation: 0.0, shape: Shape::Constant }
    }

    /// Exponential.
    #[must_use]
    pub const fn exponential(mean_ms: f64) -> Self {
        Self { mean_ms, variation: 1.0, shape: Shape::Exponential }
    }

    /// Log-normal.
    #[must_use]
    pub const fn log_normal(mean_ms: f64, variation: f64) -> Self {
        Self { mean_ms, variation, shape: Shape::LogNormal }
    }

    /// Two exponentials, balanced.
    #[must_use]
    pub const fn hyper_exponential(mean_ms: f64, variation: f64) -> Self {
        Self { mean_ms, variation, shape: Shape::HyperExponential }
    }

    /// Squared coefficient of variation.
    #[must_use]
    pub fn squared_variation(&self) -> f64 {
        match self.shape {
            Shape::Constant => 0.0,
            Shape::Exponential => 1.0,
            Shape::LogNormal => self.variation * self.variation,
            Shape::HyperExponential => (self.variation * self.variation).max(1.0),
        }
    }

    /// Chance of the shorter kind of a hyper-exponential, and the two means as multiples of the mean.
    ///
    /// # Source
    /// Balanced means, W. Whitt, "Approximating a Point Process by a Renewal Process", Operations Research 30(1), 1982:
    /// `p = (1 + √((c²−1)/(c²+1)))/2`, means `1/(2p)` and `1/(2(1−p))`.
    #[must_use]
    pub fn kinds(&self) -> (f64, f64, f64) {
        let square = self.squared_variation();
        let often = f64::midpoint(1.0, libm::sqrt((square - 1.0) / (square + 1.0)));
        (often, 0.5 / often, 0.5 / (1.0 - often))
    }

    /// One draw as a multiple of the mean.
    pub fn draw(&self, random: &mut Random) -> f64 {
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Exponential => random.exponential(1.0),
            Shape::LogNormal => random.log_normal(1.0, self.variation),
            Shape::HyperExponential => {
                let (often, short, long) = self.kinds();
                let mean = if random.unit() < often { short } else { long };
                random.exponential(mean)
            }
        }
    }

    /// The multiple of the mean that a share `p` (0 ≤ p < 1) of draws stays below.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Exponential => -libm::log1p(-p),
            Shape::LogNormal if p <= 0.0 => 0.0,
            Shape::LogNormal => {
                let variance = libm::log1p(self.squared_variation());
                libm::exp(libm::sqrt(variance) * normal_quantile(p) - variance / 2.0)
            }
            Shape::HyperExponential => self.mixed_quantile(p),
        }
    }

    fn mixed_quantile(&self, p: f64) -> f64 {
        let (often, short, long) = self.kinds();
        let above = |x: f64| often * libm::exp(-x / short) + (1.0 - often) * libm::exp(-x / long);
        let (mut low, mut high) = (0.0, -long * libm::log1p(-p) + 1.0);
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if above(middle) > 1.0 - p { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Distribution; 5] = [
        Distribution::constant(2.0),
        Distribution::exponential(2.0),
        Distribution::log_normal(2.0, 0.5),
        Distribution::log_normal(2.0, 2.0),
        Distribution::hyper_exponential(2.0, 3.0),
    ];

    #[test]
    fn draws_have_the_mean_the_variation_and_the_quantiles_they_say() {
        for distribution in ALL {
            let mut random = Random::new(11);
            let mut draws: Vec<f64> = (0..400_000).map(|_| distribution.draw(&mut random)).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let square = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / draws.len() as f64;
            assert!((mean - 1.0).abs() < 0.02, "{distribution:?} mean {mean}");
            let wanted = distribution.squared_variation();
            assert!((square - wanted).abs() <= 0.08 * wanted, "{distribution:?} square {square}");
            draws.sort_by(f64::total_cmp);
            for p in [0.1, 0.5, 0.95, 0.99] {
                let (seen, said) = (draws[(p * draws.len() as f64) as usize], distribution.quantile(p));
                assert!((seen / said - 1.0).abs() < 0.03, "{distribution:?} {p}: {seen} {said}");
            }
        }
    }
}
