//! Autoregression with penalties: one step from lags and what is known in advance, further steps from its own.

use super::fitted::FittedAutoregression;
use super::{LeastSquares, LinearModel, lags};
use crate::direct::Spread;
use crate::features::{History, Known, Scale, Transform};
use crate::{Data, Fit, FitError, Fitted};

/// What large weights cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Penalty {
    /// Square weights: see [`LeastSquares::ridge`].
    Ridge(f64),
    /// Some of it absolute, so that lags that say little are dropped: see [`LeastSquares::elastic_net`].
    ElasticNet {
        /// How much.
        penalty: f64,
        /// Share of the absolute part.
        share: f64,
    },
}

/// A linear model of the next value over lags, Fourier terms, calendar and events; what it says is fed back for the steps
/// after. Quantiles are those of its errors at so many steps ahead over the training rows.
///
/// Rows with a gap are dropped. Series known only up to now (covariates) are not used: their future would have to be
/// forecast too; [`crate::direct::Direct`] takes them.
///
/// # Source
/// Ridge and elastic net: see [`LeastSquares`]. Recursive against direct forecasts: S. Ben Taieb, R. J. Hyndman,
/// "Recursive and direct multi-step forecasting: the best of both worlds", Monash working paper 19/12, 2012.
#[derive(Debug, Clone, PartialEq)]
pub struct Autoregression {
    /// What reports call it.
    pub name: &'static str,
    /// How values are seen.
    pub transform: Transform,
    /// Which lags; from the seasons when none are named.
    pub lags: Option<Vec<usize>>,
    /// What weights cost; for ridge their departure from the anchor: the value one shortest season ago, or the last value
    /// where no season is among the lags.
    pub penalty: Penalty,
    /// What is added to the ridge penalty of n rows for p weights: this × (p / n)³. A short series stays close to its anchor.
    pub short: f64,
    /// Fourier terms and calendar; events are always taken.
    pub known: Known,
    /// Steps ahead up to which errors are measured; further on they are extrapolated.
    pub steps: usize,
}

/// Rows whose errors are measured at most: the newest.
const ERROR_ROWS_MAX: usize = 4_096;

impl Autoregression {
    /// Least squares with a small ridge penalty over the usual lags, on a logarithmic scale.
    #[must_use]
    pub fn ridge() -> Self {
        Self {
            name: "ridge",
            transform: Transform::Log,
            lags: None,
            penalty: Penalty::Ridge(1e-5),
            short: 1.0,
            known: Known::default(),
            steps: 48,
        }
    }

    /// The same on plain values: better where the swing of a season does not grow with the level.
    #[must_use]
    pub fn ridge_additive() -> Self {
        Self { name: "ridge-additive", transform: Transform::Identity, ..Self::ridge() }
    }

    /// The first with an elastic-net penalty.
    #[must_use]
    pub fn elastic_net() -> Self {
        Self { name: "elastic-net", penalty: Penalty::ElasticNet { penalty: 1e-4, share: 0.5 }, ..Self::ridge() }
    }

    fn estimate(&self, rows: &Rows, anchor: Option<usize>) -> LinearModel {
        let own = |row: &[f64]| anchor.map_or(0.0, |column| row[column]);
        let changes: Vec<f64> = match rows.width {
            0 => rows.y.clone(),
            width => rows.x.chunks_exact(width).zip(&rows.y).map(|(row, y)| y - own(row)).collect(),
        };
        let share = rows.width as f64 / rows.y.len().max(1) as f64;
        let more = self.short * share * share * share;
        let problem = LeastSquares::new(&rows.x, rows.width, &changes);
        let mut model = match self.penalty {
            Penalty::Ridge(penalty) => problem.ridge(penalty + more),
            Penalty::ElasticNet { penalty, share } => problem.elastic_net(penalty, share),
        };
        if let Some(column) = anchor {
            model.weights[column] += 1.0;
        }
        model
    }
}

/// The lag that a series is taken to repeat until it shows otherwise.
fn anchor(lags: &[usize], seasons: &[usize]) -> Option<usize> {
    let of = |wanted: usize| lags.iter().position(|lag| *lag == wanted);
    seasons.iter().filter(|season| **season >= 2).find_map(|season| of(*season)).or_else(|| of(1))
}

