//! What node pools are told of the work to come: a streaming forecast of each resource that is wanted.
//!
//! Wanted is what runs and what waits. A season that repeats is learnt as it goes; a forecast that is out of bounds, or has
//! not learnt yet, foresees nothing, and pools then buy for what waits as without it.

use super::amounts::Amounts;
use super::pools::PoolOptions;
use plimsoll_autoscale::pools::{Amounts as Plain, Waiting, foreseen, typical};
use plimsoll_forecast::LoadForecaster;
use plimsoll_forecast::online::SettingsError;
use plimsoll_model::quantity::MilliRps;
use plimsoll_model::{Millis, Permille, Timestamp};

/// Forecasts of what is wanted.
#[derive(Debug)]
pub(super) struct Foresight {
    quantile: Permille,
    /// From a look to the moment at which the slowest node bought at it takes tasks, and the next look.
    horizon: Millis,
    /// One per resource.
    streams: Vec<LoadForecaster>,
    typical: Option<Plain>,
}

impl Foresight {
    /// None where the options ask for none.
    ///
    /// # Errors
    /// [`SettingsError`] when season, time between looks and start-up time do not go together.
    pub fn try_new(options: &PoolOptions) -> Result<Option<Self>, SettingsError> {
        let Some(spec) = &options.forecast else { return Ok(None) };
        let startup = options.policy.shapes.iter().map(|shape| shape.startup).max().unwrap_or(Millis(0));
        let horizon = startup.saturating_add(options.every);
        let one = |_| LoadForecaster::try_new(spec, options.every, horizon);
        let streams = (0..Amounts::default().0.len()).map(one).collect::<Result<_, _>>()?;
        Ok(Some(Self { quantile: spec.quantile, horizon, streams, typical: None }))
    }

    /// A task of that demand came.
    pub fn came(&mut self, demand: Amounts) {
        self.typical = Some(typical(self.typical, &demand.0));
    }

    /// Takes what is wanted now and tells what has to be expected besides.
    pub fn look(&mut self, at: Timestamp, wanted: Amounts) -> Option<Waiting> {
        let mut then = wanted.0;
        for ((stream, now), then) in self.streams.iter_mut().zip(wanted.0).zip(&mut then) {
            stream.observe(at, MilliRps(now));
            let Some((forecast, None)) = stream.forecast(at.plus(self.horizon), self.quantile) else { continue };
            *then = forecast.at_quantile(self.quantile).map_or(now, |point| point.value.0);
        }
        foreseen(&wanted.0, &then, &self.typical?)
    }
}
