//! What bounds a pool as a whole: its circuit breaker, retries under way at once, and open connections per endpoint.
//!
//! Counted over all workers, as atomics. A pool without such bounds pays a comparison each; connections are counted
//! always, because a count that begins with a reload would be wrong for as long as connections live.

use super::service::{LocalTarget, Service};
use crate::control::FailureReason;
use crate::shared::{SharedService, Target};
use plimsoll_balance::Admission;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A connection to an endpoint, from being opened to being closed.
#[derive(Debug)]
pub struct OpenConnection(Arc<Target>);

impl OpenConnection {
    /// Counts one more, unless `most` are open. Then other workers are asked to close idle ones.
    pub fn open(target: &Arc<Target>, most: Option<u32>) -> Option<Self> {
        let before = target.connections.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(target));
        if most.is_some_and(|most| before >= most) {
            target.wanted.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        if most.is_some() {
            // Whoever else still wants one says so again.
            target.wanted.store(0, Ordering::Relaxed);
        }
        Some(place)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A retry that was paid for, until its request ends.
#[derive(Debug)]
pub struct Retrying(Arc<SharedService>);

impl Drop for Retrying {
    fn drop(&mut self) {
        self.0.retries_running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl LocalTarget {
    /// Closes idle connections that another worker has no room for.
    pub fn make_room(&self) {
        let wanted = &self.target.wanted;
        while wanted.load(Ordering::Relaxed) > 0 && self.close_idle() {
            // Another worker may have taken the last one: then one more than needed is closed.
            let _ = wanted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
        }
    }
}

impl Service {
    /// Whether the pool's circuit lets a request through: none where there is no circuit.
    ///
    /// # Errors
    /// [`FailureReason::CircuitOpen`].
    pub fn admit(&self, now_us: u64) -> Result<Option<Admission>, FailureReason> {
        match &*self.breaker.borrow() {
            None => Ok(None),
            Some(breaker) => breaker.admit(now_us).map(Some).map_err(|_| FailureReason::CircuitOpen),
        }
    }

    /// Pays for one retry, if the budget and the bound on retries allow it.
    pub fn pay_retry(&self) -> Option<Retrying> {
        let most = self.queue().retries_max.unwrap_or(u32::MAX);
        let before = self.shared.retries_running.fetch_add(1, Ordering::Relaxed);
        let retrying = Retrying(Arc::clone(&self.shared));
        if before < most && self.budget.withdraw() {
            return Some(retrying);
        }
        self.shared.retries_refused.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// Whether the pool as a whole has room for a request.
    pub fn pool_has_room(&self) -> bool {
        let Some(most) = self.queue().pool_in_flight_max else { return true };
        self.in_flight_everywhere() < u64::from(most)
    }
}

/// Whether a failure says something about the pool. Waiting in vain does not: nobody was asked.
pub const fn is_of_the_pool(reason: FailureReason) -> bool {
    !matches!(
        reason,
        FailureReason::NoEndpoint | FailureReason::QueueTimeout | FailureReason::QueueFull | FailureReason::CircuitOpen
    )
}
