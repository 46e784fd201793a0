//! A histogram whose samples lose half their weight per half-life, in integers.
//!
//! New samples grow heavier instead of old ones lighter: a sample weighs `weight · 2^((t − reference) / half-life)`, and
//! the reference moves when that exponent passes 100. Upstream holds the weights in doubles; here they are block floating
//! point: 62 bits each and one exponent for all (`coarse`), so that a state is a few small numbers, compares for equality
//! and is the same on any CPU. A weight that falls below one unit is under 2⁻⁶¹ of the whole and moves no percentile.
//!
//! # Source
//! Kubernetes Vertical Pod Autoscaler 1.7, `recommender/util/{histogram,decaying_histogram}`.

use super::buckets::Buckets;
use plimsoll_model::quantity::{Millis, Permille, Timestamp};
use plimsoll_stats::fixed::{BITS, ONE, decay};
use serde::{Deserialize, Serialize};

/// A weight of 1 before any shift, in units of the stored weights.
pub const WEIGHT_ONE: u64 = 1 << 32;
/// Exponent, in half-lives, beyond which the reference moves.
const EXPONENT_MAX: i128 = 100;
/// A bucket under this weight, relative to the reference, counts as empty: 10⁻⁴.
const EPSILON: u128 = WEIGHT_ONE as u128 / 10_000;
/// The sum of all weights stays below two to this.
const TOTAL_BITS: i128 = 62;

/// Weights by bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Histogram {
    /// The moment at which a sample weighs its plain weight; none before the first.
    reference: Option<Timestamp>,
    /// Weights were halved so many times to fit.
    coarse: u32,
    /// `(bucket, weight)`, buckets rising, no weight zero.
    weights: Vec<(u8, u64)>,
}

