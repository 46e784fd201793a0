//! The exact Gaussian likelihood of an ARMA process with regressors and gaps, in O(n r) instead of the Kalman filter's
//! O(n r²).
//!
//! With a stationary start the covariance of the state changes by one outer product from step to step. Following that
//! one vector L, the gain g = T P Z and the prediction variance F alone (all up to the innovations' variance) gives the
//! Kalman filter's numbers exactly: F' = F − l²/F, g' = g − (l/F) T L, L' = T L − (l/F) g, with l = L₁. L and the means
//! live in sliding buffers, so that the shift in T costs nothing.
//!
//! Regressors are concentrated out by generalised least squares. A gap is one more unknown with an indicator column;
//! with the determinant of its information added, the result is the likelihood of what was measured: the same as
//! skipping the gap in a Kalman filter with a diffuse start, at the cost of one column.
//!
//! # Source
//! M. Morf, G. S. Sidhu, T. Kailath, "Some new algorithms for recursive estimation in constant, linear, discrete-time
//! systems", IEEE Transactions on Automatic Control 19(4), 1974; G. Mélard, "Algorithm AS 197", Applied Statistics 33(1),
//! 1984; V. Gómez, A. Maravall, D. Peña, "Missing observations in ARIMA models: Skipping approach versus additive outlier
//! approach", Journal of Econometrics 88, 1999.

use super::cholesky::{Cholesky, low_rank};
use super::start::Arma;

/// One differenced column: the target, a regressor, or the indicator of a gap.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// Index of its first value that is not zero, and the one after its last.
    pub from: usize,
    pub to: usize,
    /// All its values.
    pub values: Vec<f64>,
}

impl Column {
    pub fn new(values: Vec<f64>) -> Self {
        let from = values.iter().position(|value| *value != 0.0).unwrap_or(values.len());
        let to = values.iter().rposition(|value| *value != 0.0).map_or(from, |last| last + 1);
        Self { from, to, values }
    }

    /// A column that runs from end to end whatever its values.
    pub fn whole(values: Vec<f64>) -> Self {
        Self { from: 0, to: values.len(), values }
    }
}

/// What the likelihood is of: columns of equal length, the gaps' first, then the regressors', the target last.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub columns: Vec<Column>,
    /// How many of the columns are gaps.
    pub gaps: usize,
}

impl Sample {
    fn rows(&self) -> usize {
        self.columns[0].values.len()
    }

    /// Measured values behind the likelihood.
    pub fn measured(&self) -> usize {
        self.rows().saturating_sub(self.gaps)
    }
}

/// Buffers of the recursion, so that evaluating again allocates nothing large.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workspace {
    slide: Vec<f64>,
    gain: Vec<f64>,
    /// By column: its state, sliding; its standardised innovations.
    states: Vec<Vec<f64>>,
    innovations: Vec<Vec<f64>>,
    /// By column: the step from which on its innovations are 0 for all purposes.
    until: Vec<usize>,
}

/// The concentrated likelihood at one point.
#[derive(Debug, Clone)]
pub(crate) struct Likelihood {
    /// Half of log σ² plus the mean logarithm of the prediction variances: what is minimised.
    pub objective: f64,
    /// Sum of squares of the standardised innovations.
    pub squares: f64,
    /// Gaps' values and regression coefficients, in the order of the columns.
    pub unknowns: Vec<f64>,
    /// The information on them.
    pub information: Option<Cholesky>,
    /// The last prediction variance: 1 when the start no longer matters.
    last_variance: f64,
}

/// A perfect fit has a variance of at least this much: values are scaled to about 1.
const VARIANCE_MIN: f64 = 1e-24;

/// One step of the recursion on L, g and F, at `step`. Gives l/F.
fn descend(arma: &Arma, workspace: &mut Workspace, step: usize, variance: f64) -> f64 {
    let size = arma.size();
    let l = workspace.slide[step];
    let ratio = l / variance;
    let next = &mut workspace.slide[step + 1..=step + size];
    for (index, phi) in &arma.phi_terms {
        next[*index] += phi * l;
    }
    for (l, g) in next.iter_mut().zip(&mut workspace.gain) {
        let before = *g;
        *g -= ratio * *l;
        *l -= ratio * before;
    }
    ratio
}

