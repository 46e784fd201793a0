//! The seam for rules between tasks, nodes and sites: affinity, spread, isolation, volumes, latency.
//!
//! What [`super::Fleet`] checks by itself looks at one node and one task. Whatever looks further is a *relation*, and
//! comes in here: the fleet calls [`Relations`] at five moments and knows nothing else about it.
//!
//! 1. [`Relations::node_added`] once per node and [`Relations::node_changed`] when its state
//!    changes, [`Relations::learn`] once per new shape;
//! 2. [`Relations::placed`] and [`Relations::released`] whenever room is given out or comes back, so that counts per
//!    domain are kept in place;
//! 3. [`Relations::binds`] before a search: false says that nothing here can refuse this shape or add to its score at the
//!    moment, and the search takes its fast path;
//! 4. [`Relations::refusal`] last of all filters, on nodes that the local filters let through;
//! 5. [`Relations::score`] where [`Relations::scores`] says that this shape has wishes of this sort.
//!
//! Choosers treat the answers of 4 and 5 as changing at any time: neither is ever cached.

use super::labels::Labels;
use super::nodes::NodeTable;
use super::shape::ShapeId;
use super::{NodeIx, Shape};
use crate::rules::{self, RelationError, Sites};
use plimsoll_model::cluster::{NodeState, Task};

pub use crate::rules::RelationRefusal;

/// What a relation may look at.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The nodes.
    pub nodes: &'a NodeTable,
    /// Their labels.
    pub labels: &'a Labels,
    /// The shapes so far, by id.
    pub shapes: &'a [Shape],
}

impl Surroundings<'_> {
    /// The value of a label on a node, by numbers.
    #[must_use]
    pub fn label(&self, node: NodeIx, key: u32) -> Option<u32> {
        self.labels.value(self.nodes.label_set[node.0 as usize], key)
    }

    /// What a node says under a key.
    #[must_use]
    pub fn label_text(&self, node: NodeIx, key: &str) -> Option<&str> {
        let value = self.label(node, self.labels.find_key(key)?)?;
        Some(self.labels.value_text(value))
    }

    /// Whether a shape could run on a node as it stands were the node empty: state, static filter and size.
    #[must_use]
    pub fn could(&self, shape: ShapeId, node: NodeIx) -> bool {
        let (shape, node) = (&self.shapes[shape.0 as usize], node.0 as usize);
        let kind = &self.nodes.kinds[self.nodes.kind[node] as usize];
        let more = |(column, amount): &(u16, i32)| kind.more.get(usize::from(*column)).copied().unwrap_or(0) >= *amount;
        self.nodes.state[node] == NodeState::Ready
            && self.nodes.passes(shape.filter, node)
            && kind.capacity.covers(&shape.need)
            && shape.more.iter().all(more)
    }
}

/// All relations with their counts.
#[derive(Debug, Clone, Default)]
pub struct Relations {
    rules: rules::Relations,
}

impl Relations {
    /// The rules themselves.
    #[must_use]
    pub const fn rules(&self) -> &rules::Relations {
        &self.rules
    }

    /// Says how far sites are apart; before the first shape that has a latency bound.
    pub fn set_sites(&mut self, sites: Sites) {
        self.rules.set_sites(sites);
    }

    /// Takes note of a new node.
    pub fn node_added(&mut self, around: Surroundings<'_>, _node: NodeIx) {
        let added = NodeIx(around.nodes.len() as u32 - 1);
        let label = |node: u32, key: &str| around.label_text(NodeIx(node), key);
        self.rules.add_node(&label, |shape| around.could(ShapeId(shape), added));
    }

    /// Takes note of a node that came into another state.
    pub fn node_changed(&mut self, around: Surroundings<'_>, node: NodeIx) {
        self.rules.node_changed(node.0, |shape| around.could(ShapeId(shape), node));
    }

    /// Whether a task's rules make sense; before [`Relations::learn`].
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, task: &Task) -> Result<(), RelationError> {
        self.rules.check(task)
    }

    /// Takes note of a new shape.
    pub fn learn(&mut self, around: Surroundings<'_>, shape: ShapeId, task: &Task) {
        let label = |node: u32, key: &str| around.label_text(NodeIx(node), key);
        let number = self.rules.admit(task, &label, &|node| around.could(shape, NodeIx(node)));
        debug_assert_eq!(number, shape.0, "shapes are learnt in order");
    }

    /// Takes note of a task that went to a node.
    pub fn placed(&mut self, _around: Surroundings<'_>, shape: ShapeId, node: NodeIx) {
        self.rules.placed(shape.0, node.0);
    }

    /// Takes note of a task that left a node.
    pub fn released(&mut self, _around: Surroundings<'_>, shape: ShapeId, node: NodeIx) {
        self.rules.released(shape.0, node.0);
    }

    /// Whether a relation may refuse this shape somewhere, or add to its score, as things stand.
    #[inline]
    #[must_use]
    pub fn binds(&self, shape: ShapeId) -> bool {
        self.rules.binds(shape.0)
    }

    /// Why not on this node.
    #[must_use]
    pub fn refusal(&self, _around: Surroundings<'_>, shape: ShapeId, node: NodeIx) -> Option<RelationRefusal> {
        self.rules.refusal(shape.0, node.0)
    }

    /// Why never on this node, however empty the cluster is: what depends on where the node stands alone.
    #[must_use]
    pub fn refusal_empty(&self, _: Surroundings<'_>, shape: ShapeId, node: NodeIx) -> Option<RelationRefusal> {
        self.rules.never(shape.0, node.0)
    }

    /// A refusal in words.
    #[must_use]
    pub fn reason(&self, around: Surroundings<'_>, _node: NodeIx, refusal: &RelationRefusal) -> String {
        self.rules.words(*refusal, |node| around.nodes.names.get(node as usize).map_or("", AsRef::as_ref))
    }

    /// Whether this shape has wishes that [`Relations::score`] judges.
    #[inline]
    #[must_use]
    pub fn scores(&self, shape: ShapeId) -> bool {
        self.rules.has_wishes(shape.0)
    }

    /// How well a node meets those wishes: 0 to [`crate::score::ONE`], higher is better.
    #[must_use]
    pub fn score(&self, _around: Surroundings<'_>, shape: ShapeId, node: NodeIx) -> i64 {
        self.rules.score(shape.0, node.0)
    }

    /// Bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rules.bytes()
    }
}
