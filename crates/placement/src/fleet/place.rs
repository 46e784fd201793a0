//! Giving room out and taking it back.

use super::gpus::GpuSet;
use super::row::Lane;
use super::{Fleet, LANES, NodeIx, Refusal, ShapeId};

/// A task's room: where it is, what it is, and which GPUs it has. Whoever runs the task keeps it and gives it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// The node.
    pub node: NodeIx,
    /// What it was placed as.
    pub shape: ShapeId,
    /// Its GPUs, bit `i` for the node's GPU of index `i`.
    pub gpus: GpuSet,
}

impl Fleet {
    /// Gives room on a node to a task of this shape. A share gets the fullest GPU that fits it, whole GPUs are the
    /// lowest free ones.
    ///
    /// # Errors
    /// The first filter that refuses; nothing is changed then.
    pub fn place(&mut self, shape: ShapeId, node: NodeIx) -> Result<Binding, Refusal> {
        if !self.fits(shape, node) {
            return Err(self.refusal(shape, node).expect("invariant: what does not fit is refused by a filter"));
        }
        let gpus = self.usual_gpus(shape, node).unwrap_or(0);
        Ok(self.take(shape, node, gpus))
    }

    /// The same on the GPUs that a policy chose, or that the task had before.
    ///
    /// # Errors
    /// The first filter that refuses, or that these GPUs have no room for it; nothing is changed then.
    pub fn place_on(&mut self, shape: ShapeId, node: NodeIx, gpus: GpuSet) -> Result<Binding, Refusal> {
        if let Some(refusal) = self.refusal(shape, node) {
            return Err(refusal);
        }
        let need = self.shape(shape).gpu;
        let allows = self.nodes.gpus(node.0 as usize).map_or(gpus == 0, |block| block.allows(gpus, need));
        if allows && (need.count > 0) == (gpus != 0) {
            return Ok(self.take(shape, node, gpus));
        }
        let (asked, free) = (u32::from(need.count), gpus.count_ones());
        Err(if need.is_share() {
            Refusal::GpuShare { asked: u32::from(need.milli), free: 0 }
        } else {
            Refusal::GpuCount { asked, free }
        })
    }

    /// Gives back what a task held. False where nothing like it is held on that node: then nothing is changed.
    pub fn release(&mut self, binding: Binding) -> bool {
        let node = binding.node.0 as usize;
        if node >= self.len() || binding.shape.0 as usize >= self.shapes.len() || !self.holds(binding) {
            return false;
        }
        self.book(binding, -1);
        let Self { nodes, labels, shapes, relations, .. } = self;
        relations.released(super::Surroundings { nodes, labels, shapes }, binding.shape, binding.node);
        true
    }

    /// Puts back what was released a moment ago, on the same GPUs and without asking any filter: an overlay that is
    /// undone must leave no trace, also where a rule would refuse the same task by now.
    pub(crate) fn restore(&mut self, binding: Binding) {
        self.take(binding.shape, binding.node, binding.gpus);
    }

    /// The GPUs that [`Fleet::place`] would give; none where they do not suffice or none are asked for.
    #[must_use]
    pub fn usual_gpus(&self, shape: ShapeId, node: NodeIx) -> Option<GpuSet> {
        let need = self.shape(shape).gpu;
        if need.count == 0 {
            return None;
        }
        self.nodes.gpus(node.0 as usize).and_then(|block| block.pick(need))
    }

    fn take(&mut self, shape: ShapeId, node: NodeIx, gpus: GpuSet) -> Binding {
        let binding = Binding { node, shape, gpus };
        self.book(binding, 1);
        let Self { nodes, labels, shapes, relations, .. } = self;
        relations.placed(super::Surroundings { nodes, labels, shapes }, shape, node);
        binding
    }

    /// Whether room like this can be held there: capacity would not be exceeded by giving it back.
    fn holds(&self, binding: Binding) -> bool {
        let node = binding.node.0 as usize;
        let shape = self.shape(binding.shape);
        let kind = &self.nodes.kinds[self.nodes.kind[node] as usize];
        let room = &self.nodes.free[node];
        let lanes = [Lane::Cpu, Lane::Memory, Lane::Disk, Lane::Network, Lane::GpuTotal, Lane::Extended];
        let within = |lane: Lane| shape.need.get(lane) <= kind.capacity.get(lane) - room.get(lane);
        let more = |(column, amount): &(u16, i32)| {
            let column = usize::from(*column);
            *amount <= kind.more.get(column).copied().unwrap_or(0) - self.nodes.more[column][node]
        };
        let gpus = shape.gpu.count == 0 && binding.gpus == 0
            || self.nodes.gpus(node).is_some_and(|block| block.holds(binding.gpus, shape.gpu));
        lanes.into_iter().all(within) && shape.more.iter().all(more) && gpus && self.tasks > 0
    }

    /// Books a task's room, `sign` 1 to take and -1 to give back.
    fn book(&mut self, binding: Binding, sign: i32) {
        let node = binding.node.0 as usize;
        let shape = &self.shapes[binding.shape.0 as usize];
        let row = &mut self.nodes.free[node];
        for lane in 0..LANES {
            self.used[lane] += i64::from(sign * shape.need.0[lane]);
        }
        if shape.gpu.count > 0 {
            let block = &mut self.nodes.gpus[self.nodes.gpu_block[node] as usize];
            if sign > 0 {
                block.take(binding.gpus, shape.gpu);
            } else {
                block.give_back(binding.gpus, shape.gpu);
            }
            block.summarise(row);
        }
        for lane in [Lane::Cpu, Lane::Memory, Lane::Disk, Lane::Network, Lane::Extended] {
            row.0[lane as usize] -= sign * shape.need.get(lane);
        }
        for (column, amount) in &shape.more {
            self.nodes.more[usize::from(*column)][node] -= sign * amount;
        }
        self.tasks = self.tasks.saturating_add_signed(i64::from(sign));
        self.changes.push(binding.node.0);
    }
}
