//! Several seasons and a trend, forecast apart: each season repeats its last cycle, the rest is carried on by a trend
//! that is fitted for many steps ahead.
//!
//! The seasons come from [`crate::decompose::mstl`]. What they leave is noise, and less of it than there is: a season
//! estimated from a few cycles has swallowed its share. [`Loess::swallowed`] says how much, and the quantiles are that
//! much wider.
//!
//! # Source
//! K. Bandara, R. J. Hyndman, C. Bergmeir, "MSTL", 2021 (arXiv:2107.13462); the forecast as `stlf` of R's `forecast` has
//! it: seasonal naive for the season, a non-seasonal model for the rest.

mod trend;

use crate::decompose::{self, DecomposeError, Decomposition, Loess};
use crate::explanation::{NamedPart, RecentErrors, SeasonPart};
use crate::{Ahead, Data, Explanation, Fit, FitError, Fitted, Forecaster, Levels, Prediction, Sample, Series};
use plimsoll_stats::normal;
use serde::{Deserialize, Serialize};
use trend::Trend;

/// The window of the shortest season's smoother, in cycles. R's 11 is made for looking at the past; a forecast gains by
/// forgetting sooner.
const WINDOW: usize = 9;
/// Steps that the trend is fitted for where there is no season.
const REACH_WITHOUT_SEASON: usize = 16;
/// Forecasts that recent errors are about.
const RECENT: u64 = 64;
/// Quantiles are widened at most by this factor of the variance: of two cycles nearly everything is swallowed.
const SWALLOWED_MAX: f64 = 4.0;

/// Decomposition into all seasons of the data, each carried on, and the trend of the rest.
///
/// Seasons that do not fit twice are left out; without any it is the trend alone. A gap has no weight in any smoother.
#[derive(Debug, Clone)]
pub struct Mstl {
    name: &'static str,
    decomposition: decompose::Mstl,
    log: bool,
}

/// The last cycle of one season.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cycle {
    values: Vec<f64>,
    /// Place of the next value.
    next: usize,
    /// Share of an error that the season takes.
    gain: f64,
}

/// The seasons' last cycles and the state of the trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedMstl {
    /// The least value that was fitted, when it works on logarithms.
    log_floor: Option<f64>,
    cycles: Vec<Cycle>,
    trend: Trend,
    /// The variance of the trend's errors times this is that of a forecast.
    widening: f64,
    /// Errors of the forecasts one step ahead since it was fitted.
    recent: Recent,
}

/// How the last forecasts did, older ones fading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Recent {
    count: u64,
    absolute: f64,
    bias: f64,
}

impl Default for Mstl {
    fn default() -> Self {
        let decomposition = decompose::Mstl { windows: vec![WINDOW], ..decompose::Mstl::default() };
        Self { name: "mstl", decomposition, log: false }
    }
}

impl Mstl {
    /// On logarithms: seasons that grow with the level. Only for values above 0.
    #[must_use]
    pub fn log() -> Self {
        Self { name: "mstl-log", log: true, ..Self::default() }
    }

    /// With another decomposition.
    #[must_use]
    pub fn with(self, decomposition: decompose::Mstl) -> Self {
        Self { decomposition, ..self }
    }

    /// The least value, when logarithms are asked for and can be taken.
    fn log_floor(&self, target: &Series<'_>) -> Result<Option<f64>, FitError> {
        if !self.log {
            return Ok(None);
        }
        let least = target.observed().fold(f64::INFINITY, f64::min);
        if least > 0.0 {
            Ok(Some(least))
        } else {
            Err(FitError::Unsuitable { model: self.name, why: "logarithms need values above 0" })
        }
    }
}

impl Fit for Mstl {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fit(&self, data: &Data<'_>, _seed: u64) -> Result<Fitted, FitError> {
        let log_floor = self.log_floor(&data.target)?;
        let worked: Vec<f64> = match log_floor {
            Some(_) => data.target.values.iter().map(|value| libm::log(*value)).collect(),
            None => data.target.values.to_vec(),
        };
        let periods: Vec<usize> = data.seasons.iter().copied().filter(|period| *period >= 2).collect();
        let parts = decompose::mstl(&worked, &periods, &self.decomposition).map_err(|error| self.error(error))?;
        let shortest = parts.seasons.first().map(|season| season.period);
        let trend = Trend::fit(&parts.adjusted(), shortest.map_or(REACH_WITHOUT_SEASON, |period| 2 * period));
        let (cycles, widening) = self.cycles(&parts);
        Ok(Fitted::Mstl(FittedMstl { log_floor, cycles, trend, widening, recent: Recent::default() }))
    }
}

impl Mstl {
    fn error(&self, error: DecomposeError) -> FitError {
        let model = self.name;
        match error {
            DecomposeError::Window { window, .. } => FitError::Setting {
                model,
                setting: "window",
                value: window.to_string(),
                allowed: "odd and at least 3, and longer than the season for its trend",
            },
            _ => FitError::TooShort { model, needed: 1, found: 0 },
        }
    }

