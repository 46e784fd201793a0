//! Draws from the distributions that traffic and service times are modelled with.
//!
//! Every function takes the generator and the distribution's parameters and returns one draw. Parameters outside the
//! stated range give a defined value instead of a panic.

use crate::random::Random;

impl Random {
    /// Exponential with this mean (> 0): the time to the next arrival of a Poisson stream. Zero for any other mean.
    ///
    /// # Source
    /// Inversion: -mean × ln(1 - U), U uniform in [0, 1).
    pub fn exponential(&mut self, mean: f64) -> f64 {
        if mean > 0.0 { -mean * libm::log1p(-self.unit()) } else { 0.0 }
    }

    /// Normal with mean 0 and standard deviation 1.
    ///
    /// # Source
    /// G. Marsaglia, T. Bray, "A Convenient Method for Generating Normal Variables", SIAM Review 6(3), 1964 (polar
    /// method); the second value of each pair is thrown away, so that a draw depends on the state alone.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * libm::sqrt(-2.0 * libm::log(square) / square);
            }
        }
    }

    /// Log-normal with this mean (> 0) and coefficient of variation (standard deviation / mean, ≥ 0); the mean itself
    /// when either is out of range.
    ///
    /// # Source
    /// σ² = ln(1 + cv²), μ = ln(mean) - σ²/2.
    pub fn log_normal(&mut self, mean: f64, variation: f64) -> f64 {
        if !(mean > 0.0 && variation > 0.0) {
            return mean;
        }
        let variance = libm::log1p(variation * variation);
        mean * libm::exp(libm::sqrt(variance) * self.normal() - variance / 2.0)
    }

    /// Poisson with this mean: how many arrivals fall in an interval. Zero unless the mean is positive and finite.
    ///
    /// # Source
    /// Up to 30, D. Knuth, TAOCP vol. 2, 3.4.1 (a product of uniforms); above, W. Hörmann, "The Transformed Rejection
    /// Method for Generating Poisson Random Variables", Insurance: Mathematics and Economics 12, 1993 (PTRS).
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if !(mean > 0.0 && mean.is_finite()) {
            return 0;
        }
        if mean <= 30.0 { self.poisson_by_product(mean) } else { self.poisson_by_rejection(mean) }
    }

    fn poisson_by_product(&mut self, mean: f64) -> u64 {
        let limit = libm::exp(-mean);
        let mut product = self.unit();
        let mut count = 0;
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    fn poisson_by_rejection(&mut self, mean: f64) -> u64 {
        let b = 0.931 + 2.53 * libm::sqrt(mean);
        let a = -0.059 + 0.024_83 * b;
        let squeeze = 0.9277 - 3.6224 / (b - 2.0);
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        loop {
            let u = self.unit() - 0.5;
            let v = self.unit();
            let distance = 0.5 - u.abs();
            let k = libm::floor((2.0 * a / distance + b) * u + mean + 0.43);
            if distance >= 0.07 && v <= squeeze {
                return k as u64;
            }
            if k < 0.0 || (distance < 0.013 && v > distance) {
                continue;
            }
            let left = libm::log(v * inverse_alpha / (a / (distance * distance) + b));
            if left <= k * libm::log(mean) - mean - libm::lgamma(k + 1.0) {
                return k as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moments::Moments;

    fn moments(mut draw: impl FnMut(&mut Random) -> f64) -> Moments {
        let mut random = Random::new(42);
        let mut moments = Moments::default();
        (0..200_000).for_each(|_| moments.add(draw(&mut random)));
        moments
    }

    fn check(moments: Moments, mean: f64, variance: f64) {
        assert!((moments.mean() / mean - 1.0).abs() < 0.02, "mean {} for {mean}", moments.mean());
        assert!((moments.variance() / variance - 1.0).abs() < 0.05, "variance {} for {variance}", moments.variance());
    }

    #[test]
    fn draws_have_the_moments_they_are_asked_for() {
        check(moments(|random| random.unit() + 1.0), 1.5, 1.0 / 12.0);
        check(moments(|random| random.exponential(3.0)), 3.0, 9.0);
        check(moments(|random| random.normal() + 5.0), 5.0, 1.0);
        check(moments(|random| random.log_normal(10.0, 0.5)), 10.0, 25.0);
        for mean in [0.3, 7.0, 30.0, 31.0, 400.0] {
            check(moments(|random| random.poisson(mean) as f64), mean, mean);
        }
    }

    #[test]
    fn parameters_out_of_range_give_a_defined_value() {
        let mut random = Random::new(1);
        assert_eq!((random.exponential(-1.0), random.poisson(f64::NAN), random.poisson(f64::INFINITY)), (0.0, 0, 0));
        assert_eq!((random.log_normal(4.0, 0.0), random.log_normal(-2.0, 1.0)), (4.0, -2.0));
    }
}
