//! Token buckets, one word each: how many may come now, without a lock and without a timer.
//!
//! A bucket is kept as the moment at which it would be full again (the generic cell rate algorithm), which is one atomic
//! and needs nobody to refill it. Clients share a table of fixed size: a client that is not in it takes the place of the
//! one whose bucket has been full for longest, so an attack with many addresses forgets others' debts and never grows.
//!
//! # Source
//! ITU-T I.371, annex A (GCRA, virtual scheduling).

use plimsoll_model::gateway::RateSpec;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places in a table of clients: 1 MiB.
const PLACES: usize = 1 << 16;
/// Places that one client may be in.
const WAYS: usize = 8;

/// How much may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds that one request costs.
    cost_ns: u64,
    /// Nanoseconds that a burst may run ahead.
    ahead_ns: u64,
}

impl Rate {
    /// The rate that a spec says.
    #[must_use]
    pub fn new(spec: &RateSpec) -> Self {
        let cost_ns = (1_000_000_000_000 / spec.rate_milli.max(1)).max(1);
        Self { cost_ns, ahead_ns: cost_ns.saturating_mul(u64::from(spec.burst.max(1)) - 1) }
    }

    /// The next state of a bucket that is full again at `full_ns`, if a request may come at `now_ns`.
    ///
    /// # Errors
    /// Nanoseconds until one may come.
    fn take(self, full_ns: u64, now_ns: u64) -> Result<u64, u64> {
        let full_ns = full_ns.max(now_ns);
        let debt = full_ns - now_ns;
        if debt > self.ahead_ns { Err(debt - self.ahead_ns) } else { Ok(full_ns.saturating_add(self.cost_ns)) }
    }
}

/// One bucket for all.
#[derive(Debug)]
pub struct Bucket {
    rate: Rate,
    full_ns: AtomicU64,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn new(spec: &RateSpec) -> Self {
        Self { rate: Rate::new(spec), full_ns: AtomicU64::new(0) }
    }

    /// Takes one request's worth.
    ///
    /// # Errors
    /// Nanoseconds until one may come.
    pub fn take(&self, now_ns: u64) -> Result<(), u64> {
        let mut full_ns = self.full_ns.load(Ordering::Relaxed);
        loop {
            let next = self.rate.take(full_ns, now_ns)?;
            match self.full_ns.compare_exchange_weak(full_ns, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => full_ns = seen,
            }
        }
    }
}

/// One client's bucket; key zero is free.
#[derive(Debug, Default)]
struct Place {
    key: AtomicU64,
    full_ns: AtomicU64,
}

/// A bucket for each of many clients.
#[derive(Debug)]
pub struct Buckets {
    rate: Rate,
    places: Box<[Place]>,
}

impl Buckets {
    /// Everybody's is full.
    #[must_use]
    pub fn new(spec: &RateSpec) -> Self {
        Self { rate: Rate::new(spec), places: (0..PLACES).map(|_| Place::default()).collect() }
    }

    /// Takes one request's worth of the client of this key.
    ///
    /// Two workers that meet at one place at the same moment may let one request too many through; nobody waits.
    ///
    /// # Errors
    /// Nanoseconds until one may come.
    pub fn take(&self, key: u64, now_ns: u64) -> Result<(), u64> {
        let key = key.max(1);
        let start = (key as usize % (PLACES / WAYS)) * WAYS;
        let places = &self.places[start..start + WAYS];
        let known = places.iter().find(|place| place.key.load(Ordering::Relaxed) == key);
        let place = match known {
            Some(place) => place,
            None => {
                let oldest = places.iter().min_by_key(|place| place.full_ns.load(Ordering::Relaxed));
                let place = oldest.expect("invariant: there is at least one way");
                place.key.store(key, Ordering::Relaxed);
                place.full_ns.store(0, Ordering::Relaxed);
                place
            }
        };
        let next = self.rate.take(place.full_ns.load(Ordering::Relaxed), now_ns)?;
        place.full_ns.store(next, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn spec(rate_milli: u64, burst: u32) -> RateSpec {
        RateSpec { rate_milli, burst }
    }

    #[test]
    fn a_burst_comes_at_once_and_then_the_rate() {
        let bucket = Bucket::new(&spec(10_000, 3));
        let at = |now_ns| bucket.take(now_ns).is_ok();
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!(bucket.take(0), Err(SECOND / 10), "one in a tenth of a second");
        assert!(at(SECOND / 10) && !at(SECOND / 10));
        assert_eq!((0..100).filter(|_| at(60 * SECOND)).count(), 3, "an idle minute saves up one burst");
    }

    #[test]
    fn clients_do_not_share_a_bucket_and_the_table_stays_its_size() {
        let buckets = Buckets::new(&spec(1_000, 1));
        for key in 1..=10 * PLACES as u64 {
            assert!(buckets.take(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), 5).is_ok(), "{key}");
        }
        let last = (10 * PLACES as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        assert!(buckets.take(last, 6).is_err(), "the last one is still known");
    }

    proptest! {
        #[test]
        fn no_more_come_than_rate_and_burst_allow(
            rate_milli in 1u64..1_000_000_000,
            burst in 1u32..1_000,
            gaps in proptest::collection::vec(0u64..SECOND, 1..500),
        ) {
            let bucket = Bucket::new(&spec(rate_milli, burst));
            let mut now = 0;
            let mut let_in = 0u128;
            for gap in gaps {
                now += gap;
                let_in += u128::from(bucket.take(now).is_ok());
            }
            let earned = u128::from(now) * u128::from(rate_milli) / 1_000_000_000_000;
            // The cost of one request is rounded down to a nanosecond: at 10^6 a second that is below one in a thousand.
            prop_assert!(let_in <= u128::from(burst) + earned + earned / 1_000 + 1);
        }
    }
}
