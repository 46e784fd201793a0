//! The countable resources as one array, so that every sum over time treats them alike.

use plimsoll_model::cluster::{Capacity, Demand, GPU_WHOLE};

/// Resources in the order of [`Amounts`].
pub const RESOURCES: [&str; 5] = ["cpu", "memory", "disk", "network", "gpu"];
/// Place of the GPUs in [`Amounts`].
pub const GPU: usize = 4;

/// CPU in thousandths, memory and disk in bytes, network in Mbit/s, GPUs in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts(pub [u64; 5]);

impl Amounts {
    /// What a task asks for.
    #[must_use]
    pub const fn of_demand(demand: &Demand) -> Self {
        let Demand { cpu, memory, disk, network_mbps, gpu, .. } = demand;
        Self([cpu.get(), memory.get(), disk.get(), *network_mbps, gpu.total_milli()])
    }

    /// What a node has.
    #[must_use]
    pub const fn of_capacity(capacity: &Capacity) -> Self {
        let Capacity { cpu, memory, disk, network_mbps, gpus, .. } = capacity;
        Self([cpu.get(), memory.get(), disk.get(), *network_mbps, gpus.count as u64 * GPU_WHOLE as u64])
    }

    /// The same, `times` times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self(self.0.map(|amount| amount.saturating_mul(u64::from(times))))
    }

    /// Adds what is given out.
    pub fn add(&mut self, other: Self) {
        for (mine, more) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(more);
        }
    }

    /// Takes back what was given out.
    ///
    /// # Panics
    /// When more is taken back than was given: the books of a simulation must balance.
    pub fn take(&mut self, other: Self) {
        for ((mine, less), name) in self.0.iter_mut().zip(other.0).zip(RESOURCES) {
            assert!(*mine >= less, "invariant: {less} of {name} is taken back and {mine} was given out");
            *mine -= less;
        }
    }

    /// Whether nothing exceeds its counterpart.
    #[must_use]
    pub fn within(self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(mine, most)| *mine <= most)
    }
}
