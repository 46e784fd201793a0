//! How much of the free GPUs the usual tasks could not use: fragmentation as FGD defines it.
//!
//! A share of a GPU that is free on a node without CPU is free on paper only. The measure asks, for every typical shape of
//! task with its popularity, which free GPU shares of a node that shape could not use, and takes the expectation. It is
//! computed here and not taken from the score of that name, so that a mistake in the score would show.
//!
//! # Source
//! Q. Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent", USENIX
//! ATC 2023, section 3: F_n(m) is all free GPU of the node where m cannot run there (or asks for none), and otherwise the
//! free share of those GPUs whose share is below what m asks of one; F_n = Σ p_m F_n(m).

use plimsoll_model::Bytes;
use plimsoll_model::Millicores;
use plimsoll_model::cluster::{Demand, GpuDemand};
use std::collections::BTreeMap;

/// Typical shapes cover this share of the tasks, in thousandths.
pub const COVER_PERMILLE: u64 = 950;

/// A shape of task and how many tasks have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
    /// GPUs.
    pub gpu: GpuDemand,
    /// Tasks of this shape.
    pub count: u64,
}

/// What is free on one node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FreeNode {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
    /// Thousandths of each GPU.
    pub gpus: Vec<u32>,
    /// The model of its GPUs.
    pub model: String,
}

/// The most frequent shapes that together cover [`COVER_PERMILLE`] of the demands; equally frequent ones in their order.
/// Memory is not looked at, as in the paper: shapes that differ in it alone are one, which asks for none.
#[must_use]
pub fn typical<'a>(demands: impl IntoIterator<Item = &'a Demand>) -> Vec<Shape> {
    let mut counts: BTreeMap<(u64, &GpuDemand), u64> = BTreeMap::new();
    for demand in demands {
        *counts.entry((demand.cpu.get(), &demand.gpu)).or_default() += 1;
    }
    let total: u64 = counts.values().sum();
    let mut shapes: Vec<Shape> = counts
        .into_iter()
        .map(|((cpu, gpu), count)| Shape { cpu: Millicores(cpu), memory: Bytes(0), gpu: gpu.clone(), count })
        .collect();
    shapes.sort_by_key(|shape| std::cmp::Reverse(shape.count));
    let mut covered = 0;
    let reaches = |shape: &Shape| {
        let more = covered * 1_000 < total * COVER_PERMILLE;
        covered += shape.count;
        more
    };
    let kept = shapes.iter().map(reaches).take_while(|more| *more).count();
    shapes.truncate(kept);
    shapes
}

/// Fragments and free GPU of all nodes, in thousandths of a GPU. Fragments are an expectation over the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Fragments {
    /// Free GPU that a typical task could not use.
    pub fragment_milli: f64,
    /// Free GPU.
    pub free_milli: u64,
}

impl Fragments {
    /// Of the free GPU, the share that is fragments; none where no GPU is free.
    #[must_use]
    pub fn ratio(self) -> Option<f64> {
        (self.free_milli > 0).then(|| self.fragment_milli / self.free_milli as f64)
    }
}

/// Over all nodes.
#[must_use]
pub fn fragments(nodes: impl IntoIterator<Item = FreeNode>, shapes: &[Shape]) -> Fragments {
    let total: u64 = shapes.iter().map(|shape| shape.count).sum();
    let mut weighted = 0_u128;
    let mut free_milli = 0;
    for node in nodes {
        let free: u64 = node.gpus.iter().map(|free| u64::from(*free)).sum();
        free_milli += free;
        if free > 0 {
            let of = |shape: &Shape| u128::from(fragment(&node, shape)) * u128::from(shape.count);
            weighted += shapes.iter().map(of).sum::<u128>();
        }
    }
    Fragments { fragment_milli: weighted as f64 / total.max(1) as f64, free_milli }
}

/// F_n(m) in thousandths of a GPU.
fn fragment(node: &FreeNode, shape: &Shape) -> u64 {
    let asked = shape.gpu.milli;
    let useful = node.gpus.iter().filter(|free| **free >= asked && **free > 0).count() as u64;
    let model_fits = shape.gpu.models.is_empty() || shape.gpu.models.contains(&node.model);
    let runs = shape.gpu.count > 0
        && model_fits
        && shape.cpu <= node.cpu
        && shape.memory <= node.memory
        && useful >= u64::from(shape.gpu.count);
    let lost = node.gpus.iter().filter(|free| !runs || **free < asked);
    lost.map(|free| u64::from(*free)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(cpu: u64, count: u32, milli: u32, popularity: u64) -> Shape {
        let gpu = GpuDemand { count, milli, models: Vec::new() };
        Shape { cpu: Millicores(cpu), memory: Bytes(0), gpu, count: popularity }
    }

    fn node(cpu: u64, gpus: &[u32]) -> FreeNode {
        FreeNode { cpu: Millicores(cpu), gpus: gpus.to_vec(), ..FreeNode::default() }
    }

    #[test]
    fn what_a_typical_task_cannot_use_is_a_fragment() {
        let of = |node: FreeNode, shape: Shape| fragments([node], &[shape]).fragment_milli;
        // Half a GPU is asked: a GPU with 300 left is of no use, one with 800 is.
        assert_eq!(of(node(8_000, &[300, 800]), shape(1_000, 1, 500, 1)), 300.0);
        // No CPU: everything that is free is a fragment.
        assert_eq!(of(node(500, &[300, 800]), shape(1_000, 1, 500, 1)), 1_100.0);
        // Two whole GPUs are asked and one is whole.
        assert_eq!(of(node(8_000, &[1_000, 800]), shape(1_000, 2, 1_000, 1)), 1_800.0);
        // A task without a GPU uses none of them.
        assert_eq!(of(node(8_000, &[1_000]), shape(1_000, 0, 0, 1)), 1_000.0);
    }

    #[test]
    fn the_expectation_weighs_shapes_by_their_popularity() {
        let shapes = [shape(1_000, 1, 500, 3), shape(1_000, 0, 0, 1)];
        let found = fragments([node(8_000, &[300, 800])], &shapes);
        assert_eq!(found, Fragments { fragment_milli: (3.0 * 300.0 + 1_100.0) / 4.0, free_milli: 1_100 });
        assert_eq!(fragments([node(1, &[])], &shapes).ratio(), None);
    }

    #[test]
    fn rare_shapes_are_not_typical() {
        let demand = |cpu| Demand { cpu: Millicores(cpu), ..Demand::default() };
        let demands: Vec<Demand> = (0..96).map(|_| demand(1)).chain((0..4).map(|n| demand(2 + n))).collect();
        assert_eq!(typical(&demands).len(), 1);
        assert_eq!(typical(&demands[90..]).iter().map(|shape| shape.count).collect::<Vec<_>>(), [6, 1, 1, 1, 1]);
        assert!(typical([]).is_empty());
    }
}
