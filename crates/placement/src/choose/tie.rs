//! Who wins among nodes of equal score.
//!
//! Every rule gives each node a number, and the smallest wins; for random ties the number depends on the decision too.

use crate::fleet::Fleet;
use crate::policy::Ties;
use plimsoll_stats::random::mix;

/// A rule for ties, made ready for one fleet.
#[derive(Debug, Clone)]
pub struct TieOrder {
    ties: Ties,
    seed: u64,
    /// Place of each node in order of names; empty where names do not matter.
    ranks: Vec<u32>,
    nodes: usize,
}

impl TieOrder {
    /// Makes a rule ready.
    #[must_use]
    pub fn new(ties: Ties, seed: u64, fleet: &Fleet) -> Self {
        let mut ranks = Vec::new();
        if ties == Ties::LowestName {
            ranks = vec![0; fleet.len()];
            for (rank, node) in fleet.nodes().by_name.iter().enumerate() {
                ranks[*node as usize] = rank as u32;
            }
        }
        Self { ties, seed, ranks, nodes: fleet.len() }
    }

    /// Whether it knows all nodes.
    #[must_use]
    pub const fn is_current(&self, fleet: &Fleet) -> bool {
        self.nodes == fleet.len()
    }

    /// Whether a node's number changes from decision to decision.
    #[must_use]
    pub const fn is_random(&self) -> bool {
        matches!(self.ties, Ties::Random)
    }

    /// The number of a node where it is one and the same in every decision; its own where it is not.
    #[inline]
    #[must_use]
    pub fn rank(&self, node: u32) -> u32 {
        if self.ties == Ties::LowestName { self.ranks[node as usize] } else { node }
    }

    /// A node's number in a decision.
    #[inline]
    #[must_use]
    pub fn number(&self, decision: u64, node: u32) -> u64 {
        match self.ties {
            Ties::LowestName => u64::from(self.ranks[node as usize]),
            Ties::LowestId => u64::from(node),
            Ties::Random => mix(draw(self.seed, decision) ^ mix(u64::from(node))),
        }
    }
}

/// A decision's random number.
#[inline]
#[must_use]
pub const fn draw(seed: u64, decision: u64) -> u64 {
    mix(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ decision.wrapping_mul(0xd1b5_4a32_d192_ed03))
}
