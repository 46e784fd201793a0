//! One place that answers requests, with the counters that all workers share.
//!
//! Everything that changes is an atomic: a worker that starts or finishes a request never waits for another. The
//! counters are written with relaxed order, because a pick that sees another worker's request a few nanoseconds late is
//! as good as any.
//!
//! Must not know which algorithm runs: it measures, the algorithm judges.

use crate::average::{AtomicAverage, decay};
use crate::load::{LoadReport, LoadWeight};
use crate::started::Started;
use plimsoll_model::load::LoadSpec;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Time constant of latency and failure averages in microseconds: 10 s, as Finagle and linkerd decay peak EWMA.
pub(crate) const DECAY_US: f32 = 10_000_000.0;

/// Share of a new sample in the failure rate: about the last eight requests count.
const FAILURE_SHARE: f32 = 1.0 / 8.0;

/// A failure rate under this is none: it changes no cost by as much as a percent.
const FAILURE_RATE_ZERO: f32 = 0.000_1;

/// Largest weight, so that a load times a weight with its slow start always fits 64 bits.
const WEIGHT_MAX: u32 = 1 << 20;

/// Latencies are averaged apart by the requests in flight at their start: 1, 2, 3 to 4, 5 to 8 … over 64.
const LOAD_CLASSES: usize = 8;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint answered as it should.
    Success,
    /// The endpoint is to blame: no connection, time-out, broken answer, or a status that counts as an error.
    Failure,
    /// Nobody is to blame, as when the client went away. Its latency only counts if it is longer than usual: that much
    /// the endpoint has shown.
    Cancelled,
}

/// One place that answers requests.
///
/// Aligned to two cache lines, so that the counters of neighbours in memory never share one (hardware prefetches
/// pairs), and in the order written, so that what a pick reads lies in the first two.
#[derive(Debug)]
#[repr(C, align(128))]
pub struct Endpoint {
    in_flight: AtomicU32,
    weight: AtomicU32,
    ejected_until: AtomicU64,
    ready_since: AtomicU64,
    /// When it last answered, or began to owe an answer while it owed none.
    progress_at: AtomicU64,
    /// Requests sent whole whose answer has not begun.
    owing: AtomicU32,
    failure_rate: AtomicAverage,
    latency_peak: AtomicAverage,
    latency_at_load: [AtomicAverage; LOAD_CLASSES],
    id: u64,
    consecutive_failures: AtomicU32,
    successes: AtomicU64,
    failures: AtomicU64,
    latency_sum: AtomicU64,
    reported: LoadWeight,
}

/// Totals since the endpoint was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests that succeeded.
    pub successes: u64,
    /// Requests that failed.
    pub failures: u64,
    /// Sum of the latencies of successes, µs.
    pub latency_sum: u64,
}

impl Endpoint {
    /// An endpoint that became ready at `ready_since` (µs), from when its slow start counts.
    ///
    /// `id` must be unique in its pool and stay the same for the same replica: hashes are computed from it. `weight` is
    /// relative to the others, held between 1 and 2^20.
    #[must_use]
    pub fn new(id: u64, weight: u32, ready_since: u64) -> Self {
        Self {
            id,
            weight: AtomicU32::new(weight.clamp(1, WEIGHT_MAX)),
            in_flight: AtomicU32::new(0),
            consecutive_failures: AtomicU32::new(0),
            ready_since: AtomicU64::new(ready_since),
            progress_at: AtomicU64::new(ready_since),
            owing: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            failure_rate: AtomicAverage::new(),
            latency_peak: AtomicAverage::new(),
            latency_at_load: [const { AtomicAverage::new() }; LOAD_CLASSES],
            successes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            latency_sum: AtomicU64::new(0),
            reported: LoadWeight::new(),
        }
    }

