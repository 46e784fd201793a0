//! The ordered index: exact best nodes for linear scores, without scoring any.
//!
//! Inside one kind of node a linear score ranks nodes the same way for every task (`score/linear`). Each kind, or group
//! of kinds with the same slopes, has [`tree::Tree`]s in order of falling score, then tie number; the first entry that
//! fits is the best of its tree. What rises with free room (best fit, most allocated) starts at the place that a node
//! with exactly the room asked for would have: before it nothing fits.
//!
//! Nodes with GPUs move between several trees of their kind, by how many GPUs are wholly free and, where none is, by the
//! most that is free on one ([`gpu_bucket`]). CPU and GPUs run out at different rates, and in one order by their weighted
//! sum a search would wade through nodes that have only one of them; within a bucket the sum follows the CPU. Trees are
//! searched in order of the best score they could hold, and not at all where that is less than what was found.
//!
//! Cut scores and random ties are exact too: the walk goes on through everything that scores the same.

mod block;
mod tree;

use super::tie::TieOrder;
use crate::fleet::{Fleet, LANES, Lane, NodeIx, Row, ShapeId};
use crate::policy::{NodePolicy, Ties};
use crate::score::{Linear, LinearKind, cut, level};
use block::{Entry, Place};
use plimsoll_model::cluster::NodeState;
use tree::{NOWHERE, Step, Tree};

/// Kinds beyond this share trees by their number of GPUs, where slopes allow it.
const TREES_MAX: usize = 32;

/// Buckets of a kind with GPUs, beside one per wholly free GPU.
const SHARE_BUCKETS: u32 = 5;

/// Where a node with these GPUs left belongs among the trees of its kind.
#[inline]
fn gpu_bucket(room: &Row) -> u32 {
    match room.get(Lane::GpuWhole) {
        0 => (room.get(Lane::GpuShare) as u32).div_ceil(250),
        whole => SHARE_BUCKETS - 1 + whole as u32,
    }
}

/// The least thousandths of GPUs that are free on a node of a bucket.
const fn bucket_total_min(bucket: u32) -> i32 {
    match bucket {
        0 => 0,
        1..SHARE_BUCKETS => (bucket as i32 - 1) * 250 + 1,
        more => (more - SHARE_BUCKETS + 1) as i32 * 1_000,
    }
}

/// What every node of a bucket has at least, by the least of its GPUs that is free.
fn bucket_floor(gpu_total_min: i32) -> Row {
    let mut floor = Row::default();
    let whole = gpu_total_min / 1_000;
    floor.set(Lane::GpuWhole, whole);
    floor.set(Lane::GpuShare, if whole > 0 { 1_000 } else { gpu_total_min });
    floor.set(Lane::GpuTotal, gpu_total_min);
    floor
}

/// See the top of this file.
#[derive(Debug, Clone)]
pub struct Ordered {
    linear: Linear,
    /// Weight of the one term, where terms are cut.
    cut: Option<(u32, i64)>,
    is_random: bool,
    trees: Vec<Tree>,
    /// By tree: slopes, whether the order rises with free room, and the least of GPUs that is free.
    traits: Vec<TreeTraits>,
    /// The first tree of each kind, and whether it has buckets.
    tree_of_kind: Vec<(u32, bool)>,
    tree_of: Vec<u32>,
    /// Where each node is in its tree.
    seats: Vec<u32>,
    /// By shape, the trees in the order of a search, each with the first key that could fit; where that follows from the
    /// shape alone, which is so if all orders rise with free room.
    turns: Vec<Box<[Turn]>>,
    /// Whether it is.
    is_rising: bool,
    /// The same for the search at hand, where it is not.
    queue: Vec<Turn>,
    seen: u64,
    filters: usize,
    nodes: usize,
}

/// A tree's turn in a search.
#[derive(Debug, Clone, Copy)]
struct Turn {
    /// The first key that could fit.
    from: i64,
    /// What the request takes off a score.
    asks: i64,
    /// No fit in the tree scores more.
    most: i64,
    tree: u32,
}

