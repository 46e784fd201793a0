//! Latencies counted in classes of constant relative width, so that a quantile of any number of them costs no memory.
//!
//! # Source
//! The layout of an HDR histogram (G. Tene): powers of two, each cut into 512 even classes: a value is known to 0.1 %.

/// Classes per power of two.
const WITHIN: u64 = 512;
/// log2 of it.
const WITHIN_BITS: u32 = 9;

/// Counts of latencies in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latencies {
    counts: Vec<u64>,
    count: u64,
    sum: u128,
}

impl Latencies {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, nanos: u64) {
        let class = class_of(nanos);
        if self.counts.len() <= class {
            self.counts.resize(class + 1, 0);
        }
        self.counts[class] += 1;
        self.count += 1;
        self.sum += u128::from(nanos);
    }

    /// How many.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Mean, seconds; none without any.
    #[must_use]
    pub fn mean_s(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64 / super::SECOND)
    }

    /// The latency that a share `p` stays within, seconds: the middle of its class; none without any.
    #[must_use]
    pub fn quantile_s(&self, p: f64) -> Option<f64> {
        let rank = (libm::ceil(p * self.count as f64) as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        let class = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle_of(class) / super::SECOND)
    }

    /// Share of those longer than `seconds`, to the width of a class; 0 without any.
    #[must_use]
    pub fn longer_share(&self, seconds: f64) -> f64 {
        let class = class_of((seconds * super::SECOND) as u64);
        let longer: u64 = self.counts.iter().skip(class + 1).sum();
        if self.count == 0 { 0.0 } else { longer as f64 / self.count as f64 }
    }

    /// Adds all of another's.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(to, from)| *to += from);
        self.count += other.count;
        self.sum += other.sum;
    }

    /// Forgets all, and keeps its room.
    pub fn clear(&mut self) {
        self.counts.iter_mut().for_each(|count| *count = 0);
        (self.count, self.sum) = (0, 0);
    }
}

#[inline]
const fn class_of(nanos: u64) -> usize {
    if nanos < WITHIN {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - WITHIN_BITS;
    ((shift as u64 + 1) * WITHIN + (nanos >> shift) - WITHIN) as usize
}

fn middle_of(class: usize) -> f64 {
    let class = class as u64;
    if class < WITHIN {
        return class as f64;
    }
    let shift = (class / WITHIN - 1) as u32;
    let low = (WITHIN + class % WITHIN) << shift;
    low as f64 + ((1_u64 << shift) - 1) as f64 / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_value_is_known_to_a_thousandth(nanos in 1_u64..u64::MAX / 2) {
            let middle = middle_of(class_of(nanos));
            prop_assert!((middle / nanos as f64 - 1.0).abs() < 0.001, "{} {}", nanos, middle);
        }

        #[test]
        fn quantiles_and_shares_are_those_of_the_sorted_list(mut values in prop::collection::vec(1_u64..1_000_000_000, 1..200), p in 0.01_f64..1.0) {
            let mut latencies = Latencies::default();
            values.iter().for_each(|value| latencies.add(*value));
            values.sort_unstable();
            let rank = libm::ceil(p * values.len() as f64) as usize;
            let exact = values[rank - 1] as f64 / 1e9;
            prop_assert!((latencies.quantile_s(p).unwrap() / exact - 1.0).abs() < 0.002);
            prop_assert!(latencies.longer_share(exact) <= 1.0 - rank as f64 / values.len() as f64 + 1e-9);
        }
    }

    #[test]
    fn nothing_counted_has_no_quantile_and_two_halves_are_a_whole() {
        let mut all = Latencies::default();
        assert_eq!((all.quantile_s(0.5), all.mean_s(), all.longer_share(0.1)), (None, None, 0.0));
        let mut other = Latencies::default();
        all.add(1_000_000_000);
        other.add(3_000_000_000);
        all.merge(&other);
        assert_eq!((all.count(), all.mean_s(), all.longer_share(2.0)), (2, Some(2.0), 0.5));
        all.clear();
        assert_eq!((all.count(), all.quantile_s(0.9)), (0, None));
    }
}
