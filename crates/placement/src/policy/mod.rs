//! Policies of node choice by name: which scorers, how ties are broken, whether scores are cut, which GPUs are taken.
//!
//! All four are part of a policy's definition, because each of them moves results by points: on the openb trace ties
//! alone are worth up to five (`docs/placement.md`).

mod catalogue;
mod file;

pub use catalogue::{Cost, Family, PolicyEntry, catalogue};
pub(crate) use file::shipped_by_name;
pub use file::{ShippedPolicy, TextPolicy, from_file_text, shipped};

use crate::expression::NodeExpression;
use crate::score::{Scorer, Weights};
use plimsoll_expr as expr;

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
    /// The formula of [`Scorer::Expression`], which is then the only term; scores are in its unit.
    pub expression: Option<NodeExpression>,
    /// Look only at so many nodes that fit, and take the best of these; none is exact. See [`crate::choose::Regret`].
    pub sample: Option<u32>,
}

/// Most nodes of a sample.
pub const SAMPLE_MAX: u32 = 1_000_000;

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
            expression: None,
            sample: None,
        }
    }

    /// The policy that an expression is; ties, cutting and GPUs as its file says.
    #[must_use]
    pub fn of_expression(expression: NodeExpression) -> Self {
        let file = expression.file();
        let ties = match file.ties {
            expr::Ties::LowestName => Ties::LowestName,
            expr::Ties::LowestId => Ties::LowestId,
            expr::Ties::Random => Ties::Random,
        };
        let gpus = match file.gpus {
            expr::GpuPick::Tightest => GpuPick::Tightest,
            expr::GpuPick::LeastFragmentation => GpuPick::LeastFragmentation,
            expr::GpuPick::Random => GpuPick::Random,
        };
        let (truncate, plain) = (file.round, Self::single(&file.name, Scorer::Expression));
        Self { ties, truncate, gpus, expression: Some(expression), ..plain }
    }

    /// A weighted sum of named policies: `parts` of `(policy, weight)`. Ties, cutting and GPUs are those of the first. None
    /// where there are no parts, too many or of too much weight, and of expressions: a sum of these is an expression.
    #[must_use]
    pub fn sum(name: &str, parts: &[(Self, i64)]) -> Option<Self> {
        let (first, _) = parts.first()?;
        let terms = parts.iter().flat_map(|(policy, weight)| policy.terms.iter().map(move |(s, w)| (*s, w * weight)));
        let terms: Vec<_> = terms.collect();
        let total: i64 = terms.iter().map(|(_, weight)| weight.abs()).sum();
        let is_named = parts.iter().all(|(policy, _)| policy.expression.is_none());
        let fits = is_named && terms.len() <= crate::score::TERMS_MAX && total <= WEIGHT_MAX;
        fits.then(|| Self { name: name.to_owned(), terms, ..first.clone() })
    }

    /// The policy of that name: one of [`catalogue`], or else of [`shipped`]. `NAME@K` is the same by the best of K nodes
    /// that fit, 1 to [`SAMPLE_MAX`].
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        if let Some((exact, nodes)) = name.split_once('@') {
            let nodes = nodes.parse().ok().filter(|nodes| (1..=SAMPLE_MAX).contains(nodes))?;
            let policy = Self::by_name(exact).filter(|policy| policy.sample.is_none())?;
            return Some(Self { name: name.to_owned(), sample: Some(nodes), ..policy });
        }
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
            _ => match shipped_by_name(name)? {
                TextPolicy::Node(policy) => policy,
                TextPolicy::Queue(_) => return None,
            },
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
