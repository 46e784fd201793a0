//! Circuit breaking of a pool: bounds on what it is asked at once, and when it is not asked at all for a while.
//!
//! Everything is optional and starts from nothing ([`Default`]). What one endpoint may get and when it is taken out says
//! [`crate::spec::BalanceSpec`]; this is about the pool as a whole and about connections. Times are physical.

use crate::quantity::{Millis, Permille};
use serde::{Deserialize, Serialize};

/// Bounds of a pool, and when it is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BreakerSpec {
    /// Failed requests at which the pool is left alone for a while, as a share; none turns the breaker off.
    pub failure_share: Option<Permille>,
    /// Requests within the window before that share is judged, at least 1.
    pub requests_min: u32,
    /// How far back requests count.
    pub window: Millis,
    /// How long the pool is left alone the first time; doubles while it goes on failing.
    pub open: Millis,
    /// The longest it is left alone.
    pub open_max: Millis,
    /// Requests that are let through to find out, all of which must succeed, 1 to 1,000.
    pub probes: u32,
    /// Most requests in flight in the whole pool; further ones wait.
    pub in_flight_max: Option<u32>,
    /// Most connections per endpoint, idle ones included.
    pub connections_max: Option<u32>,
    /// Most retries under way at once in the whole pool.
    pub retries_max: Option<u32>,
}
