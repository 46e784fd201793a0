//! The discrete Fourier transform of any length: radix 2, and Bluestein's algorithm for other lengths.
//!
//! Own code because it has to give the same bits on any CPU, and libraries choose their instructions at run time. It is
//! used once per series, so it is simple instead of as fast as can be.
//!
//! # Source
//! J. W. Cooley, J. W. Tukey, "An Algorithm for the Machine Calculation of Complex Fourier Series", 1965; L. I.
//! Bluestein, "A Linear Filtering Approach to the Computation of Discrete Fourier Transform", 1970.

/// A complex number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Complex {
    pub re: f64,
    pub im: f64,
}

impl Complex {
    /// On the unit circle, at `turns` of a full turn.
    fn turn(turns: f64) -> Self {
        let (im, re) = libm::sincos(std::f64::consts::TAU * turns);
        Self { re, im }
    }

    fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    const fn conjugate(self) -> Self {
        Self { re: self.re, im: -self.im }
    }

    /// The square of its size.
    pub const fn power(self) -> f64 {
        self.re * self.re + self.im * self.im
    }
}

/// Transforms in place: X(k) = Σ x(j) e^(-2πi jk/n), for a length that is a power of two.
fn radix2(values: &mut [Complex]) {
    let len = values.len();
    if len < 2 {
        return;
    }
    let bits = len.trailing_zeros();
    for index in 0..len {
        let swapped = index.reverse_bits() >> (usize::BITS - bits);
        if index < swapped {
            values.swap(index, swapped);
        }
    }
    let twiddles: Vec<Complex> = (0..len / 2).map(|k| Complex::turn(-(k as f64) / len as f64)).collect();
    let mut half = 1;
    while half < len {
        let stride = len / (2 * half);
        for block in values.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                let turned = b.times(twiddles[k * stride]);
                *b = Complex { re: a.re - turned.re, im: a.im - turned.im };
                *a = Complex { re: a.re + turned.re, im: a.im + turned.im };
            }
        }
        half *= 2;
    }
}

/// The inverse of [`radix2`], times the length.
fn radix2_back(values: &mut [Complex]) {
    values.iter_mut().for_each(|value| *value = value.conjugate());
    radix2(values);
    values.iter_mut().for_each(|value| *value = value.conjugate());
}

/// The transform of real values of any length, frequency 0 first.
pub(super) fn transform(values: &[f64]) -> Vec<Complex> {
    let len = values.len();
    let complex = |value: &f64| Complex { re: *value, im: 0.0 };
    if len.is_power_of_two() || len < 2 {
        let mut out: Vec<Complex> = values.iter().map(complex).collect();
        radix2(&mut out);
        return out;
    }
    // jk = (j² + k² - (k - j)²)/2 makes it a convolution with a chirp. j² is taken modulo 2n before it becomes an
    // angle, so that large lengths lose no precision.
    let chirp: Vec<Complex> = (0..len)
        .map(|j| Complex::turn(-((j as u128 * j as u128 % (2 * len as u128)) as f64) / (2 * len) as f64))
        .collect();
    let padded = (2 * len - 1).next_power_of_two();
    let mut signal = vec![Complex::default(); padded];
    for (out, (value, turn)) in signal.iter_mut().zip(values.iter().zip(&chirp)) {
        *out = Complex { re: turn.re * value, im: turn.im * value };
    }
    let mut kernel = vec![Complex::default(); padded];
    for (j, turn) in chirp.iter().enumerate() {
        kernel[j] = turn.conjugate();
        kernel[(padded - j) % padded] = turn.conjugate();
    }
    radix2(&mut signal);
    radix2(&mut kernel);
    signal.iter_mut().zip(&kernel).for_each(|(a, b)| *a = a.times(*b));
    radix2_back(&mut signal);
    let scaled = |value: &Complex| Complex { re: value.re / padded as f64, im: value.im / padded as f64 };
    signal.iter().zip(&chirp).map(|(value, turn)| scaled(value).times(*turn)).collect()
}

/// Sums of products of `a` with itself, shifted by 0 to `lags - 1` steps: Σ a(i) a(i + lag).
pub(super) fn autocovariance_sums(a: &[f64], lags: usize) -> Vec<f64> {
    let padded = (a.len() + lags).next_power_of_two();
    let mut values = vec![Complex::default(); padded];
    values.iter_mut().zip(a).for_each(|(out, value)| out.re = *value);
    radix2(&mut values);
    values.iter_mut().for_each(|value| *value = Complex { re: value.power(), im: 0.0 });
    radix2_back(&mut values);
    values.iter().take(lags).map(|value| value.re / padded as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_agrees_with_the_definition() {
        for len in [0_usize, 1, 2, 3, 4, 5, 7, 8, 12, 31, 64, 100, 257] {
            let values: Vec<f64> = (0..len).map(|i| ((i * i * 31 + 7 * i) % 23) as f64 - 11.0).collect();
            let ours = transform(&values);
            assert_eq!(ours.len(), len);
            for (k, value) in ours.iter().enumerate() {
                let mut sum = Complex::default();
                for (j, x) in values.iter().enumerate() {
                    let turn = Complex::turn(-((j * k % len) as f64) / len as f64);
                    sum = Complex { re: sum.re + x * turn.re, im: sum.im + x * turn.im };
                }
                assert!((value.re - sum.re).abs() < 1e-9 && (value.im - sum.im).abs() < 1e-9, "{len} at {k}");
            }
        }
    }

    #[test]
    fn sums_of_shifted_products_are_those() {
        let values = [1.0, -2.0, 3.0, 5.0, -1.0];
        let sums = autocovariance_sums(&values, 5);
        for (lag, sum) in sums.iter().enumerate() {
            let direct: f64 = (0..5 - lag).map(|i| values[i] * values[i + lag]).sum();
            assert!((sum - direct).abs() < 1e-12, "{lag}");
        }
    }

    #[test]
    fn parseval_holds_for_a_long_awkward_length() {
        let values: Vec<f64> = (0..20_161).map(|i| ((i * 7919) % 1009) as f64 / 1009.0 - 0.5).collect();
        let power: f64 = transform(&values).iter().map(|value| value.power()).sum::<f64>() / 20_161.0;
        let squares: f64 = values.iter().map(|value| value * value).sum();
        assert!((power / squares - 1.0).abs() < 1e-10, "{power} {squares}");
    }
}
