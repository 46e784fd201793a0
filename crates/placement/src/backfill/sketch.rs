//! One node as it would be: its room with some tasks gone and others there.
//!
//! A copy of the node's row and GPUs that can be changed without anybody noticing. It knows no rules between tasks: a
//! reservation rests on room and on the node's description, and whoever starts is judged by the fleet itself.

use crate::fleet::{Binding, Fleet, GPUS_MAX, GpuSet, Lane, NodeIx, Row, Shape, ShapeId, indices};
use plimsoll_model::cluster::{GPU_WHOLE, NodeState};

/// Lanes that are taken and given back one by one; those of GPUs follow from the GPUs.
const PLAIN: [Lane; 5] = [Lane::Cpu, Lane::Memory, Lane::Disk, Lane::Network, Lane::Extended];

/// A node as it would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    free: Row,
    gpus: [u16; GPUS_MAX],
    count: u8,
    more: Vec<i32>,
}

impl Sketch {
    /// A node as it is.
    #[must_use]
    pub fn of(fleet: &Fleet, node: NodeIx) -> Self {
        let table = fleet.nodes();
        let index = node.0 as usize;
        let mut gpus = [0; GPUS_MAX];
        let free = table.gpus(index).map_or(&[][..], |block| block.free());
        gpus[..free.len()].copy_from_slice(free);
        let more = table.more.iter().map(|column| column[index]).collect();
        Self { free: table.free[index], gpus, count: free.len() as u8, more }
    }

    /// A node with nothing on it.
    #[must_use]
    pub fn empty(fleet: &Fleet, node: NodeIx) -> Self {
        let table = fleet.nodes();
        let index = node.0 as usize;
        let count = table.gpus(index).map_or(0, |block| block.free().len());
        let mut gpus = [0; GPUS_MAX];
        gpus[..count].fill(GPU_WHOLE as u16);
        let kind = &table.kinds[table.kind[index] as usize];
        let more = (0..table.more.len()).map(|column| kind.more.get(column).copied().unwrap_or(0)).collect();
        Self { free: kind.capacity, gpus, count: count as u8, more }
    }

    /// Whether it has the room for a task of this shape.
    #[must_use]
    pub fn covers(&self, shape: &Shape) -> bool {
        let more = |(column, amount): &(u16, i32)| self.more[usize::from(*column)] >= *amount;
        self.free.covers(&shape.need) && shape.more.iter().all(more)
    }

    /// Whether it has the room, on just these GPUs.
    #[must_use]
    pub fn has(&self, shape: &Shape, gpus: GpuSet) -> bool {
        self.covers(shape) && indices(gpus).all(|index| self.gpus[index] >= shape.gpu.milli)
    }

    /// Gives back what a task holds.
    pub fn give_back(&mut self, shape: &Shape, gpus: GpuSet) {
        self.book(shape, gpus, 1);
    }

    /// Takes the room of a task that is [covered](Self::covers), on the GPUs that it usually gets, and says which.
    pub fn take(&mut self, shape: &Shape) -> GpuSet {
        let gpus = self.pick(shape);
        self.book(shape, gpus, -1);
        gpus
    }

    /// Takes the room of a task on these GPUs.
    pub fn take_on(&mut self, shape: &Shape, gpus: GpuSet) {
        self.book(shape, gpus, -1);
    }

    /// The lesser of both in every respect.
    pub fn narrow(&mut self, other: &Self) {
        self.free.0.iter_mut().zip(other.free.0).for_each(|(mine, theirs)| *mine = (*mine).min(theirs));
        self.gpus.iter_mut().zip(other.gpus).for_each(|(mine, theirs)| *mine = (*mine).min(theirs));
        self.more.iter_mut().zip(&other.more).for_each(|(mine, theirs)| *mine = (*mine).min(*theirs));
        self.summarise();
    }

    /// The GPUs that a task of this shape would get: the fullest that fits a share, the lowest whole ones.
    #[must_use]
    pub fn pick(&self, shape: &Shape) -> GpuSet {
        let need = shape.gpu;
        let free = &self.gpus[..usize::from(self.count)];
        if need.is_share() {
            let fitting = free.iter().enumerate().filter(|(_, free)| **free >= need.milli);
            return fitting.min_by_key(|(index, free)| (**free, *index)).map_or(0, |(index, _)| 1 << index);
        }
        let whole = free.iter().enumerate().filter(|(_, free)| u32::from(**free) == GPU_WHOLE);
        whole.take(usize::from(need.count)).fold(0, |set, (index, _)| set | 1 << index)
    }

    fn book(&mut self, shape: &Shape, gpus: GpuSet, sign: i32) {
        for lane in PLAIN {
            self.free.0[lane as usize] += sign * shape.need.get(lane);
        }
        for (column, amount) in &shape.more {
            self.more[usize::from(*column)] += sign * amount;
        }
        if gpus != 0 {
            let change = i32::from(shape.gpu.milli) * sign;
            for index in indices(gpus) {
                let free = i32::from(self.gpus[index]) + change;
                self.gpus[index] = u16::try_from(free.max(0)).unwrap_or(u16::MAX);
            }
            self.summarise();
        }
    }

    fn summarise(&mut self) {
        let free = &self.gpus[..usize::from(self.count)];
        let whole = free.iter().filter(|free| u32::from(**free) >= GPU_WHOLE).count();
        self.free.set(Lane::GpuWhole, whole as i32);
        self.free.set(Lane::GpuShare, free.iter().copied().max().map_or(0, i32::from));
        self.free.set(Lane::GpuTotal, free.iter().map(|free| i32::from(*free)).sum());
    }
}

/// Whether the node's description lets tasks of this shape in, however full it is.
#[must_use]
pub fn admits(fleet: &Fleet, shape: ShapeId, node: NodeIx) -> bool {
    let (table, index) = (fleet.nodes(), node.0 as usize);
    table.state[index] == NodeState::Ready && table.passes(fleet.shape(shape).filter, index)
}

/// What a running task holds.
pub fn give_back(fleet: &Fleet, sketch: &mut Sketch, binding: &Binding) {
    sketch.give_back(fleet.shape(binding.shape), binding.gpus);
}
