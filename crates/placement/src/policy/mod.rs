//! Policies of node choice by name: which scorers, how ties are broken, whether scores are cut, which GPUs are taken.
//!
//! All four are part of a policy's definition, because each of them moves results by points: on the openb trace ties
//! alone are worth up to five (`docs/placement.md`).

mod catalogue;

pub use catalogue::{Cost, Family, PolicyEntry, catalogue};

use crate::score::{Scorer, Weights};

/// Which of several nodes of the best score is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ties {
    /// The one whose name comes first, byte by byte.
    #[default]
    LowestName,
    /// The one that was added first.
    LowestId,
    /// The one of the smallest hash of seed, decision and node: uniform, and the same for the same seed.
    Random,
}

/// Which GPUs of the chosen node a share takes; whole GPUs are always the lowest free ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GpuPick {
    /// The fullest that fits, lowest index on ties.
    #[default]
    Tightest,
    /// The one that FGD scores highest, lowest index on ties.
    LeastFragmentation,
    /// Any that fits, by the decision's random number.
    Random,
}

/// How a node is chosen among those that fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePolicy {
    /// Its name.
    pub name: String,
    /// Scorers with their weights; their sum is to be as large as possible.
    pub terms: Vec<(Scorer, i64)>,
    /// Who wins among equals.
    pub ties: Ties,
    /// Cut every term to an integer from 0 to this before it is weighed; none keeps all digits.
    pub truncate: Option<u32>,
    /// Which GPU a share takes.
    pub gpus: GpuPick,
    /// Weight of the task's wishes (preferred labels, affinity, spread) against the terms.
    pub wishes: i64,
}

impl NodePolicy {
    /// One scorer alone: ties by name, terms uncut.
    #[must_use]
    pub fn single(name: &str, scorer: Scorer) -> Self {
        Self {
            name: name.to_owned(),
            terms: vec![(scorer, 1)],
            ties: Ties::LowestName,
            truncate: None,
            gpus: GpuPick::Tightest,
            wishes: 1,
        }
    }

    /// A weighted sum of named policies: `parts` of `(policy, weight)`. Ties, cutting and GPUs are those of the first.
    #[must_use]
    pub fn sum(name: &str, parts: &[(Self, i64)]) -> Option<Self> {
        let (first, _) = parts.first()?;
        let terms = parts.iter().flat_map(|(policy, weight)| policy.terms.iter().map(move |(s, w)| (*s, w * weight)));
        let terms: Vec<_> = terms.collect();
        let total: i64 = terms.iter().map(|(_, weight)| weight.abs()).sum();
        let fits = terms.len() <= crate::score::TERMS_MAX && total <= WEIGHT_MAX;
        fits.then(|| Self { name: name.to_owned(), terms, ..first.clone() })
    }

    /// The policy of that name; see [`catalogue`].
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let cut = |scorer| Self { truncate: Some(100), ..Self::single(name, scorer) };
        Some(match name {
            "first-fit" => Self::single(name, Scorer::Constant),
            "best-fit" => cut(Scorer::BestFit(Weights::CPU_GPU)),
            "worst-fit" => Self::single(name, Scorer::WorstFit(Weights::CPU_MEMORY_GPU)),
            "least-allocated" => Self::single(name, Scorer::LeastAllocated(Weights::CPU_MEMORY_GPU)),
            "most-allocated" => Self::single(name, Scorer::MostAllocated(Weights::CPU_MEMORY_GPU)),
            "balanced-allocation" => Self::single(name, Scorer::Balanced(Weights::CPU_MEMORY_GPU)),
            "dominant-resource" => Self::single(name, Scorer::DominantResource),
            "dot-product" => cut(Scorer::DotProduct(Weights::CPU_GPU)),
            "gpu-packing" => cut(Scorer::GpuPacking),
            "gpu-clustering" => cut(Scorer::GpuClustering),
            "fgd" => Self { gpus: GpuPick::LeastFragmentation, ..cut(Scorer::Fgd) },
            "random" => Self { ties: Ties::Random, gpus: GpuPick::Random, ..Self::single(name, Scorer::Constant) },
            "cheapest" => Self::single(name, Scorer::Cheapest),
            "fastest" => Self::single(name, Scorer::Fastest),
            "nearest" => Self::single(name, Scorer::Nearest),
            "cheapest-in-bound" => Self::single(name, Scorer::CheapestInBound),
            "spill" => Self::single(name, Scorer::Spill),
            _ => return None,
        })
    }

    /// The same policy under another rule for ties.
    #[must_use]
    pub fn with_ties(self, ties: Ties) -> Self {
        Self { ties, ..self }
    }

    /// The same policy with terms cut to integers from 0 to `levels`, or uncut.
    #[must_use]
    pub fn with_levels(self, levels: Option<u32>) -> Self {
        Self { truncate: levels, ..self }
    }
}

/// The most that the weights of one policy may sum to, so that scores stay below [`crate::score::UNWELCOME`].
pub const WEIGHT_MAX: i64 = 1_000;
