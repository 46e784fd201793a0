//! The circuit breaker of a pool: closed it counts, open it refuses everything for a while, half-open it lets a few
//! requests through to find out.
//!
//! Ejection takes out an endpoint that is worse than its peers, and by design never the whole pool. A pool that fails as a
//! whole is what is left: its clients are better told so at once than after a time-out, and it recovers sooner unasked.
//! Shared by all workers as a few atomics, so that nobody waits for anybody: two requests that meet at the same moment
//! are both counted, in either order.
//!
//! An admission carries the generation in which it was given. What ends in a later one says nothing any more: the
//! stragglers of a bad time must not open a circuit that has just closed.
//!
//! Must not read a clock: every call says the time, in µs since the origin that all share.
//!
//! # Source
//! M. Nygard, "Release It!", 2007, "Circuit Breaker"; the window and the half-open state as in Hystrix and resilience4j.

use plimsoll_model::breaker::BreakerSpec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Parts of the window; counts are forgotten one part at a time.
const SLOTS: u64 = 10;
/// Bits of a count within a slot; at the largest both counts are halved, which keeps their share.
const COUNT_BITS: u32 = 20;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
/// Bits of a slot's number. It comes round after weeks: then, at worst, counts that old are seen once more.
const EPOCH_MASK: u64 = (1 << 24) - 1;

const GENERATION_MASK: u64 = (1 << 20) - 1;
/// Doublings of the time for which a circuit is open.
const REPEATS_MAX: u64 = 20;

/// What a circuit does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests pass and are counted.
    Closed,
    /// Nothing passes until then, µs.
    Open {
        /// When the first request is let through again.
        until: u64,
    },
    /// A few requests pass, to find out.
    HalfOpen,
}

/// The request was not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitOpen {
    /// When one may come again, µs; now, while others are finding out.
    pub until: u64,
}

/// The word of the state: kind 2 bits, generation 20, probes given 12, probes passed 12, repeats 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    kind: Kind,
    generation: u64,
    given: u64,
    passed: u64,
    repeats: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Closed,
    Open,
    HalfOpen,
}

impl Word {
    const fn pack(self) -> u64 {
        let kind = match self.kind {
            Kind::Closed => 0,
            Kind::Open => 1,
            Kind::HalfOpen => 2,
        };
        kind | (self.generation & GENERATION_MASK) << 2 | self.given << 22 | self.passed << 34 | self.repeats << 46
    }

    const fn unpack(word: u64) -> Self {
        let kind = match word & 3 {
            0 => Kind::Closed,
            1 => Kind::Open,
            _ => Kind::HalfOpen,
        };
        let (generation, given) = (word >> 2 & GENERATION_MASK, word >> 22 & 0xfff);
        Self { kind, generation, given, passed: word >> 34 & 0xfff, repeats: word >> 46 & 0xff }
    }

    /// The same, in a state of another kind.
    const fn turned(self, kind: Kind, repeats: u64) -> Self {
        Self { kind, generation: (self.generation + 1) & GENERATION_MASK, given: 0, passed: 0, repeats }
    }
}

/// One circuit.
#[derive(Debug)]
pub struct Breaker {
    spec: BreakerSpec,
    share: u64,
    slot_us: u64,
    word: AtomicU64,
    /// Until when it is open, µs; written before the word says so.
    until: AtomicU64,
    /// Number, requests and failures of each part of the window.
    slots: [AtomicU64; SLOTS as usize],
    opened: AtomicU64,
    refused: AtomicU64,
}

