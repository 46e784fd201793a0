//! The full scan: every node is filtered and scored. Slow, plain, and what everything faster is tested against.

use super::tie::TieOrder;
use crate::fleet::{Fleet, NodeIx, Refusal, ShapeId};
use crate::score::Scoring;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The best of these nodes and its score.
pub fn best(
    fleet: &Fleet,
    scoring: &Scoring,
    ties: &TieOrder,
    decision: u64,
    shape: ShapeId,
    nodes: impl Iterator<Item = u32>,
) -> Option<(NodeIx, i64)> {
    let mut best: Option<(i64, u64, u32)> = None;
    for node in nodes {
        if !fleet.fits(shape, NodeIx(node)) {
            continue;
        }
        let score = scoring.score(fleet, shape, NodeIx(node));
        if best.is_some_and(|(best, ..)| score < best) {
            continue;
        }
        let number = ties.number(decision, node);
        if best.is_none_or(|(best, tie, _)| score > best || number < tie) {
            best = Some((score, number, node));
        }
    }
    best.map(|(score, _, node)| (NodeIx(node), score))
}

/// The nodes that fit, best first.
pub fn rank(
    fleet: &Fleet,
    scoring: &Scoring,
    ties: &TieOrder,
    decision: u64,
    shape: ShapeId,
    most: usize,
) -> Vec<(NodeIx, i64)> {
    let fitting = (0..fleet.len() as u32).map(NodeIx).filter(|node| fleet.fits(shape, *node));
    let mut ranked: Vec<(NodeIx, i64)> = fitting.map(|node| (node, scoring.score(fleet, shape, node))).collect();
    ranked.sort_by_key(|(node, score)| (Reverse(*score), ties.number(decision, node.0)));
    ranked.truncate(most);
    ranked
}

/// How many nodes each filter refuses, with the closest refusal of each.
pub fn filtered(fleet: &Fleet, shape: ShapeId) -> Vec<(Refusal, usize)> {
    let mut counts: BTreeMap<&'static str, (Refusal, usize)> = BTreeMap::new();
    for node in 0..fleet.len() as u32 {
        if let Some(refusal) = fleet.refusal(shape, NodeIx(node)) {
            let entry = counts.entry(refusal.filter()).or_insert((refusal, 0));
            entry.0 = entry.0.max(refusal);
            entry.1 += 1;
        }
    }
    counts.into_values().collect()
}
