//! What a forecast is made of, and what it got wrong lately: plain values for an explanation or a dashboard.

use super::experts::COUNT;
use super::health::{Health, LaneHealth};
use super::lane::{LEARNT, Lane};
use super::spread::SPREAD_NAMES;
use super::stream::{FLOOR_SCORED, Stream, Weight, heaviest, lane_quantile};
use plimsoll_model::quantity::Millis;

/// A named part of a forecast with its value, in the series' unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `level`, `trend`, `season`, `guests and other experts` or `margin`.
    pub name: &'static str,
    /// What it adds.
    pub value: f64,
}

/// Whether the series goes on as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// Fewer forecasts were scored than a change can be told from.
    Learning,
    /// As before.
    Steady,
    /// It changed this many scored forecasts ago; weights were learnt anew since.
    Changed {
        /// Forecasts scored since.
        ago: u32,
    },
}

/// One horizon, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneExplanation {
    /// The horizon.
    pub horizon: Millis,
    /// Parts that add up to the value at the wanted quantile.
    pub parts: Vec<Part>,
    /// Experts behind the point with their shares in thousandths, heaviest first; those of no weight are left out.
    pub experts: Vec<(String, u64)>,
    /// Kinds of spread behind the margin with their shares in thousandths, heaviest first.
    pub spreads: Vec<(String, u64)>,
    /// The scale on which excesses are most regular: `additive`, `square root` or `relative`.
    pub scale: &'static str,
    /// The usual size of an error, in the series' unit.
    pub error_usual: f64,
    /// Newest errors (what came minus the point), newest first.
    pub errors_recent: Vec<f64>,
    /// Whether the series goes on as it did.
    pub regime: Regime,
    /// Changes of regime so far.
    pub changes: u32,
    /// Whether the margin is the reactive rule's, because there is less than an hour (or too few scored forecasts).
    pub is_floor: bool,
}

/// A stream, explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Per horizon, shortest first.
    pub horizons: Vec<LaneExplanation>,
    /// Coverage against nominal, loss, hours.
    pub health: Health,
    /// Steps measured so far.
    pub steps_measured: u64,
    /// Guests by name, and whether their model is there (after a restart it has to be adopted again).
    pub guests: Vec<(String, bool)>,
}

impl Stream {
    /// How it does, per horizon and by hour.
    #[must_use]
    pub fn health(&self) -> Health {
        let lanes = self.settings.horizons.iter().zip(&self.lanes);
        let horizons = lanes.map(|(horizon, lane)| lane.account.health(*horizon, self.settings.wanted)).collect();
        Health { horizons, hours: self.hours.coverage() }
    }

    /// How the forecasts at the shortest horizon do, without the rest of [`Stream::health`].
    #[must_use]
    pub fn first_health(&self) -> Option<LaneHealth> {
        let (horizon, lane) = (self.settings.horizons.first()?, self.lanes.first()?);
        Some(lane.account.health(*horizon, self.settings.wanted))
    }

    /// What its forecasts are made of and what they got wrong lately. None before the first measured step.
    #[must_use]
    pub fn explain(&self) -> Option<Explanation> {
        if !self.is_started {
            return None;
        }
        let lanes = self.settings.horizons.iter().zip(&self.lanes);
        Some(Explanation {
            horizons: lanes.map(|(horizon, lane)| self.explain_lane(*horizon, lane)).collect(),
            health: self.health(),
            steps_measured: self.experts.recent.count(),
            guests: self.guests.iter().map(|guest| (guest.name.clone(), guest.model.is_some())).collect(),
        })
    }

    fn explain_lane(&self, horizon: Millis, lane: &Lane) -> LaneExplanation {
        let (_, said) = self.say(lane);
        let quantile = lane_quantile(&self.settings);
        let (value, is_floor) = self.provide(lane, &said, quantile);
        let spread_name = |index: usize| match index.checked_sub(LEARNT) {
            None => SPREAD_NAMES[index].to_owned(),
            Some(0) => "learnt".to_owned(),
            Some(guest) => self.guest_name(COUNT + guest - 1),
        };
        let name = |weight: &Weight| (weight.name.to_string(), weight.share.0);
        LaneExplanation {
            horizon,
            parts: self.parts(lane, said.point, value),
            experts: self.weights(&said).iter().map(name).collect(),
            spreads: heaviest(&said.upper_weights).into_iter().map(|(at, share)| (spread_name(at), share)).collect(),
            scale: lane.scale_name(),
            error_usual: lane.spreads.unit(),
            errors_recent: lane.account.errors(),
            regime: match lane.since_change {
                ago if ago < FLOOR_SCORED && lane.changes == 0 => Regime::Learning,
                ago if ago < 1_000 && lane.changes > 0 => Regime::Changed { ago },
                _ => Regime::Steady,
            },
            changes: lane.changes,
            is_floor,
        }
    }

    /// The value at the wanted quantile, taken apart; the parts add up to it.
    fn parts(&self, lane: &Lane, point: f64, value: f64) -> Vec<Part> {
        let now = self.clock.at(self.now, self.settings.step);
        let to = self.clock.at(self.now.saturating_add(lane.steps), self.settings.step);
        let level = self.experts.level().unwrap_or(0.0);
        let trend = self.experts.trend() * f64::from(lane.steps);
        let season = self.experts.seasonal_change(now, to).unwrap_or(0.0);
        let others = point - level - trend - season;
        let parts = [("level", level), ("trend", trend), ("season", season), ("guests and other experts", others)];
        let parts = parts.into_iter().chain([("margin", value - point)]);
        parts.map(|(name, value)| Part { name, value }).collect()
    }
}
