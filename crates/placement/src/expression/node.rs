//! A score of nodes as an expression, for one node or for many at a time.
//!
//! The score is a function of the task's shape and the node's state alone, so whatever is exact for local scores
//! (`choose::blocks`) is exact for it. It is an integer of its own scale, see [`NodeExpression::unit`].

use super::error::PolicyFileError;
use super::falls::Falls;
use super::input::Scope;
use super::node_inputs::{NODE_INPUTS, NodeSource, node_schema};
use super::view::View;
use crate::fleet::{Fleet, ShapeId};
use plimsoll_expr::{Columns, Compiled, InputId, PolicyFile, PolicyKind, Scratch};
use std::sync::Arc;

/// A score of 1 where nothing is cut off.
pub const UNIT: u32 = 1_000_000;
/// Scores beyond this, or below its negative, count as this: an unwelcoming taint stays worth more than any of them.
pub const SCORE_MAX: i64 = 1 << 50;
/// Nodes whose columns are filled at a time: ten columns stay in a second-level cache.
const CHUNK: usize = 1_024;

/// A score of nodes as an expression. A copy shares it.
#[derive(Debug, Clone)]
pub struct NodeExpression(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    file: PolicyFile,
    compiled: Compiled,
    uses_fragmentation: bool,
}

/// By what was written.
impl PartialEq for NodeExpression {
    fn eq(&self, other: &Self) -> bool {
        self.0.file == other.0.file
    }
}

impl Eq for NodeExpression {}

/// Where the nodes' inputs come from, beside the fleet.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The nodes.
    pub fleet: &'a Fleet,
    /// The task.
    pub shape: ShapeId,
    /// The price of the dearest node.
    pub price_max: u64,
}

impl NodeExpression {
    /// Makes a policy ready; `name` is what messages call its file.
    ///
    /// # Errors
    /// When it is a queue order, names an input that there is not, or its units do not fit.
    pub fn try_new(name: &str, file: PolicyFile) -> Result<Self, PolicyFileError> {
        if file.kind != PolicyKind::NodeScore {
            return Err(PolicyFileError::Kind { file: name.to_owned(), found: file.kind.word(), wanted: "node" });
        }
        let compiled = file
            .compile(&node_schema())
            .map_err(|problem| PolicyFileError::Formula { file: name.to_owned(), problem })?;
        let uses = |source: NodeSource| compiled.inputs().iter().any(|id| source_of(*id) == source);
        let uses_fragmentation = uses(NodeSource::FragFall) || uses(NodeSource::FragFallBest);
        Ok(Self(Arc::new(Parts { file, compiled, uses_fragmentation })))
    }

    /// As it was read.
    #[must_use]
    pub fn file(&self) -> &PolicyFile {
        &self.0.file
    }

    /// The formula, with its bounds and directions.
    #[must_use]
    pub fn compiled(&self) -> &Compiled {
        &self.0.compiled
    }

    /// What a score of 1 is: [`UNIT`], or the number of levels of a policy that is cut off, whose full score it is.
    #[must_use]
    pub fn unit(&self) -> u32 {
        self.0.file.round.unwrap_or(UNIT)
    }

    /// Whether it asks how fragmentation falls.
    #[must_use]
    pub fn uses_fragmentation(&self) -> bool {
        self.0.uses_fragmentation
    }

    /// The score of one node that fits. `falls` is asked only where [`NodeExpression::uses_fragmentation`].
    #[must_use]
    pub fn score(&self, ground: Ground<'_>, node: usize, falls: impl FnOnce() -> Falls) -> i64 {
        let falls = if self.0.uses_fragmentation { falls() } else { Falls::default() };
        let view = View::new(ground.fleet, ground.shape, node, ground.price_max, falls);
        held(self.0.compiled.eval_one(|id| view.value(source_of(id))))
    }

