//! A policy's scorers made ready for one fleet.

use super::fgd::{Fragmentation, GpuState};
use super::linear::Linear;
use super::local::{self, Reciprocals, reciprocals};
use super::{ONE, Scorer, UNWELCOME, cut, gpu, level, place};
use crate::fleet::{Fleet, GpuSet, Lane, NodeIx, Shape, ShapeId};
use crate::policy::{GpuPick, NodePolicy};

/// Most terms of one policy, wishes not counted.
pub const TERMS_MAX: usize = 6;

/// What a scorer needs at hand.
#[derive(Debug, Clone)]
enum Ready {
    /// One of the linear ones, with what it is on each kind of node.
    Linear(Linear),
    /// Everything else is computed from the node.
    Local,
}

/// A policy made ready for one fleet. It stands for the fleet as it was; see [`Scoring::is_current`].
#[derive(Debug, Clone)]
pub struct Scoring {
    terms: Vec<(Scorer, i64, Ready)>,
    levels: Option<u32>,
    wishes: i64,
    /// Reciprocals of each kind's capacity.
    over: Vec<Reciprocals>,
    over_largest: Reciprocals,
    most_gpu: i64,
    most_price: u64,
    fragmentation: Fragmentation,
    kinds: usize,
    nodes: usize,
    expected_version: u64,
}

impl Scoring {
    /// Makes a policy ready.
    #[must_use]
    pub fn new(policy: &NodePolicy, fleet: &Fleet) -> Self {
        let ready = |(scorer, weight): &(Scorer, i64)| {
            let linear = Linear::of(&[(*scorer, 1)], fleet);
            (*scorer, *weight, linear.map_or(Ready::Local, Ready::Linear))
        };
        let uses_fgd = policy.terms.iter().any(|(scorer, _)| *scorer == Scorer::Fgd);
        Self {
            terms: policy.terms.iter().map(ready).collect(),
            levels: policy.truncate,
            wishes: policy.wishes,
            over: fleet.nodes().kinds.iter().map(|kind| reciprocals(&kind.capacity)).collect(),
            over_largest: reciprocals(fleet.largest()),
            most_gpu: i64::from(fleet.largest().get(Lane::GpuTotal)),
            most_price: fleet.nodes().price.iter().copied().max().unwrap_or(0),
            fragmentation: if uses_fgd { Fragmentation::of(fleet) } else { Fragmentation::default() },
            kinds: fleet.nodes().kinds.len(),
            nodes: fleet.len(),
            expected_version: fleet.expected_tasks().1,
        }
    }

    /// Whether the fleet still is what this was made for: no other nodes, no other expected tasks.
    #[must_use]
    pub fn is_current(&self, fleet: &Fleet) -> bool {
        self.nodes == fleet.len()
            && self.kinds == fleet.nodes().kinds.len()
            && self.expected_version == fleet.expected_tasks().1
    }

    /// What a full term is: the number of levels where scores are cut, otherwise [`ONE`].
    #[must_use]
    pub fn unit(&self) -> i64 {
        self.levels.map_or(ONE, i64::from)
    }

    /// The weighted sum of terms for a node that fits, wishes and unwelcoming taints included.
    #[must_use]
    pub fn score(&self, fleet: &Fleet, id: ShapeId, node: NodeIx) -> i64 {
        let shape = fleet.shape(id);
        self.local_score(fleet, id, shape, node.0 as usize) + self.relation_score(fleet, id, node)
    }

    /// The same without the wishes that relations judge: what depends on this node and this shape alone.
    #[inline]
    #[must_use]
    pub fn local_score(&self, fleet: &Fleet, id: ShapeId, shape: &Shape, node: usize) -> i64 {
        self.local_score_with(fleet, id, shape, node, || self.fgd(fleet, shape, node).0)
    }

    /// The same with the term of `fgd` from elsewhere, as from memory.
    #[inline]
    #[must_use]
    pub fn local_score_with(
        &self,
        fleet: &Fleet,
        id: ShapeId,
        shape: &Shape,
        node: usize,
        mut fgd: impl FnMut() -> i64,
    ) -> i64 {
        let mut sum = 0;
        for (index, (scorer, weight, _)) in self.terms.iter().enumerate() {
            let term = if *scorer == Scorer::Fgd { fgd() } else { self.term(index, fleet, id, shape, node) };
            sum += weight * self.in_levels(term);
        }
        if shape.has_wishes || fleet.has_unwelcoming_nodes() {
            let node = NodeIx(node as u32);
            sum += self.wishes * self.in_levels(fleet.wishes_met(id, node));
            sum -= UNWELCOME * fleet.unwelcome(id, node).min(8) as i64;
        }
        sum
    }

    /// What relations add to a score.
    #[inline]
    #[must_use]
    pub fn relation_score(&self, fleet: &Fleet, id: ShapeId, node: NodeIx) -> i64 {
        let relations = fleet.relations();
        if !relations.scores(id) {
            return 0;
        }
        self.wishes * self.in_levels(relations.score(fleet.surroundings(), id, node))
    }

