//! Spare replicas on top of what the demand needs: a fixed number, a fixed share, or the quantile of how much the load
//! has grown within one start-up time, because that is how much can come before a new replica helps. The largest holds.
//!
//! The growths are counted in buckets of 1/16 of a power of two, so the quantile is at most 6.25 % too high and never too
//! low; old counts are halved from time to time, so that the last day or two decide.

use crate::inputs::Inputs;
use crate::need::ceil_div;
use plimsoll_model::quantity::{MilliRps, Millis, Permille, Timestamp};
use plimsoll_model::rationale::Bound;
use serde::{Deserialize, Serialize};

/// Growths counted before the quantile is believed.
const SAMPLES_MIN: u64 = 120;
/// Counts are halved at so many: two days at one per 15 s.
const SAMPLES_MAX: u64 = 11_520;
/// Loads kept of one start-up time.
const KEPT: u64 = 60;

/// How much the load grows within one start-up time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BurstSketch {
    lag: Millis,
    /// Loads of the last `lag`, the oldest first.
    past: Vec<(Timestamp, MilliRps)>,
    /// Growths by bucket, rising.
    counts: Vec<(u16, u32)>,
    total: u64,
}

/// Spare replicas for a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// How many.
    pub added: u32,
    /// The quantile asked for.
    pub quantile: Permille,
    /// The growth at that quantile.
    pub growth: MilliRps,
    /// Growths counted.
    pub samples: u64,
}

impl BurstSketch {
    /// Takes the load at a moment. `lag` is the start-up time; where it changed, counting starts again.
    pub(crate) fn observe(&mut self, at: Timestamp, load: MilliRps, lag: Millis) {
        if self.lag != lag {
            *self = Self { lag, ..Self::default() };
        }
        while self.past.get(1).is_some_and(|(then, _)| at.since(*then) >= lag) {
            self.past.remove(0);
        }
        if let Some((then, before)) = self.past.first() {
            let span = at.since(*then);
            // After a gap the loads are too far apart to compare.
            if span >= lag && span.0 <= lag.0.saturating_mul(2).max(lag.0.saturating_add(60_000)) {
                self.count(load.saturating_sub(*before).0);
            }
        }
        let apart = Millis(lag.0 / KEPT);
        if self.past.last().is_none_or(|(then, _)| at > *then && at.since(*then) >= apart) {
            self.past.push((at, load));
        }
    }

    /// The growth at a quantile; none while too few were counted.
    pub(crate) fn growth(&self, quantile: Permille) -> Option<MilliRps> {
        if self.total < SAMPLES_MIN {
            return None;
        }
        let rank = (u128::from(self.total) * u128::from(quantile.0.min(1_000))).div_ceil(1_000);
        let mut below = 0_u128;
        let found = self.counts.iter().find(|(_, count)| {
            below += u128::from(*count);
            below >= rank
        });
        found.or(self.counts.last()).map(|(bucket, _)| MilliRps(highest(*bucket)))
    }

    /// The spare replicas for that quantile.
    #[must_use]
    pub fn burst(&self, quantile: Permille, per_replica: MilliRps) -> Option<Burst> {
        let growth = self.growth(quantile)?;
        Some(Burst { added: ceil_div(growth.0, per_replica.0), quantile, growth, samples: self.total })
    }

    fn count(&mut self, growth: u64) {
        let bucket = bucket(growth);
        match self.counts.binary_search_by_key(&bucket, |(known, _)| *known) {
            Ok(place) => self.counts[place].1 = self.counts[place].1.saturating_add(1),
            Err(place) => self.counts.insert(place, (bucket, 1)),
        }
        self.total += 1;
        if self.total >= SAMPLES_MAX {
            for (_, count) in &mut self.counts {
                *count /= 2;
            }
            self.counts.retain(|(_, count)| *count > 0);
            self.total = self.counts.iter().map(|(_, count)| u64::from(*count)).sum();
        }
    }
}

/// Values below 16 have a bucket each, above there are 16 per power of two.
fn bucket(value: u64) -> u16 {
    let exponent = value.max(1).ilog2();
    if exponent < 4 {
        return u16::try_from(value).unwrap_or(0);
    }
    let fine = (value >> (exponent - 4)) & 15;
    u16::try_from(u64::from(exponent - 3) * 16 + fine).unwrap_or(u16::MAX)
}

