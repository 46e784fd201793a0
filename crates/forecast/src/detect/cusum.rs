//! A change of level in a stream of standardised errors, found as it happens: two cumulative sums, O(1) per value.
//!
//! # Source
//! E. S. Page, "Continuous Inspection Schemes", Biometrika 41, 1954; run lengths: D. Siegmund, *Sequential Analysis*,
//! 1985, 2.6.

use serde::{Deserialize, Serialize};

/// One value counts at most this much: a single outlier is no new level.
const VALUE_MAX: f64 = 4.0;

/// Which way it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Values are above what was forecast.
    Up,
    /// Values are below.
    Down,
}

/// The level has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Which way.
    pub direction: Direction,
    /// How many values ago it began, the newest included: an estimate.
    pub steps: u32,
}

/// Two-sided cumulative sums of standardised errors (mean 0 and deviation 1 while nothing changes).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cusum {
    /// What is taken from every value, in deviations: half of the change to look for.
    drift: f64,
    /// The sum at which it has changed.
    threshold: f64,
    up: Side,
    down: Side,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Side {
    sum: f64,
    /// Values since the sum was last 0.
    steps: u32,
}

impl Default for Cusum {
    /// For changes of a deviation or more: one such is seen after about 20 values, one of three after four, and there is a
    /// false alarm in about 70,000 values of independent normal noise (seven weeks of minutes).
    fn default() -> Self {
        Self::new(0.5, 10.0)
    }
}

impl Cusum {
    /// With `drift` (half of the change to look for, in deviations) and `threshold`, both held at 0 or more.
    #[must_use]
    pub const fn new(drift: f64, threshold: f64) -> Self {
        let none = Side { sum: 0.0, steps: 0 };
        Self { drift: drift.max(0.0), threshold: threshold.max(0.0), up: none, down: none }
    }

    /// Takes an error over its deviation. A gap (NaN) passes by. After an alarm the sums start anew.
    pub fn update(&mut self, error: f64) -> Option<Alarm> {
        if error.is_nan() {
            return None;
        }
        let value = error.clamp(-VALUE_MAX, VALUE_MAX);
        let direction = if self.up.add(value - self.drift) > self.threshold {
            Direction::Up
        } else if self.down.add(-value - self.drift) > self.threshold {
            Direction::Down
        } else {
            return None;
        };
        let steps = if direction == Direction::Up { self.up.steps } else { self.down.steps };
        (self.up, self.down) = (Side::default(), Side::default());
        Some(Alarm { direction, steps })
    }

    /// How near the next alarm is, 0 to 1.
    #[must_use]
    pub const fn tension(&self) -> f64 {
        if self.threshold > 0.0 { self.up.sum.max(self.down.sum) / self.threshold } else { 0.0 }
    }

    /// Values between false alarms, on average, for independent normal errors (Siegmund's approximation).
    #[must_use]
    pub fn values_per_false_alarm(&self) -> f64 {
        let b = self.threshold + 1.166;
        let one_side = if self.drift > 0.0 {
            (libm::exp(2.0 * self.drift * b) - 2.0 * self.drift * b - 1.0) / (2.0 * self.drift * self.drift)
        } else {
            b * b
        };
        one_side / 2.0
    }
}

impl Side {
    fn add(&mut self, value: f64) -> f64 {
        self.sum = (self.sum + value).max(0.0);
        self.steps = if self.sum > 0.0 { self.steps.saturating_add(1) } else { 0 };
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_stats::Random;

    #[test]
    fn false_alarms_are_as_rare_as_promised() {
        let mut cusum = Cusum::new(0.5, 4.0);
        let mut random = Random::new(1);
        let alarms = (0..200_000).filter(|_| cusum.update(random.normal()).is_some()).count();
        let per_alarm = 200_000.0 / alarms as f64;
        assert!((per_alarm / cusum.values_per_false_alarm() - 1.0).abs() < 0.15, "{per_alarm}");
        assert!((60_000.0..80_000.0).contains(&Cusum::default().values_per_false_alarm()));
    }

    #[test]
    fn a_new_level_is_seen_soon_and_its_start_is_told() {
        for (shift, direction) in [(2.0, Direction::Up), (-2.0, Direction::Down)] {
            let mut cusum = Cusum::default();
            let mut random = Random::new(2);
            assert!((0..500).all(|_| cusum.update(random.normal()).is_none()));
            let delay = (1..50).find_map(|step| cusum.update(random.normal() + shift).map(|alarm| (step, alarm)));
            let (step, alarm) = delay.unwrap();
            assert!(step <= 12 && alarm.direction == direction && alarm.steps.abs_diff(step) <= 4, "{step} {alarm:?}");
            assert_eq!(cusum.tension(), 0.0);
        }
    }

    #[test]
    fn gaps_and_single_outliers_pass_and_the_state_serialises() {
        let mut cusum = Cusum::default();
        for error in [f64::NAN, 1e300, f64::NAN, -1e300, f64::INFINITY, 0.1] {
            assert_eq!(cusum.update(error), None);
        }
        let text = serde_json::to_string(&cusum).unwrap();
        assert_eq!(serde_json::from_str::<Cusum>(&text).unwrap(), cusum);
        assert!(text.len() < 200);
    }
}
