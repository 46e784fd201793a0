//! The ordered index: exact best nodes for linear scores, without scoring any.
//!
//! Inside one kind of node a linear score ranks nodes the same way for every task (`score/linear`). Each kind, or group
//! of kinds with the same slopes, has a [`tree::Tree`] in order of falling score, then tie number; the first entry that
//! fits is the best of its tree. What rises with free room (best fit, most allocated) starts at the place that a node
//! with exactly the room asked for would have: before it nothing fits.
//!
//! Cut scores and random ties are exact too: the walk goes on through everything that scores the same.

mod tree;

use super::tie::TieOrder;
use crate::fleet::{Fleet, LANES, NodeIx, Row, ShapeId};
use crate::policy::{NodePolicy, Ties};
use crate::score::{Linear, LinearKind, cut, level};
use plimsoll_model::cluster::NodeState;
use tree::{Entry, NOWHERE, Place, Step, Tree};

/// Kinds beyond this share trees by their number of GPUs, where slopes allow it.
const TREES_MAX: usize = 32;

/// See the top of this file.
#[derive(Debug, Clone)]
pub struct Ordered {
    linear: Linear,
    /// Weight of the one term, where terms are cut.
    cut: Option<(u32, i64)>,
    is_random: bool,
    trees: Vec<Tree>,
    slopes: Vec<LinearKind>,
    rising: Vec<bool>,
    tree_of_kind: Vec<u32>,
    leaf_of: Vec<u32>,
    seen: u64,
    filters: usize,
    nodes: usize,
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub node: NodeIx,
    /// Its score.
    pub score: i64,
}

impl Ordered {
    /// An index for this policy; none where its score is not linear, or several terms are cut.
    #[must_use]
    pub fn new(policy: &NodePolicy, fleet: &Fleet, ties: &TieOrder) -> Option<Self> {
        let cut = match (policy.truncate, &policy.terms[..]) {
            (None, _) => None,
            (Some(levels), [(_, weight)]) if *weight > 0 => Some((levels, *weight)),
            _ => return None,
        };
        let linear = match cut {
            Some(_) => Linear::of(&[(policy.terms[0].0, 1)], fleet)?,
            None => Linear::of(&policy.terms, fleet)?,
        };
        let kinds = &fleet.nodes().kinds;
        let shared = linear.is_uniform && kinds.len() > TREES_MAX;
        let tree_of = |kind: usize| {
            if shared { kinds[kind].capacity.get(crate::fleet::Lane::GpuWhole) as u32 } else { kind as u32 }
        };
        let tree_of_kind: Vec<u32> = (0..kinds.len()).map(tree_of).collect();
        let count = tree_of_kind.iter().max().map_or(0, |most| *most as usize + 1);
        let mut slopes = vec![LinearKind::default(); count];
        tree_of_kind.iter().zip(&linear.kinds).for_each(|(tree, kind)| slopes[*tree as usize] = *kind);
        let rising = slopes.iter().map(|kind| kind.slopes.iter().all(|slope| *slope <= 0)).collect();
        let mut index = Self {
            linear,
            cut,
            is_random: policy.ties == Ties::Random,
            trees: vec![Tree::default(); count],
            slopes,
            rising,
            tree_of_kind,
            leaf_of: vec![NOWHERE; fleet.len()],
            seen: fleet.version(),
            filters: fleet.filters(),
            nodes: fleet.len(),
        };
        (0..fleet.len() as u32).for_each(|node| index.put(fleet, ties, node));
        Some(index)
    }

    /// Whether it knows all nodes; a fleet with others needs a new index.
    #[must_use]
    pub const fn is_current(&self, fleet: &Fleet) -> bool {
        self.nodes == fleet.len()
    }

    /// Takes in what changed. False where it cannot, because too much was missed.
    #[must_use]
    pub fn follow(&mut self, fleet: &Fleet, ties: &TieOrder) -> bool {
        let Some(changed) = fleet.changes().since(self.seen) else { return false };
        for node in changed {
            self.take_out(fleet, node);
            self.put(fleet, ties, node);
        }
        self.seen = fleet.version();
        if self.filters != fleet.filters() {
            let known = self.filters < 64;
            self.filters = fleet.filters();
            if known && let Some(words) = fleet.nodes().passes.first() {
                self.trees.iter_mut().for_each(|tree| tree.refresh_words(words));
            }
        }
        true
    }

