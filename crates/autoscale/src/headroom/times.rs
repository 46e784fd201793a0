//! What this time of the hour and of the day usually brings: jobs that start at the half hour, a mailing at nine.
//!
//! Two memories of how the need came out against what was expected, both in thousandths of a usual error: by half a minute
//! of the hour, which learns within hours, and by minute of the day for what the hour does not explain. Each counts the
//! less, the fewer times it has been seen. Beside the mean, the usual size of errors upwards is kept, so that a restless
//! time gets more headroom and a quiet one less.
//!
//! Times are trace time in UTC.

use plimsoll_model::quantity::Timestamp;
use serde::{Deserialize, Serialize};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Slots of an hour: half minutes.
const HOURLY: usize = 120;
/// Slots of a day: minutes.
const DAILY: usize = 1_440;
/// Slots of a day for the size of errors: five minutes.
const DAILY_SIZES: usize = 288;
/// Bounds of what one moment may teach, thousandths of a usual error.
const ERROR: (i64, i64) = (-2_000, 6_000);
/// The same for its size.
const SIZE_MAX: i64 = 8_000;
/// Times seen at which a mean counts half.
const HALF_HOURLY: i64 = 4;
const HALF_DAILY: i64 = 10;
const HALF_SIZE: i64 = 300;
/// Most that a time is more or less restless than all, thousandths.
const RESTLESS: (i64, i64) = (500, 3_000);
/// Weight⁻¹ of a new moment at most: by hour, by day, of sizes, and of the size over all times.
const KEPT: [i64; 4] = [50, 12, 100, 2_000];

/// A mean and how often it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Mean(i32, u16);

impl Mean {
    pub(super) fn learn(&mut self, value: i64, kept: i64) {
        let (mean, seen) = (i64::from(self.0), i64::from(self.1));
        let mean = mean + (value - mean) / (seen + 1).min(kept);
        self.0 = i32::try_from(mean).unwrap_or(i32::MAX);
        self.1 = self.1.saturating_add(1);
    }

    /// The mean, drawn to `otherwise` while it was seen seldom.
    pub(super) fn drawn(self, otherwise: i64, half: i64) -> i64 {
        let seen = i64::from(self.1);
        (i64::from(self.0) * seen + otherwise * half) / (seen + half)
    }
}

/// The memories.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    hourly: Vec<Mean>,
    daily: Vec<Mean>,
    hourly_sizes: Vec<Mean>,
    daily_sizes: Vec<Mean>,
    /// Usual size of an error upwards at all times, in 1024ths of a thousandth.
    size: i64,
    seen: u64,
}

/// What a time usually brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// Above what is expected, thousandths of a usual error.
    pub error: i64,
    /// How restless it is: thousandths of all times.
    pub restless: i64,
}

fn slot(at: Timestamp, period: i64, slots: usize) -> usize {
    let within = at.0.rem_euclid(period);
    usize::try_from(within * slots as i64 / period).unwrap_or(0).min(slots - 1)
}

impl Times {
    fn hourly(&self, at: Timestamp) -> Mean {
        self.hourly.get(slot(at, HOUR_MS, HOURLY)).copied().unwrap_or_default()
    }

    /// What the time `at` usually brings.
    pub fn usual(&self, at: Timestamp) -> Usual {
        let daily = self.daily.get(slot(at, DAY_MS, DAILY)).copied().unwrap_or_default();
        let error = self.hourly(at).drawn(0, HALF_HOURLY) + daily.drawn(0, HALF_DAILY);
        let all = (self.size / 1_024).max(1);
        let restless = |sizes: &[Mean], slot: usize| {
            let size = sizes.get(slot).copied().unwrap_or_default().drawn(all, HALF_SIZE);
            (size * 1_000 / all).clamp(RESTLESS.0, RESTLESS.1)
        };
        let by_hour = restless(&self.hourly_sizes, slot(at, HOUR_MS, HOURLY));
        let by_day = restless(&self.daily_sizes, slot(at, DAY_MS, DAILY_SIZES));
        Usual { error, restless: (by_hour * by_day).isqrt() }
    }

    /// Learns that the need came out so far above what was expected at `at`; `usual` is what was thought of that time then.
    pub fn learn(&mut self, at: Timestamp, error: i64, usual: Usual) {
        if self.hourly.len() != HOURLY {
            let none = |slots| vec![Mean::default(); slots];
            (self.hourly, self.daily) = (none(HOURLY), none(DAILY));
            (self.hourly_sizes, self.daily_sizes) = (none(HOURLY), none(DAILY_SIZES));
        }
        let size = error.saturating_sub(usual.error).clamp(0, SIZE_MAX);
        self.seen = self.seen.saturating_add(1);
        let kept = i64::try_from(self.seen).unwrap_or(i64::MAX).min(KEPT[3]);
        self.size += (size * 1_024 - self.size) / kept;
        self.hourly_sizes[slot(at, HOUR_MS, HOURLY)].learn(size, KEPT[2]);
        self.daily_sizes[slot(at, DAY_MS, DAILY_SIZES)].learn(size, KEPT[2]);
        self.hourly[slot(at, HOUR_MS, HOURLY)].learn(error.clamp(ERROR.0, ERROR.1), KEPT[0]);
        let rest = error.saturating_sub(self.hourly(at).drawn(0, HALF_HOURLY));
        self.daily[slot(at, DAY_MS, DAILY)].learn(rest.clamp(ERROR.0, ERROR.1), KEPT[1]);
    }

    /// Moments learnt from.
    pub const fn seen(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taught(days: i64, error: impl Fn(i64) -> i64) -> Times {
        let mut times = Times::default();
        for tick in 0..days * 5_760 {
            let at = Timestamp(tick * 15_000);
            times.learn(at, error(tick), times.usual(at));
        }
        times
    }

    #[test]
    fn a_rise_at_each_half_hour_is_expected_after_some_hours_and_at_no_other_time() {
        let times = taught(1, |tick| if tick % 120 < 4 { 4_000 } else { 0 });
        let at = |minute: i64| times.usual(Timestamp(20 * DAY_MS + minute * 60_000)).error;
        assert!(at(30) > 2_500 && at(60) > 2_500 && at(45).abs() < 100, "{} {}", at(30), at(45));
    }

    #[test]
    fn a_rise_once_a_day_takes_days_to_be_expected() {
        let times = |days| taught(days, |tick| if tick % 5_760 / 4 == 540 { 4_000 } else { 0 });
        let at = |times: &Times| times.usual(Timestamp(30 * DAY_MS + 540 * 60_000)).error;
        assert!(at(&times(1)) < at(&times(4)) && at(&times(4)) > 1_500);
        assert!(times(4).usual(Timestamp(30 * DAY_MS + 700 * 60_000)).error.abs() < 100);
    }

    #[test]
    fn a_restless_hour_gets_more_than_a_quiet_one() {
        let times = taught(10, |tick| if (tick % 5_760) < 480 { (tick * 7 % 5) * 1_000 } else { (tick % 2) * 200 });
        let restless = |hour: i64| times.usual(Timestamp(hour * HOUR_MS + 600_000)).restless;
        assert!(restless(1) > restless(12), "{} {}", restless(1), restless(12));
    }

    #[test]
    fn nothing_seen_brings_nothing() {
        assert_eq!(Times::default().usual(Timestamp(-5)), Usual { error: 0, restless: 1_000 });
    }
}
