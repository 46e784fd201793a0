//! MSTL: several seasons, each by STL on the series without the others.
//!
//! # Source
//! K. Bandara, R. J. Hyndman, C. Bergmeir, "MSTL: A Seasonal-Trend Decomposition Algorithm for Time Series with Multiple
//! Seasonal Patterns", 2021 (arXiv:2107.13462); defaults as in `mstl` of R's package `forecast`.

use super::loess::{Degree, Loess, Plan, Scratch};
use super::{DecomposeError, Decomposition, Seasonal, Stl, stl};
use serde::{Deserialize, Serialize};

/// How a series with several seasons is decomposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mstl {
    /// The window of each season's smoother, shortest season first; 7 + 4 i for the i-th (from 1) that is not given.
    pub windows: Vec<usize>,
    /// Rounds over all seasons, at least 1; a single season needs only one.
    pub iterate: usize,
    /// Whether STL is robust against outliers.
    pub robust: bool,
    /// Fits at every point instead of at a tenth of the window: slower, and hardly different.
    pub exact: bool,
}

impl Default for Mstl {
    fn default() -> Self {
        Self { windows: Vec::new(), iterate: 2, robust: false, exact: false }
    }
}

impl Mstl {
    /// The settings of STL for the season of that rank (0 is the shortest).
    #[must_use]
    pub fn stl(&self, rank: usize, period: usize) -> Stl {
        let window = self.windows.get(rank).copied().unwrap_or(11 + 4 * rank);
        let mut spec = Stl::new(period, window);
        if self.robust {
            spec = spec.robust();
        }
        if self.exact {
            for loess in [&mut spec.seasonal, &mut spec.trend, &mut spec.low_pass] {
                loess.jump = 1;
            }
        }
        spec
    }
}

/// Decomposes `values` (oldest first, NaN for a gap) into `periods` (in steps, in any order; each once) and a trend.
///
/// A season of which less than two cycles are there is left out, as R does; without any season left the trend is a
/// loess of a fifth of the series, the rest the remainder.
///
/// # Errors
/// [`DecomposeError`] for a period below 2, a window that is even or too small, or when nothing was measured.
pub fn mstl(values: &[f64], periods: &[usize], spec: &Mstl) -> Result<Decomposition, DecomposeError> {
    let mut periods = periods.to_vec();
    periods.sort_unstable();
    periods.dedup();
    if let Some(period) = periods.first().copied().filter(|period| *period < 2) {
        return Err(DecomposeError::Period { period });
    }
    periods.retain(|period| *period <= values.len() / 2);
    if periods.is_empty() {
        return trend_only(values);
    }
    let rounds = if periods.len() == 1 { 1 } else { spec.iterate.max(1) };
    let zeros = |period| Seasonal { period, values: vec![0.0; values.len()] };
    let mut seasons: Vec<Seasonal> = periods.iter().map(|period| zeros(*period)).collect();
    let mut rest = values.to_vec();
    let mut last = None;
    for _ in 0..rounds {
        for (rank, season) in seasons.iter_mut().enumerate() {
            rest.iter_mut().zip(&season.values).for_each(|(rest, season)| *rest += season);
            let mut parts = stl(&rest, &spec.stl(rank, season.period))?;
            if let Some(found) = parts.seasons.pop() {
                *season = found;
            }
            rest.iter_mut().zip(&season.values).for_each(|(rest, season)| *rest -= season);
            last = Some(parts);
        }
    }
    let Some(Decomposition { trend, weights, .. }) = last else { return Err(DecomposeError::Nothing) };
    let remainder = rest.iter().zip(&trend).map(|(rest, trend)| rest - trend).collect();
    Ok(Decomposition { trend, seasons, remainder, weights })
}

fn trend_only(values: &[f64]) -> Result<Decomposition, DecomposeError> {
    let len = values.len();
    let measured = |index: usize| values[index].is_finite();
    if !(0..len).any(measured) {
        return Err(DecomposeError::Nothing);
    }
    let loess = Loess::new((len / 5).max(7) | 1, Degree::Line);
    let mut out = vec![0.0; len + 2];
    match Plan::try_new(&loess, len, 1 << 20).filter(|_| (0..len).all(measured)) {
        Some(plan) => plan.smooth_beyond(values, &mut out),
        None => {
            let weight = |index| measured(index).then_some(1.0);
            loess.smooth_weighted(|index| values[index], weight, len, &mut Scratch::default(), &mut out);
        }
    }
    let trend = out[1..=len].to_vec();
    let remainder = values.iter().zip(&trend).map(|(y, t)| if y.is_finite() { y - t } else { f64::NAN }).collect();
    let weights = values.iter().map(|value| if value.is_finite() { 1.0 } else { 0.0 }).collect();
    Ok(Decomposition { trend, seasons: Vec::new(), remainder, weights })
}