    #[inline]
    fn take_out(&mut self, fleet: &Fleet, node: u32) {
        if self.leaf_of[node as usize] != NOWHERE {
            let tree = self.tree_of_kind[fleet.nodes().kind[node as usize] as usize];
            self.trees[tree as usize].remove(node, &mut self.leaf_of);
        }
    }

    #[inline]
    fn put(&mut self, fleet: &Fleet, ties: &TieOrder, node: u32) {
        let nodes = fleet.nodes();
        let index = node as usize;
        if nodes.state[index] != NodeState::Ready {
            return;
        }
        let kind = nodes.kind[index] as usize;
        let room = nodes.free[index];
        let linear = &self.linear.kinds[kind];
        let word = nodes.passes.first().map_or(0, |words| words[index]);
        let entry = Entry { place: (-(linear.base + linear.dot(&room)), ties.rank(node)), node, word, room };
        self.trees[self.tree_of_kind[kind] as usize].insert(&entry, &mut self.leaf_of);
    }

    /// The best node for a shape: score, then tie number.
    #[must_use]
    pub fn best(&self, fleet: &Fleet, ties: &TieOrder, decision: u64, id: ShapeId) -> Option<Found> {
        let shape = fleet.shape(id);
        let bit = if shape.filter < 64 { 1 << shape.filter } else { 0 };
        let looks_further = bit == 0 || !shape.more.is_empty() || fleet.relations().binds(id);
        let fits = |node: u32| !looks_further || fleet.fits(id, NodeIx(node));
        let mut best: Option<(i64, u64, u32)> = None;
        for (number, tree) in self.trees.iter().enumerate() {
            let asks = self.slopes[number].dot(&shape.need);
            let from: Place = if self.rising[number] { (self.start(number, &shape.need), 0) } else { (i64::MIN, 0) };
            // Keys above this score less than what was found in another tree.
            let to = best.map_or(i64::MAX, |(score, ..)| self.last_key(score, asks));
            tree.walk(from, to, &shape.need, bit, |place, node, _, _| {
                if !fits(node) {
                    return Step::On;
                }
                let score = self.score_of(-place.0 - asks);
                let tie = if self.is_random { ties.number(decision, node) } else { u64::from(place.1) };
                if best.is_none_or(|(most, least, _)| score > most || score == most && tie < least) {
                    best = Some((score, tie, node));
                }
                // Uncut scores with fixed ties: this is the first and best of this tree.
                if self.cut.is_none() && !self.is_random { Step::Stop } else { Step::OnTo(self.last_key(score, asks)) }
            });
        }
        best.map(|(score, _, node)| Found { node: NodeIx(node), score })
    }

    /// The key of a node of this tree that has exactly this room.
    fn start(&self, tree: usize, need: &Row) -> i64 {
        let kind = &self.slopes[tree];
        let base = if self.linear.is_uniform { self.least_base() } else { -kind.base };
        base - kind.dot(need)
    }

    /// The smallest negated base of all kinds; bases differ within a tree only where trees are shared.
    fn least_base(&self) -> i64 {
        self.linear.kinds.iter().map(|kind| -kind.base).min().unwrap_or(0)
    }

    #[inline]
    fn score_of(&self, term: i64) -> i64 {
        self.cut.map_or(term, |(levels, weight)| weight * cut(term, levels))
    }

    /// The last key that still scores `score`.
    #[inline]
    fn last_key(&self, score: i64, asks: i64) -> i64 {
        let least = self.cut.map_or(score, |(levels, weight)| level(score / weight, i64::from(levels)));
        -least - asks
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.trees.iter().map(Tree::bytes).sum::<usize>() + self.leaf_of.len() * 4
    }
}

const _: () = assert!(LANES == 8, "summaries compare eight lanes");