/// The highest value of a bucket.
fn highest(bucket: u16) -> u64 {
    if bucket < 16 {
        return u64::from(bucket);
    }
    let (exponent, fine) = (u32::from(bucket / 16) + 3, u128::from(bucket % 16));
    let next = (16 + fine + 1) << (exponent - 4);
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

/// Spare replicas on top of `proposed`. Rises with it.
pub(crate) fn reserve(inputs: &Inputs<'_>, proposed: u32) -> u32 {
    let share = share(inputs, proposed);
    inputs.scaling.reserve.max(share).max(inputs.burst.map_or(0, |burst| burst.added))
}

/// The most that can be proposed so that it makes `current` with its reserve: what serves demand of it.
pub(crate) fn without(inputs: &Inputs<'_>, current: u32) -> u32 {
    let fixed = inputs.scaling.reserve.max(inputs.burst.map_or(0, |burst| burst.added));
    let share = u128::from(inputs.scaling.reserve_share.0);
    // b + ⌈b·s/1000⌉ ≤ c exactly when b·(1000 + s) ≤ 1000·c.
    let by_share = u128::from(current) * 1_000 / (1_000 + share);
    current.saturating_sub(fixed).min(u32::try_from(by_share).unwrap_or(u32::MAX))
}

/// What to tell of the reserve on top of `proposed`.
pub(crate) fn bound(inputs: &Inputs<'_>, proposed: u32) -> Option<Bound> {
    let added = reserve(inputs, proposed);
    if added == 0 {
        return None;
    }
    if added == inputs.scaling.reserve {
        return Some(Bound::Reserve { added });
    }
    if let Some(Burst { quantile, growth, samples, .. }) = inputs.burst.filter(|burst| burst.added == added) {
        return Some(Bound::Burst { added, quantile, growth, samples });
    }
    Some(Bound::ReserveShare { added, share: inputs.scaling.reserve_share })
}

fn share(inputs: &Inputs<'_>, proposed: u32) -> u32 {
    let share = (u128::from(proposed) * u128::from(inputs.scaling.reserve_share.0)).div_ceil(1_000);
    u32::try_from(share).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_is_covered_by_its_quantile() {
        let mut sketch = BurstSketch::default();
        for step in 0..1_000_i64 {
            // Every tenth minute the load rises by 300 for two steps.
            let load = if step % 40 < 2 { 400_000 } else { 100_000 };
            sketch.observe(Timestamp(step * 15_000), MilliRps(load), Millis(60_000));
        }
        assert_eq!(sketch.growth(Permille(900)), Some(MilliRps(0)), "19 of 20 steps see no growth");
        let growth = sketch.growth(Permille(990)).unwrap().0;
        assert!((300_000..319_000).contains(&growth), "{growth}");
        assert_eq!(sketch.burst(Permille(990), MilliRps(100_000)).unwrap().added, 4);
    }

    #[test]
    fn a_gap_is_no_growth_and_too_few_samples_say_nothing() {
        let mut sketch = BurstSketch::default();
        for step in 0..100_i64 {
            sketch.observe(Timestamp(step * 15_000), MilliRps(1_000), Millis(60_000));
        }
        assert_eq!(sketch.growth(Permille(990)), None);
        for step in 0..100_i64 {
            sketch.observe(Timestamp(10_000_000 + step * 15_000), MilliRps(1_000_000), Millis(60_000));
        }
        assert_eq!(sketch.growth(Permille(999)), Some(MilliRps(0)), "nobody saw the load between");
    }

    proptest! {
        #[test]
        fn a_bucket_is_at_most_a_sixteenth_too_high_and_never_too_low(value in any::<u64>(), shift in 0_u32..64) {
            let value = value >> shift;
            let top = highest(bucket(value));
            prop_assert!(top >= value && top - value <= value / 16, "{} {}", value, top);
        }

        #[test]
        fn a_long_life_stays_small(loads in prop::collection::vec(0_u64..1_000_000_000, 1..40), steps in 1_i64..600) {
            let mut sketch = BurstSketch::default();
            for step in 0..steps {
                let load = loads[step as usize % loads.len()];
                sketch.observe(Timestamp(step * 1_000), MilliRps(load), Millis(60_000));
            }
            prop_assert!(sketch.past.len() <= 62);
        }
    }
}
