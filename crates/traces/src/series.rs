//! A load over time: one rate per slot, with the slots that were not recorded kept as gaps.
//!
//! Rates are requests per second of physical time, as floats: a series shapes generated load and feeds reports, and
//! never enters a decision. Summaries (mean, peak, total) are over the recorded slots only and the gaps are listed, so
//! that a hole in a record is neither load nor the absence of load until somebody decides. The replaying side decides:
//! a gap sends nothing, and the report counts it.

use crate::date::{DAY_MS, parse_day};
use plimsoll_model::{Millis, Timestamp};

/// Most slots in a series: a year of seconds, 8 bytes each. A wrong time stamp then can not ask for all memory.
pub const SLOTS_MAX: usize = 32_000_000;

/// One rate per slot from a start time on.
#[derive(Debug, Clone)]
pub struct RateSeries {
    name: String,
    start: Timestamp,
    slot: Millis,
    /// Requests per second; NaN marks a gap, because it halves the memory of an `Option<f64>` and never leaves here.
    rates: Vec<f64>,
}

/// Slots in a row that were not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Start of the first missing slot.
    pub from: Timestamp,
    /// How many slots are missing.
    pub slots: usize,
}

/// Why a series could not be made or cut.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SeriesError {
    /// A slot of no length.
    #[error("{name}: a slot must last at least 1 ms")]
    EmptySlot {
        /// The series.
        name: String,
    },
    /// A rate that no load can have.
    #[error("{name}: rate {rate} of slot {index} is not finite and at least 0")]
    Rate {
        /// The series.
        name: String,
        /// Position from 0.
        index: usize,
        /// The rate given.
        rate: f64,
    },
    /// More than [`SLOTS_MAX`] slots.
    #[error("{name}: {slots} slots of {slot} are more than {SLOTS_MAX}")]
    TooLong {
        /// The series.
        name: String,
        /// Slots asked for.
        slots: u64,
        /// Length of one.
        slot: Millis,
    },
    /// Nothing was recorded in the window asked for.
    #[error("{name} covers {start} to {end}, and nothing of {from} to {to}")]
    Outside {
        /// The series.
        name: String,
        /// Its first moment.
        start: Timestamp,
        /// The moment after its last slot.
        end: Timestamp,
        /// First moment asked for.
        from: Timestamp,
        /// The moment after the last asked for.
        to: Timestamp,
    },
    /// Text that is not a date.
    #[error("{0:?} is not a date of the form YYYY-MM-DD")]
    Date(String),
    /// Slots that do not fit into each other.
    #[error("{name}: slots of {from} can not become slots of {to}: one must be a whole multiple of the other")]
    Resample {
        /// The series.
        name: String,
        /// Its slot.
        from: Millis,
        /// The slot asked for.
        to: Millis,
    },
}

impl RateSeries {
    /// A series from its rates in order; `None` is a gap.
    ///
    /// # Errors
    /// [`SeriesError`] for a slot of 0 ms, a rate that is negative or not finite, or more than [`SLOTS_MAX`] slots.
    pub fn try_new(
        name: impl Into<String>,
        start: Timestamp,
        slot: Millis,
        rates: impl IntoIterator<Item = Option<f64>>,
    ) -> Result<Self, SeriesError> {
        let name = name.into();
        if slot == Millis::ZERO {
            return Err(SeriesError::EmptySlot { name });
        }
        let mut kept = Vec::new();
        for (index, rate) in rates.into_iter().enumerate() {
            if index >= SLOTS_MAX {
                return Err(SeriesError::TooLong { name, slots: index as u64 + 1, slot });
            }
            match rate {
                Some(rate) if !(rate.is_finite() && rate >= 0.0) => {
                    return Err(SeriesError::Rate { name, index, rate });
                }
                rate => kept.push(rate.unwrap_or(f64::NAN)),
            }
        }
        Ok(Self { name, start, slot, rates: kept })
    }

    /// A series whose rates were checked one by one as they were read; NaN is a gap.
    pub(crate) const fn from_checked(name: String, start: Timestamp, slot: Millis, rates: Vec<f64>) -> Self {
        Self { name, start, slot, rates }
    }