impl Histogram {
    /// Adds a sample of `value` with `weight` in units of [`WEIGHT_ONE`].
    pub fn add(&mut self, buckets: &Buckets, half_life: Millis, at: Timestamp, value: u64, weight: u64) {
        let (mantissa, exponent) = self.scaled(half_life.0.max(1), at, weight);
        // First the new weight alone has to fit, then the sum.
        let bits = i128::from(128 - mantissa.leading_zeros()) + exponent - i128::from(self.coarse);
        self.halve(u32::try_from((bits - TOTAL_BITS).max(0)).unwrap_or(u32::MAX));
        if self.total() + self.stored(mantissa, exponent) >= 1 << TOTAL_BITS {
            self.halve(1);
        }
        let amount = u64::try_from(self.stored(mantissa, exponent)).unwrap_or(u64::MAX);
        let bucket = buckets.find(value);
        match self.weights.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(found) => self.weights[found].1 = self.weights[found].1.saturating_add(amount),
            Err(place) if amount > 0 => self.weights.insert(place, (bucket, amount)),
            Err(_) => {}
        }
    }

    /// Takes a sample that was added with the same figures away again; never below nothing.
    pub fn subtract(&mut self, buckets: &Buckets, half_life: Millis, at: Timestamp, value: u64, weight: u64) {
        let (mantissa, exponent) = self.scaled(half_life.0.max(1), at, weight);
        let amount = self.stored(mantissa, exponent);
        let bucket = buckets.find(value);
        if let Ok(found) = self.weights.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            let held = &mut self.weights[found].1;
            *held = held.saturating_sub(u64::try_from(amount).unwrap_or(u64::MAX));
            // Rounding may leave a unit or two of what was taken.
            if *held <= 2 {
                self.weights.remove(found);
            }
        }
    }

    /// The value that `share` of the weight lies at or below: the start of the bucket after the one in which the weights,
    /// summed from the lowest bucket that is not empty, reach the share. None without weight.
    #[must_use]
    pub fn percentile(&self, buckets: &Buckets, share: Permille) -> Option<u64> {
        let threshold = self.total() * u128::from(share.0.min(1_000));
        let mut sum = 0_u128;
        let mut highest = None;
        for (bucket, weight) in self.weights.iter().skip_while(|(_, weight)| self.is_negligible(*weight)) {
            sum += u128::from(*weight) * 1_000;
            highest = Some(buckets.above(*bucket));
            if sum >= threshold {
                break;
            }
        }
        highest
    }

    /// Whether no bucket has weight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.weights.iter().all(|(_, weight)| self.is_negligible(*weight))
    }

    fn total(&self) -> u128 {
        self.weights.iter().map(|(_, weight)| u128::from(*weight)).sum()
    }

    /// Under [`EPSILON`] relative to the reference.
    fn is_negligible(&self, weight: u64) -> bool {
        self.coarse <= 64 && u128::from(weight) << self.coarse < EPSILON
    }

    /// `weight · 2^((at − reference) / half-life)` as a number under 2⁹⁶ and a power of two; the reference is moved if need
    /// be.
    fn scaled(&mut self, half_life: u64, at: Timestamp, weight: u64) -> (u128, i128) {
        let in_period = at.0.rem_euclid(i64::try_from(half_life).unwrap_or(i64::MAX));
        let reference = *self.reference.get_or_insert(Timestamp(at.0.saturating_sub(in_period)));
        let span = i128::from(at.0) - i128::from(reference.0);
        let mut whole = span.div_euclid(i128::from(half_life));
        let part = span.rem_euclid(i128::from(half_life)).unsigned_abs();
        if span > EXPONENT_MAX * i128::from(half_life) {
            self.move_reference(reference, whole, half_life);
            whole = 0;
        }
        let fraction = u64::try_from((part << BITS) / u128::from(half_life)).unwrap_or(0);
        // 2^fraction as twice a half-life's decay by what is missing to one, with 30 guard bits.
        (decay(u128::from(weight) << 31, ONE.unsigned_abs() - fraction), whole - 30)
    }

    /// A scaled weight in the units of the stored ones.
    fn stored(&self, mantissa: u128, exponent: i128) -> u128 {
        let shift = exponent - i128::from(self.coarse);
        let by = u32::try_from(shift.unsigned_abs()).unwrap_or(u32::MAX);
        let bits_free = mantissa.leading_zeros();
        if shift < 0 {
            mantissa.checked_shr(by).unwrap_or(0)
        } else {
            mantissa.checked_shl(by.min(bits_free)).unwrap_or(0)
        }
    }

    /// Moves the reference by whole half-lives and forgets what is negligible from there.
    fn move_reference(&mut self, reference: Timestamp, halvings: i128, half_life: u64) {
        let span = halvings.saturating_mul(i128::from(half_life));
        self.reference = Some(Timestamp(i64::try_from(i128::from(reference.0) + span).unwrap_or(i64::MAX)));
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        let by_exponent = halvings.min(self.coarse);
        self.coarse -= by_exponent;
        let rest = halvings - by_exponent;
        for (_, weight) in &mut self.weights {
            *weight = weight.checked_shr(rest).unwrap_or(0);
        }
        let coarse = self.coarse;
        self.weights.retain(|(_, weight)| coarse > 64 || u128::from(*weight) << coarse >= EPSILON);
    }

    fn halve(&mut self, times: u32) {
        if times == 0 {
            return;
        }
        self.coarse = self.coarse.saturating_add(times);
        for (_, weight) in &mut self.weights {
            *weight = weight.checked_shr(times).unwrap_or(0);
        }
        self.weights.retain(|(_, weight)| *weight > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: Millis = Millis(86_400_000);
    const CPU: Buckets = Buckets::CPU;

    fn days(days: i64) -> Timestamp {
        Timestamp(days * 86_400_000)
    }

    fn of(samples: &[(i64, u64)]) -> Histogram {
        let mut histogram = Histogram::default();
        samples.iter().for_each(|(at, value)| histogram.add(&CPU, DAY, days(*at), *value, WEIGHT_ONE));
        histogram
    }

    #[test]
    fn the_answer_is_the_start_of_the_bucket_after_the_one_reached() {
        let histogram = of(&[(0, 15)]);
        assert_eq!(histogram.percentile(&CPU, Permille(900)), Some(CPU.start(2)));
        let highest = of(&[(0, 2_000_000)]);
        assert_eq!(highest.percentile(&CPU, Permille(900)), Some(CPU.start(CPU.last())), "of the last its own");
        assert_eq!(Histogram::default().percentile(&CPU, Permille(900)), None);
    }

    #[test]
    fn the_walk_ends_where_the_sum_is_at_least_the_share() {
        let histogram = of(&[(0, 15), (0, 100), (0, 1_000), (0, 10_000)]);
        for (share, value) in [(250, 15), (251, 100), (500, 100), (750, 1_000), (751, 10_000), (1_000, 10_000)] {
            assert_eq!(histogram.percentile(&CPU, Permille(share)), Some(CPU.above(CPU.find(value))), "{share}");
        }
    }

    #[test]
    fn a_sample_counts_half_after_one_half_life() {
        // Two of the old weigh as much as one of today: half and half; a third tips the scale.
        assert_eq!(of(&[(0, 15), (0, 15), (1, 1_000)]).percentile(&CPU, Permille(500)), Some(CPU.above(CPU.find(15))));
        let one = of(&[(0, 15), (1, 1_000)]);
        assert_eq!(one.percentile(&CPU, Permille(333)), Some(CPU.above(CPU.find(15))));
        assert_eq!(one.percentile(&CPU, Permille(334)), Some(CPU.above(CPU.find(1_000))));
    }

    #[test]
    fn what_was_added_can_be_taken_away_again() {
        let mut histogram = of(&[(0, 15), (3, 1_000)]);
        histogram.subtract(&CPU, DAY, days(3), 1_000, WEIGHT_ONE);
        assert_eq!(histogram.percentile(&CPU, Permille(1_000)), Some(CPU.above(CPU.find(15))));
        histogram.subtract(&CPU, DAY, days(0), 15, WEIGHT_ONE * 2);
        assert!(histogram.is_empty());
    }

    #[test]
    fn the_reference_moves_when_the_exponent_passes_a_hundred() {
        let at_hundred = of(&[(0, 15), (100, 1_000)]);
        assert_eq!(at_hundred.reference, Some(days(0)));
        let beyond = of(&[(0, 15), (101, 1_000)]);
        assert_eq!(beyond.reference, Some(days(101)));
        assert_eq!(beyond.percentile(&CPU, Permille(1)), Some(CPU.above(CPU.find(1_000))), "the old is negligible");
    }

    #[test]
    fn a_bucket_below_a_ten_thousandth_counts_as_empty() {
        let mut histogram = Histogram::default();
        histogram.add(&CPU, DAY, days(0), 15, WEIGHT_ONE / 10_001);
        assert!(histogram.is_empty());
        assert_eq!(histogram.percentile(&CPU, Permille(500)), None);
        histogram.add(&CPU, DAY, days(0), 15, WEIGHT_ONE);
        assert!(!histogram.is_empty());
    }

    #[test]
    fn absurd_times_and_values_do_not_overflow() {
        let mut histogram = Histogram::default();
        for at in [0, i64::MAX, i64::MIN, -1, 1] {
            for half_life in [0, 1, u64::MAX] {
                histogram.add(&CPU, Millis(half_life), Timestamp(at), u64::MAX, u64::MAX);
                histogram.subtract(&CPU, Millis(half_life), Timestamp(at), 7, u64::MAX);
            }
        }
        assert!(histogram.percentile(&CPU, Permille(u64::MAX)).is_some());
    }

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_plain_formula(
            samples in prop::collection::vec((0_i64..5_000, 0_u64..200_000), 1..60), share in 1_u64..=1_000,
        ) {
            let mut histogram = Histogram::default();
            let mut plain = std::collections::BTreeMap::<u8, f64>::new();
            for (hours, value) in &samples {
                let at = Timestamp(hours * 3_600_000);
                histogram.add(&CPU, DAY, at, *value, WEIGHT_ONE);
                *plain.entry(CPU.find(*value)).or_default() += (*hours as f64 / 24.0).exp2();
            }
            let total: f64 = plain.values().sum();
            let mut sum = 0.0;
            let (mut least, mut most) = (None, None);
            // Where the sum all but equals the threshold, either neighbour is right.
            for (bucket, weight) in &plain {
                sum += weight;
                if least.is_none() && sum >= total * share as f64 / 1e3 * (1.0 - 1e-9) { least = Some(CPU.above(*bucket)); }
                if most.is_none() && sum >= total * share as f64 / 1e3 * (1.0 + 1e-9) { most = Some(CPU.above(*bucket)); }
            }
            let most = most.unwrap_or(CPU.above(*plain.keys().last().unwrap()));
            let found = histogram.percentile(&CPU, Permille(share)).unwrap();
            // What lies more than a hundred half-lives back may have been forgotten.
            prop_assert!(found >= least.unwrap() && found <= most, "{found} {least:?} {most}");
        }

        #[test]
        fn a_higher_share_is_never_a_lower_value_and_the_sum_stays_in_bounds(
            samples in prop::collection::vec((0_i64..400, 0_u64..200_000, 1_u64..1_000), 1..60),
        ) {
            let mut histogram = Histogram::default();
            for (at, value, weight) in samples {
                histogram.add(&CPU, DAY, days(at), value, weight * WEIGHT_ONE);
                prop_assert!(histogram.total() < 1 << TOTAL_BITS);
                prop_assert!(histogram.weights.is_sorted_by(|a, b| a.0 < b.0));
            }
            let values: Vec<u64> = (0..=20).filter_map(|n| histogram.percentile(&CPU, Permille(n * 50))).collect();
            prop_assert!(values.is_sorted());
        }
    }
}
