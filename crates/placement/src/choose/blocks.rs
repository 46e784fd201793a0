//! The best node per block of 64, kept per shape: exact for any score that looks at one node.
//!
//! A shape that is asked for again looks only at the nodes that changed since, scores them, and takes the best of their
//! blocks anew; then it compares one entry per block. Scores of single nodes are kept as long as they take at most
//! [`SCORES_MAX`] numbers in all; beyond that a block with a change is scored whole.
//!
//! Relations and random ties are looked at when choosing and never kept: blocks are opened best first, and no further
//! than a node in them could still win.

use super::ordered::Found;
use super::tie::TieOrder;
use crate::fleet::{Fleet, NodeIx, ShapeId};
use crate::score::Scoring;
use std::collections::BinaryHeap;

/// Nodes of a block.
const BLOCK: usize = 64;
/// Most scores of single nodes that are kept over all shapes: 128 MiB.
const SCORES_MAX: usize = 1 << 24;
/// The score of a node that does not fit.
const NONE: i64 = i64::MIN;

/// Scores a node for a shape.
pub trait Score {
    /// The score without relations; [`NONE`] is never returned for a node that fits.
    fn score(&mut self, node: usize) -> i64;
}

impl<F: FnMut(usize) -> i64> Score for F {
    #[inline]
    fn score(&mut self, node: usize) -> i64 {
        self(node)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Best {
    score: i64,
    /// Complement of the tie number, so that the larger wins.
    precedence: u32,
    node: u32,
}

const NOBODY: Best = Best { score: NONE, precedence: 0, node: 0 };

#[derive(Debug, Clone, Default)]
struct OfShape {
    seen: u64,
    blocks: Vec<Best>,
    scores: Vec<i64>,
    is_known: bool,
}

/// See the top of this file.
#[derive(Debug, Clone, Default)]
pub struct Blocks {
    shapes: Vec<OfShape>,
    kept: usize,
    changed: Vec<u64>,
}

impl Blocks {
    /// Forgets everything, as when nodes are added or expectations change.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of = |shape: &OfShape| shape.blocks.len() * size_of::<Best>() + shape.scores.len() * 8;
        self.shapes.iter().map(of).sum::<usize>() + self.changed.len() * 8
    }

    /// Brings what is kept about a shape up to date.
    pub fn follow(&mut self, fleet: &Fleet, ties: &TieOrder, id: ShapeId, score: &mut impl Score) {
        let index = id.0 as usize;
        if self.shapes.len() <= index {
            self.shapes.resize(fleet.shapes().max(index + 1), OfShape::default());
        }
        let nodes = fleet.len();
        self.changed.clear();
        self.changed.resize(nodes.div_ceil(BLOCK), 0);
        let shape = &mut self.shapes[index];
        let missed = fleet.version() - shape.seen;
        let log = fleet.changes().since(shape.seen).filter(|_| shape.is_known && missed <= 2 * nodes as u64);
        let is_fresh = log.is_none();
        match log {
            Some(log) => log.for_each(|node| self.changed[node as usize / BLOCK] |= 1 << (node % 64)),
            None => self.changed.fill(u64::MAX),
        }
        if !shape.is_known {
            shape.is_known = true;
            shape.blocks = vec![NOBODY; nodes.div_ceil(BLOCK)];
            if self.kept + nodes <= SCORES_MAX {
                self.kept += nodes;
                shape.scores = vec![NONE; nodes];
            }
        }
        shape.seen = fleet.version();
        for block in 0..shape.blocks.len() {
            if is_fresh || self.changed[block] != 0 {
                shape.blocks[block] = shape.block(block, self.changed[block], nodes, ties, score);
            }
        }
    }

    /// The best node for a shape that was followed, and the best score of any other block.
    pub fn best(
        &self,
        fleet: &Fleet,
        scoring: &Scoring,
        ties: &TieOrder,
        decision: u64,
        id: ShapeId,
        score: &mut impl Score,
    ) -> Option<(Found, i64)> {
        let shape = &self.shapes[id.0 as usize];
        if fleet.relations().binds(id) || ties.is_random() {
            return shape.open(fleet, scoring, ties, decision, id, score);
        }
        let (mut best, mut second) = (NOBODY, NONE);
        for block in &shape.blocks {
            if *block > best {
                second = best.score;
                best = *block;
            } else {
                second = second.max(block.score);
            }
        }
        (best.score != NONE).then_some((Found { node: NodeIx(best.node), score: best.score }, second))
    }
}

impl OfShape {
    /// The best of one block, scoring the nodes of `changed` anew, or all where single scores are not kept.
    fn block(&mut self, block: usize, changed: u64, nodes: usize, ties: &TieOrder, score: &mut impl Score) -> Best {
        let mut best = NOBODY;
        for node in block * BLOCK..((block + 1) * BLOCK).min(nodes) {
            let is_changed = changed >> (node % BLOCK) & 1 != 0;
            let value = match self.scores.get_mut(node) {
                Some(kept) if is_changed => {
                    *kept = score.score(node);
                    *kept
                }
                Some(kept) => *kept,
                None => score.score(node),
            };
            if value > best.score || value == best.score && value != NONE {
                let precedence = !ties.rank(node as u32);
                if value > best.score || precedence > best.precedence {
                    best = Best { score: value, precedence, node: node as u32 };
                }
            }
        }
        best
    }

    /// The best node where relations or random ties have to be asked: blocks are opened in order of their best.
    fn open(
        &self,
        fleet: &Fleet,
        scoring: &Scoring,
        ties: &TieOrder,
        decision: u64,
        id: ShapeId,
        score: &mut impl Score,
    ) -> Option<(Found, i64)> {
        let binds = fleet.relations().binds(id);
        let more = if fleet.relations().scores(id) { scoring.relation_score_max() } else { 0 };
        let filled = self.blocks.iter().enumerate().filter(|(_, best)| best.score != NONE);
        let mut heap: BinaryHeap<(i64, usize)> = filled.map(|(block, best)| (best.score, block)).collect();
        let mut best: Option<(i64, u64, u32)> = None;
        let mut bound = NONE;
        while let Some((most, block)) = heap.pop() {
            if best.is_some_and(|(score, ..)| most + more < score) {
                bound = most + more;
                break;
            }
            for node in block * BLOCK..((block + 1) * BLOCK).min(fleet.len()) {
                let local = self.scores.get(node).copied().unwrap_or_else(|| score.score(node));
                if local == NONE || best.is_some_and(|(score, ..)| local + more < score) {
                    continue;
                }
                let at = NodeIx(node as u32);
                let total = local + if more > 0 { scoring.relation_score(fleet, id, at) } else { 0 };
                let tie = ties.number(decision, at.0);
                let wins = best.is_none_or(|(score, least, _)| total > score || total == score && tie < least);
                if wins && (!binds || fleet.fits(id, at)) {
                    best = Some((total, tie, at.0));
                }
            }
        }
        best.map(|(score, _, node)| (Found { node: NodeIx(node), score }, bound))
    }
}

/// A node's score without relations, as blocks keep it.
#[inline]
pub fn local(fleet: &Fleet, id: ShapeId, node: usize, score: impl FnOnce() -> i64) -> i64 {
    if fleet.fits_locally(fleet.shape(id), node) { score() } else { NONE }
}
