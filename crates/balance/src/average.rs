//! A moving average that many threads update without a lock: value and time of the last sample in one atomic word.
//!
//! The value is an `f32` and the time 32 bits of 256 µs units, so a reader always sees the two that belong together.
//! 24 bits of mantissa are far finer than a latency is repeatable. The time wraps after 12.7 days; an endpoint without a
//! sample for longer than that only looks fresher than it is.
//!
//! Must not be used where a sample may not be lost in order: two threads that race are both counted, in either order.

use std::sync::atomic::{AtomicU64, Ordering};

/// log2 of the time unit in microseconds.
const UNIT_SHIFT: u32 = 8;

/// An exponentially weighted moving average of samples ≥ 0, decayed by the time between them.
#[derive(Debug)]
pub(crate) struct AtomicAverage {
    word: AtomicU64,
}

/// No sample yet: a value that no sample can have.
const EMPTY: u64 = (f32::NAN.to_bits() as u64) << 32;

const fn pack(value: f32, stamp: u32) -> u64 {
    (value.to_bits() as u64) << 32 | stamp as u64
}

const fn unpack(word: u64) -> (f32, u32) {
    (f32::from_bits((word >> 32) as u32), word as u32)
}

const fn stamp(now: u64) -> u32 {
    (now >> UNIT_SHIFT) as u32
}

/// Microseconds from a stamp to now; a stamp slightly in the future (another thread's clock reading) is no time at all.
fn age(now: u64, then: u32) -> f32 {
    let units = stamp(now).wrapping_sub(then);
    if units > u32::MAX / 2 { 0.0 } else { (u64::from(units) << UNIT_SHIFT) as f32 }
}

/// e^-x for x ≥ 0: cheap enough for the pick path, and the same on every CPU.
///
/// (1 + x/64)^-64 is seven multiplications and a division; it is x²/128 too high in relation to e^-x: under 1 % up to
/// x = 1, and at x = 4 it says 0.021 for 0.018, which no comparison of latencies notices.
pub(crate) fn decay(x: f32) -> f32 {
    let mut base = 1.0 + x * (1.0 / 64.0);
    for _ in 0..6 {
        base *= base;
    }
    1.0 / base
}

impl AtomicAverage {
    pub(crate) const fn new() -> Self {
        Self { word: AtomicU64::new(EMPTY) }
    }

    /// The average as of its last sample; none before the first.
    pub(crate) fn value(&self) -> Option<f32> {
        let (value, _) = unpack(self.word.load(Ordering::Relaxed));
        (!value.is_nan()).then_some(value)
    }

    /// The average, faded towards zero for the time without a sample, with time constant `tau` µs.
    pub(crate) fn faded(&self, now: u64, tau: f32) -> Option<f32> {
        let (value, then) = unpack(self.word.load(Ordering::Relaxed));
        if value.is_nan() {
            return None;
        }
        Some(value * decay(age(now, then) / tau))
    }

    /// Takes a sample by `next(old value, µs since the last sample)`; `first` is the value when there is none yet.
    pub(crate) fn update(&self, now: u64, first: f32, next: impl Fn(f32, f32) -> f32) {
        let step = |word| {
            let (value, then) = unpack(word);
            Some(if value.is_nan() { pack(first, stamp(now)) } else { pack(next(value, age(now, then)), stamp(now)) })
        };
        // The closure always answers, so this cannot fail.
        let _ = self.word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
    }

    /// Forgets every sample.
    pub(crate) fn clear(&self) {
        self.word.store(EMPTY, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decay_is_close_to_the_exponential_where_averages_live() {
        for (x, relative) in [(0.0_f32, 0.0), (0.1, 0.001), (0.5, 0.003), (1.0, 0.01), (4.0, 0.15)] {
            let exact = libm::expf(-x);
            assert!((decay(x) / exact - 1.0).abs() <= relative + 1e-6, "{x}: {} for {exact}", decay(x));
        }
        assert!(decay(1e9) < 1e-30 && decay(1e9) >= 0.0);
    }

    #[test]
    fn a_value_fades_by_its_age_and_not_before() {
        let average = AtomicAverage::new();
        assert_eq!((average.value(), average.faded(0, 1e6)), (None, None));
        average.update(5_000_000, 8.0, |_, _| unreachable!("there is no old value"));
        assert_eq!(average.faded(5_000_000, 1e6), Some(8.0));
        assert_eq!(average.faded(4_000_000, 1e6), Some(8.0), "another thread's clock reading may be a little older");
        let faded = average.faded(6_000_000, 1e6).unwrap();
        assert!((faded / (8.0 * libm::expf(-1.0)) - 1.0).abs() < 0.01, "{faded}");
    }

    #[test]
    fn an_update_sees_the_time_since_the_last_one_in_units_of_256_us() {
        let average = AtomicAverage::new();
        average.update(1_000_000, 1.0, |old, _| old);
        average.update(2_000_128, 0.0, |_, age| age);
        let age = average.value().unwrap();
        assert!((age - 1_000_128.0).abs() <= 256.0, "{age}");
        average.clear();
        assert_eq!(average.value(), None);
    }
}
