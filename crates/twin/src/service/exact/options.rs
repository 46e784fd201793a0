//! What surrounds a service: how requests are balanced, and what clients do when answers do not come.

use crate::service::{ModelError, ServiceModel};
use plimsoll_model::spec::{Algorithm, BalanceSpec};
use plimsoll_model::{Millis, Permille};

/// Most pickers, as workers of a gateway.
pub const PICKERS_MAX: usize = 1_024;

/// Everything but the load and the number of replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What a replica does.
    pub model: ServiceModel,
    /// How requests are given to replicas.
    pub balance: Balance,
    /// What clients do.
    pub clients: Clients,
    /// Workers of the gateway with a picker each, 1 to [`PICKERS_MAX`]; a request goes to one at random.
    pub pickers: usize,
    /// A replica that ran out of memory starts again by itself; else its end is only reported.
    pub restarts: bool,
    /// Draws everything.
    pub seed: u64,
}

/// Balancing, from a spec's [`BalanceSpec`]. Ejection of outliers is left out: a replica of the twin that lives does not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// A fresh replica's share grows over this time.
    pub slow_start: Millis,
    /// Most requests in flight per replica; none is no bound.
    pub in_flight_max: Option<u32>,
    /// Most requests waiting at the gateway for a replica; more are shed.
    pub queue_max: u32,
    /// Longest wait there.
    pub queue_timeout: Millis,
}

/// Clients and the gateway's patience on their behalf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    /// One try may take so long; none is for ever.
    pub timeout: Option<Millis>,
    /// A try that timed out takes no more of its replica's time: it notices. Else it works on for nobody.
    pub frees: bool,
    /// Further tries of a request after one that failed.
    pub retries: u32,
    /// Retries may be this share of requests, plus ten a second (as in the gateway).
    pub retry_budget: Permille,
}

/// Options that make no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The number of pickers.
    #[error("{0} pickers, and there must be 1 to {PICKERS_MAX}")]
    Pickers(usize),
    /// A time-out of nothing.
    #[error("a time-out of 0 ms fails every request; leave it out for none")]
    Timeout,
}

impl Balance {
    /// As a spec says.
    #[must_use]
    pub const fn of(spec: &BalanceSpec) -> Self {
        Self {
            algorithm: spec.algorithm,
            slow_start: spec.slow_start,
            in_flight_max: spec.in_flight_max,
            queue_max: spec.queue_max,
            queue_timeout: spec.queue_timeout,
        }
    }

    /// An algorithm alone: no slow start, no bound, and a long line at the gateway while there is no replica.
    #[must_use]
    pub const fn by(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            slow_start: Millis(0),
            in_flight_max: None,
            queue_max: 1_000_000,
            queue_timeout: Millis(3_600_000),
        }
    }
}

impl Default for Clients {
    /// Patient, and they try once.
    fn default() -> Self {
        Self { timeout: None, frees: true, retries: 0, retry_budget: Permille(200) }
    }
}

impl Options {
    /// A model balanced by power of two choices, patient clients, one picker.
    #[must_use]
    pub fn new(model: ServiceModel, seed: u64) -> Self {
        Self {
            model,
            balance: Balance::by(Algorithm::PowerOfTwo),
            clients: Clients::default(),
            pickers: 1,
            restarts: true,
            seed,
        }
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// [`OptionsError`] naming the first that makes no sense.
    pub fn check(&self) -> Result<(), OptionsError> {
        self.model.check()?;
        if !(1..=PICKERS_MAX).contains(&self.pickers) {
            return Err(OptionsError::Pickers(self.pickers));
        }
        if self.clients.timeout == Some(Millis(0)) {
            return Err(OptionsError::Timeout);
        }
        Ok(())
    }
}
