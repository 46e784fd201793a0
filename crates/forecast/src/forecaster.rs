//! The forecaster: what it has seen, what it said, and how well that went.

use crate::residuals::Residuals;
use crate::season::{Season, ShapeError, toward};
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::{Forecast, QuantilePoint};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Rates above this (10¹² requests per second) are taken as this, so that products fit.
const RATE_MAX: u64 = 1_000_000_000_000_000;
/// Forecasts waiting for their moment are at least horizon / this apart, so that few have to wait.
const PENDING_PER_HORIZON: u64 = 64;
/// Forecasts waiting for their moment at most, whatever the horizon does.
const PENDING_MAX: usize = 256;
/// Weight⁻¹ of a new sample in the present level: about the last eight samples.
const LEVEL_WEIGHT: u64 = 8;
/// Weight⁻¹ of a new error in a model's score: about the last 32 errors.
const LOSS_WEIGHT: u64 = 32;
/// Weight⁻¹ of a new sample in the long-run mean that a small forecast's scale rests on.
const MEAN_WEIGHT: u64 = 256;
/// Fixed point of the averages, so that small changes are not rounded away.
const FIX: u64 = 256;
/// The level correction stays within this factor of the season.
const LEVEL_MAX: u64 = 4;
/// Errors above this many millionths of the scale count as this: a demand that came at more than four times its forecast
/// says that the model did not know, not that as much more will come again.
const RELATIVE_MAX: i128 = 3_000_000;
/// Quantiles given in every forecast.
const QUANTILES: [Permille; 4] = [Permille(500), Permille(900), Permille(950), Permille(990)];

/// How a point forecast is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// It stays as it is.
    LastValue,
    /// The season's value at that moment.
    Seasonal,
    /// The season's value at that moment × present level / the season's level now.
    SeasonalLevel,
}

impl Model {
    const ALL: [Self; 3] = [Self::LastValue, Self::Seasonal, Self::SeasonalLevel];

    /// The name that forecasts carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastValue => "last-value",
            Self::Seasonal => "seasonal",
            Self::SeasonalLevel => "seasonal-level",
        }
    }
}

/// How one model has done at the horizon asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Track {
    /// Mean absolute error, fixed point.
    loss: u64,
    residuals: Residuals,
}

/// A forecast that waits for its moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Issued {
    due: Timestamp,
    points: [u64; 3],
}

/// A streaming forecaster of one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecaster {
    season: Season,
    /// Newest sample.
    last: Option<(Timestamp, u64)>,
    /// Present level and the season's value over the same samples, fixed point.
    level: Option<(u64, u64)>,
    /// Long-run mean, fixed point.
    mean: Option<u64>,
    issued: VecDeque<Issued>,
    tracks: [Track; 3],
}

impl Forecaster {
    /// A forecaster that has seen nothing.
    ///
    /// # Errors
    /// [`ShapeError`] when `slot` does not divide `season` into 1 to 10,000 slots.
    pub fn try_new(season: Millis, slot: Millis) -> Result<Self, ShapeError> {
        let season = Season::try_new(season, slot)?;
        Ok(Self { season, last: None, level: None, mean: None, issued: VecDeque::new(), tracks: Default::default() })
    }

    /// Whether it was made for this season and slot.
    #[must_use]
    pub fn is_shape(&self, season: Millis, slot: Millis) -> bool {
        self.season.is_shape(season, slot)
    }

    /// Takes a sample and scores what was said of this moment. `horizon` is how far ahead forecasts are asked for.
    ///
    /// False, and nothing changed, when `at` is not after the newest sample.
    pub fn observe(&mut self, at: Timestamp, rate: MilliRps, horizon: Millis) -> bool {
        let gap = match self.last {
            Some((last, _)) if at <= last => return false,
            Some((last, _)) => at.since(last),
            None => Millis::ZERO,
        };
        let value = rate.0.min(RATE_MAX);
        self.score(at, value);
        self.follow(at, value, gap);
        self.season.add(at, value);
        self.last = Some((at, value));
        self.issue(at, horizon);
        true
    }

