//! A load over time: one rate per slot, with the slots that were not recorded kept as gaps.
//!
//! Rates are requests per second of physical time, as floats: a series shapes generated load and feeds reports, and
//! never enters a decision. Summaries (mean, peak, total) are over the recorded slots only and the gaps are listed, so
//! that a hole in a record is neither load nor the absence of load until somebody decides. The replaying side decides:
//! a gap sends nothing, and the report counts it.

use plimsoll_model::{Millis, Timestamp};

/// Most slots in a series: a year of seconds, 8 bytes each. A wrong time stamp then can not ask for all memory.
pub const SLOTS_MAX: usize = 32_000_000;

/// One rate per slot from a start time on.
#[derive(Debug, Clone)]
pub struct RateSeries {
    pub(crate) name: String,
    pub(crate) start: Timestamp,
    pub(crate) slot: Millis,
    /// Requests per second; NaN marks a gap, because it halves the memory of an `Option<f64>` and never leaves here.
    pub(crate) rates: Vec<f64>,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(rates: &[Option<f64>]) -> RateSeries {
        RateSeries::try_new("x", Timestamp(0), Millis::from_minutes(1), rates.iter().copied()).unwrap()
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
    fn impossible_rates_are_refused_with_their_place() {
        for rate in [-1.0, f64::NAN, f64::INFINITY] {
            let error = RateSeries::try_new("x", Timestamp(0), Millis(1), [Some(1.0), Some(rate)]).unwrap_err();
            assert!(matches!(error, SeriesError::Rate { index: 1, .. }), "{error}");
        }
    }
}
