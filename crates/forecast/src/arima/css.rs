//! The conditional sum of squares: a fast first estimate, and what the stepwise search compares by.
//!
//! The errors before the first one that has all its autoregressive values are taken for 0. What R leaves to a general
//! minimiser is a least-squares problem whose derivatives are filters of the series, so this is Levenberg and Marquardt's
//! method: some six passes instead of hundreds. An error that a gap stands in counts for nothing.
//!
//! # Source
//! G. E. P. Box, G. M. Jenkins, *Time Series Analysis*, 7.1.2 and 7.2; objective as in R's `arima(method = "CSS")`.
//! D. W. Marquardt, SIAM Journal on Applied Mathematics 11(2), 1963.

use super::cholesky::Cholesky;
use super::form::Form;
use super::polynomial::Blocks;
use super::prepare::Prepared;

/// The problem: a form, and the differenced data.
pub(crate) struct Css<'a> {
    form: Form,
    prepared: &'a Prepared,
    regression: Vec<Vec<f64>>,
    from: usize,
}

/// A least sum of squares.
#[derive(Debug, Clone)]
pub(crate) struct CssFit {
    /// φ, θ, Φ, Θ, then the regression's coefficients (the constant first).
    pub parameters: Vec<f64>,
    /// Mean square of the errors.
    pub variance: f64,
    /// Jᵀ J over the sum of squares of the ARMA coefficients, row by row: the Hessian of half the log variance.
    pub hessian: Vec<f64>,
}

/// Columns of one evaluation, kept between them.
#[derive(Default)]
struct Buffers {
    /// The series without the regression; it under Φ; under φ and Φ; the errors.
    centred: Vec<f64>,
    seasonal: Vec<f64>,
    plain: Vec<f64>,
    errors: Vec<f64>,
    jacobian: Vec<Vec<f64>>,
}

const ITERATIONS_MAX: usize = 40;
const GAIN_MIN: f64 = 1e-7;
const DAMPING_MAX: f64 = 1e6;

/// out = in − Σ aᵢ in(t − i·lag) from `from` on, 0 before.
fn autoregress(input: &[f64], coefficients: &[f64], lag: usize, from: usize, out: &mut Vec<f64>) {
    out.clear();
    out.extend_from_slice(input);
    out[..from.min(input.len())].fill(0.0);
    for (index, coefficient) in coefficients.iter().enumerate() {
        let reach = lag * (index + 1);
        if from < input.len() && reach <= from {
            let past = &input[from - reach..input.len() - reach];
            out[from..].iter_mut().zip(past).for_each(|(out, past)| *out -= coefficient * past);
        }
    }
}

/// In place: x(t) −= Σ θⱼ x(t − j·lag), with nothing before `from`.
fn unwind(x: &mut [f64], coefficients: &[f64], lag: usize, from: usize) {
    let from = from.min(x.len());
    let x = &mut x[from..];
    match coefficients {
        [] => {}
        [one] => (lag..x.len()).for_each(|t| x[t] -= one * x[t - lag]),
        _ => {
            for t in lag..x.len() {
                let terms = coefficients.len().min(t / lag);
                let past: f64 = (1..=terms).rev().map(|j| coefficients[j - 1] * x[t - j * lag]).sum();
                x[t] -= past;
            }
        }
    }
}

/// in(t − lag), 0 before `from`.
fn shifted(input: &[f64], lag: usize, from: usize, sign: f64, out: &mut Vec<f64>) {
    out.clear();
    out.resize(input.len(), 0.0);
    let start = from.max(lag);
    if start < input.len() {
        let past = &input[start - lag..input.len() - lag];
        out[start..].iter_mut().zip(past).for_each(|(out, past)| *out = sign * past);
    }
}

impl<'a> Css<'a> {
    pub fn new(form: Form, prepared: &'a Prepared) -> Self {
        let from = form.plain.p + form.seasonal.p * form.season;
        Self { form, prepared, regression: prepared.regression(form.constant), from }
    }

    /// Numbers to estimate, the innovations' variance not counted.
    pub fn count(&self) -> usize {
        self.form.arma_count() + self.regression.len()
    }

    /// Where to start from without a better idea: no ARMA terms, the constant at the mean.
    pub fn start(&self) -> Vec<f64> {
        let mut start = vec![0.0; self.count()];
        if self.form.constant {
            start[self.form.arma_count()] = self.prepared.constant();
        }
        start
    }

    /// Errors that count.
    fn used(&self) -> usize {
        self.prepared.whole.iter().skip(self.from).filter(|whole| **whole).count()
    }

    /// Sum of squares at `parameters`.
    fn squares(&self, parameters: &[f64], buffers: &mut Buffers) -> f64 {
        let (arma, betas) = parameters.split_at(self.form.arma_count());
        let blocks = Blocks::of(&self.form, arma);
        let season = self.form.season;
        buffers.centred.clear();
        buffers.centred.extend_from_slice(&self.prepared.differenced);
        for (column, beta) in self.regression.iter().zip(betas) {
            buffers.centred.iter_mut().zip(column).for_each(|(centred, column)| *centred -= beta * column);
        }
        let first = self.form.seasonal.p * season;
        autoregress(&buffers.centred, blocks.seasonal_ar, season, first, &mut buffers.seasonal);
        autoregress(&buffers.seasonal, blocks.ar, 1, self.from, &mut buffers.errors);
        unwind(&mut buffers.errors, blocks.ma, 1, self.from);
        unwind(&mut buffers.errors, blocks.seasonal_ma, season, self.from);
        let counted = buffers.errors.iter().zip(&self.prepared.whole).filter(|(_, whole)| **whole);
        counted.map(|(error, _)| error * error).sum()
    }

