//! The load that a prediction runs on: what was recorded, and the median forecast of what follows.

use anyhow::Context;
use plimsoll_forecast::{Ahead, Data, Events, Forecaster as _, Levels, Series, zoo};
use plimsoll_model::{Millis, Timestamp};

/// Most values of a recorded day.
const SLOTS_MAX: u64 = 1_440;
/// Most values that the forecast learns from.
const LEARNT_MAX: usize = 2_016;
/// Fewest values that a forecast is made from; below that the last ones are held.
const LEARNT_MIN: usize = 24;
/// Values at the end that are held where nothing can be forecast.
const HELD: usize = 5;
const DAY_MS: u64 = 86_400_000;

/// A recorded load, requests per second, NaN where nothing was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Start of the first value.
    pub start: Timestamp,
    /// Time between two values.
    pub step: Millis,
    /// Mean per slot.
    pub values: Vec<f64>,
}

impl Recorded {
    /// Samples as slots of equal length, the last one ending at `to`: as fine as four ticks, as coarse as needed.
    pub fn of_samples(samples: &[(i64, f64)], to: Timestamp, tick: Millis) -> Option<Self> {
        let first = samples.first()?.0;
        let span = u64::try_from(to.get().saturating_sub(first)).ok().filter(|span| *span > 0)?;
        let step = span.div_ceil(SLOTS_MAX).max(tick.get().saturating_mul(4)).max(1);
        let slots = span.div_ceil(step);
        let start = to.minus(Millis(slots.saturating_mul(step)));
        let mut sums = vec![(0.0, 0_u32); usize::try_from(slots).ok()?];
        for (at, value) in samples.iter().filter(|(at, _)| *at < to.get()) {
            let slot = usize::try_from(Timestamp(*at).since(start).get() / step).ok()?;
            if let Some((sum, count)) = sums.get_mut(slot) {
                *sum += value;
                *count += 1;
            }
        }
        let mean = |(sum, count): (f64, u32)| if count == 0 { f64::NAN } else { sum / f64::from(count) };
        Some(Self { start, step: Millis(step), values: sums.into_iter().map(mean).collect() })
    }

    /// Time covered.
    pub fn span(&self) -> Millis {
        self.step.saturating_mul(self.values.len() as u64)
    }

    /// Its end.
    pub fn end(&self) -> Timestamp {
        self.start.plus(self.span())
    }

    /// The last day of it.
    pub fn last_day(&self) -> Self {
        let slots = usize::try_from(DAY_MS / self.step.get().max(1)).unwrap_or(usize::MAX).max(1);
        let skip = self.values.len().saturating_sub(slots);
        let start = self.start.plus(self.step.saturating_mul(skip as u64));
        Self { start, step: self.step, values: self.values[skip..].to_vec() }
    }

    /// Mean of so many slots each, the last ones whole.
    fn coarser(&self, by: usize) -> Self {
        let skip = self.values.len() % by.max(1);
        let mean = |slots: &[f64]| {
            let known: Vec<f64> = slots.iter().copied().filter(|value| !value.is_nan()).collect();
            if known.is_empty() { f64::NAN } else { known.iter().sum::<f64>() / known.len() as f64 }
        };
        Self {
            start: self.start.plus(self.step.saturating_mul(skip as u64)),
            step: self.step.saturating_mul(by.max(1) as u64),
            values: self.values[skip..].chunks(by.max(1)).map(mean).collect(),
        }
    }

    /// This load with what is expected after it, `ahead` long, in slots of its own; and how that was found out.
    pub fn with_future(&self, learnt: &Self, ahead: Millis) -> anyhow::Result<(Self, String)> {
        let wanted = usize::try_from(ahead.get().div_ceil(self.step.get().max(1))).unwrap_or(0);
        let coarse = learnt.coarser(learnt.values.len().div_ceil(LEARNT_MAX).max(self.values.len() / 288).max(1));
        let known = coarse.values.iter().filter(|value| !value.is_nan()).count();
        let (expected, why) = if known < LEARNT_MIN {
            let last: Vec<f64> = self.values.iter().rev().copied().filter(|value| !value.is_nan()).take(HELD).collect();
            let mean = last.iter().sum::<f64>() / last.len().max(1) as f64;
            (vec![mean; wanted], "the last load, held: too little is recorded for a forecast".to_owned())
        } else {
            let horizon = usize::try_from(ahead.get().div_ceil(coarse.step.get().max(1))).unwrap_or(1).max(1);
            let said = coarse.forecast(horizon)?;
            let slot = |index: usize| {
                let at = self.step.saturating_mul(index as u64).get() / coarse.step.get().max(1);
                usize::try_from(at).unwrap_or(usize::MAX).min(horizon - 1)
            };
            let why = format!("the median forecast from {} recorded", coarse.span());
            ((0..wanted).map(|index| said[slot(index)]).collect(), why)
        };
        let values = self.values.iter().copied().chain(expected).collect();
        Ok((Self { start: self.start, step: self.step, values }, why))
    }

    fn forecast(&self, horizon: usize) -> anyhow::Result<Vec<f64>> {
        let model = zoo::by_name("auto").context("invariant: the zoo has its automatic choice")?;
        let day = usize::try_from(DAY_MS / self.step.get().max(1)).unwrap_or(usize::MAX);
        let seasons = if day >= 2 && self.values.len() >= day.saturating_mul(2) { vec![day] } else { Vec::new() };
        let series = Series { start: self.start, step: self.step, values: &self.values };
        let levels = Levels::try_new(vec![0.5]).context("the median")?;
        let fitted = model.fit(&Data::alone(series, &seasons), 1).context("the forecast of the load")?;
        let said = fitted.predict(&Ahead { horizon, events: &Events::default() }, &levels).at_least(0.0);
        Ok((0..horizon).map(|step| said.quantiles(step).map_or(0.0, |row| row[0])).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_become_slots_that_end_now_and_a_gap_stays_one() {
        let samples = [(1_000, 2.0), (3_000, 4.0), (13_000, 8.0)];
        let found = Recorded::of_samples(&samples, Timestamp(17_000), Millis(1_000)).unwrap();
        assert_eq!((found.start, found.step, found.end()), (Timestamp(1_000), Millis(4_000), Timestamp(17_000)));
        assert_eq!(found.values[0], 3.0);
        assert!(found.values[1].is_nan() && found.values[2].is_nan());
        assert_eq!(found.values[3], 8.0);
        assert_eq!(Recorded::of_samples(&[], Timestamp(5), Millis(1)), None);
    }

    #[test]
    fn what_follows_a_short_record_is_its_end_and_what_follows_a_long_one_is_forecast() {
        let short = Recorded { start: Timestamp(0), step: Millis(60_000), values: vec![1.0, 3.0, 5.0] };
        let (both, why) = short.with_future(&short, Millis(120_000)).unwrap();
        assert_eq!(both.values, [1.0, 3.0, 5.0, 3.0, 3.0]);
        assert!(why.contains("held"), "{why}");
        let flat = Recorded { start: Timestamp(0), step: Millis(60_000), values: vec![7.0; 400] };
        let (both, why) = flat.with_future(&flat, Millis(600_000)).unwrap();
        assert_eq!(both.values.len(), 410);
        assert!((both.values[405] - 7.0).abs() < 0.5 && why.contains("median forecast"), "{why}: {:?}", both.values);
    }
}
