//! Whether a shape fits a node, and if not, which filter says so.
//!
//! [`Fleet::fits`] is what searches ask, [`Fleet::refusal`] what people ask; a property test holds them together. The
//! order of filters is state, CPU, memory, disk, network, GPU model, GPUs, extended resources, selector, taints,
//! relations: what is cheap to see first, what is rare last.

use super::labels::repelled;
use super::row::{Lane, Row};
use super::{Fleet, NodeIx, Refusal, Shape, ShapeId};
use plimsoll_model::cluster::NodeState;
use std::collections::BTreeMap;

impl Fleet {
    /// Whether tasks of this shape can go to this node now.
    #[inline]
    #[must_use]
    pub fn fits(&self, shape: ShapeId, node: NodeIx) -> bool {
        self.fits_locally(&self.shapes[shape.0 as usize], node.0 as usize)
            && (!self.relations.binds(shape) || self.relations.refusal(self.surroundings(), shape, node).is_none())
    }

    /// The same without relations.
    #[inline]
    #[must_use]
    pub fn fits_locally(&self, shape: &Shape, node: usize) -> bool {
        self.nodes.free[node].covers(&shape.need)
            && self.nodes.passes(shape.filter, node)
            && self.nodes.state[node] == NodeState::Ready
            && shape.more.iter().all(|(column, amount)| self.nodes.more[usize::from(*column)][node] >= *amount)
    }

    /// Why tasks of this shape cannot go to this node now; none where they can.
    #[must_use]
    pub fn refusal(&self, shape: ShapeId, node: NodeIx) -> Option<Refusal> {
        let index = node.0 as usize;
        let state = self.nodes.state[index];
        if state != NodeState::Ready {
            return Some(Refusal::State { state });
        }
        let more = |column: usize| self.nodes.more[column][index];
        self.local_refusal(self.shape(shape), index, &self.nodes.free[index], more).or_else(|| {
            let bound = self.relations.binds(shape);
            let refusal = bound.then(|| self.relations.refusal(self.surroundings(), shape, node)).flatten();
            refusal.map(Refusal::Relation)
        })
    }

    fn local_refusal(&self, shape: &Shape, node: usize, room: &Row, more: impl Fn(usize) -> i32) -> Option<Refusal> {
        let kind = &self.nodes.kinds[self.nodes.kind[node] as usize];
        let lane = |lane: Lane| {
            let (asked, free) = (shape.need.get(lane), room.get(lane));
            (asked > free).then(|| (asked.unsigned_abs(), free.unsigned_abs()))
        };
        if let Some((asked, free)) = lane(Lane::Cpu) {
            return Some(Refusal::Cpu { asked, free });
        }
        if let Some((asked, free)) = lane(Lane::Memory) {
            return Some(Refusal::Memory { asked, free });
        }
        if let Some((asked, free)) = lane(Lane::Disk) {
            return Some(Refusal::Disk { asked, free });
        }
        if let Some((asked, free)) = lane(Lane::Network) {
            return Some(Refusal::Network { asked, free });
        }
        if !shape.models.is_empty() && !shape.models.contains(&kind.model) {
            return Some(Refusal::GpuModel { model: kind.model });
        }
        if let Some((asked, free)) = lane(Lane::GpuWhole) {
            return Some(Refusal::GpuCount { asked, free });
        }
        if let Some((asked, free)) = lane(Lane::GpuShare) {
            return Some(Refusal::GpuShare { asked, free });
        }
        if let Some((asked, free)) = lane(Lane::Extended) {
            return Some(Refusal::Extended { resource: 0, asked, free });
        }
        let short = shape.more.iter().find(|(column, amount)| more(usize::from(*column)) < *amount);
        if let Some((column, amount)) = short {
            let free = more(usize::from(*column)).unsigned_abs();
            return Some(Refusal::Extended { resource: column + 1, asked: amount.unsigned_abs(), free });
        }
        self.described_refusal(shape, node)
    }

    /// Selector and taints.
    fn described_refusal(&self, shape: &Shape, node: usize) -> Option<Refusal> {
        let filter = self.filter(shape.filter);
        let labels = self.labels.labels(self.nodes.label_set[node]);
        if let Some(condition) = filter.selector.iter().position(|condition| !condition.holds(labels)) {
            return Some(Refusal::Selector { condition: condition as u16 });
        }
        let taints = self.labels.taints(self.nodes.taint_set[node]);
        repelled(taints, &filter.tolerations).map(|(taint, _)| Refusal::Taint { taint: taint as u16 })
    }

    /// Whether tasks of this shape could run on some node if it were empty and ready.
    ///
    /// # Errors
    /// Otherwise the filters that refuse, each with the refusal that came closest and how many nodes it stands for.
    pub fn fits_empty(&self, shape: ShapeId) -> Result<(), Vec<(Refusal, usize)>> {
        let mut refused: BTreeMap<&'static str, (Refusal, usize)> = BTreeMap::new();
        for node in 0..self.len() {
            let kind = &self.nodes.kinds[self.nodes.kind[node] as usize];
            let more = |column: usize| kind.more.get(column).copied().unwrap_or(0);
            let refusal = self.local_refusal(self.shape(shape), node, &kind.capacity, more).or_else(|| {
                let never = self.relations.refusal_empty(self.surroundings(), shape, NodeIx(node as u32));
                never.map(Refusal::Relation)
            });
            let Some(refusal) = refusal else { return Ok(()) };
            let entry = refused.entry(refusal.filter()).or_insert((refusal, 0));
            entry.0 = entry.0.max(refusal);
            entry.1 += 1;
        }
        Err(refused.into_values().collect())
    }

    /// A refusal in words, with the names that its numbers stand for.
    #[must_use]
    pub fn reason(&self, node: NodeIx, refusal: &Refusal) -> String {
        match refusal {
            Refusal::State { state } => format!("node is {}", format!("{state:?}").to_lowercase()),
            Refusal::Cpu { asked, free } => format!("asks {asked}m CPU, {free}m free"),
            Refusal::Memory { asked, free } => format!("asks {asked} MiB of memory, {free} MiB free"),
            Refusal::Disk { asked, free } => format!("asks {asked} MiB of disk, {free} MiB free"),
            Refusal::Network { asked, free } => format!("asks {asked} Mbit/s, {free} Mbit/s free"),
            Refusal::GpuModel { model: 0 } => "has no GPU of a model that will do".to_owned(),
            Refusal::GpuModel { model } => format!("its GPUs are {}", self.model_name(*model)),
            Refusal::GpuCount { asked, free } => format!("asks {asked} whole GPUs, {free} wholly free"),
            Refusal::GpuShare { asked, free } => format!("asks {asked}/1000 of a GPU, at most {free}/1000 free on one"),
            Refusal::Extended { resource, asked, free } => {
                format!("asks {asked} {}, {free} free", self.extended_name(*resource))
            }
            Refusal::Selector { condition } => format!("condition {} of the selector fails", condition + 1),
            Refusal::Taint { taint } => {
                let taints = self.nodes.taint_set.get(node.0 as usize).map(|set| self.labels.taints(*set));
                let taint = taints.and_then(|taints| taints.get(usize::from(*taint)));
                taint.map_or_else(String::new, |taint| format!("taint {}={} is not tolerated", taint.key, taint.value))
            }
            Refusal::Relation(relation) => self.relations.reason(self.surroundings(), node, relation),
        }
    }
}
