//! What one worker counts of one service, without atomics: only its own thread writes, and the supervisor asks for it.

use crate::control::FailureReason;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};

/// Longest latency that is told apart, µs; a longer one counts as this.
const LATENCY_MAX_US: u64 = 3_600_000_000;

/// A latency histogram. `digits` are the decimal digits that are kept.
fn histogram(digits: u8) -> Histogram<u32> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, digits)
        .expect("invariant: 1 to 3 digits and 1 to 2^32 are valid bounds")
}

/// Latencies of one interval; allocated with the first.
#[derive(Debug)]
pub struct Latencies {
    digits: u8,
    recorded: RefCell<Option<Histogram<u32>>>,
}

impl Latencies {
    /// None yet.
    pub const fn new(digits: u8) -> Self {
        Self { digits, recorded: RefCell::new(None) }
    }

    /// Counts one.
    pub fn record(&self, latency_us: u64) {
        let mut recorded = self.recorded.borrow_mut();
        recorded.get_or_insert_with(|| histogram(self.digits)).saturating_record(latency_us);
    }

    /// Takes what was counted since the last call; none without any.
    pub fn take(&self) -> Option<Histogram<u32>> {
        self.recorded.borrow_mut().take()
    }
}

/// Totals of one service in one worker since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests that came.
    pub arrived: u64,
    /// Requests that ended.
    pub finished: u64,
    /// Of those, ended by the client.
    pub cancelled: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// Body bytes to replicas.
    pub bytes_in: u64,
    /// Body bytes to clients.
    pub bytes_out: u64,
    /// Failures, in the order of [`FailureReason::ALL`].
    pub failures: [u64; FailureReason::ALL.len()],
}

impl Totals {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.finished += other.finished;
        self.cancelled += other.cancelled;
        self.retried += other.retried;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.failures.iter_mut().zip(other.failures).for_each(|(sum, more)| *sum += more);
    }
}

/// Totals of one route in one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteTotals {
    /// Requests that it let in.
    pub requests: u64,
    /// Requests above its rates.
    pub rate_limited: u64,
    /// Of those let in, failed or answered with a 5xx.
    pub failed: u64,
    /// Requests that were asked of a second endpoint.
    pub hedged: u64,
    /// Of those, answered by the second one first.
    pub hedges_won: u64,
    /// Requests that were slow, and that the budget did not allow to be asked twice.
    pub hedges_refused: u64,
}

impl RouteTotals {
    /// Adds another worker's.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.rate_limited += other.rate_limited;
        self.failed += other.failed;
        self.hedged += other.hedged;
        self.hedges_won += other.hedges_won;
        self.hedges_refused += other.hedges_refused;
    }
}

/// Hedges that may be saved up, so that a quiet hour does not pay for a storm.
const HEDGES_SAVED_MAX: u64 = 100;
/// Thousandths of a hedge.
const HEDGE: u64 = 1_000;

/// What one worker counts of one route.
#[derive(Debug, Default)]
pub struct RouteStats {
    totals: Cell<RouteTotals>,
    /// Thousandths of a hedge that can be afforded.
    hedges: Cell<u64>,
}

impl RouteStats {
    /// Changes the totals.
    pub fn count(&self, change: impl FnOnce(&mut RouteTotals)) {
        let mut totals = self.totals.get();
        change(&mut totals);
        self.totals.set(totals);
    }

    /// The totals.
    pub const fn get(&self) -> RouteTotals {
        self.totals.get()
    }

    /// A request came that could be hedged; hedges may be `share_permille` of them.
    pub fn deposit_hedge(&self, share_permille: u64) {
        self.hedges.set((self.hedges.get() + share_permille).min(HEDGES_SAVED_MAX * HEDGE));
    }

    /// Takes one hedge if it can be afforded. Nothing is free at the start, so hedges never exceed their share.
    pub fn withdraw_hedge(&self) -> bool {
        let left = self.hedges.get().checked_sub(HEDGE);
        if let Some(left) = left {
            self.hedges.set(left);
        }
        left.is_some()
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The response was complete.
    Answered,
    /// It failed, and why.
    Failed(FailureReason),
    /// The client went away.
    Cancelled,
}

/// What one worker counts of one service.
#[derive(Debug)]
pub struct ServiceStats {
    totals: Cell<Totals>,
    latencies: Latencies,
    in_flight: Cell<u32>,
    /// Requests in flight × µs since the last report.
    area: Cell<u64>,
    changed_us: Cell<u64>,
}

impl ServiceStats {
    /// Nothing counted yet at `now_us`.
    pub fn new(now_us: u64) -> Self {
        Self {
            totals: Cell::default(),
            latencies: Latencies::new(3),
            in_flight: Cell::new(0),
            area: Cell::new(0),
            changed_us: Cell::new(now_us),
        }
    }

    /// Changes the totals.
    pub fn count(&self, change: impl FnOnce(&mut Totals)) {
        let mut totals = self.totals.get();
        change(&mut totals);
        self.totals.set(totals);
    }

    fn advance(&self, now_us: u64, in_flight: u32) {
        let elapsed = now_us.saturating_sub(self.changed_us.get());
        self.area.set(self.area.get() + elapsed * u64::from(self.in_flight.get()));
        self.changed_us.set(self.changed_us.get().max(now_us));
        self.in_flight.set(in_flight);
    }

    /// Requests in flight now.
    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.get()
    }

    /// A request came.
    pub fn arrived(&self, now_us: u64) {
        self.advance(now_us, self.in_flight.get() + 1);
        self.count(|totals| totals.arrived += 1);
    }

    /// A request ended; only answered ones have a latency.
    pub fn ended(&self, now_us: u64, latency_us: u64, end: End) {
        self.advance(now_us, self.in_flight.get().saturating_sub(1));
        self.count(|totals| {
            totals.finished += 1;
            match end {
                End::Answered => {}
                End::Cancelled => totals.cancelled += 1,
                End::Failed(reason) => totals.failures[reason as usize] += 1,
            }
        });
        if end != End::Cancelled {
            self.latencies.record(latency_us);
        }
    }

    /// What a report needs; latencies and area start anew.
    pub fn collect(&self, now_us: u64) -> (Totals, Option<Histogram<u32>>, u64) {
        self.advance(now_us, self.in_flight.get());
        (self.totals.get(), self.latencies.take(), self.area.replace(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hedges_are_never_more_than_their_share(share in 0_u64..=1_000, slow in proptest::collection::vec(any::<bool>(), 1..2_000)) {
            let stats = RouteStats::default();
            let (mut requests, mut hedges) = (0, 0);
            for is_slow in slow {
                stats.deposit_hedge(share);
                requests += 1;
                hedges += u64::from(is_slow && stats.withdraw_hedge());
                prop_assert!(hedges * 1_000 <= requests * share);
            }
        }
    }
}
