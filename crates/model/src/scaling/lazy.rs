//! Lazy capacity provisioning.

use crate::quantity::{Millis, Permille};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Replicas without a forecast: a replica is kept through a gap as long as starting it again would cost more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LazySpec {
    /// Price of starting a replica, as time of one running replica, trace time; the start-up time comes on top, because a
    /// replica that starts is paid for.
    pub switching: Millis,
    /// Price of a missing replica over that of a running one, in thousandths; none is beyond any price.
    #[serde(default)]
    pub missing_price: Option<Permille>,
}

/// Why lazy provisioning votes as it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LazyReason {
    /// Replicas that the present load needs.
    pub needed: u32,
    /// Fewest replicas with which the past could have ended at the least price.
    pub lower: u32,
    /// Most replicas with which it could.
    pub upper: u32,
    /// What starting a replica costs, as time of one running replica.
    pub start_price: Millis,
}

impl fmt::Display for LazyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, lower, upper, start_price } = self;
        write!(
            f,
            "lazy: {needed} needed now; the past was cheapest with {lower} to {upper} (a start costs {start_price})"
        )
    }
}
