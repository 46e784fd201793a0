//! The stream itself: samples in, quantiles out.

use super::clock::{Clock, Step};
use super::experts::{Experts, NAMES, scale};
use super::health::Hours;
use super::lane::{GuestSaid, INPUTS, Lane, Said, Sight};
use super::settings::{SettingsError, StreamSettings};
use super::spread::reactive;
use super::upper::{PHASES, QUARTERS};
use crate::{Ahead, Events, Fitted, Forecaster as _, Levels, Sample};
use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use std::borrow::Cow;

/// Most guests of one stream.
pub const GUESTS_MAX: usize = 2;
/// Bytes of a state of one horizon without guests' models, at most, with a day and a week as seasons.
pub const STATE_BYTES_MAX: usize = 4_096;
/// Bytes that each further horizon adds, at most.
pub const HORIZON_BYTES_MAX: usize = 3_072;
/// Weight⁻¹ of a new step in the long-run mean size.
const USUAL_WEIGHT: f64 = 1_000.0;
/// A guest's name is cut to so many bytes.
pub(super) const NAME_MAX: usize = 24;
/// History before the reactive rule's margin is left, ms.
const FLOOR_MS: u64 = 3_600_000;
/// Forecasts scored before it is left.
pub(super) const FLOOR_SCORED: u32 = 60;
/// Steps of a gap that guests are told of; one longer than this is told as this long.
const GUEST_GAP_MAX: u32 = 1_440;
/// Steps that the newest crest is the greatest of.
const CREST: usize = 10;
/// Values beyond this are taken as this, so that their squares fit.
const VALUE_MAX: f64 = 1e30;
/// Quantiles in every forecast.
const QUANTILES: [Permille; 4] = [Permille(500), Permille(900), Permille(950), Permille(990)];

/// Why a guest was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// All places are taken by others.
    #[error("guest {name:?} finds no place: a stream has {GUESTS_MAX}, and others have them")]
    Full {
        /// The guest.
        name: String,
    },
}

/// An expert's share in a forecast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weight {
    /// The expert.
    pub name: Cow<'static, str>,
    /// Its share.
    pub share: Permille,
}

/// The demand at one moment to come.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamForecast {
    /// The moment.
    pub at: Timestamp,
    /// The horizon that was learnt for it: the shortest that reaches `at`, or the longest.
    pub horizon: Millis,
    /// The point: the median that the experts agree on.
    pub point: f64,
    /// Quantiles, rising in both: 500, 900, 950, 990, the stream's own and the one asked for.
    pub quantiles: Vec<(Permille, f64)>,
    /// The value at the quantile asked for, minus the point.
    pub margin: f64,
    /// Experts behind the point, heaviest first.
    pub weights: Vec<Weight>,
    /// Seasons of history behind it, of the shortest season.
    pub seasons: u32,
    /// Whether the reactive rule's margin was needed, because there is too little history yet.
    pub is_floor: bool,
}

impl StreamForecast {
    /// The value at the lowest listed quantile that is at least `wanted`, or at the highest.
    #[must_use]
    pub fn at_quantile(&self, wanted: Permille) -> f64 {
        let found = self.quantiles.iter().find(|(quantile, _)| *quantile >= wanted).or(self.quantiles.last());
        found.map_or(self.point, |(_, value)| *value)
    }
}

/// A fitted model that speaks beside the experts. Its model is not part of the state.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    pub name: String,
    pub model: Option<Fitted>,
}

/// A streaming forecaster of one series.
///
/// Two streams are equal when their states are, bit by bit; guests' models are not part of the state.
#[derive(Debug, Clone)]
pub struct Stream {
    pub(super) settings: StreamSettings,
    pub(super) clock: Clock,
    /// Newest step that was measured, and whether there is one.
    pub(super) now: u32,
    pub(super) is_started: bool,
    /// Long-run mean size of a value.
    pub(super) usual: f64,
    pub(super) is_negative_seen: bool,
    pub(super) experts: Experts,
    pub(super) lanes: Vec<Lane>,
    pub(super) hours: Hours,
    pub(super) guests: Vec<Guest>,
    /// What guests are told of the future; no part of the state.
    pub(super) events: Events,
}