    /// The demand at `at`, at the usual quantiles and at `wanted`. None before the first sample.
    #[must_use]
    pub fn forecast(&self, at: Timestamp, wanted: Permille) -> Option<Forecast> {
        let points = self.points(at)?;
        let model = self.best(at);
        let point = points[model as usize];
        let residuals = &self.tracks[model as usize].residuals;
        let scale = i128::from(self.scale(point));
        let mut quantiles: Vec<Permille> = QUANTILES.into_iter().chain([wanted]).collect();
        quantiles.sort_unstable();
        quantiles.dedup();
        let value = |quantile| {
            let shift = i128::from(residuals.quantile(quantile)) * scale / 1_000_000;
            MilliRps(u64::try_from((i128::from(point) + shift).max(0)).unwrap_or(u64::MAX))
        };
        let quantiles = quantiles.into_iter().map(|quantile| QuantilePoint { quantile, value: value(quantile) });
        let seasons = if model == Model::LastValue { 0 } else { self.season.seasons(at) };
        Some(Forecast { at, model: model.name().to_owned(), quantiles: quantiles.collect(), seasons })
    }

    /// Compares the newest forecast that was due with what came; older ones, passed over in a gap, are dropped.
    fn score(&mut self, at: Timestamp, value: u64) {
        let mut due = None;
        while self.issued.front().is_some_and(|issued| issued.due <= at) {
            due = self.issued.pop_front();
        }
        let Some(issued) = due.filter(|issued| at.since(issued.due) <= self.season.slot()) else { return };
        if self.mean.is_none_or(|mean| mean == 0) {
            return; // There was no demand at all yet, so an error has nothing that it could be relative to.
        }
        for (index, point) in issued.points.into_iter().enumerate() {
            let error = i128::from(value) - i128::from(point);
            let relative = error * 1_000_000 / i128::from(self.scale(point));
            let relative = i32::try_from(relative.clamp(-RELATIVE_MAX, RELATIVE_MAX)).unwrap_or(0);
            let track = &mut self.tracks[index];
            track.residuals.push(relative);
            track.loss = toward(track.loss, value.abs_diff(point).saturating_mul(FIX), LOSS_WEIGHT);
        }
    }

    /// Follows level and mean. After a gap of more than a few slots the level starts anew: the old one says nothing.
    fn follow(&mut self, at: Timestamp, value: u64, gap: Millis) {
        let fixed = value.saturating_mul(FIX);
        self.mean = Some(self.mean.map_or(fixed, |mean| toward(mean, fixed, MEAN_WEIGHT)));
        if gap > self.season.slot().saturating_mul(LEVEL_WEIGHT) {
            self.level = None;
        }
        self.level = self.season.value(at).map(|season| season.saturating_mul(FIX)).map(|season| match self.level {
            None => (fixed, season),
            Some((level, own)) => (toward(level, fixed, LEVEL_WEIGHT), toward(own, season, LEVEL_WEIGHT)),
        });
    }

    fn issue(&mut self, at: Timestamp, horizon: Millis) {
        let due = at.plus(horizon);
        let apart = Millis(horizon.0 / PENDING_PER_HORIZON).max(Millis(self.season.slot().0 / 4));
        let early = self.issued.back().is_some_and(|last| due <= last.due || due.since(last.due) < apart);
        if early || self.issued.len() >= PENDING_MAX || due <= at {
            return;
        }
        if let Some(points) = self.points(due) {
            self.issued.push_back(Issued { due, points });
        }
    }

    /// What each model says of `at`; a model that cannot say anything repeats the last value.
    fn points(&self, at: Timestamp) -> Option<[u64; 3]> {
        let (_, last) = self.last?;
        let seasonal = self.season.value(at).unwrap_or(last);
        let levelled = match (self.season.value(at), self.level) {
            (Some(season), Some((level, own))) if own > 0 => {
                let levelled = u128::from(season) * u128::from(level) / u128::from(own);
                let most = season.saturating_mul(LEVEL_MAX);
                u64::try_from(levelled).unwrap_or(most).clamp(season / LEVEL_MAX, most)
            }
            _ => seasonal,
        };
        Some([last, seasonal, levelled])
    }

    /// The model with the least recent error, the simpler of equals; the last value where the season is unknown.
    fn best(&self, at: Timestamp) -> Model {
        if self.season.value(at).is_none() {
            return Model::LastValue;
        }
        let loss = |model: &Model| self.tracks[*model as usize].loss;
        Model::ALL.into_iter().min_by_key(loss).unwrap_or(Model::LastValue)
    }

    /// What an error is relative to: the forecast, but at least a quarter of the long-run mean, so that a quiet hour
    /// does not make every error enormous.
    fn scale(&self, point: u64) -> u64 {
        point.max(self.mean.unwrap_or(0) / FIX / 4).max(1)
    }
}

/// Takes recorded history, oldest first. Returns how many samples were taken; the others were not after the newest.
pub fn warm(forecaster: &mut Forecaster, samples: &[(Timestamp, MilliRps)], horizon: Millis) -> usize {
    samples.iter().filter(|(at, rate)| forecaster.observe(*at, *rate, horizon)).count()
}