#[derive(Debug, Clone, Copy)]
struct TreeTraits {
    /// The first tree of its kind.
    first: u32,
    linear: LinearKind,
    is_rising: bool,
    /// What of GPUs its nodes have: the least in sum, the most wholly free ones, the most on any one.
    gpu_total_min: i32,
    whole_max: i32,
    share_max: i32,
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
        let (tree_of_kind, traits) = layout(&linear, fleet);
        let mut index = Self {
            linear,
            cut,
            is_random: policy.ties == Ties::Random,
            trees: traits.iter().map(|of| Tree::new(bucket_floor(of.gpu_total_min))).collect(),
            tree_of_kind,
            tree_of: vec![0; fleet.len()],
            seats: vec![NOWHERE; fleet.len()],
            is_rising: traits.iter().all(|of| of.is_rising),
            traits,
            turns: Vec::new(),
            queue: Vec::new(),
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
            self.take_out(node);
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
    fn take_out(&mut self, node: u32) {
        if self.seats[node as usize] != NOWHERE {
            self.trees[self.tree_of[node as usize] as usize].remove(node, &mut self.seats);
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
        let entry = Entry { place: Place::new(-(linear.base + linear.dot(&room)), ties.rank(node)), node, word, room };
        let (first, has_buckets) = self.tree_of_kind[kind];
        let tree = if has_buckets { first + gpu_bucket(&room) } else { first };
        self.tree_of[index] = tree;
        self.trees[tree as usize].insert(&entry, &mut self.seats);
    }

    /// The best node for a shape: score, then tie number.
    #[must_use]
    pub fn best(&mut self, fleet: &Fleet, ties: &TieOrder, decision: u64, id: ShapeId) -> Option<Found> {
        let shape = fleet.shape(id);
        let bit = if shape.filter < 64 { 1 << shape.filter } else { 0 };
        let looks_further = bit == 0 || !shape.more.is_empty() || fleet.relations().binds(id);
        let fits = |node: u32| !looks_further || fleet.fits(id, NodeIx(node));
        if !self.is_rising {
            let mut queue = std::mem::take(&mut self.queue);
            self.line_up(&shape.need, &mut queue);
            self.queue = queue;
        } else if self.turns.get(id.0 as usize).is_none_or(|turns| turns.is_empty()) {
            self.remember_turns(id, &shape.need);
        }
        let Self { trees, turns, queue, is_rising, is_random, cut, .. } = self;
        let queue = if *is_rising { &turns[id.0 as usize] } else { &queue[..] };
        let mut best: Option<(i64, u64, u32)> = None;
        // The least term that scores as the best does.
        let mut least_term = i64::MIN;
        for turn in queue {
            let (mut to, mut below) = (i64::MAX, u32::MAX);
            if let Some((score, tie, _)) = best {
                if turn.most < score {
                    // Nor can any of those that follow score more.
                    break;
                }
                // Keys above this score less than what was found in another tree.
                to = -least_term - turn.asks;
                // Where it cannot score more, it can only win by a smaller tie number.
                if !*is_random && turn.most == score {
                    below = tie.min(u64::from(u32::MAX)) as u32;
                }
            }
            // Entries come best first: what follows the first fit scores the same or ends the walk.
            let mut score_here = None;
            trees[turn.tree as usize].walk(turn.from, (to, below), &shape.need, bit, |place, node| {
                if !fits(node) {
                    return Step::On;
                }
                let (score, term) = *score_here.get_or_insert_with(|| {
                    let score = score_of(*cut, -place.key() - turn.asks);
                    let as_best = best.is_some_and(|(best, ..)| best == score);
                    (score, if as_best { least_term } else { lowest_term(*cut, score) })
                });
                let tie = if *is_random { ties.number(decision, node) } else { u64::from(place.tie()) };
                if best.is_none_or(|(most, least, _)| score > most || score == most && tie < least) {
                    best = Some((score, tie, node));
                    least_term = term;
                }
                let last = -term - turn.asks;
                match (*is_random, *cut) {
                    (true, _) => Step::OnTo(last, u32::MAX),
                    // It can win by its tie number alone.
                    (false, Some(_)) => {
                        let best = best.map_or(u64::MAX, |(_, tie, _)| tie);
                        Step::OnTo(last, best.min(u64::from(u32::MAX)) as u32)
                    }
                    // Uncut, the first of a tree is its best.
                    (false, None) => Step::Stop,
                }
            });
        }
        best.map(|(score, _, node)| Found { node: NodeIx(node), score })
    }

    /// Lines the trees up for a shape once and for all.
    fn remember_turns(&mut self, shape: ShapeId, need: &Row) {
        let mut turns = Vec::new();
        self.line_up(need, &mut turns);
        let index = shape.0 as usize;
        if self.turns.len() <= index {
            self.turns.resize(index + 1, Box::default());
        }
        self.turns[index] = turns.into_boxed_slice();
    }

    /// The trees that may hold a fit, each with the first key that one could have, by the best score that it could have.
    fn line_up(&self, need: &Row, queue: &mut Vec<Turn>) {
        queue.clear();
        let mut asks = (u32::MAX, 0);
        for (number, tree) in self.trees.iter().enumerate() {
            let of = &self.traits[number];
            if need.get(Lane::GpuWhole) > of.whole_max || need.get(Lane::GpuShare) > of.share_max {
                continue;
            }
            if asks.0 != of.first {
                asks = (of.first, of.linear.dot(need));
            }
            let from = if of.is_rising {
                // From the traits alone: whether the tree holds anything is seen when its turn comes, if it does.
                let more = (of.gpu_total_min - need.get(Lane::GpuTotal)).max(0);
                -of.linear.base - asks.1 - of.linear.slopes[Lane::GpuTotal as usize] * i64::from(more)
            } else {
                tree.first_key()
            };
            if from == i64::MAX {
                continue;
            }
            let most = score_of(self.cut, -from - asks.1);
            let turn = Turn { from, asks: asks.1, most, tree: number as u32 };
            let at = queue.iter().rposition(|other| other.most >= most).map_or(0, |before| before + 1);
            queue.insert(at, turn);
        }
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let turns: usize = self.turns.iter().map(|turns| size_of_val(&**turns) + size_of::<Box<[Turn]>>()).sum();
        self.trees.iter().map(Tree::bytes).sum::<usize>() + self.seats.len() * 4 + turns
    }
}

/// What a term scores.
#[inline]
fn score_of(levels_and_weight: Option<(u32, i64)>, term: i64) -> i64 {
    levels_and_weight.map_or(term, |(levels, weight)| weight * cut(term, levels))
}

/// The least term that still scores `score`.
#[inline]
fn lowest_term(levels_and_weight: Option<(u32, i64)>, score: i64) -> i64 {
    levels_and_weight.map_or(score, |(levels, weight)| level(score / weight, i64::from(levels)))
}

/// Which trees there are: the first of each kind and whether it has buckets, and what each tree holds.
fn layout(linear: &Linear, fleet: &Fleet) -> (Vec<(u32, bool)>, Vec<TreeTraits>) {
    let kinds = &fleet.nodes().kinds;
    let shares = linear.is_uniform && kinds.len() > TREES_MAX;
    let (mut of_kind, mut traits) = (Vec::with_capacity(kinds.len()), Vec::new());
    let mut shared = std::collections::BTreeMap::new();
    for (kind, of) in kinds.iter().zip(&linear.kinds) {
        let gpus = kind.capacity.get(Lane::GpuWhole) as u32;
        if let Some(first) = shared.get(&gpus).filter(|_| shares) {
            of_kind.push((*first, gpus > 0));
            continue;
        }
        let first = traits.len() as u32;
        shared.insert(gpus, first);
        of_kind.push((first, gpus > 0));
        let buckets = if gpus > 0 { SHARE_BUCKETS + gpus } else { 1 };
        let is_rising = of.slopes.iter().all(|slope| *slope <= 0);
        for bucket in 0..buckets {
            let gpu_total_min = bucket_total_min(bucket);
            let whole_max = gpu_total_min / 1_000;
            let share_max = if gpus == 0 { 0 } else { (bucket as i32 * 250).min(1_000) };
            traits.push(TreeTraits { first, linear: *of, is_rising, gpu_total_min, whole_max, share_max });
        }
    }
    (of_kind, traits)
}

const _: () = assert!(LANES == 8, "summaries compare eight lanes");
