//! How services that shared one node fared beside each other.
//!
//! # Source
//! R. Jain, D. Chiu, W. Hawe, "A Quantitative Measure of Fairness and Discrimination for Resource Allocation in Shared
//! Computer Systems", DEC-TR-301, 1984: `J = (Σx)² / (n·Σx²)`, 1 where all have the same and 1/n where one has all. `x` here is
//! the share of its need that a service had, at most all of it, as the mean over the scored ticks in which anybody was short;
//! so that who needed little and had it is as content as who needed much and had it.

use super::course::Course;
use super::run::Run;
use plimsoll_model::spec::{Resources, ServiceSpec};
use serde::{Deserialize, Serialize};

/// One service on a shared node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shared {
    /// Replicas it has before anybody of its priority or below gets more than a guarantee.
    pub guaranteed: u32,
    /// Its weight over that of all services, in percent.
    pub weight_pct: f64,
    /// Mean replicas needed.
    pub need_mean: f64,
    /// Mean replicas ready.
    pub ready_mean: f64,
    /// The largest share that it held of any resource of the node, as the mean over time, in percent.
    pub share_pct: f64,
    /// The same of its guarantee.
    pub guaranteed_pct: f64,
    /// Share of its need that it had while anybody was short, in percent; 100 where nobody ever was.
    pub had_pct: f64,
    /// Share of time in which it held fewer than it was guaranteed and needed more than it held, in percent: start-up time and
    /// late figures do this, scarcity never may.
    pub below_guarantee_pct: f64,
    /// Share of time in which the node had no room for all that it wanted, in percent.
    pub no_room_pct: f64,
}

/// All services on a shared node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sharing {
    /// Jain's index over the shares of needs that were had; 1 where nobody was ever short.
    pub jain: f64,
    /// Share of time in which anybody had less than needed, in percent.
    pub short_pct: f64,
    /// By service, in the order of the runs.
    pub services: Vec<Shared>,
}

/// Jain's index of fairness of these amounts; 1 of nothing, and of nothing but zeros.
#[must_use]
pub fn jain(amounts: &[f64]) -> f64 {
    let (sum, squares) = amounts.iter().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    if squares > 0.0 { sum * sum / (amounts.len() as f64 * squares) } else { 1.0 }
}

/// The figures of services that ran together: courses, runs and specs in the same order, on a node of `room`.
#[must_use]
pub fn sharing(courses: &[&Course], runs: &[Run], specs: &[&ServiceSpec], room: Resources) -> Sharing {
    let slots = courses.iter().map(|course| course.need().len()).min().unwrap_or(0);
    let ready = |service: usize, slot: usize| runs[service].supply.ready.get(slot).copied().unwrap_or(0);
    let is_short = |slot: &usize| (0..runs.len()).any(|service| ready(service, *slot) < courses[service].need()[*slot]);
    let short: Vec<usize> = (0..slots).filter(is_short).collect();
    let weights: f64 = specs.iter().map(|spec| f64::from(spec.weight)).sum();
    let one = |service: usize| {
        let (need, spec) = (courses[service].need(), specs[service]);
        let guaranteed = spec.guaranteed.unwrap_or(spec.replicas_min);
        let mean = |of: &dyn Fn(usize) -> f64| (0..slots).map(of).sum::<f64>() / slots.max(1) as f64;
        let share = |replicas: f64| replicas * largest(spec.requests, room);
        let held = |slot: usize| runs[service].supply.billed.get(slot).copied().unwrap_or(0);
        let is_below = |slot: usize| held(slot) < guaranteed && held(slot) < need[slot];
        let had: f64 = short.iter().map(|slot| had(ready(service, *slot), need[*slot])).sum();
        let no_room: u64 =
            runs[service].held.iter().filter(|held| held.what == "no room").map(|it| it.to.since(it.from).0).sum();
        let span = slots as f64 * courses[service].protocol().tick.0 as f64;
        Shared {
            guaranteed,
            weight_pct: 100.0 * f64::from(spec.weight) / weights.max(1.0),
            need_mean: mean(&|slot| f64::from(need[slot])),
            ready_mean: mean(&|slot| f64::from(ready(service, slot))),
            share_pct: 100.0 * share(mean(&|slot| f64::from(held(slot)))),
            guaranteed_pct: 100.0 * share(f64::from(guaranteed)),
            had_pct: if short.is_empty() { 100.0 } else { 100.0 * had / short.len() as f64 },
            below_guarantee_pct: 100.0 * mean(&|slot| f64::from(u8::from(is_below(slot)))),
            no_room_pct: if span > 0.0 { 100.0 * no_room as f64 / span } else { 0.0 },
        }
    };
    let services: Vec<Shared> = (0..runs.len()).map(one).collect();
    let had: Vec<f64> = services.iter().map(|service| service.had_pct).collect();
    Sharing { jain: jain(&had), short_pct: 100.0 * short.len() as f64 / slots.max(1) as f64, services }
}

/// The share of its need that a service has: at most all, and all of no need.
fn had(ready: u32, need: u32) -> f64 {
    if need == 0 { 1.0 } else { f64::from(ready.min(need)) / f64::from(need) }
}

/// The largest share that one replica is of any resource of the node.
fn largest(requests: Resources, room: Resources) -> f64 {
    let of = |part: u64, whole: u64| if whole > 0 { part as f64 / whole as f64 } else { 0.0 };
    of(requests.cpu.0, room.cpu.0).max(of(requests.memory.0, room.memory.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_s_index_of_what_the_paper_names() {
        assert_eq!((jain(&[2.0, 2.0, 2.0]), jain(&[1.0, 0.0, 0.0, 0.0])), (1.0, 0.25));
        assert_eq!((jain(&[]), jain(&[0.0])), (1.0, 1.0));
        assert!((jain(&[50.0, 30.0, 50.0]) - 16_900.0 / (3.0 * 5_900.0)).abs() < 1e-12);
    }
}
