//! The best of each kind: one elite per size of formula and set of inputs it names.
//!
//! The best formula of all is seldom bred from the second best; it is bred from something that is best at being small, or
//! at doing without an input that everybody else leans on. So what is kept is best in its cell and not best overall.

use super::grammar::Grammar;
use plimsoll_expr::Expr;
use plimsoll_stats::Random;
use plimsoll_stats::quantile::{quantile_sorted, sort};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sizes that are told apart, as shares of the most nodes.
const SIZES: u64 = 4;

/// What a formula is worth on one set alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetWorth {
    /// The set.
    pub set: String,
    /// More is better.
    pub value: f64,
}

/// One that is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elite {
    /// The formula.
    pub text: String,
    /// What the quick look said; more is better.
    pub quick: f64,
    /// What the full look said; more is better.
    pub value: f64,
    /// The same by set, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_set: Vec<SetWorth>,
    /// Nodes when written out.
    pub nodes: u64,
    /// The arm that made it.
    pub arm: String,
    /// The episode in which it was made.
    pub episode: u64,
}

/// The elites of one island.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Archive {
    cells: BTreeMap<u32, Elite>,
}

impl Archive {
    /// The cell of an expression: its families of inputs, then its size.
    #[must_use]
    pub fn cell(grammar: &Grammar, expr: &Expr) -> u32 {
        let size = (expr.occurrences().saturating_sub(1) * SIZES / grammar.nodes_max().max(1)).min(SIZES - 1);
        grammar.families_of(expr) * SIZES as u32 + size as u32
    }

    /// Whether a full look is worth its price: it would be the first of its cell and no worse than the worst, or looks
    /// better than the one there.
    #[must_use]
    pub fn is_promising(&self, cell: u32, quick: f64) -> bool {
        match self.cells.get(&cell) {
            Some(elite) => quick > elite.quick,
            None => self.cells.len() < 6 || quick >= self.median_quick(),
        }
    }

    fn median_quick(&self) -> f64 {
        let mut quick: Vec<f64> = self.cells.values().map(|elite| elite.quick).collect();
        sort(&mut quick);
        quantile_sorted(&quick, 0.5).unwrap_or(f64::NEG_INFINITY)
    }

    /// Keeps it if it is the best of its cell. Says by how much it is better than what was there, 0 where nothing was and
    /// none where it is not kept.
    pub fn keep(&mut self, cell: u32, elite: Elite) -> Option<f64> {
        let before = self.cells.get(&cell).map(|old| old.value);
        if before.is_some_and(|before| elite.value <= before) {
            return None;
        }
        let gain = before.map_or(0.0, |before| elite.value - before);
        self.cells.insert(cell, elite);
        Some(gain)
    }

    /// The best of all; of equals the one in the first cell.
    #[must_use]
    pub fn best(&self) -> Option<&Elite> {
        self.cells.values().rev().max_by(|a, b| a.value.total_cmp(&b.value))
    }

    /// All with their cells, in the order of cells.
    pub fn elites(&self) -> impl Iterator<Item = (u32, &Elite)> {
        self.cells.iter().map(|(cell, elite)| (*cell, elite))
    }

    /// Parents: the best of three drawn.
    #[must_use]
    pub fn draw(&self, random: &mut Random) -> Option<&Elite> {
        let count = self.cells.len() as u64;
        let drawn = (0..3).filter_map(|_| self.cells.values().nth(random.below(count) as usize));
        drawn.max_by(|a, b| a.value.total_cmp(&b.value))
    }
}
