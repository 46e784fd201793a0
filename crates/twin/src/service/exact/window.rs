//! What was seen since the last look: the figures that a gateway reports.

use super::{Latencies, Nanos};

/// Figures over a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Window {
    /// When it began.
    pub from: Nanos,
    /// When it ended.
    pub until: Nanos,
    /// Requests that arrived.
    pub arrived: u64,
    /// Requests that got an answer.
    pub succeeded: u64,
    /// Requests that got none: shed, timed out or lost with a replica, after their last try.
    pub failed: u64,
    /// Tries that found no room at the gateway, or waited there too long.
    pub shed: u64,
    /// Tries that timed out.
    pub timed_out: u64,
    /// Further tries.
    pub retried: u64,
    /// Replicas that ran out of memory.
    pub out_of_memory: u64,
    /// Requests in flight, integrated over time: request nanoseconds.
    pub in_flight_nanos: f64,
    /// Of answered requests, from their arrival to their answer.
    pub latencies: Latencies,
    /// Events that happened, moves of clocks and replicas included.
    pub events: u64,
}

impl Window {
    /// Joins what was seen after it to what was seen in it.
    pub fn merge(&mut self, later: &Self) {
        let Self { from: _, until, arrived, succeeded, failed, shed, timed_out, .. } = later;
        let Self { retried, out_of_memory, in_flight_nanos, latencies, events, .. } = later;
        self.until = *until;
        self.arrived += arrived;
        self.succeeded += succeeded;
        self.failed += failed;
        self.shed += shed;
        self.timed_out += timed_out;
        self.retried += retried;
        self.out_of_memory += out_of_memory;
        self.in_flight_nanos += in_flight_nanos;
        self.latencies.merge(latencies);
        self.events += events;
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (self.until.0 - self.from.0) as f64 / super::SECOND
    }

    /// Arrivals per second; 0 over no time.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let seconds = self.seconds();
        if seconds > 0.0 { self.arrived as f64 / seconds } else { 0.0 }
    }

    /// Mean requests in flight; 0 over no time.
    #[must_use]
    pub fn in_flight(&self) -> f64 {
        let nanos = (self.until.0 - self.from.0) as f64;
        if nanos > 0.0 { self.in_flight_nanos / nanos } else { 0.0 }
    }
}