    /// The last cycle of each season, and by how much the variance of the rest is too small.
    fn cycles(&self, parts: &Decomposition) -> (Vec<Cycle>, f64) {
        let mut widening = 1.0;
        let cycle = |(rank, season): (usize, &decompose::Seasonal)| {
            let loess: Loess = self.decomposition.stl(rank, season.period).seasonal;
            let swallowed = loess.swallowed(season.values.len() / season.period);
            widening *= swallowed.widening;
            let values = season.values[season.values.len() - season.period..].to_vec();
            Cycle { values, next: 0, gain: swallowed.newest / parts.seasons.len() as f64 }
        };
        let cycles = parts.seasons.iter().enumerate().map(cycle).collect();
        (cycles, widening.min(SWALLOWED_MAX))
    }
}

impl FittedMstl {
    /// Whether it works on logarithms.
    #[must_use]
    pub const fn is_log(&self) -> bool {
        self.log_floor.is_some()
    }

    fn natural(&self, value: f64) -> f64 {
        if self.is_log() { libm::exp(value) } else { value }
    }
}

impl Recent {
    /// Takes an error of a forecast; the last `RECENT` weigh about the same.
    fn add(&mut self, error: f64) {
        self.count += 1;
        let weight = 1.0 / self.count.min(RECENT) as f64;
        self.absolute += weight * (error.abs() - self.absolute);
        self.bias += weight * (error - self.bias);
    }
}

impl Cycle {
    /// The value so many steps after the next one.
    fn at(&self, steps: usize) -> f64 {
        self.values[(self.next + steps) % self.values.len()]
    }
}

impl Forecaster for FittedMstl {
    fn predict(&self, ahead: &Ahead<'_>, levels: &Levels) -> Prediction {
        let scores: Vec<f64> = levels.as_slice().iter().map(|level| normal::quantile(*level)).collect();
        let mut points = Vec::with_capacity(ahead.horizon);
        let mut values = Vec::with_capacity(ahead.horizon * levels.len());
        for (index, (level, deviation)) in self.trend.ahead().take(ahead.horizon).enumerate() {
            let season: f64 = self.cycles.iter().map(|cycle| cycle.at(index)).sum();
            let point = level + deviation + season;
            let spread = libm::sqrt(self.trend.variance(index + 1) * self.widening);
            points.push(self.natural(point));
            values.extend(scores.iter().map(|score| self.natural(point + score * spread)));
        }
        Prediction::new(levels, points, values)
    }

    /// Level and deviation follow as they were fitted; every season takes the share of the error that its smoother would
    /// give its newest cycle. On logarithms, what is at or below 0 counts as the least value that was fitted.
    fn update(&mut self, sample: &Sample<'_>) {
        let value = match self.log_floor {
            Some(floor) if sample.value.is_finite() => libm::log(sample.value.max(floor.min(f64::MAX))),
            _ => sample.value,
        };
        let season: f64 = self.cycles.iter().map(|cycle| cycle.at(0)).sum();
        let (level, deviation) = self.trend.ahead().next().unwrap_or_default();
        let forecast = level + deviation + season;
        let error = value - forecast;
        if sample.value.is_finite() {
            self.recent.add(sample.value - self.natural(forecast));
        }
        for cycle in &mut self.cycles {
            if error.is_finite() {
                cycle.values[cycle.next] += cycle.gain * error;
            }
            cycle.next = (cycle.next + 1) % cycle.values.len();
        }
        self.trend.update(value - season);
    }
    fn explain(&self) -> Explanation {
        let (level, slope, deviation) = self.trend.state();
        let (next, start) = (self.natural(level + slope), self.natural(level));
        let season = |cycle: &Cycle| {
            let shape = || cycle.values.iter().map(|value| self.natural(*value));
            let swing = shape().fold(f64::MIN, f64::max) - shape().fold(f64::MAX, f64::min);
            let next = self.natural(cycle.at(0));
            SeasonPart { period: cycle.values.len(), swing, next, multiplies: self.is_log() }
        };
        let recent = RecentErrors {
            count: self.recent.count,
            mean_absolute: self.recent.absolute,
            bias: self.recent.bias,
            coverage: None,
        };
        let away = NamedPart {
            name: "distance of the newest value from the level, a step on".into(),
            value: self.natural(level + slope + deviation) - next,
        };
        let form = if self.is_log() { "MSTL on logarithms" } else { "MSTL" };
        Explanation {
            level: Some(start),
            trend: Some(next - start),
            seasons: self.cycles.iter().map(season).collect(),
            terms: vec![away],
            recent: (self.recent.count > 0).then_some(recent),
            ..Explanation::of(form)
        }
    }
}
