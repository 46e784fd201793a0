//! Fits a [`ServiceModel`] to what was recorded, and says how far it is off on what it was not fitted to.
//!
//! A recording is rows of load, replicas, CPU and latency quantiles ([`Sample`]). Every third stretch of it is held back. On
//! the rest, CPU is a straight line per replica, and work, delay, spread and cores are searched so that the quantiles of
//! the fast tier are the recorded ones. Both are robust: medians of slopes and absolute errors, over medians of rows that
//! are alike. Rows that cannot be believed are named with their reason and left out ([`Clipped`]); a recording shows only what
//! the policy of its day let through, and a stretch where requests failed shows less than was asked for.
//!
//! [`Errors::verdict`] is the gate: a twin that is off by more than a fifth at p95 may not judge a policy.
//!
//! # Source
//! H. Theil, 1950, P. K. Sen, 1968 (median of slopes); J. Nelder, R. Mead, "A Simplex Method for Function Minimization", The
//! Computer Journal 7(4), 1965.

mod clip;
mod errors;
mod fit;
mod law;
mod minimize;

pub use clip::{Clipped, Reason};
pub use errors::{ERROR_MAX, Errors, FigureError, Untrusted};
pub use law::fit_law;

use super::distribution::{Distribution, Shape};
use super::model::{CpuUse, ModelError, ScalabilityLaw, ServiceModel, WarmUp};

/// Fewest rows that anything is fitted to.
pub const ROWS_MIN: usize = 24;
/// Stretches that a recording is cut into; every third is held back.
const STRETCHES: usize = 12;

/// One row of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sample {
    /// Its number in the recording, to name it by.
    pub row: usize,
    /// When it began, seconds.
    pub at_s: f64,
    /// Requests that arrived per second.
    pub rate: f64,
    /// Ready replicas.
    pub replicas: u32,
    /// CPU of all replicas, thousandths of a core.
    pub cpu_millicores: Option<f64>,
    /// Median latency, seconds.
    pub p50_s: Option<f64>,
    /// 95 % were faster.
    pub p95_s: Option<f64>,
    /// 99 % were faster.
    pub p99_s: Option<f64>,
    /// Share of requests that failed, 0 to 1.
    pub failed: Option<f64>,
    /// Start-up time of a replica that became ready in this row, seconds.
    pub startup_s: Option<f64>,
}

/// What is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Requests worked on at once by one replica; 1 for a worker.
    pub slots: u32,
    /// The scalability law, where it was measured; else cores are fitted.
    pub law: Option<ScalabilityLaw>,
    /// Start-up time, seconds, for a recording that has none.
    pub startup_s: Option<f64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The model.
    pub model: ServiceModel,
    /// How far it is off on rows that it was not fitted to.
    pub errors: Errors,
    /// Rows left out, with their reasons.
    pub clipped: Vec<Clipped>,
    /// Rows it was fitted to.
    pub fitted: usize,
    /// Rows it was tried on.
    pub held: usize,
    /// Length of a row, seconds.
    pub step_s: f64,
}

/// Why nothing was fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrateError {
    /// Too little to go by.
    #[error("{usable} of {rows} rows are usable, and {ROWS_MIN} are needed; left out: {reasons}")]
    TooFew {
        /// Rows given.
        rows: usize,
        /// Rows left.
        usable: usize,
        /// Why the others are not.
        reasons: String,
    },
    /// Time does not go on.
    #[error("row {row}: time {at_s} s does not come after {before_s} s")]
    Order {
        /// Where.
        row: usize,
        /// What stands there.
        at_s: f64,
        /// What stands before.
        before_s: f64,
    },
    /// No latency at all.
    #[error("no row has a latency: at least one of p50, p95 and p99 is needed")]
    NoLatency,
    /// The fit is outside of what a model may be.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// Fits a model to `samples`, in order of time.
///
/// # Errors
/// [`CalibrateError`] for a recording that is too short, out of order, or without latencies.
pub fn calibrate(samples: &[Sample], settings: &Settings) -> Result<Calibration, CalibrateError> {
    if let Some(pair) =
        samples.windows(2).find(|pair| pair[1].at_s.partial_cmp(&pair[0].at_s) != Some(std::cmp::Ordering::Greater))
    {
        return Err(CalibrateError::Order { row: pair[1].row, at_s: pair[1].at_s, before_s: pair[0].at_s });
    }
    let (usable, mut clipped) = clip::clip(samples);
    if usable.len() < ROWS_MIN {
        let reasons = clip::summary(&clipped);
        return Err(CalibrateError::TooFew { rows: samples.len(), usable: usable.len(), reasons });
    }
    if usable.iter().all(|sample| sample.p50_s.is_none() && sample.p95_s.is_none() && sample.p99_s.is_none()) {
        return Err(CalibrateError::NoLatency);
    }
    let steps: Vec<f64> = samples.windows(2).map(|pair| pair[1].at_s - pair[0].at_s).collect();
    let step_s = median(steps).unwrap_or(1.0);
    // Stretches of time, not single rows: neighbours are too alike to test each other.
    let is_held = |n: usize| (n * STRETCHES / usable.len()) % 3 == 2;
    let of = |held: bool| -> Vec<Sample> {
        usable.iter().enumerate().filter(|(n, _)| is_held(*n) == held).map(|(_, sample)| *sample).collect()
    };
    let (fitted, held) = (of(false), of(true));
    let startups: Vec<f64> = samples.iter().filter_map(|sample| sample.startup_s).filter(|s| *s >= 0.0).collect();
    let blank = ServiceModel {
        work: Distribution { mean_ms: 1.0, variation: 1.0, shape: Shape::LogNormal },
        delay_ms: 0.0,
        law: settings.law.unwrap_or(ScalabilityLaw { slots: settings.slots, ..ScalabilityLaw::default() }),
        cpu: CpuUse::default(),
        memory: None,
        startup: startup(startups, settings.startup_s.unwrap_or(0.0)),
        warm_up: WarmUp::default(),
    };
    let cpu = fit::cpu(&fitted);
    let model = fit::latency(&fitted, ServiceModel { cpu: cpu.unwrap_or_default(), ..blank }, settings.law.is_some());
    model.check()?;
    let (errors, odd) = errors::errors(&held, &model);
    clipped.extend(odd);
    clipped.sort_by_key(|row| row.row);
    Ok(Calibration { model, errors, clipped, fitted: fitted.len(), held: held.len(), step_s })
}

/// Median and robust spread of start-up times.
fn startup(times_s: Vec<f64>, otherwise_s: f64) -> Distribution {
    let Some(middle) = median(times_s.clone()) else { return Distribution::constant(otherwise_s * 1_000.0) };
    let away = median(times_s.iter().map(|time| (time - middle).abs()).collect()).unwrap_or(0.0);
    // A normal's standard deviation is 1.4826 of its median deviation.
    let variation = if middle > 0.0 { (1.482_6 * away / middle).min(20.0) } else { 0.0 };
    Distribution { mean_ms: middle * 1_000.0, variation, shape: Shape::LogNormal }
}

/// The median; none of nothing.
fn median(mut values: Vec<f64>) -> Option<f64> {
    plimsoll_stats::quantile::sort(&mut values);
    plimsoll_stats::quantile_sorted(&values, 0.5)
}

#[cfg(test)]
mod tests;