    /// The id it was made with.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Its weight, at least one.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// Changes the weight; pools made from now on use it.
    pub fn set_weight(&self, weight: u32) {
        self.weight.store(weight.clamp(1, WEIGHT_MAX), Ordering::Relaxed);
    }

    /// Starts its slow start anew at `now` (µs), for an endpoint that was away.
    pub fn set_ready_since(&self, now: u64) {
        self.ready_since.store(now, Ordering::Relaxed);
    }

    /// When its slow start began, µs.
    #[must_use]
    pub fn ready_since(&self) -> u64 {
        self.ready_since.load(Ordering::Relaxed)
    }

    /// Requests in flight now, over all workers.
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Failures since the last success.
    #[must_use]
    pub fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures.load(Ordering::Relaxed)
    }

    /// Whether it is taken out at `now` (µs).
    #[must_use]
    #[inline]
    pub fn is_ejected(&self, now: u64) -> bool {
        now < self.ejected_until.load(Ordering::Relaxed)
    }

    /// Until when it is taken out, µs; a moment that has passed if it is not.
    #[must_use]
    pub fn ejected_until(&self) -> u64 {
        self.ejected_until.load(Ordering::Relaxed)
    }

    /// Takes it out until `until` (µs) and lets it come back by slow start.
    pub fn eject(&self, until: u64) {
        self.ready_since.store(until, Ordering::Relaxed);
        self.ejected_until.store(until, Ordering::Relaxed);
    }

    /// Forgets what was learnt about it, for an endpoint that comes back; requests in flight and totals stay.
    pub fn forget(&self) {
        self.consecutive_failures.store(0, Ordering::Relaxed);
        self.failure_rate.clear();
        self.latency_peak.clear();
        self.latency_at_load.iter().for_each(AtomicAverage::clear);
        self.reported.forget();
    }

    /// Takes in what it says of its own load at `now` (µs); `error_penalty` is how much an error rate of one adds to its
    /// utilization. A report that says too little changes nothing.
    pub fn report_load(&self, now: u64, load: &LoadReport, error_penalty: f64) {
        self.reported.report(now, load.weight(error_penalty));
    }

    /// Its weight by what it reported, as far as that counts at `now` (µs); zero when it does not.
    #[must_use]
    pub fn load_weight(&self, now: u64, spec: &LoadSpec) -> f32 {
        self.reported.at(now, spec)
    }

    /// Totals since it was made.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            successes: self.successes.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            latency_sum: self.latency_sum.load(Ordering::Relaxed),
        }
    }

    /// Share of failures among about the last eight requests, faded by the time since; zero when nothing is known.
    #[must_use]
    #[inline]
    pub fn failure_rate(&self, now: u64) -> f32 {
        self.failure_rate.faded(now, DECAY_US).unwrap_or(0.0)
    }

    /// Peak EWMA of its latency in µs, faded by the time since its last answer; none before the first.
    ///
    /// # Source
    /// Finagle, "Peak EWMA": a latency above the average replaces it at once, one below pulls it down slowly. That an
    /// answer owed for longer counts as the latency is this project's: else an endpoint that hangs would look better the
    /// longer it hangs, until its requests time out.
    #[must_use]
    #[inline]
    pub fn latency_peak(&self, now: u64) -> Option<f32> {
        Some(self.latency_peak.faded(now, DECAY_US)?.max(self.owed(now)))
    }

    /// How long it has owed an answer without giving any, µs; zero when it owes none.
    #[inline]
    fn owed(&self, now: u64) -> f32 {
        if self.owing.load(Ordering::Relaxed) == 0 {
            0.0
        } else {
            now.saturating_sub(self.progress_at.load(Ordering::Relaxed)) as f32
        }
    }

    /// Average latency in µs of requests that started with about as many in flight as there are now, faded by the time
    /// since the last of them; else the nearest class that has one; at least as long as it has owed an answer; none before
    /// the first answer.
    #[must_use]
    #[inline]
    pub fn latency_at_load(&self, in_flight: u32, now: u64) -> Option<f32> {
        Some(self.known_at_load(in_flight, now)?.max(self.owed(now)))
    }

    #[inline]
    fn known_at_load(&self, in_flight: u32, now: u64) -> Option<f32> {
        let class = load_class(in_flight.saturating_add(1));
        if let Some(latency) = self.latency_at_load[class].faded(now, DECAY_US) {
            return Some(latency);
        }
        // Lower classes first: too hopeful rather than too gloomy, because a pick corrects the one and not the other.
        let lower = self.latency_at_load[..class].iter().rev();
        let higher = self.latency_at_load[class..].iter();
        lower.chain(higher).find_map(|average| average.faded(now, DECAY_US))
    }

    /// Counts a request that it is given at `now` (µs).
    pub fn started(self: &Arc<Self>, now: u64) -> Started {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        Started::new(Arc::clone(self), in_flight, now)
    }

    /// One request ended.
    pub(crate) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// From `now` on it owes one answer more.
    pub(crate) fn owe(&self, now: u64) {
        if self.owing.fetch_add(1, Ordering::Relaxed) == 0 {
            self.progress_at.store(now, Ordering::Relaxed);
        }
    }

    /// It owes one answer less.
    pub(crate) fn settle(&self) {
        self.owing.fetch_sub(1, Ordering::Relaxed);
    }

    /// It gave a sign of life.
    pub(crate) fn progress(&self, now: u64) {
        self.progress_at.store(now, Ordering::Relaxed);
    }

    /// Takes in how a request ended that had so many in flight at its start, itself included.
    pub(crate) fn learn(&self, now: u64, latency_us: u64, outcome: Outcome, in_flight: u32) {
        let latency = latency_us as f32;
        match outcome {
            Outcome::Success => {
                self.successes.fetch_add(1, Ordering::Relaxed);
                self.latency_sum.fetch_add(latency_us, Ordering::Relaxed);
                // A write takes the cache line from every other worker; it is only worth that after a failure.
                if self.consecutive_failures.load(Ordering::Relaxed) != 0 {
                    self.consecutive_failures.store(0, Ordering::Relaxed);
                }
                self.learn_latency(now, latency, in_flight);
            }
            Outcome::Failure => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.consecutive_failures.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Cancelled => {}
        }
        self.learn_failure(now, outcome);
        // A request that did not succeed says nothing good about latency, only bad: a fast error must not look fast.
        if outcome != Outcome::Success && self.latency_peak.value().is_some_and(|known| latency > known) {
            self.learn_latency(now, latency, in_flight);
        }
    }

    /// The rate stays unknown, which counts as zero, until the first failure: most endpoints never write it.
    fn learn_failure(&self, now: u64, outcome: Outcome) {
        let sample = match outcome {
            Outcome::Failure => 1.0,
            Outcome::Success if self.failure_rate.value().is_some() => 0.0,
            Outcome::Success | Outcome::Cancelled => return,
        };
        let first = sample * FAILURE_SHARE;
        self.failure_rate.update(now, first, |old, age| {
            let old = old * decay(age / DECAY_US);
            old + (sample - old) * FAILURE_SHARE
        });
        if self.failure_rate.value().is_some_and(|rate| rate < FAILURE_RATE_ZERO) {
            self.failure_rate.clear();
        }
    }

    fn learn_latency(&self, now: u64, latency: f32, in_flight: u32) {
        self.latency_peak.update(now, latency, |old, age| {
            if latency > old { latency } else { latency + (old - latency) * decay(age / DECAY_US) }
        });
        // About the last eight answers, fewer when they are old: at a given load what counts is the recent past.
        self.latency_at_load[load_class(in_flight)]
            .update(now, latency, |old, age| old + (latency - old) * (1.0 - decay(age / DECAY_US)).max(1.0 / 8.0));
    }
}

