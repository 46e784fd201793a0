//! An immutable snapshot of endpoints with the tables its algorithm needs.
//!
//! Tables are built once here, so that a pick only reads. A change of endpoints or weights makes a new pool around the
//! same `Arc<Endpoint>`s; workers take it over with [`crate::Picker::replace`].
//!
//! Must not change after it was built.

use crate::algorithm::Tables;
use crate::endpoint::Endpoint;
use plimsoll_model::load::LoadSpec;
use plimsoll_model::spec::Algorithm;
use std::sync::Arc;

/// The full weight in the fixed-point scale of [`Pool::effective_weight`].
pub(crate) const FULL: u64 = 1 << 10;

/// Endpoints and what is computed from them in advance.
#[derive(Debug)]
pub struct Pool {
    algorithm: Algorithm,
    slow_start_us: u64,
    endpoints: Vec<Arc<Endpoint>>,
    weights: Vec<u32>,
    load: LoadSpec,
    pub(crate) tables: Tables,
}

impl Pool {
    /// A pool without slow start. Its order is the order of indices that picks return.
    #[must_use]
    pub fn new(algorithm: Algorithm, endpoints: Vec<Arc<Endpoint>>) -> Self {
        Self::with_slow_start(algorithm, 0, endpoints)
    }

    /// A pool in which a new endpoint's weight grows linearly from its `ready_since` over `slow_start_us`; zero turns
    /// that off.
    #[must_use]
    pub fn with_slow_start(algorithm: Algorithm, slow_start_us: u64, endpoints: Vec<Arc<Endpoint>>) -> Self {
        let weights: Vec<u32> = endpoints.iter().map(|endpoint| endpoint.weight()).collect();
        let tables = Tables::build(algorithm, &endpoints, &weights);
        Self { algorithm, slow_start_us, endpoints, weights, load: LoadSpec::default(), tables }
    }

    /// The same pool with other numbers for what endpoints report.
    #[must_use]
    pub fn with_load(self, load: LoadSpec) -> Self {
        Self { load, ..self }
    }

    /// What is made of what endpoints report.
    pub(crate) const fn load_spec(&self) -> &LoadSpec {
        &self.load
    }

    /// The algorithm it was built for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The endpoints, in the order of indices.
    #[must_use]
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// How many endpoints there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// How far an endpoint's slow start has come, 1 to [`FULL`].
    ///
    /// Linear from a tenth of the weight (Envoy's floor too): less would take nothing at all at low rates, and an
    /// endpoint that gets nothing never warms up.
    #[inline]
    pub(crate) fn ramp(&self, index: usize, now: u64) -> u64 {
        if self.slow_start_us == 0 {
            return FULL;
        }
        self.ramp_of(index, now)
    }

    fn ramp_of(&self, index: usize, now: u64) -> u64 {
        let age = now.saturating_sub(self.endpoints[index].ready_since());
        if age >= self.slow_start_us {
            return FULL;
        }
        let grown = (u128::from(FULL) * u128::from(age) / u128::from(self.slow_start_us)) as u64;
        grown.max(FULL / 10)
    }

    /// Weight times slow start, in units of 1/[`FULL`]: 1 to 2^30.
    #[inline]
    pub(crate) fn effective_weight(&self, index: usize, now: u64) -> u64 {
        u64::from(self.weights[index]) * self.ramp(index, now)
    }

    /// The weights as they were when the pool was built.
    pub(crate) fn weights(&self) -> &[u32] {
        &self.weights
    }
}
