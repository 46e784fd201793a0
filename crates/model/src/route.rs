//! How a route balances, where it differs from its pool.
//!
//! Everything here is optional and starts from nothing ([`Default`]). Times are physical.

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
