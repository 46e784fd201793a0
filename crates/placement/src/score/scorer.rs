//! The scorers by name.

use crate::fleet::{LANES, Lane};

/// Weights per lane; a lane of weight 0 is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights(pub [u16; LANES]);

impl Weights {
    /// These lanes at weight 1.
    #[must_use]
    pub const fn of(lanes: &[Lane]) -> Self {
        let mut weights = [0; LANES];
        let mut at = 0;
        while at < lanes.len() {
            weights[lanes[at] as usize] = 1;
            at += 1;
        }
        Self(weights)
    }

    /// CPU and GPUs, as the baselines of the FGD paper weigh them.
    pub const CPU_GPU: Self = Self::of(&[Lane::Cpu, Lane::GpuTotal]);
    /// CPU and memory, as the defaults of Kubernetes weigh them.
    pub const CPU_MEMORY: Self = Self::of(&[Lane::Cpu, Lane::Memory]);
    /// CPU, memory and GPUs.
    pub const CPU_MEMORY_GPU: Self = Self::of(&[Lane::Cpu, Lane::Memory, Lane::GpuTotal]);

    /// The weighted lanes.
    pub fn lanes(self) -> impl Iterator<Item = (usize, i64)> {
        self.0.into_iter().enumerate().filter(|(_, weight)| *weight > 0).map(|(lane, weight)| (lane, i64::from(weight)))
    }
}

/// A formula for how good a node is; what each computes is said where it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scorer {
    /// All nodes alike: ties decide.
    Constant,
    /// Least left over, measured against the largest node.
    BestFit(Weights),
    /// Most left over, measured against the largest node.
    WorstFit(Weights),
    /// Smallest share of its own capacity taken.
    LeastAllocated(Weights),
    /// Largest share of its own capacity taken.
    MostAllocated(Weights),
    /// Shares of its resources closest to each other.
    Balanced(Weights),
    /// The resource it will be fullest in, as empty as can be.
    DominantResource,
    /// Free room that points another way than the request.
    DotProduct(Weights),
    /// GPUs in use before free ones, used nodes before free ones.
    GpuPacking,
    /// Nodes whose tasks ask for GPUs as this one does.
    GpuClustering,
    /// Least growth of the room that expected tasks cannot use.
    Fgd,
    /// Lowest price per hour.
    Cheapest,
    /// Fastest for the task's class.
    Fastest,
    /// Shortest way to the task's users or data.
    Nearest,
    /// Lowest price of running this task, its share of the node and moving its data, within its latency bound.
    CheapestInBound,
    /// Its own site first, then its own provider, then anybody; by price among equals.
    Spill,
}

impl Scorer {
    /// The name under which its term is recorded.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::BestFit(_) => "best-fit",
            Self::WorstFit(_) => "worst-fit",
            Self::LeastAllocated(_) => "least-allocated",
            Self::MostAllocated(_) => "most-allocated",
            Self::Balanced(_) => "balanced-allocation",
            Self::DominantResource => "dominant-resource",
            Self::DotProduct(_) => "dot-product",
            Self::GpuPacking => "gpu-packing",
            Self::GpuClustering => "gpu-clustering",
            Self::Fgd => "fgd",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::Nearest => "nearest",
            Self::CheapestInBound => "cheapest-in-bound",
            Self::Spill => "spill",
        }
    }
}
