//! How an ARMA process starts: its autocovariances, and the covariance of its state before the first value.
//!
//! The state is Harvey's: aᵢ(t) = Σ_{j ≥ i} φⱼ w(t−1−(j−i)) + θ_{j−1} e(t−(j−i)), so that a₁ is the value itself and
//! aᵢ(t+1) = φᵢ a₁(t) + aᵢ₊₁(t) + θᵢ₋₁ e(t+1). Variances are in units of the innovations' variance.
//!
//! # Source
//! G. Gardner, A. C. Harvey, G. D. A. Phillips, "Algorithm AS 154", Applied Statistics 29(3), 1980, for the state; the
//! autocovariances by the inverse Levinson recursion instead of its linear system: O(p²).

use super::polynomial::{partial, sparse};

/// An ARMA process with its polynomials multiplied out.
#[derive(Debug, Clone)]
pub(crate) struct Arma {
    /// φ₁, φ₂, …, padded with zeros to the size of the state.
    pub phi: Vec<f64>,
    /// 1, θ₁, θ₂, …, padded likewise: how an innovation enters the state.
    pub entry: Vec<f64>,
    /// The terms of φ that are not zero: (index, coefficient).
    pub phi_terms: Vec<(usize, f64)>,
    entry_terms: Vec<(usize, f64)>,
    degree: usize,
}

impl Arma {
    pub fn new(mut phi: Vec<f64>, theta: &[f64]) -> Self {
        let degree = phi.len();
        let size = degree.max(theta.len() + 1);
        phi.resize(size, 0.0);
        let mut entry = vec![1.0];
        entry.extend_from_slice(theta);
        entry.resize(size, 0.0);
        let (phi_terms, entry_terms) = (sparse(&phi), sparse(&entry));
        Self { phi, entry, phi_terms, entry_terms, degree }
    }

    /// Numbers in the state.
    pub fn size(&self) -> usize {
        self.phi.len()
    }

    /// Autocovariances of the pure autoregression 1/φ(B), lags 0 to `last`. None when it is not stationary.
    fn autoregressive_covariances(&self, last: usize) -> Option<Vec<f64>> {
        let partials = partial(&self.phi[..self.degree])?;
        let mut out = vec![0.0; last.max(self.degree) + 1];
        let variance = partials.iter().fold(1.0, |variance, kappa| variance / (1.0 - kappa * kappa));
        out[0] = variance;
        // Levinson upwards: γ(k) from the autoregression of order k − 1 and the k-th partial autocorrelation.
        let mut phi = vec![0.0; self.degree];
        let mut error = variance;
        for (order, &kappa) in partials.iter().enumerate() {
            let known: f64 = (0..order).map(|index| phi[index] * out[order - index]).sum();
            out[order + 1] = kappa * error + known;
            for low in 0..order.div_ceil(2) {
                let high = order - 1 - low;
                let (a, b) = (phi[low], phi[high]);
                phi[low] = a - kappa * b;
                phi[high] = b - kappa * a;
            }
            phi[order] = kappa;
            error *= 1.0 - kappa * kappa;
        }
        for lag in self.degree + 1..out.len() {
            out[lag] = self.phi_terms.iter().map(|(index, phi)| phi * out[lag - 1 - index]).sum();
        }
        Some(out)
    }

    /// Autocovariances of the process, lags 0 to the size of the state. None when it is not stationary.
    pub fn covariances(&self) -> Option<Vec<f64>> {
        let size = self.size();
        let reach = self.entry_terms.last().map_or(0, |(index, _)| *index);
        let pure = self.autoregressive_covariances(size + reach)?;
        let mut weights = vec![0.0; reach + 1];
        for (position, (low, a)) in self.entry_terms.iter().enumerate() {
            for (high, b) in &self.entry_terms[position..] {
                weights[high - low] += a * b;
            }
        }
        let weights = sparse(&weights);
        let at = |lag: usize| {
            let term = |(shift, weight): &(usize, f64)| match shift {
                0 => weight * pure[lag],
                _ => weight * (pure[lag + shift] + pure[lag.abs_diff(*shift)]),
            };
            weights.iter().map(term).sum()
        };
        Some((0..=size).map(at).collect())
    }

