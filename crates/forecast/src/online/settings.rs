//! What a stream is made for: its step, how far ahead, which quantile, and which seasons.

use plimsoll_model::quantity::{Millis, Permille};

/// Most horizons of one stream.
pub const HORIZONS_MAX: usize = 4;
/// Most seasons of one stream.
pub const SEASONS_MAX: usize = 2;
/// A horizon is at most so many steps: a day of minutes.
pub(super) const STEPS_AHEAD_MAX: u64 = 1_440;

/// What a stream is made for.
///
/// Time is cut into steps of `step`, counted from the first sample on. The samples of one step are averaged; a step
/// without any is a gap, and no value is ever invented for it. A step is closed by the sample after which the next one
/// is expected in a later step (the time between the last two samples says when), so that a stream whose samples come once a
/// step knows each sample at once. Samples that come slower than the step leave gaps between them, which is right but
/// learns slowly: choose the step near the time between samples, or a small multiple of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSettings {
    /// Length of one step.
    pub step: Millis,
    /// How far ahead forecasts are asked for, in rising order; each is rounded up to whole steps.
    pub horizons: Vec<Millis>,
    /// The quantile that capacity is provided for; this one is calibrated with most care.
    pub wanted: Permille,
    /// Seasons, shortest first (a day, a week); may be empty.
    pub seasons: Vec<Millis>,
    /// Added to a moment before it is placed in its season and its hour of the day: local time minus UTC, ms.
    pub utc_offset_ms: i64,
}

/// Why a stream can not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The step is zero.
    #[error("a step must be longer than zero")]
    Step,
    /// None or too many horizons.
    #[error("{found} horizons were given; 1 to {HORIZONS_MAX} are possible")]
    Horizons {
        /// How many.
        found: usize,
    },
    /// A horizon that is zero, out of order, or too far.
    #[error("horizon {horizon} must be longer than the one before it and at most {STEPS_AHEAD_MAX} steps of {step}")]
    Horizon {
        /// The horizon.
        horizon: Millis,
        /// The step.
        step: Millis,
    },
    /// The wanted quantile is none.
    #[error("quantile {wanted} of 1000 is not between 500 and 999")]
    Wanted {
        /// What was asked for, in thousandths.
        wanted: u64,
    },
    /// Too many seasons.
    #[error("{found} seasons were given; at most {SEASONS_MAX} are possible")]
    Seasons {
        /// How many.
        found: usize,
    },
    /// A season that is shorter than two steps or not longer than the one before it.
    #[error("season {season} must be at least two steps of {step} and longer than the one before it")]
    Season {
        /// The season.
        season: Millis,
        /// The step.
        step: Millis,
    },
}

impl StreamSettings {
    /// A day and a week as seasons, in UTC, for forecasts of these horizons.
    #[must_use]
    pub fn daily_and_weekly(step: Millis, horizons: Vec<Millis>, wanted: Permille) -> Self {
        let day = Millis::from_minutes(1_440);
        Self { step, horizons, wanted, seasons: vec![day, day.saturating_mul(7)], utc_offset_ms: 0 }
    }

    /// Whether a stream can be made of them.
    ///
    /// # Errors
    /// [`SettingsError`] names the first that can not be.
    pub fn check(&self) -> Result<(), SettingsError> {
        if self.step.0 == 0 {
            return Err(SettingsError::Step);
        }
        if self.horizons.is_empty() || self.horizons.len() > HORIZONS_MAX {
            return Err(SettingsError::Horizons { found: self.horizons.len() });
        }
        let mut before = 0;
        for horizon in &self.horizons {
            if horizon.0 <= before || horizon.0.div_ceil(self.step.0) > STEPS_AHEAD_MAX {
                return Err(SettingsError::Horizon { horizon: *horizon, step: self.step });
            }
            before = horizon.0;
        }
        if !(500..1_000).contains(&self.wanted.0) {
            return Err(SettingsError::Wanted { wanted: self.wanted.0 });
        }
        self.check_seasons()
    }

    fn check_seasons(&self) -> Result<(), SettingsError> {
        if self.seasons.len() > SEASONS_MAX {
            return Err(SettingsError::Seasons { found: self.seasons.len() });
        }
        let mut before = self.step.0.saturating_mul(2).saturating_sub(1);
        for season in &self.seasons {
            if season.0 <= before {
                return Err(SettingsError::Season { season: *season, step: self.step });
            }
            before = season.0;
        }
        Ok(())
    }

    /// A horizon in steps, at least one.
    pub(super) fn steps(&self, horizon: Millis) -> u32 {
        u32::try_from(horizon.0.div_ceil(self.step.0).clamp(1, STEPS_AHEAD_MAX)).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_that_can_not_be_says_so() {
        let good = StreamSettings::daily_and_weekly(Millis(60_000), vec![Millis(300_000)], Permille(990));
        assert_eq!((good.check(), good.steps(Millis(290_000)), good.steps(Millis(1))), (Ok(()), 5, 1));
        type Spoil = fn(&mut StreamSettings);
        let cases: [(Spoil, &str); 7] = [
            (|it| it.step = Millis(0), "a step must be longer than zero"),
            (|it| it.horizons.clear(), "0 horizons were given; 1 to 4 are possible"),
            (
                |it| it.horizons.push(Millis(300_000)),
                "horizon 5m must be longer than the one before it and at most 1440 steps of 1m",
            ),
            (
                |it| it.horizons = vec![Millis(u64::MAX)],
                "horizon 213503982334d14h must be longer than the one before it and at most 1440 steps of 1m",
            ),
            (|it| it.wanted = Permille(1_000), "quantile 1000 of 1000 is not between 500 and 999"),
            (|it| it.seasons = vec![Millis(9); 3], "3 seasons were given; at most 2 are possible"),
            (
                |it| it.seasons = vec![Millis(119_999)],
                "season 1m59s must be at least two steps of 1m and longer than the one before it",
            ),
        ];
        for (spoil, text) in cases {
            let mut bad = good.clone();
            spoil(&mut bad);
            assert_eq!(bad.check().unwrap_err().to_string(), text);
        }
    }
}
