//! What a network sees of a series, sample by sample, and what its outputs are added to.
//!
//! Every figure is a running one, so a batch over a series and a stream of its samples see the same bits, a level that
//! drifts is followed, and multiplying a series by a factor (or shifting it) multiplies (or shifts) the forecast.
//!
//! A *slot* is one season of the series; a season of 1 step stands for "no season" and makes its naive anchor the last
//! value. Each slot gives two *anchors*, forecasts of their own: the value one season ago, and a smoothed season. The
//! *unit* is the mean absolute error of the seasonal naive forecast (the denominator of MASE), averaged over the
//! slots that have a season; errors and outputs are counted in it.
//!
//! A gap is skipped: the season goes on, nothing else moves, and a place of the season that was not measured keeps what
//! it had.
//!
//! # Source
//! Scaling a window by its own mean absolute value: D. Salinas, V. Flunkert, J. Gasthaus, T. Januschowski, "DeepAR",
//! International Journal of Forecasting 36(3), 2020; removing level and season before a network and adding them after
//! it: S. Smyl, "A hybrid method of exponential smoothing and recurrent neural networks", ibid. 36(1), 2020.

use serde::{Deserialize, Serialize};

/// Largest size of a feature: what is further off is as far off as this.
pub const FEATURE_MAX: f64 = 6.0;
/// Largest size of a value: a larger one counts as this, so that differences and sums stay finite.
const VALUE_MAX: f64 = 1e300;
/// Weight of a new value in the smoothed season: that of a memory of about four seasons.
const PROFILE_RATE: f64 = 0.25;
/// Fewest steps that running means look back over, so that the first days of a short season are not all there is.
const MEMORY_MIN: usize = 100;

/// Features per step: level, change, noise, and four per slot.
#[must_use]
pub const fn features(slots: usize) -> usize {
    3 + 4 * slots
}

/// Anchors per step ahead.
#[must_use]
pub const fn anchors(slots: usize) -> usize {
    2 * slots
}

/// One season's memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Slot {
    /// Steps of the season, at least 1.
    period: usize,
    /// By place in the season, the newest value; shorter than the period until the first season is over.
    naive: Vec<f64>,
    /// By place in the season, the smoothed value.
    profile: Vec<f64>,
    /// Place of the newest sample.
    place: usize,
    /// Running mean absolute error of both.
    errors: [f64; 2],
    /// Errors in them.
    counted: usize,
}

impl Slot {
    fn new(period: usize, first: f64) -> Self {
        Self { period, naive: vec![first], profile: vec![first], place: 0, errors: [0.0; 2], counted: 0 }
    }

    /// Both anchors of the place `ahead` steps after the newest sample; `last` where nothing was measured yet.
    fn anchors(&self, ahead: usize, last: f64) -> [f64; 2] {
        let place = self.place.wrapping_add(ahead) % self.period;
        [&self.naive, &self.profile].map(|values| values.get(place).copied().unwrap_or(last))
    }

    /// Takes a value `steps` steps after the newest one; its differences from both anchors.
    fn take(&mut self, value: f64, steps: usize, last: f64, memory: f64) -> [f64; 2] {
        let anchors = self.anchors(steps, last);
        let differences = anchors.map(|anchor| value - anchor);
        let (place, known) = (self.place.wrapping_add(steps) % self.period, self.naive.len());
        // Places of the first season that a gap jumped over hold the value before it.
        let filled = self.place.saturating_add(steps).saturating_add(1).min(self.period).max(known);
        self.naive.resize(filled, last);
        self.profile.resize(filled, last);
        let rate = if place < known { PROFILE_RATE } else { 1.0 };
        self.profile[place] = anchors[1] + rate * differences[1];
        self.naive[place] = value;
        self.place = place;
        // Differences of the first season are those from the last value: no error of a season yet.
        if known == self.period {
            self.counted += 1;
            let rate = 1.0 / (self.counted as f64).min(memory);
            self.errors.iter_mut().zip(differences).for_each(|(mean, d)| *mean += rate * (d.abs() - *mean));
        }
        differences
    }
}

/// What was measured so far, as running figures: O(seasons' lengths) of memory, O(1) per sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    slots: Vec<Slot>,
    /// The newest measured value.
    last: f64,
    /// Steps since then.
    age: usize,
    /// Running mean, and mean absolute deviation from it.
    centre: f64,
    spread: f64,
    /// Running mean absolute change from value to value.
    change: f64,
    measured: usize,
}