    /// ψ₀ to ψ of the size of the state: covariance of a value with the innovation k steps before.
    fn psi(&self) -> Vec<f64> {
        let mut psi = self.entry.clone();
        for lag in 1..psi.len() {
            let past = self.phi_terms.iter().take_while(|(index, _)| *index < lag);
            psi[lag] += past.map(|(index, phi)| phi * psi[lag - 1 - index]).sum::<f64>();
        }
        psi
    }

    /// Covariance of every part of the state with the value of its time. None when the process is not stationary.
    pub fn first_column(&self) -> Option<Vec<f64>> {
        let (covariances, psi) = (self.covariances()?, self.psi());
        let at = |part: usize| {
            let past = self.phi_terms.iter().filter(|(index, _)| *index >= part);
            let past: f64 = past.map(|(index, phi)| phi * covariances[index - part + 1]).sum();
            let new = self.entry_terms.iter().filter(|(index, _)| *index >= part);
            past + new.map(|(index, theta)| theta * psi[index - part]).sum::<f64>()
        };
        Some((0..self.size()).map(at).collect())
    }

    /// T s: the state one step on, without a new innovation.
    pub fn advance(&self, state: &mut [f64]) {
        let value = state[0];
        let size = self.size();
        state.copy_within(1..size, 0);
        state[size - 1] = 0.0;
        for (index, phi) in &self.phi_terms {
            state[*index] += phi * value;
        }
    }

    /// Covariance of the state before the first value, row by row. None when the process is not stationary.
    pub fn covariance(&self) -> Option<Vec<f64>> {
        let (size, column) = (self.size(), self.first_column()?);
        let variance = column[0];
        let mut out = vec![0.0; size * size];
        let next = |index: usize| column.get(index + 1).copied().unwrap_or(0.0);
        for row in (0..size).rev() {
            for col in (0..size).rev() {
                let below = if row + 1 < size && col + 1 < size { out[(row + 1) * size + col + 1] } else { 0.0 };
                let (a, b) = (self.phi[row], self.phi[col]);
                out[row * size + col] =
                    below + a * b * variance + a * next(col) + b * next(row) + self.entry[row] * self.entry[col];
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn autocovariances_of_textbook_processes() {
        // AR(1): 1/(1 − φ²); MA(1): 1 + θ², θ; ARMA(1,1): (1 + 2φθ + θ²)/(1 − φ²).
        let close = |arma: &Arma, expected: &[f64]| {
            for (found, expected) in arma.covariances().unwrap().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        };
        close(&Arma::new(vec![0.5], &[]), &[4.0 / 3.0, 2.0 / 3.0]);
        close(&Arma::new(vec![], &[0.5]), &[1.25, 0.5, 0.0]);
        close(&Arma::new(vec![0.5], &[0.4]), &[1.56 / 0.75, 0.5 * 1.56 / 0.75 + 0.4]);
        assert!(Arma::new(vec![1.0], &[]).covariances().is_none());
    }

    #[test]
    fn the_covariance_of_the_state_is_stationary() {
        let arma = Arma::new(vec![0.6, 0.0, 0.3, -0.18], &[0.4, 0.0, -0.5, -0.2, 0.1]);
        let (size, before) = (arma.size(), arma.covariance().unwrap());
        let column = arma.first_column().unwrap();
        for row in 0..size {
            assert!((before[row * size] - column[row]).abs() < 1e-10);
        }
        // T P T' + R R' = P, by columns and then by rows.
        let mut rows: Vec<Vec<f64>> = before.chunks(size).map(<[f64]>::to_vec).collect();
        rows.iter_mut().for_each(|row| arma.advance(row));
        let mut columns: Vec<Vec<f64>> = (0..size).map(|col| rows.iter().map(|row| row[col]).collect()).collect();
        columns.iter_mut().for_each(|column| arma.advance(column));
        for row in 0..size {
            for col in 0..size {
                let after = columns[col][row] + arma.entry[row] * arma.entry[col];
                assert!((after - before[row * size + col]).abs() < 1e-10);
            }
        }
    }
}
