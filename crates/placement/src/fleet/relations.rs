//! The seam for rules between tasks, nodes and sites: affinity, spread, isolation, volumes, latency.
//!
//! What [`super::Fleet`] checks by itself looks at one node and one task. Whatever looks further is a *relation*, and
//! comes in here: the fleet calls [`Relations`] at five moments and knows nothing else about it.
//!
//! 1. [`Relations::node_added`] once per node, [`Relations::learn`] once per new shape;
//! 2. [`Relations::placed`] and [`Relations::released`] whenever room is given out or comes back, so that counts per
//!    domain are kept in place;
//! 3. [`Relations::binds`] before a search: false says that nothing here can refuse this shape or add to its score at the
//!    moment, and the search takes its fast path;
//! 4. [`Relations::refusal`] last of all filters, on nodes that the local filters let through;
//! 5. [`Relations::score`] where [`Relations::scores`] says that this shape has wishes of this sort.
//!
//! Choosers treat the answers of 4 and 5 as changing at any time: neither is ever cached.

use super::labels::Labels;
use super::nodes::NodeTable;
use super::shape::ShapeId;
use super::{NodeIx, Shape};
use plimsoll_model::cluster::Task;

/// Why a relation refused a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationRefusal {
    /// No task that it wants beside it is in the node's domain.
    Affinity {
        /// Place of the rule in the task's list, from 0.
        rule: u16,
    },
    /// A task that it keeps away from, or that keeps away from it, is in the node's domain.
    AntiAffinity {
        /// Place of the rule in the list of the task that states it, from 0.
        rule: u16,
        /// Tasks in the domain that stand against it.
        tasks: u32,
    },
    /// The domain would be too full against the emptiest.
    Spread {
        /// Place of the rule in the task's list, from 0.
        rule: u16,
        /// Excess of this domain with the task in it.
        skew: u32,
        /// Most that the rule allows.
        skew_max: u32,
    },
    /// A tenant there, or this one, shares its node with nobody else.
    Isolation {
        /// Tasks there that stand against it.
        tasks: u32,
    },
    /// A block volume is held by another node, or lies in another zone.
    Volume {
        /// Place of the volume in the task's list, from 0.
        volume: u16,
    },
    /// The way to its users or data is too long, or not known.
    Latency {
        /// Round trip in microseconds; none is no known way.
        micros: Option<u64>,
        /// Longest that will do.
        micros_max: u64,
    },
}

impl RelationRefusal {
    /// The filter's name.
    #[must_use]
    pub const fn filter(&self) -> &'static str {
        match self {
            Self::Affinity { .. } => "affinity",
            Self::AntiAffinity { .. } => "anti-affinity",
            Self::Spread { .. } => "spread",
            Self::Isolation { .. } => "isolation",
            Self::Volume { .. } => "volume",
            Self::Latency { .. } => "latency",
        }
    }
}

/// What a relation may look at.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The nodes.
    pub nodes: &'a NodeTable,
    /// Their labels.
    pub labels: &'a Labels,
    /// The shapes so far, by id.
    pub shapes: &'a [Shape],
}

impl Surroundings<'_> {
    /// The value of a label on a node, by numbers.
    #[must_use]
    pub fn label(&self, node: NodeIx, key: u32) -> Option<u32> {
        self.labels.value(self.nodes.label_set[node.0 as usize], key)
    }
}

/// All relations with their counts.
#[derive(Debug, Clone, Default)]
pub struct Relations {}

impl Relations {
    /// Takes note of a new node.
    pub fn node_added(&mut self, _around: Surroundings<'_>, _node: NodeIx) {}

    /// Takes note of a new shape; `labels` numbers keys and values that were not met before.
    pub fn learn(&mut self, _labels: &mut Labels, _shape: ShapeId, _task: &Task) {}

    /// Takes note of a task that went to a node.
    pub fn placed(&mut self, _around: Surroundings<'_>, _shape: ShapeId, _node: NodeIx) {}

    /// Takes note of a task that left a node.
    pub fn released(&mut self, _around: Surroundings<'_>, _shape: ShapeId, _node: NodeIx) {}

    /// Whether a relation may refuse this shape somewhere, or add to its score, as things stand.
    #[inline]
    #[must_use]
    pub const fn binds(&self, _shape: ShapeId) -> bool {
        false
    }

    /// Why not on this node.
    #[must_use]
    pub const fn refusal(&self, _around: Surroundings<'_>, _shape: ShapeId, _node: NodeIx) -> Option<RelationRefusal> {
        None
    }

    /// Why never on this node, however empty the cluster is: what depends on where the node stands alone.
    #[must_use]
    pub const fn refusal_empty(&self, _: Surroundings<'_>, _shape: ShapeId, _: NodeIx) -> Option<RelationRefusal> {
        None
    }

    /// A refusal in words.
    #[must_use]
    pub fn reason(&self, _around: Surroundings<'_>, _node: NodeIx, refusal: &RelationRefusal) -> String {
        format!("{refusal:?}")
    }

    /// Whether this shape has wishes that [`Relations::score`] judges.
    #[inline]
    #[must_use]
    pub const fn scores(&self, _shape: ShapeId) -> bool {
        false
    }

    /// How well a node meets those wishes: 0 to [`crate::score::ONE`], higher is better.
    #[must_use]
    pub const fn score(&self, _around: Surroundings<'_>, _shape: ShapeId, _node: NodeIx) -> i64 {
        0
    }

    /// Bytes it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        0
    }
}