    /// Where it came from: file, member, and the cuts made.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Start of the first slot, in trace time. Formats without a date start at 0, 1970-01-01.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The moment after the last slot.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        self.start.plus(self.span())
    }

    /// Length of one slot.
    #[must_use]
    pub const fn slot(&self) -> Millis {
        self.slot
    }

    /// Trace time covered, gaps included.
    #[must_use]
    pub fn span(&self) -> Millis {
        self.slot.saturating_mul(self.rates.len() as u64)
    }

    /// Number of slots, gaps included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rates.len()
    }

    /// Whether there is no slot at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rates.is_empty()
    }

    /// Requests per second in slot `index`; `None` in a gap and past the end.
    #[must_use]
    pub fn rate(&self, index: usize) -> Option<f64> {
        self.rates.get(index).copied().filter(|rate| !rate.is_nan())
    }

    /// Requests per second at a moment of trace time; `None` in a gap and outside.
    #[must_use]
    pub fn rate_at(&self, at: Timestamp) -> Option<f64> {
        if at < self.start {
            return None;
        }
        let index = at.since(self.start).0 / self.slot.0;
        self.rate(usize::try_from(index).ok()?)
    }

    /// Each slot's start and rate in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Timestamp, Option<f64>)> + '_ {
        self.rates.iter().enumerate().map(|(index, &rate)| {
            (self.start.plus(self.slot.saturating_mul(index as u64)), (!rate.is_nan()).then_some(rate))
        })
    }

    /// The stretches that were not recorded, in order.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        let mut in_gap = false;
        for (from, rate) in self.iter() {
            match (rate, in_gap) {
                (Some(_), _) => in_gap = false,
                (None, false) => {
                    gaps.push(Gap { from, slots: 1 });
                    in_gap = true;
                }
                (None, true) => {
                    if let Some(last) = gaps.last_mut() {
                        last.slots += 1;
                    }
                }
            }
        }
        gaps
    }

    /// Number of slots that were recorded.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.rates.iter().filter(|rate| !rate.is_nan()).count()
    }

    /// Highest recorded rate; 0 when nothing was recorded.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.rates.iter().copied().filter(|rate| !rate.is_nan()).fold(0.0, f64::max)
    }

    /// Mean of the recorded slots; 0 when nothing was recorded.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let recorded = self.recorded();
        if recorded == 0 { 0.0 } else { self.requests() / (recorded as f64 * self.slot_seconds()) }
    }

    /// Requests in all recorded slots, at the recorded rate and in recorded time.
    #[must_use]
    pub fn requests(&self) -> f64 {
        self.rates.iter().filter(|rate| !rate.is_nan()).sum::<f64>() * self.slot_seconds()
    }

    fn slot_seconds(&self) -> f64 {
        self.slot.0 as f64 / 1_000.0
    }

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
    fn gaps_are_listed_and_kept_out_of_every_summary() {
        let series = minutes(&[Some(2.0), None, None, Some(4.0), None]);
        assert_eq!(
            series.gaps(),
            [Gap { from: Timestamp(60_000), slots: 2 }, Gap { from: Timestamp(240_000), slots: 1 }]
        );
        assert_eq!((series.recorded(), series.peak(), series.mean(), series.requests()), (2, 4.0, 3.0, 360.0));
        assert_eq!(series.rate_at(Timestamp(59_999)), Some(2.0));
        assert_eq!(series.rate_at(Timestamp(60_000)), None);
        assert_eq!(series.rate_at(Timestamp(-1)), None);
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
    fn impossible_rates_are_refused_with_their_place() {
        for rate in [-1.0, f64::NAN, f64::INFINITY] {
            let error = RateSeries::try_new("x", Timestamp(0), Millis(1), [Some(1.0), Some(rate)]).unwrap_err();
            assert!(matches!(error, SeriesError::Rate { index: 1, .. }), "{error}");
        }
        assert!(minutes(&[Some(1.0)]).scale(-1.0).is_err());
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
