//! Why a task cannot go to a node: the first filter that says no, with its numbers.
//!
//! One variant per filter, small enough to be counted and copied; the text is made where it is shown, by
//! [`super::Fleet::reason`], which knows the names.

use super::relations::RelationRefusal;
use plimsoll_model::cluster::NodeState;

/// The filter that refused a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It takes no tasks.
    State {
        /// The state it is in.
        state: NodeState,
    },
    /// Too little CPU is free.
    Cpu {
        /// Asked, in thousandths of a core.
        asked: u32,
        /// Free.
        free: u32,
    },
    /// Too little memory is free.
    Memory {
        /// Asked, in MiB.
        asked: u32,
        /// Free.
        free: u32,
    },
    /// Too little disk is free.
    Disk {
        /// Asked, in MiB, local volumes included.
        asked: u32,
        /// Free.
        free: u32,
    },
    /// Too little bandwidth is free.
    Network {
        /// Asked, in Mbit/s.
        asked: u32,
        /// Free.
        free: u32,
    },
    /// Its GPUs are of another model.
    GpuModel {
        /// Number of the node's model; see [`super::Fleet::model_name`].
        model: u16,
    },
    /// Too few GPUs are wholly free.
    GpuCount {
        /// Whole GPUs asked.
        asked: u32,
        /// Wholly free.
        free: u32,
    },
    /// No GPU has enough left.
    GpuShare {
        /// Thousandths asked.
        asked: u32,
        /// The most that is free on one GPU.
        free: u32,
    },
    /// Too little of a named resource is free.
    Extended {
        /// Number of the resource; see [`super::Fleet::extended_name`].
        resource: u16,
        /// Asked.
        asked: u32,
        /// Free.
        free: u32,
    },
    /// A label does not meet the selector.
    Selector {
        /// Place of the first condition that fails, from 0.
        condition: u16,
    },
    /// A taint is not tolerated.
    Taint {
        /// Place of the first such taint in the node's sorted taints, from 0.
        taint: u16,
    },
    /// A rule between tasks, nodes and sites.
    Relation(RelationRefusal),
}

impl Refusal {
    /// The filter's name, by which refusals are counted.
    #[must_use]
    pub const fn filter(&self) -> &'static str {
        match self {
            Self::State { .. } => "state",
            Self::Cpu { .. } => "cpu",
            Self::Memory { .. } => "memory",
            Self::Disk { .. } => "disk",
            Self::Network { .. } => "network",
            Self::GpuModel { .. } => "gpu-model",
            Self::GpuCount { .. } => "gpu-count",
            Self::GpuShare { .. } => "gpu-share",
            Self::Extended { .. } => "extended",
            Self::Selector { .. } => "selector",
            Self::Taint { .. } => "taint",
            Self::Relation(relation) => relation.filter(),
        }
    }
}
