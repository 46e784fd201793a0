//! Quotas: the most that a user or a queue may hold, its own tasks and those of all queues below it together.
//!
//! A refusal names the quota, what is in use, what was asked and who holds it, because "pending" is no answer. Guarantees
//! are not enforced here: they rank queues (`fair::Tree`) and let them reclaim.

use crate::fair::{Claimant, Held, RESOURCES, Tree};
use crate::fleet::{Fleet, Lane, MIB, Shape, Totals};
use plimsoll_model::cluster::{Amounts, QuotaSpec};
use std::collections::BTreeMap;

/// What a quota counts: places in [`Held`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// CPU in thousandths of a core.
    Cpu = 0,
    /// Memory in MiB.
    Memory = 1,
    /// Disk in MiB.
    Disk = 2,
    /// Network in Mbit/s.
    Network = 3,
    /// Thousandths of GPUs.
    Gpu = 4,
    /// Running tasks; counted apart.
    Tasks = 5,
}

/// What a shape counts as, `workers` of it.
#[must_use]
pub fn amounts(shape: &Shape, workers: u32) -> Held {
    let lane = |lane: Lane| u64::from(shape.need.get(lane).unsigned_abs()) * u64::from(workers);
    let mut held = [0; RESOURCES];
    held[Counted::Cpu as usize] = lane(Lane::Cpu);
    held[Counted::Memory as usize] = lane(Lane::Memory);
    held[Counted::Disk as usize] = lane(Lane::Disk);
    held[Counted::Network as usize] = lane(Lane::Network);
    held[Counted::Gpu as usize] = lane(Lane::GpuTotal);
    held
}

/// What there is in all, counted the same way.
#[must_use]
pub const fn capacity(totals: &Totals) -> Held {
    let mut held = [0; RESOURCES];
    held[Counted::Cpu as usize] = totals.cpu.0;
    held[Counted::Memory as usize] = totals.memory.0 / MIB;
    held[Counted::Disk as usize] = totals.disk.0 / MIB;
    held[Counted::Network as usize] = totals.network_mbps;
    held[Counted::Gpu as usize] = totals.gpu_milli;
    held
}

/// A quota that is full for what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaRefusal {
    /// Whose quota; see [`Quotas::path`].
    pub quota: Claimant,
    /// What it counts.
    pub counted: Counted,
    /// The most it allows.
    pub most: u64,
    /// What is in use.
    pub used: u64,
    /// What was asked on top.
    pub asked: u64,
}

/// A quota that cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// Two quotas of one holder.
    #[error("quota of {holder:?} is stated twice; a holder has one")]
    Duplicate {
        /// The holder.
        holder: String,
    },
    /// Nobody's quota.
    #[error("a quota has no holder; `user:NAME` or the path of a queue is needed")]
    NoHolder,
    /// A weight of nothing.
    #[error("quota of {holder:?}: weight is 0, and at least 1 is allowed")]
    NoWeight {
        /// The holder.
        holder: String,
    },
    /// More promised than allowed.
    #[error("quota of {holder:?}: guaranteed {counted} is {guaranteed}, more than its most of {most}")]
    GuaranteeAboveMost {
        /// The holder.
        holder: String,
        /// Of what.
        counted: &'static str,
        /// What is guaranteed.
        guaranteed: u64,
        /// What is allowed.
        most: u64,
    },
}

/// Limits, and the tree that says what is in use.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    tree: Tree,
    most: BTreeMap<Claimant, [Option<u64>; RESOURCES]>,
}

impl Quotas {
    /// These quotas, nothing in use.
    ///
    /// # Errors
    /// A quota that contradicts itself or another.
    pub fn new(specs: &[QuotaSpec]) -> Result<Self, QuotaError> {
        let mut quotas = Self::default();
        for spec in specs {
            let holder = || spec.holder.clone();
            if spec.holder.is_empty() || spec.holder == "user:" {
                return Err(QuotaError::NoHolder);
            }
            if spec.weight == 0 {
                return Err(QuotaError::NoWeight { holder: holder() });
            }
            let (most, guaranteed) = (counted(&spec.most), counted(&spec.guaranteed));
            for (name, (guaranteed, most)) in NAMES.iter().zip(guaranteed.iter().zip(&most)) {
                if let (Some(guaranteed), Some(most)) = (*guaranteed, *most)
                    && guaranteed > most
                {
                    return Err(QuotaError::GuaranteeAboveMost { holder: holder(), counted: name, guaranteed, most });
                }
            }
            let claimant = quotas.tree.claimant(&spec.holder);
            if quotas.most.insert(claimant, most).is_some() {
                return Err(QuotaError::Duplicate { holder: holder() });
            }
            quotas.tree.entitle(claimant, spec.weight, guaranteed);
        }
        Ok(quotas)
    }

