//! Cutting and reshaping a [`RateSeries`]: windows, days, other slots, another scale. Gaps stay gaps in all of them.

use crate::date::{DAY_MS, parse_day};
use crate::series::{RateSeries, SLOTS_MAX, SeriesError};
use plimsoll_model::{Millis, Timestamp};

impl RateSeries {
    /// The window `[from, to)`, widened to whole slots. What lies outside the record is a gap in it.
    ///
    /// # Errors
    /// [`SeriesError::Outside`] when nothing of the window was recorded or `to` is not after `from`, and
    /// [`SeriesError::TooLong`] when the window has more than [`SLOTS_MAX`] slots.
    pub fn window(&self, from: Timestamp, to: Timestamp) -> Result<Self, SeriesError> {
        let slot = self.slot.0 as i128;
        let first = (i128::from(from.0) - i128::from(self.start.0)).div_euclid(slot);
        let last = (i128::from(to.0) - i128::from(self.start.0) + slot - 1).div_euclid(slot);
        let outside = || SeriesError::Outside { name: self.name.clone(), start: self.start, end: self.end(), from, to };
        if to <= from || last <= 0 || first >= self.rates.len() as i128 {
            return Err(outside());
        }
        if last - first > SLOTS_MAX as i128 {
            let slots = u64::try_from(last - first).unwrap_or(u64::MAX);
            return Err(SeriesError::TooLong { name: self.name.clone(), slots, slot: self.slot });
        }
        let rates: Vec<f64> = (first..last)
            .map(|index| usize::try_from(index).ok().and_then(|index| self.rate(index)).unwrap_or(f64::NAN))
            .collect();
        if rates.iter().all(|rate| rate.is_nan()) {
            return Err(outside());
        }
        let start = Timestamp(i64::try_from(i128::from(self.start.0) + first * slot).unwrap_or(from.0));
        Ok(Self { name: self.name.clone(), start, slot: self.slot, rates })
    }

    /// One calendar day in UTC, `YYYY-MM-DD`; hours that were not recorded are gaps.
    ///
    /// # Errors
    /// [`SeriesError::Date`] for text that is no date, [`SeriesError::Outside`] when the day was not recorded.
    pub fn day(&self, date: &str) -> Result<Self, SeriesError> {
        let from = parse_day(date).ok_or_else(|| SeriesError::Date(date.to_owned()))?;
        let mut day = self.window(from, Timestamp(from.0 + DAY_MS))?;
        day.name = format!("{} on {date}", self.name);
        Ok(day)
    }

    /// The day number `index` from 0, counted in 24 hours from the start: for formats that carry no date.
    ///
    /// # Errors
    /// [`SeriesError::Outside`] when the series is shorter.
    pub fn nth_day(&self, index: u32) -> Result<Self, SeriesError> {
        let from = Timestamp(self.start.0.saturating_add(DAY_MS.saturating_mul(i64::from(index))));
        let mut day = self.window(from, Timestamp(from.0.saturating_add(DAY_MS)))?;
        day.name = format!("{}, day {index}", self.name);
        Ok(day)
    }

    /// The same load in slots of another length: coarser slots are the mean of the recorded ones in them (a gap only
    /// where none was), finer slots repeat theirs. A coarser last slot may reach past the end of the record.
    ///
    /// # Errors
    /// [`SeriesError::Resample`] unless one slot is a whole multiple of the other, [`SeriesError::TooLong`] when there
    /// would be too many.
    pub fn resample(&self, slot: Millis) -> Result<Self, SeriesError> {
        let refuse = || SeriesError::Resample { name: self.name.clone(), from: self.slot, to: slot };
        if slot == Millis::ZERO {
            return Err(refuse());
        }
        let rates = if slot.0.is_multiple_of(self.slot.0) {
            let group = usize::try_from(slot.0 / self.slot.0).unwrap_or(usize::MAX);
            self.rates.chunks(group).map(mean_of_recorded).collect()
        } else if self.slot.0.is_multiple_of(slot.0) {
            let copies = self.slot.0 / slot.0;
            let slots = copies.saturating_mul(self.rates.len() as u64);
            if slots > SLOTS_MAX as u64 {
                return Err(SeriesError::TooLong { name: self.name.clone(), slots, slot });
            }
            self.rates.iter().flat_map(|&rate| (0..copies).map(move |_| rate)).collect()
        } else {
            return Err(refuse());
        };
        Ok(Self { name: self.name.clone(), start: self.start, slot, rates })
    }