/// Moves one column's state on by a step; gives its innovation.
fn advance(arma: &Arma, gain: &[f64], state: &mut [f64], step: usize, value: f64, variance: f64) -> f64 {
    let expected = state[step];
    let error = value - expected;
    let next = &mut state[step + 1..=step + arma.size()];
    for (index, phi) in &arma.phi_terms {
        next[*index] += phi * expected;
    }
    let weight = error / variance;
    next.iter_mut().zip(gain).for_each(|(state, gain)| *state += gain * weight);
    error
}

/// A past gap's effect on the state below this (in the gap's own units) is 0.
const FADED: f64 = 1e-10;
/// How often that is looked at.
const FADED_EVERY: usize = 8;

fn has_faded(state: &[f64]) -> bool {
    state.iter().all(|value| value.abs() < FADED)
}

impl Workspace {
    fn reset(&mut self, arma: &Arma, sample: &Sample) -> Option<f64> {
        let length = sample.rows() + arma.size() + 1;
        let column = arma.first_column()?;
        let variance = column[0];
        self.gain = column;
        arma.advance(&mut self.gain);
        self.slide.clear();
        self.slide.resize(length, 0.0);
        self.slide[..arma.size()].copy_from_slice(&self.gain);
        self.states.resize(sample.columns.len(), Vec::new());
        self.innovations.resize(sample.columns.len(), Vec::new());
        for (state, column) in self.states.iter_mut().zip(&sample.columns) {
            state.clear();
            state.resize(length, 0.0);
            debug_assert_eq!(column.values.len(), sample.rows());
        }
        self.until.clear();
        self.until.resize(sample.columns.len(), sample.rows());
        for innovations in &mut self.innovations {
            innovations.clear();
            innovations.resize(sample.rows(), 0.0);
        }
        (variance.is_finite() && variance > 0.0).then_some(variance)
    }