impl Stream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// [`SettingsError`] when `settings` can not be.
    pub fn try_new(settings: StreamSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        let quantile = settings.wanted.0 as f64 / 1_000.0;
        let lanes = settings.horizons.iter().map(|horizon| Lane::new(settings.steps(*horizon), quantile)).collect();
        Ok(Self {
            experts: Experts::new(&settings),
            clock: Clock::default(),
            now: 0,
            is_started: false,
            usual: 0.0,
            is_negative_seen: false,
            lanes,
            hours: Hours::default(),
            guests: Vec::new(),
            events: Events::default(),
            settings,
        })
    }

    /// What it was made for.
    #[must_use]
    pub const fn settings(&self) -> &StreamSettings {
        &self.settings
    }

    /// Takes a sample; NaN (or anything that is not finite) says that it was not measured, and what is larger than 10³⁰ is
    /// taken as that. False, and nothing changed, when `at` is not after the newest sample.
    pub fn observe(&mut self, at: Timestamp, value: f64) -> bool {
        let value = if value.is_finite() { value.clamp(-VALUE_MAX, VALUE_MAX) } else { f64::NAN };
        let Some(closed) = self.clock.sample(at, value, self.settings.step) else { return false };
        closed.into_iter().flatten().for_each(|step| self.step(step));
        true
    }

    /// Takes recorded samples, oldest first. Returns how many were taken; the others were not after the newest.
    pub fn warm(&mut self, samples: impl IntoIterator<Item = (Timestamp, f64)>) -> usize {
        samples.into_iter().filter(|(at, value)| self.observe(*at, *value)).count()
    }

    fn step(&mut self, step: Step) {
        let at = self.clock.at(step.index, self.settings.step);
        let gap = if self.is_started { step.index.saturating_sub(self.now).saturating_sub(1) } else { 0 };
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if let Some((hour, exceeded)) = lane.score(step.index, step.value)
                && index == 0
            {
                self.hours.add(hour, exceeded);
            }
        }
        (self.now, self.is_started) = (step.index, true);
        self.is_negative_seen |= step.value < 0.0;
        let count = self.experts.recent.count() as f64;
        self.usual += (step.value.abs() - self.usual) / (count + 1.0).min(USUAL_WEIGHT);
        self.experts.update(at, gap, step.value, self.usual);
        for model in self.guests.iter_mut().filter_map(|guest| guest.model.as_mut()) {
            (0..gap.min(GUEST_GAP_MAX)).for_each(|_| model.update(&Sample::of(f64::NAN)));
            model.update(&Sample::of(step.value));
        }
        self.issue();
    }

    fn issue(&mut self) {
        let mut lanes = std::mem::take(&mut self.lanes);
        for lane in &mut lanes {
            let (sight, said) = self.say(lane);
            let (promised, _) = self.provide(lane, &said, lane_quantile(&self.settings));
            lane.issue(self.now.saturating_add(lane.steps), &sight, &said, promised);
        }
        self.lanes = lanes;
    }

    pub(super) fn say(&self, lane: &Lane) -> (Sight<'_>, Said) {
        let now = self.clock.at(self.now, self.settings.step);
        let to = self.clock.at(self.now.saturating_add(lane.steps), self.settings.step);
        let points = self.experts.points(to, lane.steps);
        let last = self.experts.recent.last().unwrap_or(0.0);
        let mut guests = [None; GUESTS_MAX];
        for (place, guest) in guests.iter_mut().zip(&self.guests) {
            *place = guest.model.as_ref().and_then(|model| self.guest_says(model, lane.steps));
        }
        let season = self.experts.seasonal_change(now, to).unwrap_or(0.0);
        let sight = Sight {
            inputs: self.inputs(&points, last, season),
            points,
            guests,
            outlook: &self.experts.outlook,
            last,
            crest: self.experts.recent.max(CREST).unwrap_or(last),
            season,
            usual: self.usual,
            quarter: self.quarter(to),
            phase: self.phase(to),
        };
        let said = lane.say(&sight);
        (sight, said)
    }

    fn guest_says(&self, model: &Fitted, steps: u32) -> GuestSaid {
        let levels = Levels::try_new(vec![lane_quantile(&self.settings)]).ok()?;
        let horizon = steps as usize;
        if let Fitted::Direct(direct) = model {
            let said = direct.at_horizon(horizon, &self.events, &levels);
            return Some((said.point, *said.quantiles.first()?));
        }
        let prediction = model.predict(&Ahead { horizon, events: &self.events }, &levels);
        Some((*prediction.points().get(horizon - 1)?, *prediction.quantiles(horizon - 1)?.first()?))
    }

    /// What the regression for the point sees: differences from the last value, over the present level.
    fn inputs(&self, points: &[Option<f64>], last: f64, season: f64) -> [f64; INPUTS] {
        let level = scale(last, self.usual);
        if level <= 0.0 {
            return [0.0; INPUTS];
        }
        let from_last = |point: Option<f64>| point.map_or(0.0, |point| (point - last) / level);
        [0.05, from_last(points[1]), from_last(points[2]), from_last(points[4]), season / level]
    }

    /// Phase of the known event: the value of the first column, 0 where there is none.
    fn phase(&self, at: Timestamp) -> usize {
        let value = self.events.columns.first().map_or(0.0, |column| column.at(at));
        libm::round(value.clamp(0.0, (PHASES - 1) as f64)) as usize
    }

    /// Quarter of an hour of the local day.
    fn quarter(&self, at: Timestamp) -> usize {
        let local = i128::from(at.0) + i128::from(self.settings.utc_offset_ms);
        local.div_euclid(900_000).rem_euclid(QUARTERS as i128) as usize
    }

    /// The value at a quantile, with the reactive rule's margin while there is too little history, and not below zero
    /// where nothing ever was.
    pub(super) fn provide(&self, lane: &Lane, said: &Said, quantile: f64) -> (f64, bool) {
        let mut value = lane.value(said, quantile);
        let is_floor = self.is_floor(lane) && quantile >= 0.9;
        if is_floor && let Some(reactive) = reactive(&self.experts.recent) {
            value = value.max(reactive);
        }
        if !self.is_negative_seen {
            value = value.max(0.0);
        }
        (if value.is_finite() { value } else { 0.0 }, is_floor)
    }

    pub(super) fn is_floor(&self, lane: &Lane) -> bool {
        let hour = FLOOR_MS.div_ceil(self.settings.step.0);
        u64::from(self.now) < hour || lane.spreads.count() < FLOOR_SCORED
    }

    /// The lane that was learnt for the moment `at`.
    fn lane_for(&self, at: Timestamp) -> Option<(usize, &Lane)> {
        let ahead = self.clock.index(at, self.settings.step).saturating_sub(self.now);
        let found = self.lanes.iter().position(|lane| lane.steps >= ahead).or(self.lanes.len().checked_sub(1))?;
        Some((found, &self.lanes[found]))
    }

    /// The demand at `at`, at the usual quantiles and at `wanted`. None before the first measured step.
    #[must_use]
    pub fn forecast(&self, at: Timestamp, wanted: Permille) -> Option<StreamForecast> {
        let (index, lane) = self.lane_for(at).filter(|_| self.is_started)?;
        let (_, said) = self.say(lane);
        let wanted = Permille(wanted.0.clamp(1, 999));
        let asked = QUANTILES.into_iter().chain([self.settings.wanted, wanted]);
        let mut quantiles: Vec<(Permille, f64)> = Vec::with_capacity(QUANTILES.len() + 2);
        quantiles.extend(asked.map(|quantile| (quantile, 0.0)));
        quantiles.sort_unstable_by_key(|(quantile, _)| *quantile);
        quantiles.dedup_by_key(|(quantile, _)| *quantile);
        let mut below = f64::NEG_INFINITY;
        for (quantile, value) in &mut quantiles {
            *value = self.provide(lane, &said, quantile.0 as f64 / 1_000.0).0.max(below);
            below = *value;
        }
        let point = if self.is_negative_seen { said.point } else { said.point.max(0.0) };
        let mut forecast = StreamForecast {
            at,
            horizon: self.settings.horizons[index],
            point,
            quantiles,
            margin: 0.0,
            weights: self.weights(&said),
            seasons: self.experts.profiles.first().map_or(0, |profile| profile.seasons(at)),
            is_floor: self.is_floor(lane),
        };
        forecast.margin = forecast.at_quantile(wanted) - point;
        Some(forecast)
    }

    pub(super) fn weights(&self, said: &Said) -> Vec<Weight> {
        let guest = |index: usize| Cow::Owned(self.guest_name(index));
        let name = |index: usize| NAMES.get(index).map_or_else(|| guest(index), |name| Cow::Borrowed(*name));
        let shares = heaviest(&said.weights);
        shares.into_iter().map(|(index, share)| Weight { name: name(index), share: Permille(share) }).collect()
    }

    pub(super) fn guest_name(&self, expert: usize) -> String {
        let guest = self.guests.get(expert.saturating_sub(super::experts::COUNT));
        guest.map_or_else(|| "guest".to_owned(), |guest| guest.name.clone())
    }

    /// What is known of the future. The value of the first column, rounded, is the phase of an event (0 for none, at most 47):
    /// how far demand usually rises in each phase is learnt and is part of the state. All columns are told to guests.
    /// The events themselves are no part of the state.
    pub fn know(&mut self, events: Events) {
        self.events = events;
    }

    /// Takes a model that was fitted elsewhere on this series, with this step and up to its newest step. A guest of that name
    /// is replaced and keeps its weight.
    ///
    /// The model is not part of the state: whoever restores a state lets it adopt its guests again.
    ///
    /// # Errors
    /// [`AdoptError`] when other guests have all places.
    pub fn adopt(&mut self, name: &str, model: Fitted) -> Result<(), AdoptError> {
        let name: String = name
            .chars()
            .scan(0, |bytes, c| {
                *bytes += c.len_utf8();
                (*bytes <= NAME_MAX).then_some(c)
            })
            .collect();
        if let Some(guest) = self.guests.iter_mut().find(|guest| guest.name == name) {
            guest.model = Some(model);
            return Ok(());
        }
        if self.guests.len() >= GUESTS_MAX {
            return Err(AdoptError::Full { name });
        }
        let place = self.guests.len();
        self.lanes.iter_mut().for_each(|lane| lane.reset_guest(place));
        self.guests.push(Guest { name, model: Some(model) });
        Ok(())
    }
}

/// The wanted quantile as a share.
pub(super) fn lane_quantile(settings: &StreamSettings) -> f64 {
    settings.wanted.0 as f64 / 1_000.0
}

/// Places with a share in thousandths, heaviest first; shares below one thousandth are left out.
pub(super) fn heaviest(weights: &[f64]) -> Vec<(usize, u64)> {
    let share = |weight: &f64| libm::round(weight * 1_000.0) as u64;
    let mut shares: Vec<(usize, u64)> = weights.iter().map(share).enumerate().filter(|(_, share)| *share > 0).collect();
    shares.sort_by_key(|(index, share)| (std::cmp::Reverse(*share), *index));
    shares
}
