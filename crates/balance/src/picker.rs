//! One worker's hand: its random numbers and rotation state over a pool.
//!
//! Each worker has its own, so that no pick waits for another worker; what workers must agree on (requests in flight,
//! latencies) lives in the shared endpoints.
//!
//! Must not allocate or lock in [`Picker::pick`]; a test with a counting allocator holds it to that.

use crate::algorithm::{State, View};
use crate::pool::Pool;
use plimsoll_stats::Random;
use std::sync::Arc;

/// What is known about the request that needs an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PickContext {
    /// Now, µs since the origin that all calls share.
    pub now: u64,
    /// What the hashing algorithms hash, as from [`crate::source_key`]; none takes a random one.
    pub key: Option<u64>,
    /// Index of an endpoint that this request already failed at.
    pub exclude: Option<usize>,
    /// Most requests in flight per endpoint; none is no bound.
    pub in_flight_max: Option<u32>,
}

/// Picks endpoints for one worker.
#[derive(Debug)]
pub struct Picker {
    pool: Arc<Pool>,
    random: Random,
    state: State,
}

impl Picker {
    /// A picker over a pool. Workers should have different seeds, or they move in step.
    #[must_use]
    pub fn new(pool: Arc<Pool>, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let state = State::new(&pool, &mut random);
        Self { pool, random, state }
    }

    /// The pool that picks are made from; a pick is an index into its endpoints.
    #[must_use]
    pub const fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Takes over a new pool. Indices of the old one mean nothing from now on.
    pub fn replace(&mut self, pool: Arc<Pool>) {
        self.state = State::new(&pool, &mut self.random);
        self.pool = pool;
    }

    /// Takes in the answer of a probe: requests in flight at the endpoint (an index into the pool) as it counts them
    /// itself, and the latency it expects at that load. Only Prequal uses it; an index out of range is ignored.
    pub fn probe_result(&mut self, index: usize, in_flight: u32, latency_us: u64, now: u64) {
        if let State::Prequal(probes) = &mut self.state
            && index < self.pool.len()
        {
            probes.result(index, in_flight, latency_us, now);
        }
    }

    /// The index of the endpoint that should get this request; none when there is no endpoint or every one has
    /// `in_flight_max` requests in flight.
    ///
    /// Ejected and excluded endpoints are left out while another has room. When all with room are ejected, ejection is
    /// ignored (a pool that looks entirely bad is more likely to be misjudged than useless), and when only the excluded
    /// one has room, it is picked again.
    pub fn pick(&mut self, context: PickContext) -> Option<usize> {
        let mut view = View::new(&self.pool, context);
        if let Some(index) = self.state.pick(&view, &mut self.random) {
            return Some(index);
        }
        view.ignore_ejection();
        if let Some(index) = self.state.pick(&view, &mut self.random) {
            return Some(index);
        }
        context.exclude?;
        view.ignore_exclusion();
        self.state.pick(&view, &mut self.random)
    }
}
