//! A quantile of recent latencies in constant time and memory: when is an answer later than most.
//!
//! Counts in buckets of an eighth of an octave, all halved after [`MEMORY`] answers, so that about the last few thousand
//! count and a change of the service shows within as many. Belongs to one worker: nobody else writes it.
//!
//! # Source
//! Log-linear buckets as in HdrHistogram (G. Tene); the forgetting by halving is this project's.

/// log2 of the buckets per octave.
const FINE: u32 = 3;
/// 2^32 µs are 71 minutes; whatever is longer counts as that.
const BUCKETS: usize = ((32 - FINE as usize) << FINE) + (1 << FINE);
/// Answers after which all counts are halved.
const MEMORY: u32 = 4_096;
/// Answers below which no quantile is told: at 100, a 99th percentile is one answer.
const ENOUGH: u32 = 100;

/// Recent latencies.
#[derive(Debug, Clone)]
pub struct LatencyQuantile {
    counts: Box<[u32; BUCKETS]>,
    whole: u32,
}

impl Default for LatencyQuantile {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), whole: 0 }
    }
}

const fn bucket(latency_us: u64) -> usize {
    let value = if latency_us > u32::MAX as u64 { u32::MAX as u64 } else { latency_us };
    let octave = (u64::BITS - value.leading_zeros()).saturating_sub(FINE + 1);
    ((octave as usize) << FINE) + (value >> octave) as usize
}

/// The largest latency of a bucket, µs.
const fn highest(bucket: usize) -> u64 {
    let octave = (bucket >> FINE).saturating_sub(1);
    let first = bucket - (octave << FINE);
    ((first as u64 + 1) << octave) - 1
}

impl LatencyQuantile {
    /// Counts an answer.
    pub fn record(&mut self, latency_us: u64) {
        if self.whole >= MEMORY {
            self.whole = 0;
            for count in &mut *self.counts {
                *count /= 2;
                self.whole += *count;
            }
        }
        self.counts[bucket(latency_us).min(BUCKETS - 1)] += 1;
        self.whole += 1;
    }

    /// The latency that this share (in thousandths) of recent answers stays within, µs, at most an eighth too high; none
    /// before there are enough.
    #[must_use]
    pub fn at(&self, permille: u64) -> Option<u64> {
        if self.whole < ENOUGH {
            return None;
        }
        let rank = (u64::from(self.whole) * permille.min(1_000)).div_ceil(1_000).max(1);
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        });
        found.map(highest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut next = 0;
        for at in 0..BUCKETS {
            assert_eq!(bucket(next), at, "{next}");
            assert_eq!(bucket(highest(at)), at);
            next = highest(at) + 1;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_is_said_too_early_and_the_past_is_forgotten() {
        let mut latencies = LatencyQuantile::default();
        (0..99).for_each(|_| latencies.record(1_000));
        assert_eq!(latencies.at(950), None);
        (0..10_000).for_each(|_| latencies.record(1_000));
        assert!(latencies.at(950).is_some_and(|us| (1_000..1_125).contains(&us)));
        (0..2 * MEMORY).for_each(|_| latencies.record(64_000));
        assert!(latencies.at(500).is_some_and(|us| (64_000..72_000).contains(&us)), "{:?}", latencies.at(500));
    }

    proptest! {
        #[test]
        fn a_quantile_is_that_of_the_sorted_answers_within_an_eighth(
            latencies in proptest::collection::vec(0_u64..10_000_000, 100..1_000),
            permille in 1_u64..=1_000,
        ) {
            let mut quantile = LatencyQuantile::default();
            latencies.iter().for_each(|latency| quantile.record(*latency));
            let mut sorted = latencies;
            sorted.sort_unstable();
            let exact = sorted[(sorted.len() as u64 * permille).div_ceil(1_000) as usize - 1];
            let told = quantile.at(permille).unwrap();
            prop_assert!(exact <= told && told <= exact + exact / 8 + 1, "{told} for {exact}");
        }
    }
}
