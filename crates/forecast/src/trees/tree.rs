//! One tree: nodes in a vector, a number per leaf.

use serde::{Deserialize, Serialize};

/// A node that asks, or a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    /// Column; [`LEAF`] for a leaf.
    #[serde(rename = "c")]
    pub column: u16,
    /// Whether a gap goes left.
    #[serde(rename = "g")]
    pub gap_left: bool,
    /// The left child, the right one follows it; of a leaf its own number.
    #[serde(rename = "n")]
    pub next: u32,
    /// The largest value that goes left; of a leaf what it says.
    #[serde(rename = "v")]
    pub value: f64,
}

/// No column.
pub(super) const LEAF: u16 = u16::MAX;

/// A tree of regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// What it says of a row; NaN are gaps.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.leaf_node(row).value
    }

    /// The number of the leaf that a row falls into.
    pub(super) fn leaf(&self, row: &[f64]) -> usize {
        self.leaf_node(row).next as usize
    }

    /// Adds the splits of each column to `counts`.
    pub(crate) fn count_splits(&self, counts: &mut [f64]) {
        for node in self.nodes.iter().filter(|node| node.column != LEAF) {
            if let Some(count) = counts.get_mut(usize::from(node.column)) {
                *count += 1.0;
            }
        }
    }

    /// Leaves.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.nodes.len().div_ceil(2)
    }

    fn leaf_node(&self, row: &[f64]) -> &Node {
        let mut node = &self.nodes[0];
        while node.column != LEAF {
            let value = row[usize::from(node.column)];
            let left = if value.is_nan() { node.gap_left } else { value <= node.value };
            node = &self.nodes[node.next as usize + usize::from(!left)];
        }
        node
    }
}
