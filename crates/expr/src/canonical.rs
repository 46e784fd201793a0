//! The canonical order of operands, and the hash of every node on which it rests.
//!
//! Only what IEEE 754 leaves equal to the last bit is reordered: the two operands of a sum or product, and all operands of a chain
//! of `min` or `max`. Sums of three are not, because rounding is not associative.

use crate::arena::{Arena, BuildError};
use crate::expr::{Expr, WIDE};
use crate::fingerprint::{Fingerprint, Hasher};
use crate::node::{Node, NodeId};
use std::cmp::Ordering;

/// An arena that knows the hash of each node.
pub(crate) struct Canon {
    arena: Arena,
    hashes: Vec<Fingerprint>,
}

impl Canon {
    pub(crate) fn new() -> Self {
        Self { arena: Arena::new(WIDE), hashes: Vec::new() }
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.arena.node(id)
    }

    pub(crate) fn add(&mut self, node: Node) -> Result<NodeId, BuildError> {
        let id = self.arena.add(node)?;
        if self.hashes.len() < self.arena.nodes().len() {
            let hash = hash_of(self.arena.node(id), &self.hashes);
            self.hashes.push(hash);
        }
        Ok(id)
    }

    pub(crate) fn finish(&self, root: NodeId) -> Result<Expr, BuildError> {
        Expr::finish(&self.arena, root, WIDE)
    }

    /// Numbers by value, then names by the alphabet, then the rest by hash.
    pub(crate) fn order(&self, a: NodeId, b: NodeId) -> Ordering {
        let by_hash = || self.hashes[a.index()].cmp(&self.hashes[b.index()]);
        match (self.node(a), self.node(b)) {
            (Node::Number(x), Node::Number(y)) => x.value().total_cmp(&y.value()).then_with(by_hash),
            (Node::Input(x), Node::Input(y)) => x.cmp(y),
            (x, y) => class(x).cmp(&class(y)).then_with(by_hash),
        }
    }

    /// Both in canonical order.
    pub(crate) fn ordered(&self, a: NodeId, b: NodeId) -> (NodeId, NodeId) {
        if self.order(a, b) == Ordering::Greater { (b, a) } else { (a, b) }
    }
}

fn class(node: &Node) -> u8 {
    match node {
        Node::Number(_) | Node::Truth(_) => 0,
        Node::Input(_) => 1,
        _ => 2,
    }
}

/// Of the kind of node, what it holds, and the hashes of its children. The texts of operations stand for themselves, so that a
/// new operation changes no old hash.
fn hash_of(node: &Node, hashes: &[Fingerprint]) -> Fingerprint {
    let mut hasher = Hasher::new();
    match node {
        Node::Number(literal) => {
            let dimension = literal.dimension().map_or("", |dimension| dimension.name());
            hasher.byte(b'n').bytes(&literal.value().to_bits().to_le_bytes()).bytes(dimension.as_bytes());
        }
        Node::Truth(value) => {
            hasher.byte(b't').byte((*value).into());
        }
        Node::Input(name) => {
            hasher.byte(b'i').bytes(name.as_bytes());
        }
        Node::Unary(op, _) => {
            hasher.byte(b'u').bytes(op.text().as_bytes());
        }
        Node::Binary(op, ..) => {
            hasher.byte(b'b').bytes(op.text().as_bytes());
        }
        Node::If(..) => {
            hasher.byte(b'c');
        }
    }
    for child in node.children() {
        hasher.byte(0).bytes(&hashes[child.index()].0.to_le_bytes());
    }
    hasher.finish()
}

impl Expr {
    /// The hash of the canonical form: equal for expressions that differ in order of operands, redundant parts or names of
    /// bindings, and the same in every version and on every machine.
    pub fn fingerprint(&self) -> Fingerprint {
        let canonical = self.simplify();
        let mut hashes: Vec<Fingerprint> = Vec::with_capacity(canonical.len());
        for node in canonical.nodes() {
            hashes.push(hash_of(node, &hashes));
        }
        hashes.last().copied().unwrap_or(Hasher::new().finish())
    }
}
