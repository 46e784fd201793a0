//! What changed between two expressions, on one line for a person.

use crate::expr::Expr;
use crate::node::{Node, NodeId};

/// Changes that are named; the others are counted.
const NAMED_MAX: usize = 3;
const PART_CHARACTERS: usize = 40;

impl Expr {
    /// One line, such as `0.6 -> 0.7 in 0.6 * cpu_free`: the smallest parts that differ, and where.
    ///
    /// Commutative operands are compared in the order that leaves fewer changes.
    pub fn diff(&self, new: &Self) -> String {
        if self == new {
            return "no change".to_owned();
        }
        if self.simplify() == new.simplify() {
            return "same meaning, written differently".to_owned();
        }
        let mut budget = COMPARISONS_MAX;
        let changes = Comparison { old: self, new }.changes(self.root(), new.root(), None, &mut budget);
        let mut said: Vec<String> = Vec::new();
        for change in &changes {
            let text = self.change_text(new, change);
            // A part that is used twice changes once.
            if !said.contains(&text) {
                said.push(text);
            }
        }
        let more = said.len().saturating_sub(NAMED_MAX);
        said.truncate(NAMED_MAX);
        let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
        said.join("; ") + &rest
    }

    fn change_text(&self, new: &Self, change: &Change) -> String {
        let parts =
            format!("{} -> {}", self.excerpt(change.old, PART_CHARACTERS), new.excerpt(change.new, PART_CHARACTERS));
        match change.parent {
            Some(parent) => format!("{parts} in {}", self.excerpt(parent, PART_CHARACTERS)),
            None => parts,
        }
    }
}

/// Pairs of nodes that are looked at, both orders of operands tried; shared parts could multiply without end.
const COMPARISONS_MAX: usize = 20_000;

struct Change {
    old: NodeId,
    new: NodeId,
    parent: Option<NodeId>,
}

struct Comparison<'a> {
    old: &'a Expr,
    new: &'a Expr,
}

impl Comparison<'_> {
    /// The smallest parts that differ between two parts.
    fn changes(&self, old: NodeId, new: NodeId, parent: Option<NodeId>, budget: &mut usize) -> Vec<Change> {
        if self.is_equal(old, new) {
            return Vec::new();
        }
        let whole = || vec![Change { old, new, parent }];
        let Some(left) = budget.checked_sub(1) else { return whole() };
        *budget = left;
        let (from, to) = (self.old.node(old), self.new.node(new));
        let is_same_operation = match (from, to) {
            (Node::Unary(a, _), Node::Unary(b, _)) => a == b,
            (Node::Binary(a, ..), Node::Binary(b, ..)) => a == b,
            (Node::If(..), Node::If(..)) => true,
            _ => false,
        };
        if !is_same_operation {
            return whole();
        }
        let from_children: Vec<NodeId> = from.children().collect();
        let mut to_children: Vec<NodeId> = to.children().collect();
        let mut below = |to: &[NodeId]| -> Vec<Change> {
            let pairs = from_children.iter().zip(to);
            pairs.flat_map(|(a, b)| self.changes(*a, *b, Some(old), budget)).collect()
        };
        let straight = below(&to_children);
        let best = match from {
            Node::Binary(op, ..) if op.is_commutative() && straight.len() > 1 => {
                to_children.reverse();
                let crossed = below(&to_children);
                if crossed.len() < straight.len() { crossed } else { straight }
            }
            _ => straight,
        };
        // Where all that is below differs, the parts as a whole say it better.
        if best.len() > 1 && best.len() >= from_children.len() && best.iter().all(|change| change.parent == Some(old)) {
            return whole();
        }
        best
    }

    fn is_equal(&self, old: NodeId, new: NodeId) -> bool {
        match (self.old.node(old), self.new.node(new)) {
            (Node::Number(a), Node::Number(b)) => a == b,
            (Node::Truth(a), Node::Truth(b)) => a == b,
            (Node::Input(a), Node::Input(b)) => a == b,
            _ => match (self.old.subtree(old), self.new.subtree(new)) {
                (Ok(a), Ok(b)) => a == b,
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &str) {
        assert_eq!(Expr::parse(old).unwrap().diff(&Expr::parse(new).unwrap()), expected);
    }

    #[test]
    fn the_smallest_parts_that_differ_are_named() {
        check("0.6 * a / b + c", "0.7 * a / b + c", "0.6 -> 0.7 in 0.6 * a");
        check("min(a, b) + c", "max(a, b) + c", "min(a, b) -> max(a, b) in min(a, b) + c");
        check("if(a < 3, b, c)", "if(a < 4, b, d)", "3 -> 4 in a < 3; c -> d in if(a < 3, b, c)");
        check("a", "b", "a -> b");
        check("a * b", "c * d", "a * b -> c * d");
    }

    #[test]
    fn another_order_is_no_change() {
        check("a + b", "a + b", "no change");
        check("a + b", "b + a", "same meaning, written differently");
        check("a * 2 + b", "b + a * 3", "2 -> 3 in a * 2");
    }
}
