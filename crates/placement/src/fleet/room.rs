//! How much there is, node by node and in all, in the units of the model.

use super::gpus::GPUS_MAX;
use super::row::{Lane, MIB, Row};
use super::{Fleet, NodeIx};
use plimsoll_model::quantity::{Bytes, Millicores};

/// Amounts on one node: its capacity, what of it is free, or what is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// CPU.
    pub cpu: Millicores,
    /// Memory, in whole MiB.
    pub memory: Bytes,
    /// Disk, in whole MiB.
    pub disk: Bytes,
    /// Network in Mbit/s.
    pub network_mbps: u64,
    /// Thousandths of each GPU.
    pub gpu_milli: [u16; GPUS_MAX],
    /// GPUs that the node has.
    pub gpus: u8,
}

impl Room {
    /// Thousandths of all GPUs.
    #[must_use]
    pub fn gpu_total(&self) -> u64 {
        self.gpu_milli.iter().map(|milli| u64::from(*milli)).sum()
    }
}

/// Sums over all nodes, whatever their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Nodes.
    pub nodes: u64,
    /// Tasks that hold room.
    pub tasks: u64,
    /// CPU there is.
    pub cpu: Millicores,
    /// CPU that is taken.
    pub cpu_used: Millicores,
    /// Memory there is.
    pub memory: Bytes,
    /// Memory that is taken.
    pub memory_used: Bytes,
    /// Disk there is.
    pub disk: Bytes,
    /// Disk that is taken.
    pub disk_used: Bytes,
    /// Network there is, Mbit/s.
    pub network_mbps: u64,
    /// Network that is taken.
    pub network_used_mbps: u64,
    /// Thousandths of GPUs there are.
    pub gpu_milli: u64,
    /// Thousandths of GPUs that are taken.
    pub gpu_used_milli: u64,
}

impl Fleet {
    /// What a node has left.
    #[must_use]
    pub fn free(&self, node: NodeIx) -> Room {
        let index = node.0 as usize;
        let mut gpu_milli = [0; GPUS_MAX];
        let gpus = self.nodes.gpus(index).map_or(&[][..], |block| block.free());
        gpu_milli[..gpus.len()].copy_from_slice(gpus);
        room(&self.nodes.free[index], gpu_milli, gpus.len() as u8)
    }

    /// What a node has in all.
    #[must_use]
    pub fn capacity(&self, node: NodeIx) -> Room {
        let index = node.0 as usize;
        let gpus = self.nodes.gpus(index).map_or(0, |block| block.free().len());
        let mut gpu_milli = [0; GPUS_MAX];
        gpu_milli[..gpus].fill(1_000);
        room(self.nodes.capacity(index), gpu_milli, gpus as u8)
    }

    /// What of a node is taken.
    #[must_use]
    pub fn used(&self, node: NodeIx) -> Room {
        let (all, free) = (self.capacity(node), self.free(node));
        let mut gpu_milli = [0; GPUS_MAX];
        for (index, milli) in gpu_milli.iter_mut().enumerate() {
            *milli = all.gpu_milli[index] - free.gpu_milli[index];
        }
        Room {
            cpu: all.cpu.saturating_sub(free.cpu),
            memory: all.memory.saturating_sub(free.memory),
            disk: all.disk.saturating_sub(free.disk),
            network_mbps: all.network_mbps - free.network_mbps,
            gpu_milli,
            gpus: all.gpus,
        }
    }

    /// Free and all of an extended resource on a node; none where nobody has named it.
    #[must_use]
    pub fn extended(&self, node: NodeIx, resource: &str) -> Option<(u64, u64)> {
        let number = self.extended.find(resource)? as usize;
        let index = node.0 as usize;
        let kind = &self.nodes.kinds[self.nodes.kind[index] as usize];
        let (free, all) = match number.checked_sub(1) {
            None => (self.nodes.free[index].get(Lane::Extended), kind.capacity.get(Lane::Extended)),
            Some(column) => (self.nodes.more[column][index], kind.more.get(column).copied().unwrap_or(0)),
        };
        Some((u64::from(free.unsigned_abs()), u64::from(all.unsigned_abs())))
    }

    /// Sums over all nodes.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut all = [0_u64; super::LANES];
        for kind in &self.nodes.kind {
            let capacity = &self.nodes.kinds[*kind as usize].capacity;
            for (sum, lane) in all.iter_mut().zip(capacity.0) {
                *sum += u64::from(lane.unsigned_abs());
            }
        }
        let used = |lane: Lane| self.used[lane as usize].unsigned_abs();
        Totals {
            nodes: self.len() as u64,
            tasks: self.tasks,
            cpu: Millicores(all[Lane::Cpu as usize]),
            cpu_used: Millicores(used(Lane::Cpu)),
            memory: Bytes(all[Lane::Memory as usize] * MIB),
            memory_used: Bytes(used(Lane::Memory) * MIB),
            disk: Bytes(all[Lane::Disk as usize] * MIB),
            disk_used: Bytes(used(Lane::Disk) * MIB),
            network_mbps: all[Lane::Network as usize],
            network_used_mbps: used(Lane::Network),
            gpu_milli: all[Lane::GpuTotal as usize],
            gpu_used_milli: used(Lane::GpuTotal),
        }
    }
}

fn room(row: &Row, gpu_milli: [u16; GPUS_MAX], gpus: u8) -> Room {
    let lane = |lane: Lane| u64::from(row.get(lane).unsigned_abs());
    Room {
        cpu: Millicores(lane(Lane::Cpu)),
        memory: Bytes(lane(Lane::Memory) * MIB),
        disk: Bytes(lane(Lane::Disk) * MIB),
        network_mbps: lane(Lane::Network),
        gpu_milli,
        gpus,
    }
}
