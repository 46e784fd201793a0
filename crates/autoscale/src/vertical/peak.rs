//! Memory as one peak per window, and what running out of it teaches.
//!
//! Memory does not average: what counts is the most that was held. So of each window (24 h) only the highest sample is in
//! the histogram, a higher one taking the place of the one before. A process that ran out of memory wanted more than was
//! ever measured; its sample is the greater of its reservation and the window's peak, plus a bump.
//!
//! # Source
//! Kubernetes Vertical Pod Autoscaler 1.7, `recommender/model/container`.

use super::buckets::Buckets;
use super::histogram::{Histogram, WEIGHT_ONE};
use plimsoll_model::quantity::{Bytes, Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Least bump above what a process that ran out of memory held: 100 MiB.
const BUMP_MIN: u64 = 100 << 20;
/// And 20 % of it.
const BUMP: (u64, u64) = (6, 5);

/// The window that samples fall into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Peak {
    /// When the window ends; none before the first sample.
    end: Option<Timestamp>,
    /// Time of the last sample that counted.
    last: Option<Timestamp>,
    /// Highest use measured in the window, bytes.
    used: u64,
    /// Highest use inferred in the window from running out of memory, bytes.
    wanted: u64,
}

/// What histogram, and how.
#[derive(Debug)]
pub struct Into<'a> {
    /// The histogram of peaks.
    pub histogram: &'a mut Histogram,
    /// Its half-life.
    pub half_life: Millis,
    /// Length of a window.
    pub window: Millis,
}

impl Peak {
    /// Takes a sample of what is held. One older than the last is not counted.
    pub fn observe(&mut self, into: &mut Into<'_>, at: Timestamp, used: Bytes) {
        if used.0 > 0 && self.last.is_none_or(|last| at >= last) {
            self.take(into, at, used.0, false);
        }
    }

    /// A process that was reserved `requested` ran out of memory. False when that was more than one window before the
    /// last sample, which discards it.
    pub fn out_of_memory(&mut self, into: &mut Into<'_>, at: Timestamp, requested: Bytes) -> bool {
        if self.last.is_some_and(|last| at < last.minus(into.window)) {
            return false;
        }
        // What earlier bumps inferred does not count, or each one would raise the next.
        let held = requested.0.max(self.used);
        let scaled = u64::try_from(u128::from(held) * u128::from(BUMP.0) / u128::from(BUMP.1)).unwrap_or(u64::MAX);
        self.take(into, at, held.saturating_add(BUMP_MIN).max(scaled), true);
        true
    }

