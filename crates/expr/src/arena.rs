//! Where expressions are put together: equal nodes are kept once, and every node is checked when it comes in.
//!
//! Keeping equal nodes once makes shared subexpressions free, equality a comparison of lists, and every analysis linear, however
//! large the expression would be if written out.

use crate::node::{NAME_RULE, Node, NodeId, is_name};
use std::collections::BTreeMap;

/// Limits on an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of source text.
    pub bytes: usize,
    /// Different nodes; at most 65,535.
    pub nodes: usize,
    /// Nodes on the longest path from the root to a leaf.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 65_536, nodes: 256, depth: 256 }
    }
}

/// Why a node cannot be part of an expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// Too many different nodes.
    #[error("more than {most} different nodes")]
    TooManyNodes {
        /// The limit.
        most: usize,
    },
    /// Nested too deeply.
    #[error("nested deeper than {most} levels")]
    TooDeep {
        /// The limit.
        most: usize,
    },
    /// A condition where a number belongs, or the other way round.
    #[error("`{operation}` takes {expected} and was given {found}")]
    Kind {
        /// What takes the operand.
        operation: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },
    /// An infinity or NaN.
    #[error("{value} is not a finite number")]
    NotFinite {
        /// The value.
        value: f64,
    },
    /// Not a name.
    #[error("`{name}` is not a name: {NAME_RULE}")]
    Name {
        /// As given.
        name: String,
    },
    /// A node or occurrence that the expression does not have.
    #[error("there is no node {index}: the expression has {count}")]
    NoSuchNode {
        /// As given.
        index: u64,
        /// How many there are.
        count: u64,
    },
}

/// A set of nodes in which each stands once, children before parents.
#[derive(Debug, Clone)]
pub(crate) struct Arena {
    nodes: Vec<Node>,
    depths: Vec<u16>,
    index: BTreeMap<Node, NodeId>,
    limits: Limits,
}

impl Arena {
    pub(crate) fn new(limits: Limits) -> Self {
        let limits = Limits { nodes: limits.nodes.min(usize::from(u16::MAX)), ..limits };
        Self { nodes: Vec::new(), depths: Vec::new(), index: BTreeMap::new(), limits }
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The place of the node, which is new only if no equal one is there.
    pub(crate) fn add(&mut self, node: Node) -> Result<NodeId, BuildError> {
        if let Some(id) = self.index.get(&node) {
            return Ok(*id);
        }
        self.check(&node)?;
        let depth = 1 + node.children().map(|child| self.depths[child.index()]).max().unwrap_or(0);
        if usize::from(depth) > self.limits.depth {
            return Err(BuildError::TooDeep { most: self.limits.depth });
        }
        if self.nodes.len() >= self.limits.nodes {
            return Err(BuildError::TooManyNodes { most: self.limits.nodes });
        }
        let id = NodeId(self.nodes.len() as u16);
        self.nodes.push(node.clone());
        self.depths.push(depth);
        self.index.insert(node, id);
        Ok(id)
    }

    /// Adds the nodes of another list; what is in `replaced` stands for the node there.
    pub(crate) fn add_all(&mut self, nodes: &[Node], replaced: &[(NodeId, NodeId)]) -> Result<NodeId, BuildError> {
        let mut places: Vec<NodeId> = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let instead = replaced.iter().find(|(old, _)| old.index() == at);
            places.push(match instead {
                Some((_, new)) => *new,
                None => self.add(node.with_children(|child| places[child.index()]))?,
            });
        }
        Ok(*places.last().expect("invariant: an expression has a root"))
    }

    fn check(&self, node: &Node) -> Result<(), BuildError> {
        match node {
            Node::Number(_) | Node::Truth(_) => Ok(()),
            Node::Input(name) if is_name(name) => Ok(()),
            Node::Input(name) => Err(BuildError::Name { name: name.to_string() }),
            Node::Unary(op, a) => self.check_kind(op.text(), *a, op.is_logic()),
            Node::Binary(op, a, b) => {
                self.check_kind(op.text(), *a, op.is_logic())?;
                self.check_kind(op.text(), *b, op.is_logic())
            }
            Node::If(condition, a, b) => {
                self.check_kind("if", *condition, true)?;
                self.check_kind("if", *a, false)?;
                self.check_kind("if", *b, false)
            }
        }
    }

    fn check_kind(&self, operation: &'static str, operand: NodeId, condition: bool) -> Result<(), BuildError> {
        let kind = |condition| if condition { "a condition" } else { "a number" };
        let found = self.node(operand).is_condition();
        if found == condition {
            return Ok(());
        }
        Err(BuildError::Kind { operation, expected: kind(condition), found: kind(found) })
    }

    /// What the root reaches, numbered in the order in which a walk from the root finishes nodes, and where each was here. Equal
    /// expressions get equal lists.
    pub(crate) fn reachable(&self, root: NodeId) -> (Vec<Node>, Vec<NodeId>) {
        let mut new_places: Vec<Option<NodeId>> = vec![None; self.nodes.len()];
        let (mut nodes, mut origins) = (Vec::new(), Vec::new());
        let mut open = vec![root];
        while let Some(id) = open.last().copied() {
            let pending = self.node(id).children().find(|child| new_places[child.index()].is_none());
            if new_places[id.index()].is_some() {
                open.pop();
            } else if let Some(child) = pending {
                open.push(child);
            } else {
                open.pop();
                let new = |child: NodeId| new_places[child.index()].expect("invariant: children are finished first");
                nodes.push(self.node(id).with_children(new));
                new_places[id.index()] = Some(NodeId(origins.len() as u16));
                origins.push(id);
            }
        }
        (nodes, origins)
    }

    pub(crate) fn depth(&self, id: NodeId) -> usize {
        usize::from(self.depths[id.index()])
    }
}