/// 0 for one request in flight, 1 for two, 2 for three or four, and so on by powers of two.
const fn load_class(in_flight: u32) -> usize {
    let bits = (u32::BITS - in_flight.saturating_sub(1).leading_zeros()) as usize;
    if bits < LOAD_CLASSES { bits } else { LOAD_CLASSES - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Arc<Endpoint> {
        Arc::new(Endpoint::new(1, 1, 0))
    }

    #[test]
    fn load_classes_are_powers_of_two() {
        let classes: Vec<usize> = [0, 1, 2, 3, 4, 5, 8, 9, 64, 65, 1_000, u32::MAX].map(load_class).into();
        assert_eq!(classes, [0, 0, 1, 2, 2, 3, 3, 4, 6, 7, 7, 7]);
    }

    #[test]
    fn one_slow_answer_raises_the_peak_at_once_and_fast_ones_lower_it_slowly() {
        let endpoint = endpoint();
        endpoint.started(0).finish(0, 1_000, Outcome::Success);
        endpoint.started(0).finish(0, 9_000, Outcome::Success);
        assert_eq!(endpoint.latency_peak(0), Some(9_000.0));
        endpoint.started(0).finish(1_000_000, 1_000, Outcome::Success);
        let peak = endpoint.latency_peak(1_000_000).unwrap();
        assert!((8_000.0..9_000.0).contains(&peak), "a second is a tenth of the time constant: {peak}");
    }

    #[test]
    fn errors_and_cancellations_teach_only_slowness() {
        let endpoint = endpoint();
        endpoint.started(0).finish(0, 10, Outcome::Failure);
        assert_eq!(endpoint.latency_peak(0), None, "a fast error is no latency");
        endpoint.started(0).finish(0, 1_000, Outcome::Success);
        for outcome in [Outcome::Failure, Outcome::Cancelled] {
            endpoint.started(0).finish(0, 10, outcome);
            assert_eq!(endpoint.latency_peak(0), Some(1_000.0));
        }
        endpoint.started(0).finish(0, 30_000_000, Outcome::Cancelled);
        assert_eq!(endpoint.latency_peak(0), Some(30_000_000.0), "a hang that the client gave up on");
        assert_eq!(endpoint.totals(), Totals { successes: 1, failures: 2, latency_sum: 1_000 });
    }

    #[test]
    fn the_failure_rate_forgets_by_answers_and_by_time() {
        let endpoint = endpoint();
        (0..30).for_each(|_| endpoint.started(0).finish(0, 1, Outcome::Failure));
        let failing = endpoint.failure_rate(0);
        assert!(failing > 0.95, "{failing}");
        let later = endpoint.failure_rate(10_000_000);
        assert!((0.3..0.4).contains(&later), "{later}");
        (0..20).for_each(|_| endpoint.started(0).finish(0, 1, Outcome::Success));
        assert!(endpoint.failure_rate(0) < 0.08);
        (0..80).for_each(|_| endpoint.started(0).finish(0, 1, Outcome::Success));
        assert_eq!(endpoint.failure_rate(0), 0.0);
    }

    #[test]
    fn latency_is_told_for_the_load_that_the_next_request_would_meet() {
        let endpoint = endpoint();
        assert_eq!(endpoint.latency_at_load(0, 0), None);
        endpoint.started(0).finish(0, 1_000, Outcome::Success);
        assert_eq!(endpoint.latency_at_load(9, 0), Some(1_000.0), "nothing nearer is known");
        let busy: Vec<Started> = (0..10).map(|_| endpoint.started(0)).collect();
        busy.into_iter().for_each(|started| started.finish(0, 5_000, Outcome::Success));
        assert_eq!(endpoint.latency_at_load(9, 0), Some(5_000.0));
        let idle = endpoint.latency_at_load(0, 0).unwrap();
        assert!(idle < 2_000.0, "one of the ten started on an idle endpoint: {idle}");
    }
}