impl Breaker {
    /// A closed circuit; none where the spec has no share of failures.
    #[must_use]
    pub fn new(spec: &BreakerSpec) -> Option<Self> {
        let share = spec.failure_share?.get().max(1);
        Some(Self {
            spec: *spec,
            share,
            slot_us: (spec.window.get().saturating_mul(1_000) / SLOTS).max(1),
            word: AtomicU64::new(Word { kind: Kind::Closed, generation: 0, given: 0, passed: 0, repeats: 0 }.pack()),
            until: AtomicU64::new(0),
            slots: [const { AtomicU64::new(0) }; SLOTS as usize],
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// What it was made from.
    #[must_use]
    pub const fn spec(&self) -> &BreakerSpec {
        &self.spec
    }

    /// What it does at `now`. An open circuit whose time is over says so until the next request finds out.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match Word::unpack(self.word.load(Ordering::Acquire)).kind {
            Kind::Closed => BreakerState::Closed,
            Kind::Open => BreakerState::Open { until: self.until.load(Ordering::Acquire) },
            Kind::HalfOpen => BreakerState::HalfOpen,
        }
    }

    /// How often it opened.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Requests that it refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Lets a request through, or not.
    ///
    /// # Errors
    /// [`CircuitOpen`], counted.
    pub fn admit(self: &Arc<Self>, now: u64) -> Result<Admission, CircuitOpen> {
        let probes = u64::from(self.spec.probes.clamp(1, 1_000));
        loop {
            let seen = self.word.load(Ordering::Acquire);
            let word = Word::unpack(seen);
            let next = match word.kind {
                Kind::Closed => return Ok(self.admission(word.generation)),
                Kind::Open if now < self.until.load(Ordering::Acquire) => return Err(self.refuse(now)),
                Kind::Open => Word { given: 1, ..word.turned(Kind::HalfOpen, word.repeats) },
                Kind::HalfOpen if word.given >= probes => return Err(self.refuse(now)),
                Kind::HalfOpen => Word { given: word.given + 1, ..word },
            };
            if self.word.compare_exchange_weak(seen, next.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Ok(self.admission(next.generation));
            }
        }
    }

    fn admission(self: &Arc<Self>, generation: u64) -> Admission {
        Admission { breaker: Some(Arc::clone(self)), generation }
    }

    fn refuse(&self, now: u64) -> CircuitOpen {
        self.refused.fetch_add(1, Ordering::Relaxed);
        CircuitOpen { until: self.until.load(Ordering::Acquire).max(now) }
    }

    /// A request of this generation ended.
    fn ended(&self, generation: u64, now: u64, has_failed: bool) {
        let mut is_counted = false;
        loop {
            let seen = self.word.load(Ordering::Acquire);
            let word = Word::unpack(seen);
            if word.generation != generation {
                return;
            }
            let next = match word.kind {
                Kind::Open => return,
                Kind::Closed => {
                    if !std::mem::replace(&mut is_counted, true) {
                        self.count(now, has_failed);
                    }
                    if !has_failed || !self.fails_too_often(now) {
                        return;
                    }
                    self.opening(word, now, 0)
                }
                Kind::HalfOpen if has_failed => self.opening(word, now, (word.repeats + 1).min(REPEATS_MAX)),
                Kind::HalfOpen if word.passed + 1 >= u64::from(self.spec.probes.clamp(1, 1_000)) => {
                    self.slots.iter().for_each(|slot| slot.store(0, Ordering::Relaxed));
                    word.turned(Kind::Closed, 0)
                }
                Kind::HalfOpen => Word { passed: word.passed + 1, ..word },
            };
            if self.word.compare_exchange_weak(seen, next.pack(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
                if next.kind == Kind::Open {
                    self.opened.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
        }
    }

    fn opening(&self, word: Word, now: u64, repeats: u64) -> Word {
        let longest_us = self.spec.open_max.get().max(self.spec.open.get()).saturating_mul(1_000);
        let open_us = self.spec.open.get().saturating_mul(1_000).saturating_mul(1 << repeats).min(longest_us);
        self.until.store(now.saturating_add(open_us), Ordering::Release);
        word.turned(Kind::Open, repeats)
    }

    /// A request of this generation came to nothing: another one may find out in its place.
    fn cancelled(&self, generation: u64) {
        let step = |seen| {
            let word = Word::unpack(seen);
            let is_mine = word.kind == Kind::HalfOpen && word.generation == generation && word.given > word.passed;
            is_mine.then(|| Word { given: word.given - 1, ..word }.pack())
        };
        // An error means that there was nothing to give back.
        let _ = self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
    }

    fn count(&self, now: u64, has_failed: bool) {
        let epoch = now / self.slot_us;
        let slot = &self.slots[(epoch % SLOTS) as usize];
        let step = |seen: u64| {
            let (mut requests, mut failures) = match seen >> (2 * COUNT_BITS) == epoch & EPOCH_MASK {
                true => (seen >> COUNT_BITS & COUNT_MAX, seen & COUNT_MAX),
                false => (0, 0),
            };
            if requests == COUNT_MAX {
                (requests, failures) = (requests / 2, failures / 2);
            }
            let counts = (requests + 1) << COUNT_BITS | (failures + u64::from(has_failed));
            Some((epoch & EPOCH_MASK) << (2 * COUNT_BITS) | counts)
        };
        // The closure always answers, so this cannot fail.
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
    }

    fn fails_too_often(&self, now: u64) -> bool {
        let epoch = now / self.slot_us;
        let (mut requests, mut failures) = (0, 0);
        for slot in &self.slots {
            let seen = slot.load(Ordering::Relaxed);
            let age = epoch.wrapping_sub(seen >> (2 * COUNT_BITS)) & EPOCH_MASK;
            if age < SLOTS {
                requests += seen >> COUNT_BITS & COUNT_MAX;
                failures += seen & COUNT_MAX;
            }
        }
        requests >= u64::from(self.spec.requests_min.max(1)) && failures * 1_000 >= self.share * requests
    }
}

/// A request that was let through. Dropped without a verdict it says nothing about the pool, and gives its place among
/// those that find out to another.
#[derive(Debug)]
#[must_use = "dropping it says that the request came to nothing"]
pub struct Admission {
    breaker: Option<Arc<Breaker>>,
    generation: u64,
}

impl Admission {
    /// The request ended at `now`, µs. Only what the pool is to blame for is a failure.
    pub fn ended(mut self, now: u64, has_failed: bool) {
        if let Some(breaker) = self.breaker.take() {
            breaker.ended(self.generation, now, has_failed);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(breaker) = self.breaker.take() {
            breaker.cancelled(self.generation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Millis, Permille};
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    fn spec() -> BreakerSpec {
        BreakerSpec {
            failure_share: Some(Permille(500)),
            requests_min: 10,
            window: Millis(10_000),
            open: Millis(5_000),
            open_max: Millis(15_000),
            probes: 3,
            ..BreakerSpec::default()
        }
    }

    fn breaker() -> Arc<Breaker> {
        Arc::new(Breaker::new(&spec()).unwrap())
    }

    fn ask(breaker: &Arc<Breaker>, now: u64, has_failed: bool) -> bool {
        breaker.admit(now).map(|admission| admission.ended(now, has_failed)).is_ok()
    }

    fn open(breaker: &Arc<Breaker>, now: u64) {
        (0..10).for_each(|_| assert!(ask(breaker, now, true)));
        assert_eq!(breaker.state(), BreakerState::Open { until: now + 5 * SECOND });
    }

    #[test]
    fn without_a_share_there_is_no_circuit() {
        assert!(Breaker::new(&BreakerSpec { failure_share: None, ..spec() }).is_none());
    }

    #[test]
    fn it_opens_by_the_share_of_failures_once_there_are_enough_requests() {
        let few = breaker();
        (0..9).for_each(|_| assert!(ask(&few, 0, true)));
        assert_eq!(few.state(), BreakerState::Closed, "nine failures of nine are too few to judge");
        assert!(ask(&few, 0, true));
        assert_eq!(few.state(), BreakerState::Open { until: 5 * SECOND });
        let half = breaker();
        for at in 0..1_000 {
            assert!(ask(&half, 0, at % 5 >= 3), "two failures of five stay below the share");
        }
        assert_eq!(half.state(), BreakerState::Closed);
    }

    #[test]
    fn failures_older_than_the_window_are_forgotten() {
        let breaker = breaker();
        (0..9).for_each(|_| assert!(ask(&breaker, 0, true)));
        assert!(ask(&breaker, 10 * SECOND, true));
        assert_eq!(breaker.state(), BreakerState::Closed, "the nine are out of the window");
    }

    #[test]
    fn half_open_lets_only_its_probes_through_and_closes_when_all_succeed() {
        let breaker = breaker();
        open(&breaker, 0);
        assert_eq!(breaker.admit(SECOND).unwrap_err(), CircuitOpen { until: 5 * SECOND });
        let probes: Vec<_> = (0..3).map(|_| breaker.admit(5 * SECOND).unwrap()).collect();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.admit(6 * SECOND).unwrap_err(), CircuitOpen { until: 6 * SECOND });
        for probe in probes {
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            probe.ended(6 * SECOND, false);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(ask(&breaker, 6 * SECOND, true), "one failure is not ten: the window starts anew");
        assert_eq!((breaker.state(), breaker.opened(), breaker.refused()), (BreakerState::Closed, 1, 2));
    }

    #[test]
    fn each_failed_attempt_to_close_doubles_the_time_up_to_the_longest() {
        let breaker = breaker();
        open(&breaker, 0);
        let mut now = 5 * SECOND;
        for wait in [10, 15, 15] {
            assert!(ask(&breaker, now, true));
            assert_eq!(breaker.state(), BreakerState::Open { until: now + wait * SECOND });
            now += wait * SECOND;
        }
        (0..3).for_each(|_| assert!(ask(&breaker, now, false)));
        open(&breaker, now);
    }

    #[test]
    fn a_probe_that_comes_to_nothing_gives_its_place_back_and_stragglers_say_nothing() {
        let breaker = breaker();
        let straggler = breaker.admit(0).unwrap();
        open(&breaker, 0);
        let probes: Vec<_> = (0..3).map(|_| breaker.admit(5 * SECOND).unwrap()).collect();
        straggler.ended(5 * SECOND, true);
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "it was asked before the circuit opened");
        drop(probes);
        (0..3).for_each(|_| assert!(ask(&breaker, 6 * SECOND, false)));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    proptest! {
        /// Whatever happens in whatever order: an open circuit lets nothing through before its time, a half-open one never
        /// more than its probes at once, and one that is left alone for long enough always lets a request through.
        #[test]
        fn it_never_lets_more_through_than_it_says_and_never_stays_shut(
            steps in proptest::collection::vec((0_u8..4, 0_u64..2_000_000), 1..400),
        ) {
            let breaker = breaker();
            let mut now = 0;
            let mut held: Vec<(Admission, bool)> = Vec::new();
            for (what, pause) in steps {
                now += pause;
                let before = breaker.state();
                match what {
                    0 | 1 => match (breaker.admit(now), before) {
                        (Ok(admission), BreakerState::Open { until }) => {
                            prop_assert!(now >= until);
                            held.push((admission, true));
                        }
                        (Ok(admission), state) => held.push((admission, state == BreakerState::HalfOpen)),
                        (Err(refused), state) => {
                            prop_assert!(state != BreakerState::Closed && refused.until >= now);
                        }
                    },
                    _ if held.is_empty() => {}
                    _ => held.swap_remove(pause as usize % held.len()).0.ended(now, what == 2),
                }
                if breaker.state() == BreakerState::HalfOpen && before != BreakerState::HalfOpen {
                    // Those of earlier generations no longer count among the probes.
                    let last = held.len() - 1;
                    held.iter_mut().enumerate().for_each(|(at, (_, is_probe))| *is_probe = at == last);
                }
                if breaker.state() == BreakerState::HalfOpen {
                    prop_assert!(held.iter().filter(|(_, is_probe)| *is_probe).count() <= 3);
                }
            }
            drop(held);
            prop_assert!(breaker.admit(now + 20 * SECOND).is_ok());
        }
    }
}
