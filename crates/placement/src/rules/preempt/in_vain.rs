//! Claims for which nobody could make way, so that the same search is not made again on nodes where nothing happened.
//!
//! Whether victims on a node make room depends on that node, on what runs there, and on the rest of a gang with a member
//! there. So a claim that found nobody finds somebody only on a node that changed since. That holds where nothing else
//! has a say: the caller must not keep this where disruption budgets, promises or rules between tasks exist.

use super::{Claim, Runners};
use crate::fleet::{Fleet, ShapeId};
use std::collections::BTreeMap;

/// Most kinds of claim remembered; beyond it all are forgotten.
const CLAIMS_MAX: usize = 4_096;

/// Claims by shape and priority, each with the fleet's version and the gangs' count at which it found nobody.
#[derive(Debug, Clone, Default)]
pub struct InVain(BTreeMap<(ShapeId, i32), (u64, u64)>);

impl InVain {
    /// The nodes on which a search could have another outcome than it had, each once; none where that could be any.
    #[must_use]
    pub fn changed(&self, fleet: &Fleet, runners: &Runners, claim: &Claim) -> Option<Vec<u32>> {
        let (version, breaks) = *self.0.get(&(claim.shape, claim.priority))?;
        let changes = fleet.changes().since(version).filter(|_| breaks == runners.gang_breaks())?;
        let mut nodes: Vec<u32> = changes.collect();
        nodes.sort_unstable();
        nodes.dedup();
        Some(nodes)
    }

    /// Takes note of how a search over all nodes, or over [`InVain::changed`], ended.
    pub fn note(&mut self, fleet: &Fleet, runners: &Runners, claim: &Claim, found: bool) {
        if found {
            self.0.remove(&(claim.shape, claim.priority));
            return;
        }
        if self.0.len() >= CLAIMS_MAX {
            self.0.clear();
        }
        self.0.insert((claim.shape, claim.priority), (fleet.version(), runners.gang_breaks()));
    }
}
