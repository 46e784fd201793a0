//! Mean and variance in one pass, without the cancellation that a sum of squares suffers.
//!
//! # Source
//! B. Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products", Technometrics 4(3), 1962.

/// Count, mean and variance of the values seen so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Takes a value in; one that is not finite is left out, because it would spoil every later figure.
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1;
        let distance = value - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (value - self.mean);
    }

    /// How many values were taken in.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; zero before the first.
    #[must_use]
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Their sample variance (divided by n - 1); zero before the second.
    #[must_use]
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count - 1) as f64 }
    }

    /// Their sample standard deviation.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        libm::sqrt(self.variance())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_large_offset_costs_no_precision() {
        let mut moments = Moments::default();
        [4.0, 7.0, 13.0, 16.0, f64::NAN].iter().for_each(|value| moments.add(1e9 + value));
        assert_eq!((moments.count(), moments.mean(), moments.variance()), (4, 1e9 + 10.0, 30.0));
    }

    proptest! {
        #[test]
        fn it_agrees_with_two_passes(values in proptest::collection::vec(-1e3_f64..1e3, 2..50)) {
            let mut moments = Moments::default();
            values.iter().for_each(|value| moments.add(*value));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (values.len() - 1) as f64;
            prop_assert!((moments.mean() - mean).abs() < 1e-9);
            prop_assert!((moments.variance() - variance).abs() < 1e-6);
        }
    }
}
