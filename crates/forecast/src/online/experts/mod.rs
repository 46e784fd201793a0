//! The experts: each says a point for any number of steps ahead, in O(1), or sleeps while it can not.
//!
//! One file each. An expert sees the steps that were measured, in order; what lies between is a gap and moves nothing but
//! time. None knows how uncertain it is: that is learnt later, from what it said and what came.

mod holt;
mod level;
mod outlook;
mod profile;
mod recent;
mod regression;
mod shape;

use super::codec::{Fields, Io};
use super::settings::StreamSettings;
use holt::Holt;
use level::Level;
pub(super) use outlook::{Outlook, scale};
use plimsoll_model::quantity::{Millis, Timestamp};
pub(super) use profile::Profile;
pub(super) use recent::Recent;
pub(super) use regression::Regression;
use shape::Shape;

/// Names in the order of [`Experts::points`]; the regression, one per horizon, and the guests come after them.
pub(super) const NAMES: [&str; COUNT] = [
    "last-value",
    "level-fast",
    "level-slow",
    "moving-mean",
    "damped-trend",
    "damped-trend-slow",
    "ramp",
    "yesterday",
    "season-level",
    "regression",
];
/// How many there are without guests.
pub(super) const COUNT: usize = 10;
/// Where the regression stands.
pub(super) const REGRESSION: usize = 9;

/// All experts of a stream that do not depend on the horizon.
#[derive(Debug, Clone)]
pub(super) struct Experts {
    pub recent: Recent,
    fast: Level,
    slow: Level,
    trend: Holt,
    trend_slow: Holt,
    /// One per season, shortest first.
    pub profiles: Vec<Profile>,
    shape: Shape,
    pub outlook: Outlook,
}

impl Experts {
    pub fn new(settings: &StreamSettings) -> Self {
        let profile = |season: &Millis| Profile::new(*season, settings.step, settings.utc_offset_ms);
        Self {
            recent: Recent::default(),
            fast: Level::new(0.4),
            slow: Level::new(0.08),
            trend: Holt::new(0.5, 0.15, 0.85),
            trend_slow: Holt::new(0.25, 0.03, 0.97),
            profiles: settings.seasons.iter().map(profile).collect(),
            shape: Shape::default(),
            outlook: Outlook::default(),
        }
    }

    /// Takes the value of the step at `at`; `gap` steps lie between it and the one before.
    pub fn update(&mut self, at: Timestamp, gap: u32, value: f64, usual: f64) {
        self.recent.push(gap, value);
        self.outlook.update(value, &self.recent, usual);
        self.fast.update(value);
        self.slow.update(value);
        self.trend.update(gap, value);
        self.trend_slow.update(gap, value);
        self.shape.update(at, value, &self.profiles);
        self.profiles.iter_mut().for_each(|profile| profile.update(at, value));
    }

    /// What each says of the moment `to`, `steps` after the newest step; the regression's place is left asleep.
    pub fn points(&self, to: Timestamp, steps: u32) -> [Option<f64>; COUNT] {
        let season = |profile: &Profile| profile.value(to);
        [
            self.recent.last(),
            self.fast.value(),
            self.slow.value(),
            self.recent.mean(),
            self.trend.ahead(steps),
            self.trend_slow.ahead(steps),
            self.recent.ramp(steps),
            self.profiles.first().and_then(season),
            self.shape.value(to, &self.profiles),
            None,
        ]
    }

    /// The present level: what explanations call so, and what relative spreads are relative to.
    pub fn level(&self) -> Option<f64> {
        self.fast.value()
    }

    /// Present trend per step.
    pub fn trend(&self) -> f64 {
        self.trend.slope()
    }

    /// What the seasons add by `to`, relative to the present level.
    pub fn seasonal_change(&self, now: Timestamp, to: Timestamp) -> Option<f64> {
        let profile = self.profiles.first()?;
        Some(profile.value(to)? - profile.value(now)?)
    }
}

impl Fields for Experts {
    fn fields(&mut self, io: &mut Io<'_>) {
        self.recent.fields(io);
        self.fast.fields(io);
        self.slow.fields(io);
        self.trend.fields(io);
        self.trend_slow.fields(io);
        self.profiles.iter_mut().for_each(|profile| profile.fields(io));
        self.shape.fields(io);
        self.outlook.fields(io);
    }
}
