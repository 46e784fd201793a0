//! The exponential buckets of a histogram of use.
//!
//! Bucket `b` starts at `first · (ratio^b − 1) / (ratio − 1)`, so each is 5 % wider than the one before: a size read off
//! them is wrong by at most one bucket, whatever the magnitude. The starts follow from `start(b + 1) = ratio · start(b) +
//! first`, which integers can do: 32 fraction bits, ratio 21/20.
//!
//! # Source
//! Kubernetes Vertical Pod Autoscaler 1.7, `recommender/util/histogram_options`, `recommender/model/types`.

/// Fraction bits of a start.
const BITS: u32 = 32;

/// Growth of the width from one bucket to the next.
const RATIO: (u128, u128) = (21, 20);

/// Most buckets, so that a number of one fits a byte.
const BUCKETS: usize = 176;

/// Starts of buckets, rising, in 2⁻³² of the resource's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buckets {
    starts: [u128; BUCKETS],
}

impl Buckets {
    /// CPU in millicores: first 10 (0.01 core), to 1,000 cores.
    pub const CPU: Self = Self::new(10);
    /// Memory in bytes: first 10⁷, to 10¹².
    pub const MEMORY: Self = Self::new(10_000_000);

    /// Both ranges span a factor of 10⁵ from the first bucket's width to the greatest value, hence one count.
    const fn new(first: u64) -> Self {
        let mut starts = [0_u128; BUCKETS];
        let mut bucket = 1;
        while bucket < BUCKETS {
            starts[bucket] = starts[bucket - 1] * RATIO.0 / RATIO.1 + ((first as u128) << BITS);
            bucket += 1;
        }
        Self { starts }
    }

    /// The bucket that a value falls in; the last one takes everything above.
    #[must_use]
    pub fn find(&self, value: u64) -> u8 {
        let above = self.starts.partition_point(|start| *start <= u128::from(value) << BITS);
        u8::try_from(above.saturating_sub(1)).unwrap_or(u8::MAX)
    }

    /// Start of a bucket, rounded down to the resource's unit.
    #[must_use]
    pub fn start(&self, bucket: u8) -> u64 {
        let start = self.starts[usize::from(bucket).min(BUCKETS - 1)] >> BITS;
        u64::try_from(start).unwrap_or(u64::MAX)
    }

    /// What a percentile that lies in `bucket` is taken for: the start of the next one, or of the last one itself.
    #[must_use]
    pub fn above(&self, bucket: u8) -> u64 {
        self.start(bucket.saturating_add(1))
    }

    /// Number of the last bucket.
    #[must_use]
    pub const fn last(&self) -> u8 {
        (BUCKETS - 1) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_first_times_ratio_to_the_b_less_one_over_ratio_less_one() {
        for (buckets, first) in [(Buckets::CPU, 10.0_f64), (Buckets::MEMORY, 1e7)] {
            for bucket in 0..=buckets.last() {
                let exact = first * (1.05_f64.powi(i32::from(bucket)) - 1.0) / 0.05;
                let found = buckets.starts[usize::from(bucket)] as f64 / 2_f64.powi(32);
                assert!((found - exact).abs() <= exact * 1e-9, "{bucket}: {found} and {exact}");
            }
        }
    }

    #[test]
    fn cpu_starts_at_a_hundredth_of_a_core_and_ends_at_a_thousand_cores() {
        assert_eq!((Buckets::CPU.start(0), Buckets::CPU.start(1), Buckets::CPU.start(2)), (0, 10, 20));
        assert!(Buckets::CPU.start(Buckets::CPU.last() - 1) < 1_000_000);
        assert!(Buckets::CPU.start(Buckets::CPU.last()) >= 1_000_000);
    }

    #[test]
    fn memory_starts_at_ten_million_bytes_and_ends_at_a_million_million() {
        assert_eq!((Buckets::MEMORY.start(1), Buckets::MEMORY.start(2)), (10_000_000, 20_500_000));
        assert!(Buckets::MEMORY.start(Buckets::MEMORY.last() - 1) < 1_000_000_000_000);
        assert!(Buckets::MEMORY.start(Buckets::MEMORY.last()) >= 1_000_000_000_000);
    }

    #[test]
    fn a_value_falls_in_the_bucket_that_starts_at_or_below_it() {
        for (value, bucket) in [(0, 0), (9, 0), (10, 1), (20, 1), (21, 2), (u64::MAX, Buckets::CPU.last())] {
            assert_eq!(Buckets::CPU.find(value), bucket, "{value}");
        }
        assert_eq!(Buckets::CPU.above(Buckets::CPU.last()), Buckets::CPU.start(Buckets::CPU.last()));
    }
}
