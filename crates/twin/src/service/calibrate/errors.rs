//! How far the twin is off, and whether it may judge.

use super::clip::{Clipped, Reason};
use super::{Sample, median};
use crate::service::ServiceModel;
use crate::service::fast::rows::Formulas;
use plimsoll_stats::quantile_sorted;
use serde::{Deserialize, Serialize};

/// Largest error of p95 latency with which a twin may judge a policy.
pub const ERROR_MAX: f64 = 0.20;
/// Beyond this utilisation a steady state is no longer what a row shows.
const UTILIZATION_MAX: f64 = 0.97;

/// Error of one figure over rows that the model was not fitted to, as a share of what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureError {
    /// Half of the rows are off by less.
    pub median: f64,
    /// Nine in ten are.
    pub p90: f64,
    /// Median with its sign: above 0 the twin says more than was recorded.
    pub bias: f64,
    /// Rows.
    pub rows: usize,
}

/// Errors of the figures; none where the recording has none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// Median latency.
    pub p50: Option<FigureError>,
    /// Latency that 95 % stay within.
    pub p95: Option<FigureError>,
    /// Latency that 99 % stay within.
    pub p99: Option<FigureError>,
    /// CPU of all replicas.
    pub cpu: Option<FigureError>,
}

/// Why a twin may not judge.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Untrusted {
    /// It is off by too much.
    #[error("the twin's p95 latency is off by {:.0} % on data it was not fitted to, and at most {:.0} % lets it judge", .0 * 100.0, ERROR_MAX * 100.0)]
    Error(f64),
    /// Nobody knows.
    #[error("nothing is known of the twin's error: the recording has no p95 latency")]
    Unknown,
}

impl Errors {
    /// Whether a twin with these errors may judge a policy.
    ///
    /// # Errors
    /// [`Untrusted`] where p95 latency is off by more than [`ERROR_MAX`], or nothing is known of it.
    pub fn verdict(&self) -> Result<(), Untrusted> {
        match self.p95 {
            None => Err(Untrusted::Unknown),
            // NaN is no error that is small enough.
            Some(error) if error.median <= ERROR_MAX => Ok(()),
            Some(error) => Err(Untrusted::Error(error.median)),
        }
    }
}

/// The errors over `held`, and the rows that could not be compared.
pub(super) fn errors(held: &[Sample], model: &ServiceModel) -> (Errors, Vec<Clipped>) {
    let formulas = Formulas::new(model, 1.0);
    let mut off: [Vec<f64>; 4] = Default::default();
    let mut odd = Vec::new();
    for sample in held {
        let rho = sample.rate / (formulas.capacity * f64::from(sample.replicas));
        if rho > UTILIZATION_MAX {
            odd.push(Clipped { row: sample.row, reason: Reason::Overloaded });
            continue;
        }
        let latency = formulas.latency(sample.replicas, rho);
        let cpu = model.cpu_millicores(sample.replicas, sample.rate);
        let figures = [
            (sample.p50_s, latency.p50_s),
            (sample.p95_s, latency.p95_s),
            (sample.p99_s, latency.p99_s),
            (sample.cpu_millicores, cpu),
        ];
        for (list, (seen, said)) in off.iter_mut().zip(figures) {
            list.extend(seen.filter(|seen| *seen > 0.0).map(|seen| said / seen - 1.0));
        }
    }
    let [p50, p95, p99, cpu] = off.map(figure);
    (Errors { p50, p95, p99, cpu }, odd)
}

fn figure(off: Vec<f64>) -> Option<FigureError> {
    let mut sizes: Vec<f64> = off.iter().map(|error| error.abs()).collect();
    plimsoll_stats::quantile::sort(&mut sizes);
    let (middle, p90) = (quantile_sorted(&sizes, 0.5)?, quantile_sorted(&sizes, 0.9)?);
    Some(FigureError { median: middle, p90, rows: off.len(), bias: median(off)? })
}