impl Fit for Autoregression {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        if data.target.observed().next().is_none() {
            return Err(FitError::TooShort { model: self.name, needed: 1, found: 0 });
        }
        let len = data.target.values.len();
        let scale = Scale::learn(self.transform, data.target.values);
        let alone = Data { covariates: &[], ..*data };
        let known = Known { events: data.events.columns.len(), ..self.known.clone() };
        let mut lags = self.lags.clone().unwrap_or_else(|| lags::usual(data.seasons, len));
        lags.retain(|lag| *lag > 0 && *lag < len);
        lags.sort_unstable();
        lags.dedup();
        let mut history = History::new(&alone, scale, &[], lags.last().copied().unwrap_or(1));
        let mut rows = Rows::new(&history, &lags, &known, data);
        // Gaps may leave too few rows: then the farthest half of the lags goes, until what is left can be estimated.
        while rows.y.len() < 2 * lags.len() {
            lags.truncate(lags.len() / 2);
            rows = Rows::new(&history, &lags, &known, data);
        }
        // The elastic net drops lags, and would have to say each departure from an anchor instead.
        let ridge = matches!(self.penalty, Penalty::Ridge(_));
        let model = self.estimate(&rows, anchor(&lags, data.seasons).filter(|_| ridge));
        let spread = spread(&model, &rows, &lags, self.steps.min(len / 4).max(1));
        let (low, high) = bounds(history.window(len - 1, len));
        let lost = FittedAutoregression::fill(&mut history, &model, &lags, &known, data.events);
        history.trim();
        let names = known.names(data);
        let recent = super::fitted::Recent::default();
        let fitted = FittedAutoregression { history, lags, known, model, spread, low, high, names, recent };
        debug_assert!(lost || fitted.history.next() == len);
        Ok(Fitted::Autoregression(Box::new(fitted)))
    }
}

/// Rows without gaps, and where each stands.
struct Rows {
    x: Vec<f64>,
    y: Vec<f64>,
    width: usize,
    numbers: Vec<usize>,
    len: usize,
}

impl Rows {
    fn new(history: &History, lags: &[usize], known: &Known, data: &Data<'_>) -> Self {
        let len = history.next();
        let width = lags.len() + known.width();
        let farthest = lags.last().copied().unwrap_or(0);
        let values = history.window(len.saturating_sub(1), len);
        let capacity = len.saturating_sub(farthest);
        let mut rows = Self {
            x: Vec::with_capacity(capacity * width),
            y: Vec::with_capacity(capacity),
            width,
            numbers: Vec::new(),
            len,
        };
        for number in farthest..len {
            let start = rows.x.len();
            rows.x.extend(lags.iter().map(|lag| values[number - lag]));
            if !values[number].is_finite() || rows.x[start..].iter().any(|value| !value.is_finite()) {
                rows.x.truncate(start);
                continue;
            }
            known.push(history.at(number), history.step(), data.events, &mut rows.x);
            rows.y.push(values[number]);
            rows.numbers.push(number);
        }
        rows
    }
}

/// Quantiles of the errors `1..=most` steps ahead over the rows of training.
///
/// An error h steps ahead is the one-step error plus the errors, h − l steps ahead, of those lags l that had to be said:
/// e_h(t) = e_1(t) + Σ_{l < h} a_l e_{h−l}(t − l). They are widened by √(n / (n − p)) for the weights that were fitted to
/// these rows.
fn spread(model: &LinearModel, rows: &Rows, lags: &[usize], most: usize) -> Spread {
    let from = rows.len.saturating_sub(ERROR_ROWS_MAX);
    let mut first = vec![f64::NAN; rows.len - from];
    for ((row, y), number) in rows.x.chunks_exact(rows.width.max(1)).zip(&rows.y).zip(&rows.numbers) {
        if *number >= from {
            first[number - from] = y - model.predict(row);
        }
    }
    if rows.width == 0 {
        rows.numbers.iter().zip(&rows.y).filter(|(number, _)| **number >= from).for_each(|(number, y)| {
            first[number - from] = y - model.intercept;
        });
    }
    let free = rows.y.len().saturating_sub(rows.width + 1).max(1);
    let factor = libm::sqrt(rows.y.len() as f64 / free as f64).min(2.0);
    let mut errors: Vec<Vec<f64>> = vec![first];
    while errors.len() < most {
        let ahead = errors.len() + 1;
        let mut next = errors[0].clone();
        for (lag, weight) in lags.iter().zip(&model.weights).filter(|(lag, _)| **lag < ahead) {
            let said = &errors[ahead - lag - 1];
            next[..*lag.min(&said.len())].fill(f64::NAN);
            let moved = next.iter_mut().skip(*lag).zip(said);
            moved.for_each(|(sum, error)| *sum += weight * error);
        }
        errors.push(next);
    }
    let mut spread = Spread::default();
    for step in Spread::steps_up_to(most) {
        spread.push(step, &mut errors[step - 1], factor);
    }
    spread
}

/// As far beyond what was seen as that is wide: a recursion that runs away stops there.
fn bounds(values: &[f64]) -> (f64, f64) {
    let measured = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (measured().fold(f64::INFINITY, f64::min), measured().fold(f64::NEG_INFINITY, f64::max));
    (low - (high - low), high + (high - low))
}
