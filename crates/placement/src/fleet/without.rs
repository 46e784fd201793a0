//! Whether a shape would fit if some tasks had left, asked without taking them out.
//!
//! The answer is that of releasing them, [`Fleet::fits`] and putting them back; a property test holds both together.
//! It costs the tasks that would leave and no count of anybody else, and leaves no trace in the log of changes, so those
//! who follow the log have nothing to look at again.

use super::row::Lane;
use super::{Binding, Fleet, NodeIx, ShapeId};
use plimsoll_model::cluster::NodeState;

/// Lanes that tasks take directly; those of GPUs follow from the GPUs one by one.
const TAKEN: [Lane; 5] = [Lane::Cpu, Lane::Memory, Lane::Disk, Lane::Network, Lane::Extended];

impl Fleet {
    /// Whether tasks of this shape could go to this node if these tasks had left. Each of them must run.
    #[must_use]
    pub fn fits_without(&self, shape: ShapeId, node: NodeIx, leaving: &[Binding]) -> bool {
        self.fits_locally_without(shape, node, leaving) && !self.refused_without(shape, node, leaving)
    }

    /// Whether it would help no less if more left: whether a shape that does not fit when many leave fits when a part of
    /// them does is out of the question then.
    #[must_use]
    pub fn gains_by_every_leave(&self, shape: ShapeId) -> bool {
        self.relations.rules().gains_by_every_leave(shape.0)
    }

    fn fits_locally_without(&self, shape: ShapeId, node: NodeIx, leaving: &[Binding]) -> bool {
        let index = node.0 as usize;
        let shape = self.shape(shape);
        if self.nodes.state[index] != NodeState::Ready || !self.nodes.passes(shape.filter, index) {
            return false;
        }
        let here = || leaving.iter().filter(|binding| binding.node == node);
        let mut room = self.nodes.free[index];
        for lane in TAKEN {
            let freed: i32 = here().map(|binding| self.shape(binding.shape).need.get(lane)).sum();
            room.set(lane, room.get(lane) + freed);
        }
        if shape.gpu.count > 0
            && let Some(block) = self.nodes.gpus(index)
        {
            let mut block = block.clone();
            for binding in here().filter(|binding| self.shape(binding.shape).gpu.count > 0) {
                block.give_back(binding.gpus, self.shape(binding.shape).gpu);
            }
            block.summarise(&mut room);
        }
        let more = |(column, amount): &(u16, i32)| {
            let held = |binding: &Binding| self.shape(binding.shape).more.iter().find(|(other, _)| other == column);
            let freed: i32 = here().filter_map(held).map(|(_, amount)| *amount).sum();
            self.nodes.more[usize::from(*column)][index] + freed >= *amount
        };
        room.covers(&shape.need) && shape.more.iter().all(more)
    }

    fn refused_without(&self, shape: ShapeId, node: NodeIx, leaving: &[Binding]) -> bool {
        if !self.relations.binds(shape) {
            return false;
        }
        let leaving: Vec<(u32, u32)> = leaving.iter().map(|binding| (binding.shape.0, binding.node.0)).collect();
        self.relations.rules().refuses_without(shape.0, node.0, &leaving)
    }
}