impl Encoder {
    /// Begins with a first measured value. `periods` are the slots' seasons, each at least 1 and at most
    /// [`crate::SLOTS_MAX`].
    #[must_use]
    pub fn new(periods: &[usize], first: f64) -> Self {
        let first = first.clamp(-VALUE_MAX, VALUE_MAX);
        let slots = periods.iter().map(|period| Slot::new(*period, first)).collect();
        Self { slots, last: first, age: 0, centre: first, spread: 0.0, change: 0.0, measured: 1 }
    }

    /// Whether every length is what [`Encoder::new`] and its steps leave, and every figure finite.
    #[must_use]
    pub fn is_sound(&self, slots: usize) -> bool {
        let sound = |slot: &Slot| {
            let filled = slot.naive.len();
            let lengths = filled == slot.profile.len() && (1..=slot.period).contains(&filled);
            let figures = slot.naive.iter().chain(&slot.profile).chain(&slot.errors);
            lengths && slot.place < filled && figures.into_iter().all(|value| value.is_finite())
        };
        let figures = [self.last, self.centre, self.spread, self.change];
        self.slots.len() == slots && self.slots.iter().all(sound) && figures.iter().all(|value| value.is_finite())
    }

    /// Takes one sample; the features of this step, none for a gap.
    pub fn take(&mut self, value: f64) -> Option<Vec<f32>> {
        self.age = self.age.saturating_add(1);
        if !value.is_finite() {
            return None;
        }
        let value = value.clamp(-VALUE_MAX, VALUE_MAX);
        let (steps, last) = (self.age, self.last);
        let memory = self.memory();
        self.measured += 1;
        let rate = 1.0 / (self.measured as f64).min(memory);
        self.spread += rate * ((value - self.centre).abs() - self.spread);
        self.centre += rate * (value - self.centre);
        self.change += rate * ((value - last).abs() - self.change);
        let differences: Vec<[f64; 2]> =
            self.slots.iter_mut().map(|slot| slot.take(value, steps, last, memory)).collect();
        (self.last, self.age) = (value, 0);
        Some(self.features(value, value - last, &differences))
    }

    fn features(&self, value: f64, change: f64, differences: &[[f64; 2]]) -> Vec<f32> {
        let unit = self.unit();
        let mut features = Vec::with_capacity(features(self.slots.len()));
        let mut push = |value: f64, by: f64| features.push(ratio(value, by) as f32);
        push(value - self.centre, self.spread);
        push(change, unit);
        push(unit, self.spread);
        for (slot, differences) in self.slots.iter().zip(differences) {
            differences.iter().for_each(|difference| push(*difference, unit));
            slot.errors.iter().for_each(|error| push(*error, unit));
        }
        features
    }

    /// The features of a step on which nothing is known but its value: what the first sample gives.
    #[must_use]
    pub fn first_features(&self) -> Vec<f32> {
        vec![0.0; features(self.slots.len())]
    }

    /// Steps that running means look back over.
    fn memory(&self) -> f64 {
        (4 * self.longest()).max(MEMORY_MIN) as f64
    }

    fn longest(&self) -> usize {
        self.slots.iter().map(|slot| slot.period).max().unwrap_or(1)
    }

    /// The newest measured value.
    #[must_use]
    pub const fn last(&self) -> f64 {
        self.last
    }

    /// Steps since the newest measured value.
    #[must_use]
    pub const fn age(&self) -> usize {
        self.age
    }

    /// What outputs are multiplied by: see the file's head. At least a thousandth of the spread, so that a perfect season
    /// with one disturbance does not divide by almost nothing; 0 for a constant series.
    #[must_use]
    pub fn unit(&self) -> f64 {
        let seasonal = self.slots.iter().filter(|slot| slot.period > 1 && slot.counted > 0);
        let (sum, count) = seasonal.fold((0.0, 0), |(sum, count), slot| (sum + slot.errors[0], count + 1));
        let unit = if count == 0 { self.change } else { sum / f64::from(count) };
        unit.max(self.spread * 1e-3)
    }