    /// Runs the recursion: standardised innovations of every column, Σ log F and the last F. `watch` sees L and F.
    fn run(&mut self, arma: &Arma, sample: &Sample, mut watch: impl FnMut(&[f64], f64)) -> Option<(f64, f64)> {
        let mut variance = self.reset(arma, sample)?;
        let (mut log_sum, mut product, mut still) = (0.0, 1.0, 0);
        for step in 0..sample.rows() {
            product *= variance;
            if product > 1e100 {
                log_sum += libm::log(product);
                product = 1.0;
            }
            let scale = 1.0 / libm::sqrt(variance);
            for (index, column) in sample.columns.iter().enumerate() {
                if !(column.from..self.until[index]).contains(&step) {
                    continue;
                }
                let state = &mut self.states[index];
                self.innovations[index][step] =
                    scale * advance(arma, &self.gain, state, step, column.values[step], variance);
                let past_gap = index < sample.gaps && step >= column.to;
                if past_gap && step % FADED_EVERY == 0 && has_faded(&state[step + 1..=step + arma.size()]) {
                    self.until[index] = step + 1;
                    state[step + 1..].fill(0.0);
                }
            }
            // Nothing moved for as many steps as there are parts of the state: nothing ever will.
            if still <= arma.size() {
                watch(&self.slide[step..step + arma.size()], variance);
                let ratio = descend(arma, self, step, variance);
                variance = (variance * (1.0 - ratio * ratio)).max(1.0);
                still = if ratio.abs() < 1e-15 { still + 1 } else { 0 };
            }
        }
        let log_sum = log_sum + libm::log(product);
        log_sum.is_finite().then_some((log_sum, variance))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The likelihood of `sample` under `arma`; none where the process is not stationary or the unknowns are not determined.
pub(crate) fn likelihood(arma: &Arma, sample: &Sample, workspace: &mut Workspace) -> Option<Likelihood> {
    let (log_sum, last_variance) = workspace.run(arma, sample, |_, _| ())?;
    let count = sample.columns.len() - 1;
    let (columns, target) = workspace.innovations.split_at_mut(count);
    let target = &mut target[0];
    let mut unknowns = Vec::new();
    let mut information = None;
    let mut log_sum = log_sum;
    if count > 0 {
        let mut matrix = vec![0.0; count * count];
        for row in 0..count {
            let span = |index: usize| (sample.columns[index].from, workspace.until[index]);
            for col in 0..=row {
                let (from, to) = (span(row).0.max(span(col).0), span(row).1.min(span(col).1));
                let value = if from < to { dot(&columns[row][from..to], &columns[col][from..to]) } else { 0.0 };
                matrix[row * count + col] = value;
                matrix[col * count + row] = value;
            }
            // A regressor that was dropped: its coefficient is 0.
            if row >= sample.gaps && matrix[row * count + row] == 0.0 {
                matrix[row * count + row] = 1.0;
            }
        }
        let products = columns.iter().zip(&sample.columns).zip(&workspace.until).map(|((column, own), until)| {
            let span = own.from..(*until).max(own.from);
            dot(&column[span.clone()], &target[span])
        });
        unknowns = products.collect();
        let factor = Cholesky::try_new(&matrix, count)?;
        factor.solve(&mut unknowns);
        log_sum += factor.log_determinant(sample.gaps);
        information = Some(factor);
        for (index, (column, unknown)) in columns.iter().zip(&unknowns).enumerate() {
            let span = sample.columns[index].from..workspace.until[index].max(sample.columns[index].from);
            let pairs = target[span.clone()].iter_mut().zip(&column[span]);
            pairs.for_each(|(target, column)| *target -= unknown * column);
        }
    }
    let squares = dot(target, target);
    let measured = sample.measured() as f64;
    let objective = 0.5 * (libm::log((squares / measured).max(VARIANCE_MIN)) + log_sum / measured);
    objective.is_finite().then_some(Likelihood { objective, squares, unknowns, information, last_variance })
}

/// The state after the last value, and what is uncertain about it: its mean, and columns C with covariance C Cᵀ of the
/// predicted state beside its new innovation, both in Harvey's form. Gaps' columns come first, one per gap.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub mean: Vec<f64>,
    pub gap_columns: Vec<Vec<f64>>,
    pub columns: Vec<Vec<f64>>,
}

/// Above this many multiplications the uncertainty that is left from the start is taken for settled.
const START_WORK_MAX: usize = 100_000_000;

/// The state that `likelihood` ended in; `workspace` is as it left it.
pub(crate) fn end(arma: &Arma, sample: &Sample, found: &Likelihood, workspace: &mut Workspace) -> End {
    let (rows, size) = (sample.rows(), arma.size());
    let last = |state: &Vec<f64>| state[rows..rows + size].to_vec();
    let count = sample.columns.len() - 1;
    let mut mean = last(&workspace.states[count]);
    for (state, unknown) in workspace.states.iter().zip(&found.unknowns) {
        mean.iter_mut().zip(&state[rows..]).for_each(|(mean, state)| *mean -= unknown * state);
    }
    let effects: Vec<Vec<f64>> = workspace.states[..sample.gaps].iter().map(last).collect();
    let columns = if found.last_variance - 1.0 > 1e-10 && size * size * rows <= START_WORK_MAX {
        left_of_start(arma, sample, workspace).unwrap_or_default()
    } else {
        Vec::new()
    };
    End { mean, gap_columns: effects, columns }
}

/// The covariance that is left of the start's: the first one minus all outer products L Lᵀ/F.
fn left_of_start(arma: &Arma, sample: &Sample, workspace: &mut Workspace) -> Option<Vec<Vec<f64>>> {
    let size = arma.size();
    let mut left = arma.covariance()?;
    let alone = Sample { columns: vec![Column::new(vec![0.0; sample.rows()])], gaps: 0 };
    let subtract = |left: &mut Vec<f64>, l: &[f64], variance: f64| {
        for (row, a) in l.iter().enumerate() {
            let weight = a / variance;
            left[row * size..(row + 1) * size].iter_mut().zip(l).for_each(|(left, b)| *left -= weight * b);
        }
    };
    workspace.run(arma, &alone, |l, variance| subtract(&mut left, l, variance))?;
    subtract(&mut left, &arma.entry, 1.0);
    Some(low_rank(left, size, 1e-9))
}

#[cfg(test)]
mod tests {
    use super::super::filter::Filter;
    use super::super::polynomial::sparse;
    use super::*;
    use plimsoll_stats::{Random, normal};

    fn noise(count: usize, seed: u64) -> Vec<f64> {
        let mut random = Random::new(seed);
        (0..count).map(|_| normal::quantile(random.unit().clamp(1e-9, 1.0 - 1e-9))).collect()
    }

