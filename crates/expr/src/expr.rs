//! An expression: its nodes, children before parents, the root last.
//!
//! It is a value: every change gives a new one, and each has passed the checks of its arena, so that no invalid expression exists.
//! Where the text named each node is kept for messages and is no part of equality.

use crate::arena::{Arena, BuildError, Limits};
use crate::lex::Place;
use crate::node::{Name, Node, NodeId};
use std::cmp::Ordering;

/// A typed expression over named inputs.
#[derive(Debug, Clone)]
pub struct Expr {
    nodes: Vec<Node>,
    places: Vec<Place>,
    depth: usize,
}

impl Expr {
    /// The expression below `root`, within the limits.
    pub(crate) fn finish(arena: &Arena, root: NodeId, limits: Limits) -> Result<Self, BuildError> {
        Self::finish_placed(arena, root, &[], limits)
    }

    /// The same with the place of each node of the arena.
    pub(crate) fn finish_placed(
        arena: &Arena,
        root: NodeId,
        places: &[Place],
        limits: Limits,
    ) -> Result<Self, BuildError> {
        let (nodes, origins) = arena.reachable(root);
        if nodes.len() > limits.nodes {
            return Err(BuildError::TooManyNodes { most: limits.nodes });
        }
        let depth = arena.depth(root);
        if depth > limits.depth {
            return Err(BuildError::TooDeep { most: limits.depth });
        }
        let places = origins.iter().filter_map(|origin| places.get(origin.index()).copied()).collect();
        Ok(Self { nodes, places, depth })
    }

    /// All nodes, children before parents, each once; the root is the last.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The root.
    pub fn root(&self) -> NodeId {
        NodeId((self.nodes.len() - 1) as u16)
    }

    /// One node.
    ///
    /// # Panics
    /// When the place is one of a larger expression.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// Every place of a node, children before parents.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u16).map(NodeId)
    }

    /// The place of the node at an index of [`Self::nodes`].
    ///
    /// # Errors
    /// When there is none.
    pub fn id(&self, index: usize) -> Result<NodeId, BuildError> {
        let none = || BuildError::NoSuchNode { index: index as u64, count: self.nodes.len() as u64 };
        (index < self.nodes.len()).then_some(NodeId(index as u16)).ok_or_else(none)
    }

    /// Different nodes.
    #[expect(clippy::len_without_is_empty, reason = "an expression has at least one node")]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Nodes on the longest path from the root to a leaf.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Where the text named the node; none for an expression that was not read from a text.
    pub fn place(&self, id: NodeId) -> Option<Place> {
        self.places.get(id.index()).copied()
    }

    /// Names of inputs, in the order of the alphabet.
    pub fn inputs(&self) -> Vec<Name> {
        let name = |node: &Node| if let Node::Input(name) = node { Some(name.clone()) } else { None };
        let mut names: Vec<Name> = self.nodes.iter().filter_map(name).collect();
        names.sort_unstable();
        names
    }

    /// Whether it is a condition and not a number.
    pub fn is_condition(&self) -> bool {
        self.node(self.root()).is_condition()
    }

    /// The expression below a node.
    ///
    /// # Errors
    /// When there is no such node.
    pub fn subtree(&self, id: NodeId) -> Result<Self, BuildError> {
        let id = self.id(id.index())?;
        let mut arena = Arena::new(WIDE);
        let root = arena.add_all(&self.nodes[..=id.index()], &[])?;
        Self::finish(&arena, root, WIDE)
    }

    /// The expression with another one in the place of a node, wherever the node is used.
    ///
    /// # Errors
    /// When there is no such node, when a condition would stand for a number or the other way round, or a limit is passed.
    pub fn replace(&self, id: NodeId, with: &Self) -> Result<Self, BuildError> {
        let id = self.id(id.index())?;
        let mut arena = Arena::new(WIDE);
        let new = arena.add_all(with.nodes(), &[])?;
        let root = arena.add_all(&self.nodes, &[(id, new)])?;
        Self::finish(&arena, root, Limits::default())
    }

    /// Nodes below each node when shared ones are written out, itself counted; at most `u64::MAX`.
    pub(crate) fn occurrence_counts(&self) -> Vec<u64> {
        let mut counts: Vec<u64> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            counts.push(node.children().fold(1, |sum, child| sum.saturating_add(counts[child.index()])));
        }
        counts
    }

    /// Nodes when shared ones are written out as often as they are used; at most `u64::MAX`.
    pub fn occurrences(&self) -> u64 {
        self.occurrence_counts().last().copied().unwrap_or(0)
    }

    /// The node at a position of the written-out tree: 0 is the root, then its first operand with all below it, and so on.
    ///
    /// # Errors
    /// When the tree has no such position.
    pub fn occurrence(&self, position: u64) -> Result<NodeId, BuildError> {
        self.path_to(position).map(|path| path.last().map_or(self.root(), |(_, child)| *child))
    }

    /// The expression with another one at one position of the written-out tree and nowhere else.
    ///
    /// # Errors
    /// As [`Self::replace`].
    pub fn replace_occurrence(&self, position: u64, with: &Self) -> Result<Self, BuildError> {
        let path = self.path_to(position)?;
        let mut arena = Arena::new(WIDE);
        let mut new = arena.add_all(with.nodes(), &[])?;
        arena.add_all(&self.nodes, &[])?;
        // Every node of `self` has an equal one in the arena, which `add` finds.
        let mut places: Vec<NodeId> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            places.push(arena.add(node.with_children(|child| places[child.index()]))?);
        }
        let mut child_at = path.iter().map(|(at, _)| *at).collect::<Vec<usize>>();
        let mut parents: Vec<NodeId> = vec![self.root()];
        parents.extend(path.iter().map(|(_, child)| *child));
        parents.pop();
        while let (Some(at), Some(parent)) = (child_at.pop(), parents.pop()) {
            let mut children: Vec<NodeId> = self.node(parent).children().map(|child| places[child.index()]).collect();
            children[at] = new;
            new = arena.add(with_child_list(self.node(parent), &children))?;
        }
        Self::finish(&arena, new, Limits::default())
    }

    /// From the root to a position: which child was taken, and its node.
    fn path_to(&self, position: u64) -> Result<Vec<(usize, NodeId)>, BuildError> {
        let counts = self.occurrence_counts();
        let count = counts.last().copied().unwrap_or(0);
        if position >= count {
            return Err(BuildError::NoSuchNode { index: position, count });
        }
        let (mut at, mut left, mut path) = (self.root(), position, Vec::new());
        while left > 0 {
            left -= 1;
            for (nth, child) in self.node(at).children().enumerate() {
                let below = counts[child.index()];
                if left < below {
                    path.push((nth, child));
                    at = child;
                    break;
                }
                left -= below;
            }
        }
        Ok(path)
    }
}

