//! The exact tier: every request happens.
//!
//! [`Service`] is a world of the event kernel. Requests arrive ([`Arrivals`]), a real `Picker` of `plimsoll_balance` gives
//! each to a replica, which works on all it has at once (processor sharing) up to its slots; requests time out, are tried
//! again within a budget, wait at the gateway or are shed; replicas start up, warm up, drain and run out of memory. It
//! decides nothing: whoever drives it starts and stops replicas between two calls of [`Service::run_until`], and reads a
//! [`Window`] of what was seen meanwhile, as a gateway and a collector would have seen it.
//!
//! The clock counts nanoseconds. Everything random comes from one seed through streams of its own per purpose, so that
//! another policy under the same seed meets the same arrivals and the same work.

mod arrivals;
mod conditions;
mod deadlines;
mod gateway;
mod latencies;
mod options;
mod replica;
mod request;
mod service;
mod window;

pub use arrivals::{Arrivals, Listed, Poisson};
pub use conditions::Conditions;
pub use latencies::Latencies;
pub use options::{Balance, Clients, Options, OptionsError};
pub use replica::{Life, Status};
pub use service::{Event, Queue, Service};
pub use window::Window;

/// Nanoseconds in a second.
pub(crate) const SECOND: f64 = 1e9;

/// A moment of a service's clock: nanoseconds since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Nanos(pub i64);

impl Nanos {
    /// So many seconds after the beginning, at most 292 years.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * SECOND) as i64)
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / SECOND
    }

    /// So many nanoseconds later; parts of one are rounded up, so that nothing ends before its time.
    #[must_use]
    pub(crate) fn after(self, nanos: f64) -> Self {
        Self(self.0.saturating_add(libm::ceil(nanos) as i64))
    }

    /// Microseconds, as balancing counts.
    #[must_use]
    pub(crate) const fn micros(self) -> u64 {
        (self.0 / 1_000).unsigned_abs()
    }
}