    /// Both anchors' own values of the newest measured step, slot by slot: the value itself and the smoothed season.
    pub fn values(&self) -> impl Iterator<Item = f64> + '_ {
        self.slots.iter().flat_map(|slot| [slot.naive[slot.place], slot.profile[slot.place]])
    }

    /// Steps of each slot's season.
    pub fn periods(&self) -> impl Iterator<Item = usize> + '_ {
        self.slots.iter().map(|slot| slot.period)
    }

    /// The running mean.
    #[must_use]
    pub const fn centre(&self) -> f64 {
        self.centre
    }

    /// Of each slot with a season: its steps, the highest less the lowest value of the smoothed season, and what it adds to
    /// the running mean in the next step.
    pub fn seasons(&self) -> impl Iterator<Item = (usize, f64, f64)> + '_ {
        let part = |slot: &Slot| {
            let high = slot.profile.iter().copied().fold(f64::MIN, f64::max);
            let low = slot.profile.iter().copied().fold(f64::MAX, f64::min);
            (slot.period, high - low, slot.anchors(self.age.saturating_add(1), self.last)[1] - self.centre)
        };
        self.slots.iter().filter(|slot| slot.period > 1).map(part)
    }

    /// Puts all anchors of the step `ahead` steps after the newest measured value (1 is the next) into `to`.
    pub fn anchors(&self, ahead: usize, to: &mut Vec<f64>) {
        to.clear();
        to.extend(self.slots.iter().flat_map(|slot| slot.anchors(ahead, self.last)));
    }
}

/// `value / by` within ±[`FEATURE_MAX`]; 0 when there is nothing to count in.
fn ratio(value: f64, by: f64) -> f64 {
    let ratio = value / by;
    if ratio.is_finite() { ratio.clamp(-FEATURE_MAX, FEATURE_MAX) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(values: &[f64], periods: &[usize]) -> (Encoder, Vec<Vec<f32>>) {
        let mut encoder = Encoder::new(periods, values[0]);
        let features = values[1..].iter().filter_map(|value| encoder.take(*value)).collect();
        (encoder, features)
    }

    fn anchors(encoder: &Encoder, ahead: usize) -> Vec<f64> {
        let mut to = Vec::new();
        encoder.anchors(ahead, &mut to);
        to
    }

    #[test]
    fn a_season_of_one_is_the_last_value_and_a_longer_one_the_value_a_season_ago() {
        let values: Vec<f64> = (0..12).map(|step| [1.0, 5.0, 2.0, 8.0][step % 4]).collect();
        let (encoder, features) = all(&values[..11], &[1, 4]);
        assert_eq!(anchors(&encoder, 1)[0], 2.0, "last value");
        assert_eq!((1..=4).map(|ahead| anchors(&encoder, ahead)[2]).collect::<Vec<_>>(), [8.0, 1.0, 5.0, 2.0]);
        assert_eq!(features[9].len(), super::features(2));
        assert!(encoder.unit() < 0.01, "a perfect season has no error");
    }

    #[test]
    fn a_gap_moves_the_season_on_and_nothing_else() {
        let values = [1.0, 5.0, 2.0, 8.0, 1.0, f64::NAN, f64::NAN, 8.5];
        let (encoder, features) = all(&values, &[4]);
        assert_eq!(features.len(), 5);
        assert_eq!((encoder.age(), anchors(&encoder, 4)[0], anchors(&encoder, 2)[0]), (0, 8.5, 5.0));
        let (gap, _) = all(&values[..7], &[4]);
        assert_eq!((gap.age(), gap.last(), anchors(&gap, 3)[0]), (2, 1.0, 8.0));
    }

    #[test]
    fn a_gap_of_any_length_keeps_the_place() {
        let values: Vec<f64> = (0..24).map(|step| f64::from(step % 4)).collect();
        let (mut encoder, _) = all(&values, &[2, 4]);
        (0..100_001).for_each(|_| assert!(encoder.take(f64::NAN).is_none()));
        encoder.take(1.0).unwrap();
        assert_eq!(anchors(&encoder, 1)[2], 2.0, "24 + 100,001 steps on is place 1, and 2 follows");
    }

    #[test]
    fn scale_and_shift_change_no_feature() {
        let values: Vec<f64> = (0..60).map(|step| f64::from(step * 7 % 13) + f64::from(step % 5)).collect();
        let other: Vec<f64> = values.iter().map(|value| value * 1e12 + 4e12).collect();
        let ((one, a), (two, b)) = (all(&values, &[1, 5]), all(&other, &[1, 5]));
        assert!((two.unit() / one.unit() / 1e12 - 1.0).abs() < 1e-9);
        let pairs = a.iter().flatten().zip(b.iter().flatten());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn a_constant_series_has_no_unit_and_features_of_zero() {
        let (encoder, features) = all(&[1e15; 30], &[7]);
        assert_eq!(encoder.unit(), 0.0);
        assert!(features.iter().flatten().all(|value| *value == 0.0));
        assert!(encoder.is_sound(1) && !encoder.is_sound(2));
    }
}
