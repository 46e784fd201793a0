//! The state of an ARIMA model from sample to sample: the Kalman filter in square-root form.
//!
//! What is unknown about the state is kept as columns C with covariance C Cᵀ, beside the next innovation. A measured
//! value is exact, so it takes one direction away: a Householder reflection turns what it saw into one column, which
//! goes. A gap takes nothing away, so there is one column more after it. Without gaps there is soon none at all, and a
//! step is one multiplication per number of the state.
//!
//! # Source
//! A. C. Harvey, *Forecasting, Structural Time Series Models and the Kalman Filter*, 1989, 3.2 to 3.4 and 4.1; M. Morf,
//! T. Kailath, "Square-root algorithms for least-squares estimation", IEEE Transactions on Automatic Control 20(4), 1975.

use serde::{Deserialize, Serialize};

/// The parts of the model that the filter needs, and its state, all in units of the scaled series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// Terms of φ(B) Φ(Bᵐ) that are not zero: (lag − 1, coefficient).
    phi: Vec<(usize, f64)>,
    /// Terms of the differencing: (lag − 1, coefficient).
    delta: Vec<(usize, f64)>,
    /// How an innovation enters: 1, θ₁, θ₂, …; its length is the size of the ARMA part of the state.
    entry: Vec<f64>,
    /// ARMA part, then past values, newest first: as expected for the next step.
    mean: Vec<f64>,
    /// What is not known of it, beside the next innovation.
    columns: Vec<Vec<f64>>,
}

/// A column whose numbers are all below this (in standard deviations of an innovation) is dropped.
const COLUMN_MIN: f64 = 1e-7;

/// More gaps than this in a row add no further column: by then the oldest is the start's own uncertainty again.
const COLUMNS_MAX: usize = 400;

impl Filter {
    pub fn new(
        phi: Vec<(usize, f64)>,
        delta: Vec<(usize, f64)>,
        entry: Vec<f64>,
        mean: Vec<f64>,
        columns: Vec<Vec<f64>>,
    ) -> Self {
        let mut filter = Self { phi, delta, entry, mean, columns };
        filter.drop_small();
        filter
    }

    fn size(&self) -> usize {
        self.entry.len()
    }

    /// Z s: the value that a state stands for.
    fn value(&self, state: &[f64]) -> f64 {
        let past = &state[self.size()..];
        state[0] + self.delta.iter().map(|(index, delta)| delta * past[*index]).sum::<f64>()
    }

    /// T s.
    fn advance(&self, state: &mut [f64]) {
        let (value, first, size) = (self.value(state), state[0], self.size());
        state.copy_within(1..size, 0);
        state[size - 1] = 0.0;
        for (index, phi) in &self.phi {
            state[*index] += phi * first;
        }
        let past = &mut state[size..];
        if !past.is_empty() {
            past.rotate_right(1);
            past[0] = value;
        }
    }

    fn drop_small(&mut self) {
        self.columns.retain(|column| column.iter().any(|value| value.abs() > COLUMN_MIN));
    }

    /// Takes the next value, NaN for a gap; gives its error and the variance that was expected of it.
    pub fn step(&mut self, value: f64) -> Option<(f64, f64)> {
        let seen: Vec<f64> = self.columns.iter().map(|column| self.value(column)).collect();
        let variance = 1.0 + seen.iter().map(|seen| seen * seen).sum::<f64>();
        let taken = value.is_finite().then(|| {
            let error = value - self.value(&self.mean);
            self.measure(&seen, variance, error);
            (error, variance)
        });
        if taken.is_none() && self.columns.len() < COLUMNS_MAX {
            let mut column = self.entry.clone();
            column.resize(self.mean.len(), 0.0);
            self.columns.push(column);
        }
        let mut mean = std::mem::take(&mut self.mean);
        self.advance(&mut mean);
        self.mean = mean;
        let mut columns = std::mem::take(&mut self.columns);
        columns.iter_mut().for_each(|column| self.advance(column));
        self.columns = columns;
        self.drop_small();
        taken
    }

    /// Conditions mean and columns on an error of the value; `seen` is what each column contributes to it.
    fn measure(&mut self, seen: &[f64], variance: f64, error: f64) {
        let mut common = vec![0.0; self.mean.len()];
        for (column, seen) in self.columns.iter().zip(seen) {
            common.iter_mut().zip(column).for_each(|(common, column)| *common += seen * column);
        }
        let weight = error / variance;
        let root = libm::sqrt(variance);
        for (index, mean) in self.mean.iter_mut().enumerate() {
            let entry = self.entry.get(index).copied().unwrap_or(0.0);
            *mean += weight * (common[index] + entry);
            common[index] += entry * (1.0 + root);
        }
        // The innovation's own column is the pivot: it is what the reflection leaves for the value.
        let scale = 1.0 / (variance + root);
        for (column, seen) in self.columns.iter_mut().zip(seen) {
            let weight = scale * seen;
            column.iter_mut().zip(&common).for_each(|(column, common)| *column -= weight * common);
        }
    }

    /// Means and variances (in units of the innovations' variance) of the next `horizon` values.
    pub fn predict(&self, horizon: usize) -> Vec<(f64, f64)> {
        let mut mean = self.mean.clone();
        let mut columns = self.columns.clone();
        let mut response = self.entry.clone();
        response.resize(mean.len(), 0.0);
        let mut responses = 0.0;
        let step = |_| {
            let psi = self.value(&response);
            responses += psi * psi;
            let unknown: f64 = columns.iter().map(|column| self.value(column)).map(|value| value * value).sum();
            let out = (self.value(&mean), responses + unknown);
            self.advance(&mut mean);
            self.advance(&mut response);
            columns.iter_mut().for_each(|column| self.advance(column));
            out
        };
        (0..horizon).map(step).collect()
    }
}
