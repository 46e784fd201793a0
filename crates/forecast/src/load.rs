//! One service's load, forecast in integers: the stream that learns as it goes, and the models that were fitted for it.
//!
//! This is where numbers of the models become quantities of a decision, and the only place: what comes out is rounded
//! once, here, so that nothing that decides computes with floats.
//!
//! The stream's state does not hold the models' (they may be large, and the stream's own stays small), so they stand
//! beside it in the serialised form and join it again when that is read.

use crate::Fitted;
use crate::online::{AdoptError, SettingsError, Stream, StreamForecast, StreamSettings, Verdict};
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::rationale::ForecastFault;
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::{ExpertWeight, Forecast, QuantilePoint};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A service's forecast.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct LoadForecaster {
    stream: Stream,
}

/// The serialised form.
#[derive(Serialize, Deserialize)]
struct Stored {
    stream: Stream,
    guests: Vec<(String, Fitted)>,
}

impl From<Stored> for LoadForecaster {
    fn from(Stored { mut stream, guests }: Stored) -> Self {
        for (name, fitted) in guests {
            // They had their places when this was written.
            let _ = stream.adopt(&name, fitted);
        }
        Self { stream }
    }
}

impl From<LoadForecaster> for Stored {
    fn from(LoadForecaster { stream }: LoadForecaster) -> Self {
        let guests = stream.guests().map(|(name, fitted)| (name.to_owned(), fitted.clone())).collect();
        Self { stream, guests }
    }
}

/// Equal states, bit by bit, of the stream and of its models.
impl PartialEq for LoadForecaster {
    fn eq(&self, other: &Self) -> bool {
        self.stream == other.stream && self.stream.guests().eq(other.stream.guests())
    }
}

impl Eq for LoadForecaster {}

impl LoadForecaster {
    /// A forecast that has seen nothing.
    ///
    /// # Errors
    /// [`SettingsError`] when season, tick and horizon do not go together.
    pub fn try_new(spec: &ForecastSpec, tick: Millis, horizon: Millis) -> Result<Self, SettingsError> {
        let settings = StreamSettings {
            step: tick,
            horizons: vec![horizon],
            wanted: spec.quantile,
            seasons: spec.seasons(),
            utc_offset_ms: 0,
        };
        Ok(Self { stream: Stream::try_new(settings)? })
    }

    /// Whether what it has learnt is of use under this policy.
    #[must_use]
    pub fn serves(&self, spec: &ForecastSpec, tick: Millis) -> bool {
        let settings = self.stream.settings();
        settings.step == tick && settings.wanted == spec.quantile && settings.seasons == spec.seasons()
    }

    /// Looks so far ahead from now on. What was learnt of the series stays; margins for another horizon begin with those of
    /// the nearest one that is at least half and at most twice as far, and are learnt again where there is none.
    ///
    /// # Errors
    /// [`SettingsError`] when that is too far; then nothing changes.
    pub fn look_ahead(&mut self, horizon: Millis) -> Result<(), SettingsError> {
        self.stream.retarget(vec![horizon])
    }

    /// Takes a sample; false when it is not after the newest.
    pub fn observe(&mut self, at: Timestamp, rate: MilliRps) -> bool {
        self.stream.observe(at, as_value(rate))
    }

    /// Lets a model join that was fitted to the samples up to `until`, brought up to now by those `since`.
    ///
    /// # Errors
    /// [`AdoptError`] when there is no place.
    pub fn adopt(
        &mut self,
        name: &str,
        fitted: Fitted,
        until: Timestamp,
        since: &[(Timestamp, MilliRps)],
    ) -> Result<(), AdoptError> {
        let since: Vec<(Timestamp, f64)> = since.iter().map(|(at, rate)| (*at, as_value(*rate))).collect();
        self.stream.adopt_late(name, fitted, until, &since)
    }

    /// What a worker needs to cut samples into the same steps.
    #[must_use]
    pub fn origin(&self) -> Option<Timestamp> {
        self.stream.origin()
    }