    /// The scores of nodes that fit, in their order, the same as one by one. What is put into `out` replaces what it held.
    pub fn scores(&self, ground: Ground<'_>, nodes: &[u32], falls: impl FnMut(usize) -> Falls, out: &mut Vec<i64>) {
        out.clear();
        out.resize(nodes.len(), 0);
        let Some(first) = nodes.first() else { return };
        let compiled = &self.0.compiled;
        let mut table = Table { compiled, ground, falls, values: Vec::new(), known: Vec::new() };
        let mut columns =
            Columns::try_new(compiled.schema(), CHUNK.min(nodes.len()), compiled.inputs().iter().copied())
                .expect("invariant: the inputs are of this schema");
        table.set_scalars(&mut columns, *first as usize);
        let mut scratch = Scratch::default();
        for (nodes, out) in nodes.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
            table.fill(&mut columns, nodes, self.0.uses_fragmentation);
            compiled.eval_columns(&columns, &mut scratch, out).expect("invariant: every column is filled");
            out.iter_mut().for_each(|score| *score = held(*score));
        }
    }
}

fn held(score: i64) -> i64 {
    score.clamp(-SCORE_MAX, SCORE_MAX)
}

fn source_of(id: InputId) -> NodeSource {
    NODE_INPUTS[id.index()].source
}

/// The columns of a chunk of nodes.
struct Table<'a, F> {
    compiled: &'a Compiled,
    ground: Ground<'a>,
    falls: F,
    values: Vec<i64>,
    known: Vec<Falls>,
}

impl<F: FnMut(usize) -> Falls> Table<'_, F> {
    /// What is the same for all nodes.
    fn set_scalars(&self, columns: &mut Columns, node: usize) {
        let view = self.view(node, Falls::default());
        for id in self.compiled.inputs().iter().filter(|id| is_scalar(**id)) {
            columns.set_scalar(*id, view.value(source_of(*id))).expect("invariant: it is a scalar");
        }
    }

    fn fill(&mut self, columns: &mut Columns, nodes: &[u32], uses_fragmentation: bool) {
        if columns.rows() != nodes.len() {
            columns.resize(nodes.len());
        }
        self.known.clear();
        if uses_fragmentation {
            self.known.extend(nodes.iter().map(|node| (self.falls)(*node as usize)));
        }
        for id in self.compiled.inputs().iter().filter(|id| !is_scalar(**id)) {
            let mut values = std::mem::take(&mut self.values);
            values.clear();
            self.values_of(source_of(*id), nodes, &mut values);
            columns.fill(*id, &values).expect("invariant: a column with a value for each row");
            self.values = values;
        }
    }

    /// One column. Rows of the fleet are read in a loop of their own, because most columns are such.
    fn values_of(&self, source: NodeSource, nodes: &[u32], values: &mut Vec<i64>) {
        let table = self.ground.fleet.nodes();
        match source {
            NodeSource::Free(lane) => {
                values.extend(nodes.iter().map(|node| i64::from(table.free[*node as usize].get(lane))))
            }
            NodeSource::Left(lane) => {
                let need = i64::from(self.ground.fleet.shape(self.ground.shape).need.get(lane));
                values.extend(nodes.iter().map(|node| i64::from(table.free[*node as usize].get(lane)) - need));
            }
            NodeSource::Cap(lane) => {
                values.extend(nodes.iter().map(|node| i64::from(table.capacity(*node as usize).get(lane))));
            }
            NodeSource::FragFall => values.extend(self.known.iter().map(|falls| falls.usual)),
            NodeSource::FragFallBest => values.extend(self.known.iter().map(|falls| falls.best)),
            other => {
                values.extend(nodes.iter().map(|node| self.view(*node as usize, Falls::default()).value(other)));
            }
        }
    }

    fn view(&self, node: usize, falls: Falls) -> View<'_> {
        View::new(self.ground.fleet, self.ground.shape, node, self.ground.price_max, falls)
    }
}

fn is_scalar(id: InputId) -> bool {
    matches!(NODE_INPUTS[id.index()].scope, Scope::Task | Scope::Cluster)
}