    /// Every rate times `factor`; gaps stay gaps.
    ///
    /// # Errors
    /// [`SeriesError::Rate`] when a rate would be negative or not finite.
    pub fn scale(&self, factor: f64) -> Result<Self, SeriesError> {
        let scaled = self.iter().map(|(_, rate)| rate.map(|rate| rate * factor));
        Self::try_new(self.name.clone(), self.start, self.slot, scaled)
    }
}

fn mean_of_recorded(rates: &[f64]) -> f64 {
    let (sum, count) =
        rates.iter().filter(|rate| !rate.is_nan()).fold((0.0, 0_u32), |(sum, count), rate| (sum + rate, count + 1));
    if count == 0 { f64::NAN } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn minutes(rates: &[Option<f64>]) -> RateSeries {
        RateSeries::try_new("x", Timestamp(0), Millis::from_minutes(1), rates.iter().copied()).unwrap()
    }

    fn values(series: &RateSeries) -> Vec<Option<f64>> {
        series.iter().map(|(_, rate)| rate).collect()
    }

    #[test]
    fn a_window_past_the_record_has_gaps_where_nothing_is_known() {
        let series = minutes(&[Some(1.0), Some(2.0), Some(3.0)]);
        let window = series.window(Timestamp(-60_000), Timestamp(90_000)).unwrap();
        assert_eq!(window.start(), Timestamp(-60_000));
        assert_eq!(values(&window), [None, Some(1.0), Some(2.0)]);
        let error = series.window(Timestamp(180_000), Timestamp(240_000)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x covers 1970-01-01 00:00:00Z to 1970-01-01 00:03:00Z, and nothing of 1970-01-01 00:03:00Z to 1970-01-01 00:04:00Z"
        );
        assert!(series.window(Timestamp(60_000), Timestamp(60_000)).is_err());
        assert!(series.window(Timestamp(i64::MIN), Timestamp(i64::MAX)).is_err());
    }

    #[test]
    fn a_day_is_whole_even_where_the_record_is_not() {
        let series =
            RateSeries::try_new("x", Timestamp(82_800_000), Millis(3_600_000), [Some(5.0), Some(6.0)]).unwrap();
        let first = series.day("1970-01-01").unwrap();
        assert_eq!((first.len(), first.recorded(), first.rate(23)), (24, 1, Some(5.0)));
        assert_eq!(first.name(), "x on 1970-01-01");
        assert_eq!(series.day("1970-01-32").unwrap_err(), SeriesError::Date("1970-01-32".into()));
        assert!(series.day("1970-01-03").is_err());
        assert_eq!(series.nth_day(0).unwrap().rate(0), Some(5.0));
    }

    #[test]
    fn coarser_slots_average_what_was_recorded_and_finer_ones_repeat() {
        let series = minutes(&[Some(1.0), Some(3.0), None, Some(5.0), None, None, Some(7.0)]);
        let coarse = series.resample(Millis::from_minutes(2)).unwrap();
        assert_eq!(values(&coarse), [Some(2.0), Some(5.0), None, Some(7.0)]);
        let fine = coarse.resample(Millis::from_minutes(1)).unwrap();
        assert_eq!(values(&fine)[..4], [Some(2.0), Some(2.0), Some(5.0), Some(5.0)]);
        assert!(series.resample(Millis(90_000)).is_err());
        assert!(series.resample(Millis(0)).is_err());
    }

    #[test]
    fn a_scale_that_turns_a_rate_negative_is_refused() {
        assert!(minutes(&[Some(1.0)]).scale(-1.0).is_err());
        assert_eq!(values(&minutes(&[Some(1.0), None]).scale(2.5).unwrap()), [Some(2.5), None]);
    }

    proptest! {
        #[test]
        fn resampling_a_full_record_keeps_its_requests(
            rates in prop::collection::vec(0.0_f64..1e6, 1..50), group in 1_u64..5,
        ) {
            let whole = rates.len() / group as usize * group as usize;
            prop_assume!(whole > 0);
            let series = minutes(&rates[..whole].iter().map(|rate| Some(*rate)).collect::<Vec<_>>());
            let coarse = series.resample(Millis::from_minutes(group)).unwrap();
            prop_assert!((coarse.requests() - series.requests()).abs() <= series.requests() * 1e-9);
            prop_assert_eq!(coarse.end(), series.end());
        }

        #[test]
        fn a_window_never_invents_a_rate(from in -500_i64..500, length in 1_i64..900) {
            let series = minutes(&[Some(1.0), None, Some(3.0), Some(4.0)]);
            let (from, to) = (Timestamp(from * 1_000), Timestamp((from + length) * 1_000));
            if let Ok(window) = series.window(from, to) {
                for (at, rate) in window.iter() {
                    prop_assert_eq!(rate, series.rate_at(at));
                }
            }
        }
    }
}
