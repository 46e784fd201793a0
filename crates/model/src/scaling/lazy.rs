//! Lazy capacity provisioning.

use crate::quantity::{Millis, Permille};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Replicas without a forecast: a replica is kept through a gap as long as starting it again would cost more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LazySpec {
    /// Share of a replica's capacity that may be used.
    pub usable: Permille,
    /// Price of starting a replica, as time of one running replica; the start-up time comes on top.
    pub switching: Millis,
}

/// Why lazy provisioning votes as it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LazyReason {
    /// Fewest replicas with which the past could have ended at the least price.
    pub lower: u32,
    /// Most replicas with which it could.
    pub upper: u32,
    /// Replicas that the present load needs.
    pub needed: u32,
}

impl fmt::Display for LazyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lower, upper, needed } = self;
        write!(f, "lazy provisioning: {needed} needed now, between {lower} and {upper} were cheapest so far")
    }
}
