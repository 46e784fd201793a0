//! The nodes as columns: one array per property, indexed by [`super::NodeIx`].
//!
//! What differs from node to node and is read on every decision is a column; what many nodes share (capacity, labels,
//! taints, speeds) is kept once and numbered. A node without tasks takes under 200 bytes beyond its labels.

use super::gpus::{GPUS_MAX, GpuBlock};
use super::row::Row;
use plimsoll_model::cluster::NodeState;
use plimsoll_model::quantity::{Permille, Timestamp};
use std::collections::BTreeMap;

/// No GPUs, in [`NodeTable::gpu_block`].
pub const NO_GPUS: u32 = u32::MAX;

/// What equal machines have in common: capacity and GPU model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeKind {
    /// What such a node has in all.
    pub capacity: Row,
    /// Extended resources beyond the first, by column.
    pub more: Vec<i32>,
    /// Number of its GPU model; 0 is the empty name.
    pub model: u16,
}

/// The columns.
#[derive(Debug, Clone, Default)]
pub struct NodeTable {
    /// Names.
    pub names: Vec<Box<str>>,
    /// Node numbers in order of their names' bytes.
    pub by_name: Vec<u32>,
    /// What is free.
    pub free: Vec<Row>,
    /// Kind, see [`NodeTable::kinds`].
    pub kind: Vec<u32>,
    /// State.
    pub state: Vec<NodeState>,
    /// When it came into that state.
    pub since: Vec<Timestamp>,
    /// Labels, see [`super::Labels::labels`].
    pub label_set: Vec<u32>,
    /// Taints, see [`super::Labels::taints`].
    pub taint_set: Vec<u32>,
    /// Place of its GPUs in [`NodeTable::gpus`], or [`NO_GPUS`].
    pub gpu_block: Vec<u32>,
    /// Price in millionths of a currency unit per hour.
    pub price: Vec<u64>,
    /// Speeds, see [`NodeTable::speeds`].
    pub speed_set: Vec<u32>,
    /// Bits of the static filters, 64 filters a column.
    pub passes: Vec<Vec<u64>>,
    /// Extended resources beyond the first, free, a column per resource.
    pub more: Vec<Vec<i32>>,
    /// Kinds by number.
    pub kinds: Vec<NodeKind>,
    /// GPUs of the nodes that have any.
    pub gpus: Vec<GpuBlock>,
    /// Speeds per class number, sorted; by number.
    pub speeds: Vec<Vec<(u32, Permille)>>,
    pub(super) kind_numbers: BTreeMap<NodeKind, u32>,
    pub(super) speed_numbers: BTreeMap<Vec<(u32, Permille)>, u32>,
}

impl NodeTable {
    /// How many nodes there are.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a node passes a static filter.
    #[inline]
    #[must_use]
    pub fn passes(&self, filter: u32, node: usize) -> bool {
        self.passes[filter as usize / 64][node] >> (filter % 64) & 1 != 0
    }

    /// What a node has in all.
    #[inline]
    #[must_use]
    pub fn capacity(&self, node: usize) -> &Row {
        &self.kinds[self.kind[node] as usize].capacity
    }

    /// Its GPUs, where it has any.
    #[inline]
    #[must_use]
    pub fn gpus(&self, node: usize) -> Option<&GpuBlock> {
        self.gpus.get(self.gpu_block[node] as usize)
    }

    pub(super) fn find(&self, name: &str) -> Result<usize, usize> {
        self.by_name.binary_search_by(|node| self.names[*node as usize].as_ref().cmp(name))
    }

    /// The number of a kind, a new one if it was not met before.
    pub(super) fn kind_number(&mut self, kind: NodeKind) -> u32 {
        if let Some(number) = self.kind_numbers.get(&kind) {
            return *number;
        }
        let number = self.kinds.len() as u32;
        self.kinds.push(kind.clone());
        self.kind_numbers.insert(kind, number);
        number
    }

    /// The number of a set of speeds, a new one if it was not met before.
    pub(super) fn speed_number(&mut self, speeds: Vec<(u32, Permille)>) -> u32 {
        if let Some(number) = self.speed_numbers.get(&speeds) {
            return *number;
        }
        let number = self.speeds.len() as u32;
        self.speeds.push(speeds.clone());
        self.speed_numbers.insert(speeds, number);
        number
    }

    /// Bytes of all columns, names and labels not counted.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let per_node = size_of::<Row>() + 6 * 4 + size_of::<NodeState>() + 8 + 8 + size_of::<Box<str>>();
        let words: usize = self.passes.iter().map(|column| column.len() * 8).sum();
        let more: usize = self.more.iter().map(|column| column.len() * 4).sum();
        self.len() * per_node + words + more + self.gpus.len() * size_of::<GpuBlock>()
    }
}

const _: () = assert!(size_of::<GpuBlock>() <= 4 * GPUS_MAX, "GPUs of a node take at most a cache line");