    fn take(&mut self, into: &mut Into<'_>, at: Timestamp, value: u64, is_inferred: bool) {
        let window = Millis(into.window.0.max(1));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        let end = *self.end.get_or_insert(at);
        let is_higher = if at < end {
            let before = self.used.max(self.wanted);
            if before != 0 && value > before {
                into.histogram.subtract(&Buckets::MEMORY, into.half_life, end, before, WEIGHT_ONE);
            }
            before == 0 || value > before
        } else {
            let windows = at.since(end).0 / window.0 + 1;
            self.end = Some(end.plus(window.saturating_mul(windows)));
            (self.used, self.wanted) = (0, 0);
            true
        };
        if is_higher {
            let end = self.end.unwrap_or(at);
            into.histogram.add(&Buckets::MEMORY, into.half_life, end, value, WEIGHT_ONE);
            *(if is_inferred { &mut self.wanted } else { &mut self.used }) = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::quantity::Permille;

    const DAY: Millis = Millis(86_400_000);
    const MIB: u64 = 1 << 20;

    fn hours(hours: i64) -> Timestamp {
        Timestamp(hours * 3_600_000)
    }

    /// The histogram after samples of `(hour, bytes)`, an `Err` being a process that ran out of memory.
    fn after(samples: &[(i64, Result<u64, u64>)]) -> (Histogram, Peak) {
        let (mut histogram, mut peak) = (Histogram::default(), Peak::default());
        for (at, sample) in samples {
            let mut into = Into { histogram: &mut histogram, half_life: DAY, window: DAY };
            match sample {
                Ok(used) => peak.observe(&mut into, hours(*at), Bytes(*used)),
                Err(requested) => {
                    peak.out_of_memory(&mut into, hours(*at), Bytes(*requested));
                }
            }
        }
        (histogram, peak)
    }

    fn sizes(histogram: &Histogram) -> (Option<u64>, Option<u64>) {
        let of = |share| histogram.percentile(&Buckets::MEMORY, Permille(share));
        (of(1), of(1_000))
    }

    fn above(bytes: u64) -> Option<u64> {
        Some(Buckets::MEMORY.above(Buckets::MEMORY.find(bytes)))
    }

    #[test]
    fn a_higher_peak_in_the_window_replaces_the_old_one() {
        let (histogram, _) = after(&[(0, Ok(100 * MIB)), (1, Ok(400 * MIB)), (2, Ok(200 * MIB))]);
        assert_eq!(sizes(&histogram), (above(400 * MIB), above(400 * MIB)), "one sample, the highest");
    }

    #[test]
    fn each_window_has_one_peak_of_weight_one() {
        let (histogram, _) = after(&[(0, Ok(100 * MIB)), (25, Ok(400 * MIB)), (26, Ok(300 * MIB))]);
        assert_eq!(sizes(&histogram), (above(100 * MIB), above(400 * MIB)));
        // The later window weighs twice the earlier one: two thirds.
        assert_eq!(histogram.percentile(&Buckets::MEMORY, Permille(333)), above(100 * MIB));
        assert_eq!(histogram.percentile(&Buckets::MEMORY, Permille(334)), above(400 * MIB));
    }

    #[test]
    fn windows_without_samples_are_skipped() {
        let (_, peak) = after(&[(0, Ok(100 * MIB)), (73, Ok(1))]);
        assert_eq!(peak.end, Some(hours(96)));
    }

    #[test]
    fn running_out_of_memory_is_a_peak_of_at_least_a_hundred_mebibytes_more() {
        let (histogram, _) = after(&[(0, Ok(150 * MIB)), (1, Err(200 * MIB))]);
        assert_eq!(sizes(&histogram).1, above(300 * MIB), "200 MiB reserved + 100 MiB");
        let (histogram, _) = after(&[(0, Ok(250 * MIB)), (1, Err(200 * MIB))]);
        assert_eq!(sizes(&histogram).1, above(350 * MIB), "the window's peak was above the request");
    }

    #[test]
    fn running_out_of_much_memory_is_a_peak_of_a_fifth_more() {
        let (histogram, _) = after(&[(0, Ok(900 * MIB)), (1, Err(1_000 * MIB))]);
        assert_eq!(sizes(&histogram).1, above(1_200 * MIB));
    }

    #[test]
    fn an_earlier_bump_does_not_raise_the_next() {
        let (histogram, _) = after(&[(0, Err(1_000 * MIB)), (1, Err(1_000 * MIB)), (2, Err(1_000 * MIB))]);
        assert_eq!(sizes(&histogram), (above(1_200 * MIB), above(1_200 * MIB)));
    }

    #[test]
    fn running_out_of_memory_a_window_before_the_last_sample_is_discarded() {
        let (mut histogram, mut peak) = after(&[(30, Ok(100 * MIB))]);
        let before = histogram.clone();
        let mut into = Into { histogram: &mut histogram, half_life: DAY, window: DAY };
        assert!(!peak.out_of_memory(&mut into, hours(5), Bytes(MIB)));
        assert!(peak.out_of_memory(&mut into, hours(6), Bytes(MIB)));
        assert_ne!(histogram, before);
    }

    #[test]
    fn a_sample_older_than_the_last_and_one_of_nothing_do_not_count() {
        let (histogram, _) = after(&[(5, Ok(100 * MIB)), (4, Ok(900 * MIB)), (6, Ok(0))]);
        assert_eq!(sizes(&histogram), (above(100 * MIB), above(100 * MIB)));
    }
}