    /// (φ, θ) with and without a seasonal part, close to the unit circle too.
    fn processes() -> Vec<Arma> {
        let mut seasonal = vec![0.0; 13];
        (seasonal[0], seasonal[11], seasonal[12]) = (0.5, 0.3, -0.15);
        let mut smooth = vec![0.0; 24];
        (smooth[0], smooth[23]) = (-0.4, -0.95);
        vec![
            Arma::new(vec![], &[]),
            Arma::new(vec![0.97], &[]),
            Arma::new(vec![1.2, -0.5], &[0.4, 0.99]),
            Arma::new(seasonal, &[0.3]),
            Arma::new(vec![0.6], &smooth),
        ]
    }

    /// The filter at its stationary start.
    fn filter(arma: &Arma) -> Filter {
        let mut left = arma.covariance().unwrap();
        for row in 0..arma.size() {
            for col in 0..arma.size() {
                left[row * arma.size() + col] -= arma.entry[row] * arma.entry[col];
            }
        }
        let columns = low_rank(left, arma.size(), 1e-13);
        Filter::new(sparse(&arma.phi), Vec::new(), arma.entry.clone(), vec![0.0; arma.size()], columns)
    }

    #[test]
    fn it_is_the_kalman_filters_likelihood_gaps_included() {
        for (seed, arma) in processes().iter().enumerate() {
            for gaps in [&[][..], &[5, 30, 31, 32, 99]] {
                let mut values = noise(150, seed as u64);
                let mut columns: Vec<Column> = Vec::new();
                for &gap in gaps {
                    values[gap] = 0.3;
                    let mut indicator = vec![0.0; values.len()];
                    indicator[gap] = 1.0;
                    columns.push(Column::new(indicator));
                }
                columns.push(Column::whole(values.clone()));
                let sample = Sample { columns, gaps: gaps.len() };
                let mut workspace = Workspace::default();
                let found = likelihood(arma, &sample, &mut workspace).unwrap();
                let mut filter = filter(arma);
                let (mut squares, mut logs) = (0.0, 0.0);
                for (index, value) in values.iter().enumerate() {
                    let value = if gaps.contains(&index) { f64::NAN } else { *value };
                    let Some((error, variance)) = filter.step(value) else { continue };
                    squares += error * error / variance;
                    logs += variance.ln();
                }
                let measured = sample.measured() as f64;
                let objective = 0.5 * ((squares / measured).ln() + logs / measured);
                assert!((found.objective - objective).abs() < 1e-9, "{seed} {} {objective}", found.objective);
                assert!((found.squares / squares - 1.0).abs() < 1e-9);
                // Both end in the same state.
                let end = end(arma, &sample, &found, &mut workspace);
                let roots = found.information.as_ref().map_or_else(Vec::new, |factor| factor.inverse_root(gaps.len()));
                let mut left = end.columns.clone();
                left.extend(roots.iter().map(|root| {
                    let at = |row: usize| root.iter().zip(&end.gap_columns).map(|(root, gap)| root * gap[row]).sum();
                    (0..arma.size()).map(at).collect()
                }));
                let other = Filter::new(sparse(&arma.phi), Vec::new(), arma.entry.clone(), end.mean, left);
                for (a, b) in filter.predict(30).iter().zip(other.predict(30)) {
                    assert!((a.0 - b.0).abs() < 1e-6 && (a.1 - b.1).abs() < 1e-6 * a.1, "{seed} {a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_mean_is_the_generalised_least_squares_one() {
        // White noise: the mean; a unit root's neighbour: the mean of both ends, nearly.
        let values = vec![1.0, 4.0, 2.0, 9.0];
        let ones = Column::new(vec![1.0; 4]);
        let sample = Sample { columns: vec![ones, Column::whole(values)], gaps: 0 };
        let mut workspace = Workspace::default();
        let white = likelihood(&Arma::new(vec![], &[]), &sample, &mut workspace).unwrap();
        assert!((white.unknowns[0] - 4.0).abs() < 1e-12 && (white.squares - 38.0).abs() < 1e-12);
        let walk = likelihood(&Arma::new(vec![0.999_999], &[]), &sample, &mut workspace).unwrap();
        assert!((walk.unknowns[0] - 5.0).abs() < 1e-3);
        assert!(likelihood(&Arma::new(vec![1.2], &[]), &sample, &mut workspace).is_none());
    }
}
