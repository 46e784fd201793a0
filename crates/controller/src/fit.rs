//! When models are fitted to a service's demand, on exactly which data, and whether what comes back is still wanted.
//!
//! A step never fits: it emits an order, a worker of the daemon or the twin carries it out, and the parameters come back
//! as an input that is journaled, so that a replay never fits again. The order names its data by a hash, because the
//! worker keeps them and the controller does not; per day of trace time one sum is remembered here, so that the data can
//! be a window of whole days without the samples themselves.

use crate::emit::Turn;
use crate::input::Fit;
use crate::state::{ServiceState, State};
use plimsoll_forecast::{Fitted, LoadForecaster};
use plimsoll_model::decision::FitOrder;
use plimsoll_model::id::ServiceName;
use plimsoll_model::quantity::{MilliRps, Millis, Timestamp};
use plimsoll_model::spec::ForecastSpec;
use plimsoll_model::{ActionKind, Finding};
use plimsoll_stats::random::mix;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Whole days of trace time that models are fitted to: four weeks show each weekday four times.
pub const DAYS_MAX: usize = 28;
/// Samples that may come in while an order is out; beyond, its answer would be too old to catch up.
const CATCH_UP_MAX: usize = 4_096;
/// Samples below which no model says anything that the streaming experts do not.
const SAMPLES_MIN: u64 = 200;
/// Samples above which the oldest day is left out, however few days there are: fitting has to end before the next fit.
const SAMPLES_MAX: u64 = 100_000;
/// Longest text of one fitted model that is taken.
const PARAMETERS_MAX: usize = 1 << 20;

/// One sample's share of the hash of its data. Their wrapping sum does not depend on the order of addition, so that days
/// can be summed apart.
fn sample_hash(at: Timestamp, rate: MilliRps) -> u64 {
    mix(mix(at.0.cast_unsigned()).wrapping_add(rate.0))
}

/// The hash that an order names its data by.
#[must_use]
pub fn data_hash(samples: &[(Timestamp, MilliRps)]) -> u64 {
    samples.iter().fold(0, |sum: u64, (at, rate)| sum.wrapping_add(sample_hash(*at, *rate)))
}

/// What the controller knows of the data that its orders name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FitBook {
    /// Oldest first.
    days: VecDeque<Day>,
    /// Newest sample.
    last: Option<(Timestamp, MilliRps)>,
    /// No order before.
    next: Option<Timestamp>,
    /// The order that is out.
    pending: Option<Pending>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    index: i64,
    first: Timestamp,
    samples: u64,
    hash: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    until: Timestamp,
    data_hash: u64,
    samples: u64,
    /// What came in since.
    since: Vec<(Timestamp, MilliRps)>,
}

impl FitBook {
    /// Notes a sample that the forecast has taken.
    pub fn add(&mut self, at: Timestamp, rate: MilliRps) {
        let index = at.0.div_euclid(DAY_MS);
        if self.days.back().is_none_or(|day| day.index != index) {
            self.days.push_back(Day { index, first: at, samples: 0, hash: 0 });
            let total = |days: &VecDeque<Day>| days.iter().map(|day| day.samples).sum::<u64>();
            while self.days.len() > DAYS_MAX || (self.days.len() > 2 && total(&self.days) > SAMPLES_MAX) {
                self.days.pop_front();
            }
        }
        if let Some(day) = self.days.back_mut() {
            day.samples += 1;
            day.hash = day.hash.wrapping_add(sample_hash(at, rate));
        }
        self.last = Some((at, rate));
        if let Some(pending) = &mut self.pending {
            pending.since.push((at, rate));
            if pending.since.len() > CATCH_UP_MAX {
                self.pending = None;
            }
        }
    }

    /// The newest sample that was noted.
    #[must_use]
    pub const fn last(&self) -> Option<(Timestamp, MilliRps)> {
        self.last
    }

    /// The order that is due, if one is.
    fn order(
        &mut self,
        at: Timestamp,
        name: &ServiceName,
        spec: &ForecastSpec,
        times: Times,
        origin: Timestamp,
    ) -> Option<FitOrder> {
        let (first, until) = (self.days.front()?.first, self.last?.0);
        // The first fit comes as soon as there is as much data as a later one would have new.
        let next = *self.next.get_or_insert(first.plus(spec.refit));
        let samples: u64 = self.days.iter().map(|day| day.samples).sum();
        if spec.models.is_empty() || at < next || samples < SAMPLES_MIN {
            return None;
        }
        self.next = Some(at.plus(spec.refit));
        let data_hash = self.days.iter().fold(0, |sum: u64, day| sum.wrapping_add(day.hash));
        self.pending = Some(Pending { until, data_hash, samples, since: Vec::new() });
        Some(FitOrder {
            service: name.clone(),
            models: spec.models.clone(),
            seed: data_hash,
            step: times.step,
            origin,
            horizon: times.horizon,
            seasons: spec.seasons(),
            from: first,
            until,
            samples,
            data_hash,
        })
    }

    /// Ends the order that `until` and `data_hash` name; none when that is not the one that is out.
    fn answered(&mut self, until: Timestamp, data_hash: u64) -> Option<Pending> {
        self.pending.take_if(|pending| (pending.until, pending.data_hash) == (until, data_hash))
    }
}

const DAY_MS: i64 = 86_400_000;

/// How the models will be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// Time between samples.
    pub step: Millis,
    /// How far ahead.
    pub horizon: Millis,
}

/// Emits an order where one is due.
pub(crate) fn order_fits(
    service: &mut ServiceState,
    turn: &mut Turn,
    name: &ServiceName,
    spec: &ForecastSpec,
    times: Times,
) {
    let Some(origin) = service.forecaster.as_ref().and_then(LoadForecaster::origin) else { return };
    if let Some(order) = service.fits.order(turn.at, name, spec, times, origin) {
        turn.actions.push(ActionKind::Fit { order: Box::new(order) });
    }
}

/// Takes what an order brought.
pub(crate) fn take_fits(
    state: &mut State,
    turn: &mut Turn,
    name: &ServiceName,
    until: Timestamp,
    data_hash: u64,
    fits: &[Fit],
) {
    let Some(service) = state.services.get_mut(name) else {
        return turn.bad(format!("models for {name}, which is not in the policy"));
    };
    let Some(pending) = service.fits.answered(until, data_hash) else {
        return turn.bad(format!("models for {name} on data until {until}, which nobody waits for"));
    };
    let mut models = Vec::new();
    for fit in fits {
        match adopt(service, fit, &pending) {
            Ok(()) => models.push(fit.model.clone()),
            Err(why) => turn.find(Finding::NotFitted { service: name.clone(), model: fit.model.clone(), why }),
        }
    }
    if !models.is_empty() {
        turn.find(Finding::Fitted { service: name.clone(), models, samples: pending.samples });
    }
}

/// Lets one fitted model join the forecast, brought up to now.
fn adopt(service: &mut ServiceState, fit: &Fit, pending: &Pending) -> Result<(), String> {
    let stream = service.forecaster.as_mut().ok_or("the policy has no forecast any more")?;
    let parameters = fit.parameters.as_ref().map_err(Clone::clone)?;
    if parameters.len() > PARAMETERS_MAX {
        return Err(format!("its parameters take {} bytes, at most {PARAMETERS_MAX} are taken", parameters.len()));
    }
    let fitted: Fitted =
        serde_json::from_str(parameters).map_err(|error| format!("its parameters are no model: {error}"))?;
    stream.adopt(&fit.model, fitted, pending.until, &pending.since).map_err(|error| error.to_string())
}