    /// The most that [`Scoring::relation_score`] can be.
    #[must_use]
    pub fn relation_score_max(&self) -> i64 {
        self.wishes.max(0) * self.unit()
    }

    #[inline]
    fn in_levels(&self, term: i64) -> i64 {
        self.levels.map_or(term, |levels| cut(term, levels))
    }

    /// One term, uncut.
    #[inline]
    #[must_use]
    pub fn term(&self, index: usize, fleet: &Fleet, id: ShapeId, shape: &Shape, node: usize) -> i64 {
        let nodes = fleet.nodes();
        let kind = nodes.kind[node] as usize;
        let (scorer, _, ready) = &self.terms[index];
        let free = &nodes.free[node];
        if let Ready::Linear(linear) = ready {
            let kind = &linear.kinds[kind];
            return kind.base + kind.dot(free) - kind.dot(&shape.need);
        }
        match scorer {
            Scorer::DominantResource => {
                local::dominant_resource(&nodes.kinds[kind].capacity, &self.over[kind], free, &shape.need)
            }
            Scorer::Balanced(weights) => {
                local::balanced(*weights, &nodes.kinds[kind].capacity, &self.over[kind], free, &shape.need)
            }
            Scorer::DotProduct(weights) => local::dot_product(*weights, &self.over_largest, free, &shape.need),
            Scorer::GpuPacking => nodes.gpus(node).map_or(0, |block| level(gpu::packing(block, shape.gpu), 100)),
            Scorer::GpuClustering => {
                nodes.gpus(node).map_or(0, |block| level(gpu::clustering(block, shape.gpu, self.most_gpu), 100))
            }
            Scorer::Fgd => self.fgd(fleet, shape, node).0,
            Scorer::Cheapest => match self.most_price {
                0 => ONE,
                most => ONE - (i128::from(nodes.price[node]) * i128::from(ONE) / i128::from(most)) as i64,
            },
            Scorer::Fastest => local::fastest(fleet.speed(id, NodeIx(node as u32)).0),
            Scorer::Nearest => place::nearest(fleet, id, node),
            Scorer::CheapestInBound => place::cheapest_in_bound(fleet, id, node, self.most_price),
            Scorer::Spill => place::spill(fleet, id, node, self.most_price),
            // Linear ones were answered above.
            _ => 0,
        }
    }

    /// The term of `fgd` and the GPUs that give it.
    #[must_use]
    pub fn fgd(&self, fleet: &Fleet, shape: &Shape, node: usize) -> (i64, GpuSet) {
        let state = gpu_state(fleet, node);
        self.fragmentation.score(state, shape, self.levels, |state| self.fragmentation.amount(state))
    }

    /// The GPUs on which a policy puts a task on the node it chose; `draw` is the decision's random number.
    #[must_use]
    pub fn gpus(&self, pick: GpuPick, fleet: &Fleet, id: ShapeId, node: NodeIx, draw: u64) -> GpuSet {
        let shape = fleet.shape(id);
        if shape.gpu.count == 0 {
            return 0;
        }
        let usual = || fleet.usual_gpus(id, node).unwrap_or(0);
        match pick {
            GpuPick::Tightest => usual(),
            GpuPick::LeastFragmentation if self.fragmentation.is_empty() => usual(),
            GpuPick::LeastFragmentation => self.fgd(fleet, shape, node.0 as usize).1,
            GpuPick::Random if !shape.gpu.is_share() => usual(),
            GpuPick::Random => {
                let free = fleet.nodes().gpus(node.0 as usize).map_or(&[][..], |block| block.free());
                let fits = || (0..free.len()).filter(|index| free[*index] >= shape.gpu.milli);
                let chosen = (draw as u128 * fits().count() as u128) >> 64;
                fits().nth(chosen as usize).map_or(0, |index| 1 << index)
            }
        }
    }

    /// The scorers and their weights.
    pub fn scorers(&self) -> impl Iterator<Item = (Scorer, i64)> {
        self.terms.iter().map(|(scorer, weight, _)| (*scorer, *weight))
    }

    /// How many levels terms are cut to, where they are.
    #[must_use]
    pub const fn levels(&self) -> Option<u32> {
        self.levels
    }

    /// Whether it rests on fragmentation.
    #[must_use]
    pub fn uses_fgd(&self) -> bool {
        self.scorers().any(|(scorer, _)| scorer == Scorer::Fgd)
    }

    /// The expected tasks, made ready.
    #[must_use]
    pub const fn fragmentation(&self) -> &Fragmentation {
        &self.fragmentation
    }
}

/// A node as fragmentation sees it.
#[must_use]
pub fn gpu_state(fleet: &Fleet, node: usize) -> GpuState<'_> {
    let nodes = fleet.nodes();
    GpuState {
        cpu: nodes.free[node].get(Lane::Cpu),
        model: nodes.kinds[nodes.kind[node] as usize].model,
        free: nodes.gpus(node).map_or(&[][..], |block| block.free()),
    }
}
