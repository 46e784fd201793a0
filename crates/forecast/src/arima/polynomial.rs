//! Polynomials in the backshift operator: products of plain and seasonal factors, and where their roots lie.
//!
//! No root is ever computed: all roots of 1 − Σ φᵢ zⁱ lie outside of the circle of radius ρ exactly when the partial
//! autocorrelations that belong to φᵢ ρⁱ are all within (−1, 1).
//!
//! # Source
//! O. Barndorff-Nielsen, G. Schou, "On the parametrization of autoregressive models by partial autocorrelations", Journal
//! of Multivariate Analysis 3, 1973; R. H. Jones, "Maximum likelihood fitting of ARMA models to time series with missing
//! observations", Technometrics 22(3), 1980.

use super::form::Form;

/// The partial autocorrelations of an autoregression; none when it is not stationary.
pub(crate) fn partial(coefficients: &[f64]) -> Option<Vec<f64>> {
    let mut phi = coefficients.to_vec();
    for order in (1..=phi.len()).rev() {
        let last = phi[order - 1];
        // Written so that NaN is refused as well.
        if !(last.abs() < 1.0) {
            return None;
        }
        let scale = 1.0 / (1.0 - last * last);
        for low in 0..(order - 1).div_ceil(2) {
            let high = order - 2 - low;
            let (a, b) = (phi[low], phi[high]);
            phi[low] = (a + last * b) * scale;
            phi[high] = (b + last * a) * scale;
        }
    }
    Some(phi)
}

/// The autoregression that has these partial autocorrelations (Durbin and Levinson).
pub(crate) fn from_partial(partial: &[f64], out: &mut [f64]) {
    for (order, &last) in partial.iter().enumerate() {
        for low in 0..order.div_ceil(2) {
            let high = order - 1 - low;
            let (a, b) = (out[low], out[high]);
            out[low] = a - last * b;
            out[high] = b - last * a;
        }
        out[order] = last;
    }
}

/// Whether every root of 1 − Σ φᵢ zⁱ lies beyond `radius`.
pub(crate) fn roots_beyond(coefficients: &[f64], radius: f64) -> bool {
    let mut power = 1.0;
    let scaled = coefficients.iter().map(|coefficient| {
        power *= radius;
        coefficient * power
    });
    partial(&scaled.collect::<Vec<f64>>()).is_some()
}

/// The coefficients of an estimate by kind, cut from one slice in the order φ, θ, Φ, Θ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks<'a> {
    pub ar: &'a [f64],
    pub ma: &'a [f64],
    pub seasonal_ar: &'a [f64],
    pub seasonal_ma: &'a [f64],
}

impl<'a> Blocks<'a> {
    pub fn of(form: &Form, parameters: &'a [f64]) -> Self {
        let (ar, rest) = parameters.split_at(form.plain.p);
        let (ma, rest) = rest.split_at(form.plain.q);
        let (seasonal_ar, rest) = rest.split_at(form.seasonal.p);
        Self { ar, ma, seasonal_ar, seasonal_ma: &rest[..form.seasonal.q] }
    }

    /// φ(B) Φ(Bᵐ) as φ₁, φ₂, … of one polynomial.
    pub fn autoregression(&self, season: usize) -> Vec<f64> {
        product(self.ar, self.seasonal_ar, season, -1.0)
    }

    /// θ(B) Θ(Bᵐ) as θ₁, θ₂, … of one polynomial.
    pub fn moving_average(&self, season: usize) -> Vec<f64> {
        product(self.ma, self.seasonal_ma, season, 1.0)
    }
}

/// Coefficients of (1 ∓ Σ aᵢ Bⁱ)(1 ∓ Σ bⱼ Bʲᵐ) after the leading 1, with the sign of the factors; `cross` is that sign.
fn product(plain: &[f64], seasonal: &[f64], season: usize, cross: f64) -> Vec<f64> {
    let mut out = vec![0.0; plain.len() + season * seasonal.len()];
    out[..plain.len()].copy_from_slice(plain);
    for (index, &b) in seasonal.iter().enumerate() {
        let lag = season * (index + 1);
        out[lag - 1] += b;
        for (low, &a) in plain.iter().enumerate() {
            out[lag + low] += cross * a * b;
        }
    }
    out
}

/// The lags of a polynomial whose coefficient is not zero: (index, coefficient).
pub(crate) fn sparse(coefficients: &[f64]) -> Vec<(usize, f64)> {
    coefficients.iter().copied().enumerate().filter(|(_, value)| *value != 0.0).collect()
}

/// (1 − B)ᵈ (1 − Bᵐ)ᴰ as δ: y = w + Σ δᵢ yᵢ, the sum over the values `i + 1` steps ago.
pub(crate) fn differencing(form: &Form) -> Vec<f64> {
    let mut coefficients = vec![1.0];
    let lags = std::iter::repeat_n(1, form.plain.d).chain(std::iter::repeat_n(form.season, form.seasonal.d));
    for lag in lags {
        let mut next = coefficients.clone();
        next.resize(coefficients.len() + lag, 0.0);
        for (index, value) in coefficients.iter().enumerate() {
            next[index + lag] -= value;
        }
        coefficients = next;
    }
    coefficients[1..].iter().map(|value| -value).collect()
}

#[cfg(test)]
mod tests {
    use super::super::form::Order;
    use super::*;

    #[test]
    fn partial_autocorrelations_go_there_and_back() {
        let partials = [0.5, -0.3, 0.8, 0.1, -0.95];
        let mut phi = [0.0; 5];
        from_partial(&partials, &mut phi);
        for (found, expected) in partial(&phi).unwrap().iter().zip(partials) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(partial(&[1.0]), None);
        assert_eq!(partial(&[f64::NAN]), None);
    }

    #[test]
    fn roots_are_told_apart_by_their_radius() {
        // 1 − 1.5z + 0.56z² has its roots at 1/0.7 and 1/0.8.
        assert!(roots_beyond(&[1.5, -0.56], 1.24));
        assert!(!roots_beyond(&[1.5, -0.56], 1.26));
    }

    #[test]
    fn factors_multiply_and_differences_unfold() {
        let form = Form { plain: Order::new(1, 1, 1), seasonal: Order::new(1, 1, 1), season: 3, constant: false };
        let blocks = Blocks::of(&form, &[0.5, 0.2, 0.4, -0.6]);
        assert_eq!(blocks.autoregression(3), [0.5, 0.0, 0.4, -0.2]);
        assert_eq!(blocks.moving_average(3), [0.2, 0.0, -0.6, -0.12]);
        assert_eq!(differencing(&form), [1.0, 0.0, 1.0, -1.0]);
    }
}