    /// The tree of queues.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Whether nobody has a limit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.most.is_empty()
    }

    /// Says what there is in all.
    pub const fn set_capacity(&mut self, capacity: Held) {
        self.tree.set_capacity(capacity);
    }

    /// Somebody by name: `user:NAME` or the path of a queue.
    pub fn claimant(&mut self, holder: &str) -> Claimant {
        self.tree.claimant(holder)
    }

    /// The name of somebody's quota.
    #[must_use]
    pub fn path(&self, claimant: Claimant) -> &str {
        self.tree.path(claimant)
    }

    /// Whether `claimant` may hold `amounts` and `tasks` more.
    ///
    /// # Errors
    /// The first quota that is full, from the bottom up.
    pub fn check(&self, claimant: Claimant, amounts: &Held, tasks: u64) -> Result<(), QuotaRefusal> {
        for one in self.tree.lineage(claimant) {
            let Some(most) = self.most.get(&one) else { continue };
            let held = self.tree.held(one);
            for counted in ALL {
                let index = counted as usize;
                let (used, asked) = match counted {
                    Counted::Tasks => (self.tree.tasks(one), tasks),
                    _ => (held[index], amounts[index]),
                };
                if let Some(most) = most[index]
                    && asked > 0
                    && used.saturating_add(asked) > most
                {
                    return Err(QuotaRefusal { quota: one, counted, most, used, asked });
                }
            }
        }
        Ok(())
    }

    /// Whether `claimant` could ever hold so much.
    ///
    /// # Errors
    /// The first quota that is too small even when it is empty.
    pub fn check_empty(&self, claimant: Claimant, amounts: &Held, tasks: u64) -> Result<(), QuotaRefusal> {
        self.check(claimant, amounts, tasks).or_else(|refusal| {
            let never = |refusal: &QuotaRefusal| refusal.asked > refusal.most;
            if never(&refusal) { Err(refusal) } else { Ok(()) }
        })
    }

    /// Books what somebody holds from now on.
    pub fn charge(&mut self, claimant: Claimant, amounts: &Held, tasks: u64) {
        self.tree.charge(claimant, amounts, tasks);
    }

    /// Takes it off again.
    pub fn refund(&mut self, claimant: Claimant, amounts: &Held, tasks: u64) {
        self.tree.refund(claimant, amounts, tasks);
    }
}

const ALL: [Counted; 6] =
    [Counted::Cpu, Counted::Memory, Counted::Disk, Counted::Network, Counted::Gpu, Counted::Tasks];
const NAMES: [&str; 6] =
    ["cpu in millicores", "memory in MiB", "disk in MiB", "network in Mbit/s", "gpu in thousandths", "tasks"];

impl Counted {
    /// Its name with its unit.
    #[must_use]
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// Amounts as they are counted; memory is rounded down to MiB, which can only refuse earlier.
fn counted(amounts: &Amounts) -> [Option<u64>; RESOURCES] {
    let mut counted = [None; RESOURCES];
    counted[Counted::Cpu as usize] = amounts.cpu.map(|cpu| cpu.0);
    counted[Counted::Memory as usize] = amounts.memory.map(|memory| memory.0 / MIB);
    counted[Counted::Gpu as usize] = amounts.gpu_milli;
    counted[Counted::Tasks as usize] = amounts.tasks;
    counted
}

/// A fleet's capacity as quotas count it.
#[must_use]
pub fn capacity_of(fleet: &Fleet) -> Held {
    capacity(&fleet.totals())
}

#[cfg(test)]
mod tests;
