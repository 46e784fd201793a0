//! Claims for which nobody could make way, so that the same search is not made again on nodes where nothing happened.
//!
//! Whether victims on a node make room depends on that node, on what runs there, on the rest of a gang with a member
//! there, and on counts over many nodes where the claim has rules that read them. So a claim that found nobody finds
//! somebody only on a node that changed since, unless one of these counts moved: then all nodes are looked at again.
//! The caller must not keep this where disruption budgets or promises exist.

use super::{Claim, Runners};
use crate::fleet::{Fleet, ShapeId};
use std::collections::BTreeMap;

/// Most kinds of claim remembered; beyond it all are forgotten.
const CLAIMS_MAX: usize = 4_096;

/// When a claim found nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    /// The fleet's version.
    version: u64,
    /// Starts and stops of members of gangs.
    breaks: u64,
    /// Changes of counts that decide about the claim's shape on other nodes than their own.
    far: u64,
}

impl Moment {
    fn of(fleet: &Fleet, runners: &Runners, claim: &Claim) -> Self {
        let far = fleet.relations().rules().far_changes(claim.shape.0);
        Self { version: fleet.version(), breaks: runners.gang_breaks(), far }
    }
}

/// Claims by shape and priority, each with the moment at which it found nobody.
#[derive(Debug, Clone, Default)]
pub struct InVain(BTreeMap<(ShapeId, i32), Moment>);

impl InVain {
    /// The nodes on which a search could have another outcome than it had, each once; none where that could be any.
    #[must_use]
    pub fn changed(&self, fleet: &Fleet, runners: &Runners, claim: &Claim) -> Option<Vec<u32>> {
        let then = *self.0.get(&(claim.shape, claim.priority))?;
        let now = Moment::of(fleet, runners, claim);
        let stands = (then.breaks, then.far) == (now.breaks, now.far);
        let mut nodes: Vec<u32> = fleet.changes().since(then.version).filter(|_| stands)?.collect();
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
        self.0.insert((claim.shape, claim.priority), Moment::of(fleet, runners, claim));
    }
}
