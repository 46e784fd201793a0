//! What a run's scorecard is made of: per tick, the demand and the supply of each service.
//!
//! Only kept while a recorded load is replayed; bounded, and when full every second slot is merged into its neighbour, so
//! that a run of any length keeps its shape.

use plimsoll_model::{MilliRps, Millicores, ServiceName, Timestamp};
use std::collections::BTreeMap;

/// Slots kept per service.
const SLOTS_MAX: usize = 20_000;

/// One tick of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Trace time.
    pub at: Timestamp,
    /// Arrivals.
    pub rate: MilliRps,
    /// Replicas ready.
    pub ready: u32,
    /// Replicas wanted.
    pub target: u32,
    /// CPU used by all replicas.
    pub cpu_used: Millicores,
    /// CPU reserved by all replicas.
    pub cpu_reserved: Millicores,
}

/// Slots by service.
#[derive(Debug, Default)]
pub struct Ledger {
    slots: BTreeMap<ServiceName, Vec<Slot>>,
    /// Actions that started or stopped a replica, with a reason / in all.
    pub actions_explained: u64,
    /// See `actions_explained`.
    pub actions: u64,
}

impl Ledger {
    /// Adds a slot.
    pub fn add(&mut self, service: &ServiceName, slot: Slot) {
        let slots = self.slots.entry(service.clone()).or_default();
        // The run begins with its first ready replica: before that nobody could have served anything.
        if slots.is_empty() && slot.ready == 0 {
            return;
        }
        if slots.len() >= SLOTS_MAX {
            let mut index = 0;
            slots.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        slots.push(slot);
    }

    /// The slots of one service, oldest first.
    #[must_use]
    pub fn slots(&self, service: &ServiceName) -> &[Slot] {
        self.slots.get(service).map_or(&[], Vec::as_slice)
    }

    /// The services that have slots.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.slots.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ledger_halves_its_resolution_and_keeps_its_ends() {
        let mut ledger = Ledger::default();
        let name = ServiceName::try_new("shop").unwrap();
        for second in 0..50_000_i64 {
            let slot = Slot {
                at: Timestamp(second * 1_000),
                rate: MilliRps(1),
                ready: 1,
                target: 1,
                cpu_used: Millicores(0),
                cpu_reserved: Millicores(0),
            };
            ledger.add(&name, slot);
        }
        let slots = ledger.slots(&name);
        assert!(slots.len() <= SLOTS_MAX && slots.len() > SLOTS_MAX / 3, "{}", slots.len());
        assert_eq!(slots[0].at, Timestamp(0));
        assert_eq!(slots.last().unwrap().at, Timestamp(49_999_000));
        assert!(slots.windows(2).all(|pair| pair[0].at < pair[1].at));
    }
}
