//! The cluster in compact form: what every node has and has left, and what every shape of task needs.
//!
//! [`Fleet`] is the one place where a cluster's room is given out ([`Fleet::place`]) and taken back
//! ([`Fleet::release`]); it gives out what is free or nothing, so no policy can exceed a capacity. Everything is an
//! integer (units: `row`), so the same calls give the same state on any CPU.
//!
//! Text is turned into numbers once: [`Fleet::add`] takes in a node, [`Fleet::intern`] a task, and what two tasks have in
//! common for placing is one [`ShapeId`]. Readers that keep something about nodes follow the [`ChangeLog`]; rules that
//! look beyond one node and one task enter through the seam that `relations` describes.
//!
//! The fleet keeps no list of tasks: a [`Binding`] (12 bytes) is all that a running task needs here, and whoever runs the
//! task keeps it. It must not rank nodes: that is for `choose`.

mod add;
mod audit;
mod changes;
mod error;
mod gpus;
mod intern;
mod judge;
mod labels;
mod nodes;
mod obstacles;
mod place;
mod refusal;
mod relations;
mod room;
mod row;
mod shape;
#[cfg(test)]
pub(crate) mod tests;
mod without;
#[cfg(test)]
pub(crate) use tests as test_cluster;

pub use changes::ChangeLog;
pub use error::FleetError;
pub use gpus::{GPUS_MAX, GpuBlock, GpuNeed, GpuSet, indices};
pub use labels::{Condition, Labels};
pub use nodes::{NodeKind, NodeTable};
pub use place::Binding;
pub use refusal::Refusal;
pub use relations::{RelationRefusal, Relations, Surroundings};
pub use room::{Room, Room as Free, Totals};
pub use row::{LANE_MAX, LANES, Lane, MIB, Row};
pub use shape::{Shape, ShapeId};

use labels::Texts;
use plimsoll_model::cluster::NodeState;
use plimsoll_model::quantity::{Permille, Timestamp};
use shape::{FilterKey, ShapeKey, StaticFilter};
use std::collections::BTreeMap;

/// A node by number, in order of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub u32);

/// Nodes, shapes, and what of the nodes is taken.
#[derive(Debug, Clone)]
pub struct Fleet {
    nodes: NodeTable,
    labels: Labels,
    models: Texts,
    extended: Texts,
    classes: Texts,
    shapes: Vec<Shape>,
    shape_numbers: BTreeMap<ShapeKey, ShapeId>,
    filters: Vec<StaticFilter>,
    filter_numbers: BTreeMap<FilterKey, u32>,
    relations: Relations,
    changes: ChangeLog,
    /// The largest capacity of any node, lane by lane.
    largest: Row,
    used: [i64; LANES],
    /// Sum of `count × need` would be wrong for GPUs, so tasks are counted by themselves.
    tasks: u64,
    expected: Vec<(ShapeId, u64)>,
    expected_version: u64,
}

impl Default for Fleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Fleet {
    /// No nodes and no shapes.
    #[must_use]
    pub fn new() -> Self {
        let mut models = Texts::default();
        models.number("");
        Self {
            nodes: NodeTable::default(),
            labels: Labels::default(),
            models,
            extended: Texts::default(),
            classes: Texts::default(),
            shapes: Vec::new(),
            shape_numbers: BTreeMap::new(),
            filters: Vec::new(),
            filter_numbers: BTreeMap::new(),
            relations: Relations::default(),
            changes: ChangeLog::new(),
            largest: Row::default(),
            used: [0; LANES],
            tasks: 0,
            expected: Vec::new(),
            expected_version: 0,
        }
    }