    /// Derivatives of the errors at the point of the last `squares`.
    fn differentiate(&self, parameters: &[f64], buffers: &mut Buffers) {
        let blocks = Blocks::of(&self.form, &parameters[..self.form.arma_count()]);
        let (season, from) = (self.form.season, self.from);
        let wind = |column: &mut Vec<f64>| {
            unwind(column, blocks.ma, 1, from);
            unwind(column, blocks.seasonal_ma, season, from);
        };
        buffers.jacobian.resize(self.count(), Vec::new());
        let mut columns = buffers.jacobian.iter_mut();
        for (index, column) in columns.by_ref().take(self.form.plain.p).enumerate() {
            shifted(&buffers.seasonal, index + 1, from, -1.0, column);
            wind(column);
        }
        buffers.plain.clone_from(&buffers.errors);
        unwind(&mut buffers.plain, blocks.ma, 1, from);
        for (index, column) in columns.by_ref().take(self.form.plain.q).enumerate() {
            shifted(&buffers.plain, index + 1, from + index + 1, -1.0, column);
        }
        autoregress(&buffers.centred, blocks.ar, 1, self.form.plain.p, &mut buffers.plain);
        for (index, column) in columns.by_ref().take(self.form.seasonal.p).enumerate() {
            shifted(&buffers.plain, season * (index + 1), from, -1.0, column);
            wind(column);
        }
        buffers.plain.clone_from(&buffers.errors);
        unwind(&mut buffers.plain, blocks.seasonal_ma, season, from);
        for (index, column) in columns.by_ref().take(self.form.seasonal.q).enumerate() {
            shifted(&buffers.plain, season * (index + 1), from + season * (index + 1), -1.0, column);
        }
        for (column, regressor) in columns.zip(&self.regression) {
            autoregress(regressor, blocks.seasonal_ar, season, self.form.seasonal.p * season, &mut buffers.plain);
            autoregress(&buffers.plain, blocks.ar, 1, from, column);
            wind(column);
            column.iter_mut().for_each(|value| *value = -*value);
        }
    }

    /// Jᵀ J and Jᵀ e.
    fn normal(&self, buffers: &mut Buffers) -> (Vec<f64>, Vec<f64>) {
        if !self.prepared.missing.is_empty() {
            for column in &mut buffers.jacobian {
                let gaps = column.iter_mut().zip(&self.prepared.whole).filter(|(_, whole)| !**whole);
                gaps.for_each(|(value, _)| *value = 0.0);
            }
        }
        let count = self.count();
        let dot = |a: &[f64], b: &[f64]| product(&a[self.from.min(a.len())..], &b[self.from.min(b.len())..]);
        let mut matrix = vec![0.0; count * count];
        let columns = &buffers.jacobian;
        for row in 0..count {
            for col in 0..=row {
                let value = dot(&columns[row], &columns[col]);
                matrix[row * count + col] = value;
                matrix[col * count + row] = value;
            }
        }
        let vector = columns.iter().map(|column| dot(column, &buffers.errors)).collect();
        (matrix, vector)
    }

    /// The least sum of squares that is found from `start`; none when there are too few errors to count.
    pub fn fit(&self, start: &[f64]) -> Option<CssFit> {
        let (count, used) = (self.count(), self.used());
        if used < count + 1 {
            return None;
        }
        let mut buffers = Buffers::default();
        let mut at = start.to_vec();
        let mut squares = self.squares(&at, &mut buffers);
        if !squares.is_finite() {
            at = vec![0.0; count];
            squares = self.squares(&at, &mut buffers);
        }
        let mut damping = 1e-4;
        let mut matrix = Vec::new();
        for _ in 0..ITERATIONS_MAX {
            self.differentiate(&at, &mut buffers);
            let (normal, slope) = self.normal(&mut buffers);
            matrix = normal;
            let before = squares;
            while damping < DAMPING_MAX {
                if let Some(next) = damped(&matrix, &slope, &at, damping) {
                    let found = self.squares(&next, &mut buffers);
                    if found < squares {
                        (at, squares) = (next, found);
                        damping = (damping * 0.1).max(1e-9);
                        break;
                    }
                }
                damping *= 10.0;
            }
            if !(before - squares > GAIN_MIN * before) {
                break;
            }
        }
        let arma = self.form.arma_count();
        let cut = |row: usize| matrix[row * count..row * count + arma].iter().map(|value| value / squares);
        let hessian = (0..arma).flat_map(cut).collect();
        squares.is_finite().then_some(CssFit { parameters: at, variance: squares / used as f64, hessian })
    }
}

/// The sum of products, in four parts that do not wait for each other.
fn product(a: &[f64], b: &[f64]) -> f64 {
    let mut parts = [0.0; 4];
    let (left, right) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in left.zip(right) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    (parts[0] + parts[1]) + (parts[2] + parts[3]) + rest
}

/// The step of Levenberg and Marquardt from `at`.
fn damped(matrix: &[f64], slope: &[f64], at: &[f64], damping: f64) -> Option<Vec<f64>> {
    let count = at.len();
    let mut matrix = matrix.to_vec();
    for index in 0..count {
        let diagonal = &mut matrix[index * count + index];
        *diagonal += damping * diagonal.max(1e-12);
    }
    let mut step = slope.to_vec();
    Cholesky::try_new(&matrix, count)?.solve(&mut step);
    Some(at.iter().zip(&step).map(|(at, step)| at - step).collect())
}
