//! From a history of use to the size that one replica should have.
//!
//! Target, lower and upper bound are the 90th, 50th and 95th percentile of the use, each with a margin. The bounds are
//! wide while little is known: the upper one by 1 / confidence, the lower one hardly at all, so that a young history asks
//! for more at once and for less only later.
//!
//! # Source
//! Kubernetes Vertical Pod Autoscaler 1.7, `recommender/logic/{estimator,recommender}`.

use super::buckets::Buckets;
use super::histogram::{Histogram, WEIGHT_ONE};
use super::peak::{Into, Peak};
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::scaling::vertical::{Recommendation, VerticalSpec};
use plimsoll_model::spec::Resources;
use serde::{Deserialize, Serialize};

/// Weight of a CPU sample: 0.1.
const CPU_WEIGHT: u64 = WEIGHT_ONE / 10;
/// Quantiles of the two bounds.
const LOWER: Permille = Permille(500);
const UPPER: Permille = Permille(950);
/// A history is forgotten when its last sample is so many windows old.
const WINDOWS_KEPT: u64 = 8;
const DAY_MS: u128 = 86_400_000;
/// Samples of a day at one a minute.
const SAMPLES_PER_DAY: u128 = 1_440;
/// One, in millionths.
const MILLION: u128 = 1_000_000;

/// What is remembered of the use of one service's replicas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UseHistory {
    cpu: Histogram,
    memory: Histogram,
    peak: Peak,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Samples of CPU.
    samples: u64,
}

impl UseHistory {
    /// Takes what one replica used. Either figure may be missing.
    pub fn observe(&mut self, spec: &VerticalSpec, at: Timestamp, cpu: Option<Millicores>, memory: Option<Bytes>) {
        self.expire(spec, at);
        if let Some(cpu) = cpu {
            self.cpu.add(&Buckets::CPU, spec.half_life, at, cpu.0, CPU_WEIGHT);
            self.samples = self.samples.saturating_add(1);
            self.first.get_or_insert(at);
            self.last = Some(self.last.map_or(at, |last| last.max(at)));
        }
        if let Some(memory) = memory {
            let mut into = into(&mut self.memory, spec);
            self.peak.observe(&mut into, at, memory);
        }
    }

    /// A replica that was reserved `requested` ran out of memory. False when that was too long ago to count.
    pub fn out_of_memory(&mut self, spec: &VerticalSpec, at: Timestamp, requested: Bytes) -> bool {
        self.peak.out_of_memory(&mut into(&mut self.memory, spec), at, requested)
    }

    /// The size to have; none before both resources were measured.
    #[must_use]
    pub fn recommend(&self, spec: &VerticalSpec) -> Option<Recommendation> {
        let at = |share: Permille| {
            let cpu = with_margin(self.cpu.percentile(&Buckets::CPU, share)?, spec.margin);
            let memory = with_margin(self.memory.percentile(&Buckets::MEMORY, share)?, spec.margin);
            Some((cpu, memory))
        };
        let confidence = self.confidence_millionths();
        let each = |(cpu, memory): (u64, u64), with: fn(u64, u64) -> u64| {
            within(spec, Resources { cpu: Millicores(with(cpu, confidence)), memory: Bytes(with(memory, confidence)) })
        };
        Some(Recommendation {
            target: each(at(spec.quantile)?, |value, _| value),
            lower: each(at(LOWER.min(spec.quantile))?, narrowed),
            upper: each(at(UPPER.max(spec.quantile))?, widened),
            confidence_millionths: confidence,
        })
    }

    /// The lesser of the days between the first and the last sample and a 1,440th of the samples, in millionths.
    #[must_use]
    pub fn confidence_millionths(&self) -> u64 {
        let (Some(first), Some(last)) = (self.first, self.last) else { return 0 };
        let days = u128::from(last.since(first).0) * MILLION / DAY_MS;
        let by_count = u128::from(self.samples) * MILLION / SAMPLES_PER_DAY;
        u64::try_from(days.min(by_count)).unwrap_or(u64::MAX)
    }

    /// Forgets a history that nobody added to for eight windows.
    fn expire(&mut self, spec: &VerticalSpec, at: Timestamp) {
        let kept = Millis(spec.memory_window.0.saturating_mul(WINDOWS_KEPT));
        if self.last.is_some_and(|last| at.since(last) > kept) {
            *self = Self::default();
        }
    }
}

