//! What a replayed load cost and how it was served, against what it had to cost.
//!
//! Per service, the need of a tick is its arrivals over the capacity of one replica *at its target*: the request-rate
//! target where there is one, else the CPU target over the CPU that one request was measured to take in this very run. So
//! the clairvoyant fewest is the least supply that would have kept every replica at or below the spec's own target.

use crate::ledger::{Ledger, Slot};
use plimsoll_model::spec::{ScalingPolicy, ServiceSpec, Spec};
use plimsoll_model::{MilliRps, Millis, Permille};
use plimsoll_twin::{Bounds, Yardstick, replicas_needed, scorecard};
use serde::Serialize;
use std::collections::BTreeMap;

/// The scorecard of one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceCard {
    /// What one replica was taken to carry.
    pub capacity_milli_rps: u64,
    /// Where that figure comes from.
    pub capacity_from: &'static str,
    /// CPU used / CPU reserved over the whole run.
    pub cpu_utilization_permille: Option<u64>,
    /// Fewest and most replicas that were ready.
    pub replicas_lowest: u32,
    /// See `replicas_lowest`.
    pub replicas_highest: u32,
    /// Demand and supply, in replicas per tick.
    pub need: Vec<u32>,
    /// Ready replicas per tick.
    pub supply: Vec<u32>,
    /// The comparison; absent where the run was too short.
    pub yardstick: Option<Yardstick>,
}

/// The scorecard of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunCard {
    /// By service.
    pub services: BTreeMap<String, ServiceCard>,
    /// Starts and stops of replicas.
    pub actions: u64,
    /// Of those, with a typed reason in the journal.
    pub actions_explained: u64,
}

/// Scores a run.
#[must_use]
pub fn of(ledger: &Ledger, spec: &Spec) -> RunCard {
    let services = ledger
        .services()
        .filter_map(|name| Some((name.to_string(), service_card(ledger.slots(name), spec.services.get(name)?, spec)?)))
        .collect();
    RunCard { services, actions: ledger.actions, actions_explained: ledger.actions_explained }
}

fn service_card(slots: &[Slot], service: &ServiceSpec, spec: &Spec) -> Option<ServiceCard> {
    let (capacity, capacity_from) = capacity(slots, service)?;
    let need: Vec<u32> = slots.iter().map(|slot| replicas_needed(slot.rate, capacity).unwrap_or(u32::MAX)).collect();
    let supply: Vec<u32> = slots.iter().map(|slot| slot.ready).collect();
    let bounds = Bounds {
        slot: mean_slot(slots)?,
        startup: Millis(service.startup.get().saturating_mul(u64::from(spec.clock.speed))),
        switching: Millis(0),
        replicas_min: service.replicas_min,
        replicas_max: service.replicas_max,
    };
    let (used, reserved) = slots.iter().fold((0_u64, 0_u64), |(used, reserved), slot| {
        (used.saturating_add(slot.cpu_used.get()), reserved.saturating_add(slot.cpu_reserved.get()))
    });
    Some(ServiceCard {
        capacity_milli_rps: capacity.get(),
        capacity_from,
        cpu_utilization_permille: (used * 1_000).checked_div(reserved),
        replicas_lowest: supply.iter().copied().min().unwrap_or(0),
        replicas_highest: supply.iter().copied().max().unwrap_or(0),
        yardstick: scorecard(&need, &supply, &bounds).ok(),
        need,
        supply,
    })
}

/// Mean trace time from one slot to the next.
fn mean_slot(slots: &[Slot]) -> Option<Millis> {
    let span = slots.last()?.at.since(slots.first()?.at);
    let steps = u64::try_from(slots.len()).ok()?.checked_sub(1).filter(|steps| *steps > 0)?;
    Some(Millis((span.get() / steps).max(1)))
}

/// What one replica carries at its target.
fn capacity(slots: &[Slot], service: &ServiceSpec) -> Option<(MilliRps, &'static str)> {
    let rate = service.scaling.policies.iter().find_map(|policy| match policy {
        ScalingPolicy::RequestRate { target } => Some(*target),
        _ => None,
    });
    if let Some(target) = rate {
        return Some((target, "the request_rate target"));
    }
    let target = service.scaling.policies.iter().find_map(|policy| match policy {
        ScalingPolicy::Cpu { target } => Some(*target),
        _ => None,
    })?;
    cpu_capacity(slots, service.requests.cpu.get(), target)
        .map(|capacity| (capacity, "the cpu target and the CPU measured per request"))
}

/// `request × target / (CPU used / arrivals)`.
fn cpu_capacity(slots: &[Slot], requested_millicores: u64, target: Permille) -> Option<MilliRps> {
    let used: u128 = slots.iter().map(|slot| u128::from(slot.cpu_used.get())).sum();
    let arrived: u128 = slots.iter().map(|slot| u128::from(slot.rate.get())).sum();
    let at_target = u128::from(requested_millicores) * u128::from(target.get()) / 1_000;
    let capacity = (at_target * arrived).checked_div(used)?;
    u64::try_from(capacity).ok().filter(|capacity| *capacity > 0).map(MilliRps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{Millicores, Timestamp};

    fn slot(at: i64, rps: u64, cpu: u64) -> Slot {
        Slot {
            at: Timestamp(at),
            rate: MilliRps(rps * 1_000),
            ready: 2,
            target: 2,
            cpu_used: Millicores(cpu),
            cpu_reserved: Millicores(200),
        }
    }

    #[test]
    fn a_replicas_capacity_follows_from_the_cpu_that_a_request_takes() {
        // 1 ms of CPU a request, 100m reserved, target 60 %: 60 requests a second.
        let slots = [slot(0, 50, 50), slot(60_000, 100, 100)];
        assert_eq!(cpu_capacity(&slots, 100, Permille(600)), Some(MilliRps(60_000)));
        assert_eq!(cpu_capacity(&[slot(0, 5, 0)], 100, Permille(600)), None);
        assert_eq!(mean_slot(&slots), Some(Millis(60_000)));
        assert_eq!(mean_slot(&slots[..1]), None);
    }
}
