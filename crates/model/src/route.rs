//! How a route balances, where it differs from its pool.
//!
//! Everything here is optional and starts from nothing ([`Default`]). Times are physical.

use crate::quantity::{Millis, Permille};
use crate::spec::Algorithm;
use serde::{Deserialize, Serialize};

/// Balancing of one route over the pool that other routes use too: what is known of the endpoints (requests in flight,
/// latencies, ejection) is the pool's, only the choice is the route's.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteBalance {
    /// The algorithm; none is the pool's.
    pub algorithm: Option<Algorithm>,
    /// What a hashing algorithm hashes.
    pub hash_by: HashBy,
}

/// What a hashing algorithm hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashBy {
    /// The client's address.
    #[default]
    Source,
    /// The path, without the query.
    Path,
    /// The value of a field; the client's address where there is none.
    Header(String),
    /// The value of a cookie; the client's address where there is none.
    Cookie(String),
}

/// Asking a second endpoint when the first one is slow. The first answer counts, the other one is thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HedgeSpec {
    /// When the second one is asked.
    pub after: HedgeAfter,
    /// Requests that are asked twice, at most, as a share of those that could be.
    pub budget: Permille,
}

/// When a second endpoint is asked, counted from the end of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HedgeAfter {
    /// After this time.
    Time(Millis),
    /// When the answer takes longer than this share of the pool's answers do.
    Quantile(Permille),
}