fn into<'a>(histogram: &'a mut Histogram, spec: &VerticalSpec) -> Into<'a> {
    Into { histogram, half_life: spec.half_life, window: spec.memory_window }
}

fn with_margin(value: u64, margin: Permille) -> u64 {
    saturated(u128::from(value) * (1_000 + u128::from(margin.0)) / 1_000)
}

/// × (1 + 1 / confidence).
fn widened(value: u64, confidence: u64) -> u64 {
    let confidence = u128::from(confidence);
    let scaled = u128::from(value).saturating_mul(confidence + MILLION);
    scaled.checked_div(confidence).map_or(u64::MAX, saturated)
}

/// × (1 + 0.001 / confidence)⁻².
fn narrowed(value: u64, confidence: u64) -> u64 {
    let confidence = u128::from(confidence.min(1 << 40));
    let whole = confidence + MILLION / 1_000;
    // Two divisions by less than 2⁴¹ after products under 2¹⁰⁵: nothing overflows, and the error is below one unit each.
    saturated(u128::from(value) * confidence / whole * confidence / whole)
}

/// At least the floors, at most what the spec allows.
fn within(spec: &VerticalSpec, size: Resources) -> Resources {
    let cpu_max = spec.cpu_max.unwrap_or(Millicores(u64::MAX)).max(spec.min.cpu);
    let memory_max = spec.memory_max.unwrap_or(Bytes(u64::MAX)).max(spec.min.memory);
    Resources { cpu: size.cpu.clamp(spec.min.cpu, cpu_max), memory: size.memory.clamp(spec.min.memory, memory_max) }
}