/// Room for an expression while it is being put together; what comes out is held to [`Limits::default`].
pub(crate) const WIDE: Limits = Limits { bytes: usize::MAX, nodes: 65_535, depth: 4_096 };

fn with_child_list(node: &Node, children: &[NodeId]) -> Node {
    match (node, children) {
        (Node::Unary(op, _), [a]) => Node::Unary(*op, *a),
        (Node::Binary(op, ..), [a, b]) => Node::Binary(*op, *a, *b),
        (Node::If(..), [condition, a, b]) => Node::If(*condition, *a, *b),
        _ => node.clone(),
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes
    }
}

impl Eq for Expr {}

impl PartialOrd for Expr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Expr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nodes.cmp(&other.nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Expr {
        Expr::parse(text).unwrap()
    }

    #[test]
    fn equal_parts_are_kept_once() {
        let expr = parse("a / b + min(a / b, a / b * 2)");
        assert_eq!(expr.len(), 7);
        assert_eq!(expr.occurrences(), 13);
        assert_eq!(expr.inputs().iter().map(|n| n.to_string()).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_node_is_replaced_wherever_it_is_used_and_an_occurrence_once() {
        let expr = parse("a * a + b");
        let a = expr.occurrence(2).unwrap();
        assert_eq!(expr.replace(a, &parse("c / d")).unwrap(), parse("c / d * (c / d) + b"));
        assert_eq!(expr.replace_occurrence(2, &parse("7")).unwrap(), parse("7 * a + b"));
        assert_eq!(expr.replace_occurrence(3, &parse("7")).unwrap(), parse("a * 7 + b"));
        assert_eq!(expr.replace_occurrence(0, &parse("7")).unwrap(), parse("7"));
        assert!(matches!(expr.replace_occurrence(5, &parse("7")), Err(BuildError::NoSuchNode { index: 5, count: 5 })));
        assert!(matches!(expr.replace(a, &parse("a < b")), Err(BuildError::Kind { .. })));
    }

    #[test]
    fn sharing_does_not_hide_how_large_a_tree_would_be() {
        let mut expr = Expr::input("a").unwrap();
        for _ in 0..100 {
            expr = Expr::binary(crate::BinaryOp::Add, &expr, &expr).unwrap();
        }
        assert_eq!(expr.len(), 101);
        assert_eq!(expr.occurrences(), u64::MAX);
        assert_eq!(parse(&expr.to_string()), expr);
        assert!(expr.replace_occurrence(70, &parse("b")).is_ok());
    }

    #[test]
    fn limits_hold_for_whoever_builds() {
        let mut expr = Expr::input("a").unwrap();
        let deeper = |expr: &Expr| Expr::unary(crate::UnaryOp::Sqrt, expr);
        for _ in 1..256 {
            expr = deeper(&expr).unwrap();
        }
        assert_eq!(deeper(&expr), Err(BuildError::TooManyNodes { most: 256 }));
    }
}
