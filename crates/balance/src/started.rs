//! One request at one endpoint, from its start to its verdict.
//!
//! A value and not a pair of calls, so that a start without an end cannot be written: whatever happens to the future that
//! holds it, the request leaves the endpoint's counts. Must not read a clock; every step is told the time.

use crate::endpoint::{Endpoint, Outcome};
use std::sync::Arc;

/// A request in flight. Dropping it without [`Started::finish`] ends it without a verdict on the endpoint, so that a
/// cancelled future cannot leave the count of requests in flight too high.
#[derive(Debug)]
#[must_use = "dropping it at once ends the request"]
pub struct Started {
    endpoint: Arc<Endpoint>,
    in_flight: u32,
    started_at: u64,
    owes: bool,
}

impl Started {
    pub(crate) const fn new(endpoint: Arc<Endpoint>, in_flight: u32, started_at: u64) -> Self {
        Self { endpoint, in_flight, started_at, owes: false }
    }

    /// The endpoint that has it.
    #[must_use]
    pub const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Requests in flight at the endpoint when this one started, itself included.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// When it was given to the endpoint, µs.
    #[must_use]
    pub const fn started_at(&self) -> u64 {
        self.started_at
    }

    /// The request was sent whole at `now` (µs): from now on the endpoint owes an answer, and until it gives one, or any
    /// other, its latency counts as at least that long. Optional; without it a hanging endpoint only shows when its
    /// requests time out. Not before the request was sent, or a slow upload would look like a slow endpoint.
    pub fn await_answer(&mut self, now: u64) {
        if !std::mem::replace(&mut self.owes, true) {
            self.endpoint.owe(now);
        }
    }

    /// The answer began at `now` (µs); the request stays in flight, for however long its body or tunnel takes.
    pub fn answered(&mut self, now: u64) {
        if self.owes {
            self.endpoint.progress(now);
            self.settle();
        }
    }

    fn settle(&mut self) {
        if std::mem::take(&mut self.owes) {
            self.endpoint.settle();
        }
    }

    /// The request ended at `now` (µs) after `latency_us`, however the caller measures it (usually to the end of the
    /// response's head), always the same way.
    pub fn finish(mut self, now: u64, latency_us: u64, outcome: Outcome) {
        // That a client gave up is no sign of life of the endpoint.
        if outcome != Outcome::Cancelled {
            self.answered(now);
        }
        self.endpoint.learn(now, latency_us, outcome, self.in_flight);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.settle();
        self.endpoint.ended();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Arc<Endpoint> {
        Arc::new(Endpoint::new(1, 1, 0))
    }

    fn sent(endpoint: &Arc<Endpoint>, now: u64) -> Started {
        let mut started = endpoint.started(now);
        started.await_answer(now);
        started
    }

    #[test]
    fn an_answer_owed_counts_as_latency_until_it_comes() {
        let endpoint = endpoint();
        endpoint.started(0).finish(1_000, 1_000, Outcome::Success);
        let hanging = sent(&endpoint, 5_000_000);
        assert!(endpoint.latency_peak(5_000_500).is_some_and(|us| us < 1_000.0));
        assert_eq!(endpoint.latency_peak(8_000_000), Some(3_000_000.0));
        let later = sent(&endpoint, 7_000_000);
        assert_eq!(endpoint.latency_at_load(2, 8_000_000), Some(3_000_000.0), "a later request renews no credit");
        later.finish(9_000_000, 2_000_000, Outcome::Cancelled);
        assert_eq!(endpoint.latency_peak(10_000_000), Some(5_000_000.0), "nor does a client that leaves");
        hanging.finish(10_000_000, 5_000_000, Outcome::Success);
        assert!(endpoint.latency_peak(10_000_000).is_some_and(|us| us > 4_900_000.0));
    }

    #[test]
    fn a_long_answer_and_a_slow_upload_owe_nothing() {
        let endpoint = endpoint();
        endpoint.started(0).finish(1_000, 1_000, Outcome::Success);
        let uploading = endpoint.started(1_000);
        let mut tunnel = sent(&endpoint, 1_000);
        tunnel.answered(2_000);
        assert!(endpoint.latency_peak(60_000_000).is_some_and(|us| us < 1_000.0));
        assert_eq!((endpoint.in_flight(), tunnel.started_at()), (2, 1_000));
        drop(sent(&endpoint, 60_000_000));
        assert!(endpoint.latency_peak(90_000_000).is_some_and(|us| us < 1_000.0), "dropped, it is owed no more");
        drop((uploading, tunnel));
        assert_eq!(endpoint.in_flight(), 0);
    }
}