fn saturated(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;

    fn minutes(minutes: i64) -> Timestamp {
        Timestamp(minutes * 60_000)
    }

    /// A history of one sample a minute, all alike.
    fn steady(samples: i64, cpu: u64, memory: u64) -> UseHistory {
        let (mut history, spec) = (UseHistory::default(), VerticalSpec::default());
        for sample in 0..samples {
            history.observe(&spec, minutes(sample), Some(Millicores(cpu)), Some(Bytes(memory)));
        }
        history
    }

    #[test]
    fn the_target_is_the_ninetieth_percentile_and_fifteen_percent() {
        let (mut history, spec) = (UseHistory::default(), VerticalSpec::default());
        for (sample, cpu) in [100, 100, 100, 100, 100, 100, 100, 100, 400, 2_000].into_iter().enumerate() {
            history.observe(&spec, minutes(sample as i64 / 10), Some(Millicores(cpu)), Some(Bytes(1_000 * MIB)));
        }
        let found = history.recommend(&spec).unwrap();
        assert_eq!(found.target.cpu.0, Buckets::CPU.above(Buckets::CPU.find(400)) * 1_150 / 1_000);
        assert_eq!(found.target.memory.0, Buckets::MEMORY.above(Buckets::MEMORY.find(1_000 * MIB)) * 1_150 / 1_000);
    }

    #[test]
    fn lower_and_upper_are_the_fiftieth_and_ninety_fifth_percentile_with_the_margin() {
        let (mut history, spec) = (UseHistory::default(), VerticalSpec::default());
        // A thousand days of one sample a day: the confidence is so high (5,000 / 1,440) that factors are near one.
        for sample in 0..5_000 {
            let cpu = if sample % 100 < 60 {
                100
            } else if sample % 100 < 92 {
                300
            } else {
                900
            };
            history.observe(&spec, minutes(sample * 2), Some(Millicores(cpu)), Some(Bytes(1_000 * MIB)));
        }
        let confidence = history.confidence_millionths();
        let found = history.recommend(&spec).unwrap();
        let of = |cpu: u64| Buckets::CPU.above(Buckets::CPU.find(cpu)) * 1_150 / 1_000;
        assert_eq!(found.lower.cpu.0, narrowed(of(100), confidence));
        assert_eq!(found.target.cpu.0, of(300));
        assert_eq!(found.upper.cpu.0, widened(of(900), confidence));
    }

    #[test]
    fn confidence_is_the_lesser_of_days_and_samples_per_1440() {
        assert_eq!(steady(1, 100, MIB).confidence_millionths(), 0, "no time has passed");
        assert_eq!(steady(721, 100, MIB).confidence_millionths(), 500_000, "half a day, 721 samples");
        let (mut history, spec) = (UseHistory::default(), VerticalSpec::default());
        for day in 0..=4 {
            history.observe(&spec, minutes(day * 1_440), Some(Millicores(1)), None);
        }
        assert_eq!(history.confidence_millionths(), 5 * 1_000_000 / 1_440, "four days, five samples");
    }

    #[test]
    fn the_upper_bound_is_widened_by_one_over_the_confidence() {
        assert_eq!(widened(1_000, 1_000_000), 2_000);
        assert_eq!(widened(1_000, 10_000_000), 1_100);
        assert_eq!(widened(1_000, 0), u64::MAX, "nothing is too large while nothing is known");
    }

    #[test]
    fn the_lower_bound_is_narrowed_by_a_thousandth_over_the_confidence_squared() {
        assert_eq!(narrowed(1_000_000, 1_000_000), 998_001);
        assert_eq!(narrowed(1_000_000, 1_000), 250_000);
        assert_eq!(narrowed(1_000, 0), 0, "nothing is too small while nothing is known");
    }

    #[test]
    fn no_size_is_below_the_floors_or_above_the_bounds() {
        let found = steady(2_000, 1, MIB).recommend(&VerticalSpec::default()).unwrap();
        let floor = Resources { cpu: Millicores(25), memory: Bytes(250 * MIB) };
        assert_eq!((found.lower, found.target, found.upper), (floor, floor, floor));
        let spec = VerticalSpec {
            cpu_max: Some(Millicores(300)),
            memory_max: Some(Bytes(300 * MIB)),
            ..VerticalSpec::default()
        };
        let found = steady(2_000, 5_000, 5_000 * MIB).recommend(&spec).unwrap();
        assert_eq!(found.upper, Resources { cpu: Millicores(300), memory: Bytes(300 * MIB) });
    }

    #[test]
    fn a_history_without_samples_for_eight_windows_is_forgotten() {
        let (mut history, spec) = (steady(100, 1_000, 1_000 * MIB), VerticalSpec::default());
        let mut later = history.clone();
        history.observe(&spec, minutes(99 + 8 * 1_440), Some(Millicores(30)), None);
        assert_eq!(history.samples, 101);
        later.observe(&spec, minutes(100 + 8 * 1_440), Some(Millicores(30)), None);
        assert_eq!((later.samples, later.recommend(&spec)), (1, None));
    }

    #[test]
    fn running_out_of_memory_raises_the_target() {
        let (mut history, spec) = (steady(2_000, 100, 1_000 * MIB), VerticalSpec::default());
        let before = history.recommend(&spec).unwrap().target.memory;
        assert!(history.out_of_memory(&spec, minutes(2_000), Bytes(1_000 * MIB)));
        let after = history.recommend(&spec).unwrap().target.memory;
        assert_eq!(after.0, Buckets::MEMORY.above(Buckets::MEMORY.find(1_200 * MIB)) * 1_150 / 1_000);
        assert!(after > before);
    }

    proptest! {
        #[test]
        fn the_bounds_hold_the_target_between_them_and_the_state_comes_back_from_its_text(
            samples in prop::collection::vec((0_i64..20_000, 0_u64..4_000, 0_u64..4_000), 1..80),
        ) {
            let (mut history, spec) = (UseHistory::default(), VerticalSpec::default());
            let mut samples = samples;
            samples.sort_unstable();
            for (at, cpu, memory) in samples {
                history.observe(&spec, minutes(at), Some(Millicores(cpu)), Some(Bytes(memory * MIB)));
            }
            if let Some(found) = history.recommend(&spec) {
                prop_assert!(found.lower.cpu <= found.target.cpu && found.target.cpu <= found.upper.cpu);
                prop_assert!(found.lower.memory <= found.target.memory && found.target.memory <= found.upper.memory);
            }
        }

        #[test]
        fn more_use_never_recommends_less(use_of in prop::collection::vec(0_u64..4_000, 1..60), more in 0_u64..500) {
            let (mut less, mut greater, spec) = (UseHistory::default(), UseHistory::default(), VerticalSpec::default());
            for (at, used) in use_of.iter().enumerate() {
                let at = minutes(at as i64 * 7);
                less.observe(&spec, at, Some(Millicores(*used)), Some(Bytes(used * MIB + 1)));
                greater.observe(&spec, at, Some(Millicores(used + more)), Some(Bytes((used + more) * MIB + 1)));
            }
            let (less, greater) = (less.recommend(&spec).unwrap(), greater.recommend(&spec).unwrap());
            prop_assert!(greater.target.cpu >= less.target.cpu && greater.target.memory >= less.target.memory);
        }
    }
}
