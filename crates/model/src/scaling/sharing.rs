//! Who gave what to whom when capacity is short.

use crate::id::ServiceName;
use crate::quantity::Permille;
use crate::spec::Resources;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Room that went from one service to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gift {
    /// The other service.
    pub service: ServiceName,
    /// How much.
    pub room: Resources,
}

/// Why a service was granted the replicas it was granted. There only where not everybody got what it wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SharingReason {
    /// Replicas it wanted.
    pub wanted: u32,
    /// Replicas it was granted.
    pub granted: u32,
    /// Replicas it has before anybody of its priority or below gets more than a guarantee.
    pub guaranteed: u32,
    /// Its weight among services of its priority.
    pub weight: u32,
    /// The largest share that it is granted of any resource of the node.
    pub share: Permille,
    /// Room of replicas that it gives up, and for whom.
    #[serde(default)]
    pub gives: Vec<Gift>,
    /// Room that it grows into, and from whom.
    #[serde(default)]
    pub gets: Vec<Gift>,
}

impl fmt::Display for SharingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, granted, guaranteed, weight, share, gives, gets } = self;
        write!(
            f,
            "room is short: {granted} of {wanted} wanted, {guaranteed} guaranteed, {share} of the node at weight {weight}"
        )?;
        gives.iter().try_for_each(|gift| write!(f, "; gives {} to {}", gift.room, gift.service))?;
        gets.iter().try_for_each(|gift| write!(f, "; gets {} from {}", gift.room, gift.service))
    }
}