    /// The demand at `at`, and in what the forecast is out of bounds, if it is; none before the first sample.
    #[must_use]
    pub fn forecast(&self, at: Timestamp, wanted: Permille) -> Option<(Forecast, Option<ForecastFault>)> {
        let said = self.stream.forecast(at, wanted)?;
        let fault = self.fault(said.is_floor);
        Some((as_forecast(said), fault))
    }

    /// How its forecasts have done lately; none before the first sample.
    #[must_use]
    pub fn account(&self) -> Option<ForecastAccount> {
        let said = self.stream.explain()?;
        let lane = said.health.horizons.first()?;
        let experts = &said.horizons.first()?.experts;
        Some(ForecastAccount {
            scored: rounded(lane.scored),
            wanted: lane.wanted,
            covered: permille(lane.coverage),
            loss_ratio: permille(lane.loss_ratio),
            is_trusted: matches!(lane.verdict, Verdict::InBounds),
            experts: experts
                .iter()
                .map(|(expert, share)| ExpertWeight { expert: expert.clone().into(), weight: Permille(*share) })
                .collect(),
            covered_by_hour: said
                .health
                .hours
                .iter()
                .map(|hour| (hour.hour, rounded(hour.scored), permille(hour.coverage)))
                .collect(),
        })
    }

    fn fault(&self, is_learning: bool) -> Option<ForecastFault> {
        let lane = self.stream.first_health()?;
        let forecasts = rounded(lane.scored).try_into().unwrap_or(u32::MAX);
        if is_learning {
            return Some(ForecastFault::Learning { forecasts });
        }
        match lane.verdict {
            Verdict::TooFew { .. } | Verdict::InBounds => None,
            Verdict::CoverageLow { coverage, bound } => Some(ForecastFault::Coverage {
                nominal: lane.wanted,
                covered: permille(coverage),
                covered_min: permille(bound),
                forecasts,
            }),
            Verdict::LossHigh { ratio, bound } => {
                Some(ForecastFault::Loss { ratio: permille(ratio), ratio_max: permille(bound), forecasts })
            }
        }
    }

    /// The stream, for reports.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }
}

/// How a service's forecasts have done lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForecastAccount {
    /// Forecasts that have come due, older ones faded.
    pub scored: u64,
    /// The quantile that has to cover the demand.
    pub wanted: Permille,
    /// The share of them that it did cover.
    pub covered: Permille,
    /// Pinball loss as a share of what the last value with a margin of its own would have lost.
    pub loss_ratio: Permille,
    /// Whether replicas are added because of it.
    pub is_trusted: bool,
    /// The experts that speak now, heaviest first.
    pub experts: Vec<ExpertWeight>,
    /// Hour of the day, forecasts for it, and the share of them that covered the demand.
    pub covered_by_hour: Vec<(u8, u64, Permille)>,
}

fn as_forecast(said: StreamForecast) -> Forecast {
    let quantiles =
        said.quantiles.into_iter().map(|(quantile, value)| QuantilePoint { quantile, value: as_rate(value) });
    let weights: Vec<ExpertWeight> =
        said.weights.into_iter().map(|weight| ExpertWeight { expert: weight.name, weight: weight.share }).collect();
    let model = weights.first().map_or(Cow::Borrowed(""), |first| first.expert.clone());
    Forecast { at: said.at, model, quantiles: quantiles.collect(), seasons: said.seasons, weights }
}

/// Rates above this (10¹² requests per second) are taken as this, so that sums of squares stay finite numbers.
const RATE_MAX: u64 = 1_000_000_000_000_000;

fn as_value(rate: MilliRps) -> f64 {
    rate.0.min(RATE_MAX) as f64
}

/// Every quantity that enters a decision is an integer.
fn as_rate(value: f64) -> MilliRps {
    MilliRps(rounded(value))
}

fn permille(share: f64) -> Permille {
    Permille(rounded(share * 1_000.0))
}

/// To the nearest integer; nothing that is negative or no number comes out.
fn rounded(value: f64) -> u64 {
    // `as` saturates, and takes NaN as 0.
    (value + 0.5) as u64
}