    /// How many nodes there are.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no node.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.nodes.len() == 0
    }

    /// A node's name; empty for a node that is none of this fleet's.
    #[must_use]
    pub fn name(&self, node: NodeIx) -> &str {
        self.nodes.names.get(node.0 as usize).map_or("", AsRef::as_ref)
    }

    /// The node of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<NodeIx> {
        self.nodes.find(name).ok().map(|at| NodeIx(self.nodes.by_name[at]))
    }

    /// A node's state, and since when.
    #[must_use]
    pub fn state(&self, node: NodeIx) -> (NodeState, Timestamp) {
        (self.nodes.state[node.0 as usize], self.nodes.since[node.0 as usize])
    }

    /// Puts a node into a state. Its tasks keep their room: whoever ends them releases it.
    pub fn set_state(&mut self, node: NodeIx, state: NodeState, at: Timestamp) {
        let index = node.0 as usize;
        if index < self.len() && self.nodes.state[index] != state {
            self.nodes.state[index] = state;
            self.nodes.since[index] = at;
            self.changes.push(node.0);
            let Self { nodes, labels, shapes, relations, .. } = self;
            relations.node_changed(Surroundings { nodes, labels, shapes }, node);
        }
    }

    /// Says how far sites are apart; before the first task that has a latency bound.
    pub fn set_sites(&mut self, sites: crate::rules::Sites) {
        self.relations.set_sites(sites);
    }

    /// The columns of the nodes.
    #[must_use]
    pub const fn nodes(&self) -> &NodeTable {
        &self.nodes
    }

    /// Labels and taints by number.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// A shape.
    #[must_use]
    pub fn shape(&self, shape: ShapeId) -> &Shape {
        &self.shapes[shape.0 as usize]
    }

    /// How many shapes there are.
    #[must_use]
    pub const fn shapes(&self) -> usize {
        self.shapes.len()
    }

    /// How many static filters there are; they are only ever added.
    #[must_use]
    pub const fn filters(&self) -> usize {
        self.filters.len()
    }

    /// The log of changed nodes.
    #[must_use]
    pub const fn changes(&self) -> &ChangeLog {
        &self.changes
    }

    /// The state's version: how many changes there have been.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.changes.version()
    }

    /// The rules between tasks.
    #[must_use]
    pub const fn relations(&self) -> &Relations {
        &self.relations
    }

    /// What relations look at.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings<'_> {
        Surroundings { nodes: &self.nodes, labels: &self.labels, shapes: &self.shapes }
    }

    /// The largest capacity of any node, lane by lane.
    #[must_use]
    pub const fn largest(&self) -> &Row {
        &self.largest
    }

    /// The name of a GPU model.
    #[must_use]
    pub fn model_name(&self, model: u16) -> &str {
        self.models.text(u32::from(model))
    }

    /// The name of an extended resource.
    #[must_use]
    pub fn extended_name(&self, resource: u16) -> &str {
        self.extended.text(u32::from(resource))
    }

    /// A node's price in millionths of a currency unit per hour.
    #[must_use]
    pub fn price(&self, node: NodeIx) -> u64 {
        self.nodes.price[node.0 as usize]
    }

    /// A node's speed for a shape, by the class that its task named; the reference node's is 1,000.
    #[must_use]
    pub fn speed(&self, shape: ShapeId, node: NodeIx) -> Permille {
        let speeds = &self.nodes.speeds[self.nodes.speed_set[node.0 as usize] as usize];
        let class = self.shape(shape).class;
        let found = class.and_then(|class| speeds.binary_search_by_key(&class, |(class, _)| *class).ok());
        found.map_or(Permille(1_000), |at| speeds[at].1)
    }

    /// Says which tasks are expected, with how many of each: what `fgd` measures fragmentation against.
    pub fn expect_tasks(&mut self, mix: Vec<(ShapeId, u64)>) {
        self.expected = mix;
        self.expected_version += 1;
    }

    /// The expected tasks, and how often that was changed.
    #[must_use]
    pub fn expected_tasks(&self) -> (&[(ShapeId, u64)], u64) {
        (&self.expected, self.expected_version)
    }

    /// Bytes that the nodes take beyond their names and labels, the log of changes and relations included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.nodes.bytes() + self.changes.bytes() + self.relations.bytes()
    }
}
