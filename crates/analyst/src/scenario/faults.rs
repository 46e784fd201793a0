//! What a fault changes of a healthy draft.
//!
//! Each has a form that the half for writing rules knows and, where `foreign`, others that only the unseen half has.

use super::draft::{Draft, Metric, patience};
use super::load::between;
use crate::diagnosis::Cause;
use plimsoll_stats::Random;
use plimsoll_twin::machine::Measures;
use plimsoll_twin::service::model::MemoryUse;

/// Puts a fault in; a shape of load is not one.
pub(super) fn put(cause: Cause, draft: &mut Draft, random: &mut Random) {
    match cause {
        Cause::Leak => leak(draft, random),
        Cause::CpuBound => cpu_bound(draft, random),
        Cause::MemoryBound => memory_bound(draft, random),
        Cause::IoBound => io_bound(draft, random),
        Cause::DependencyBound => dependency(draft, random),
        Cause::NoisyNeighbour => neighbour(draft, random),
        Cause::OverProvisioned => over(draft, random),
        Cause::FlappingPolicy => flapping(draft, random),
        Cause::BadLimits => limits(draft, random),
        Cause::Seasonal | Cause::Bursty | Cause::Trend | Cause::Step | Cause::FlashCrowd => {}
    }
}

fn leak(draft: &mut Draft, random: &mut Random) {
    let lasts_s = draft.window_s() * between(random, 0.3, 0.95);
    let by_age = draft.is_foreign && random.unit() < 0.5;
    let served = draft.level / draft.need * lasts_s;
    let Some(memory) = &mut draft.model.memory else { return };
    let room = memory.limit_mib - memory.fixed_mib;
    if by_age {
        memory.leak_per_s_mib = room / lasts_s;
    } else {
        memory.leak_per_request_mib = room / served;
    }
}

fn cpu_bound(draft: &mut Draft, random: &mut Random) {
    let busy = draft.busy_cores();
    // No room above the request: a replica has as many threads as it asks cores.
    let cores = draft.policy.request_cores * between(random, 1.0, 1.1);
    (draft.model.law.cores, draft.policy.limit_cores, draft.measures.is_quota) = (cores, None, false);
    draft.policy.metric = match draft.policy.metric {
        Metric::Cpu(target) => Metric::Cpu(target),
        _ => Metric::Cpu(0.65),
    };
    draft.policy.in_flight_max = 40;
    let most = libm::round(busy / cores / between(random, 0.93, 1.1)).max(1.0);
    draft.policy.max = most as u32;
    draft.policy.min = draft.policy.min.min(draft.policy.max);
    if draft.is_foreign && random.unit() < 0.5 {
        // A release makes every request dearer, and the most that may run was enough before.
        let dearer = between(random, 1.7, 2.4);
        draft.policy.max = libm::round(busy * dearer / cores / between(random, 0.96, 1.12)).max(2.0) as u32;
        let at = draft.tick_at(between(random, 0.2, 0.5));
        draft.releases.push(at);
        for conditions in &mut draft.conditions[at..] {
            (conditions.speed, conditions.cpu_cost) = (1.0 / dearer, dearer);
        }
    }
}

fn memory_bound(draft: &mut Draft, random: &mut Random) {
    // Requests that stay long (uploads, streams, large answers) and hold memory all the while.
    let held = if draft.is_foreign { between(random, 40.0, 140.0) } else { between(random, 60.0, 110.0) };
    let per_replica = draft.level / draft.need;
    draft.model.delay_ms = held / per_replica * 1_000.0;
    let per_request = between(random, 3.0, 6.0);
    let fixed = held * per_request * between(random, 0.1, 0.3);
    // The spread of a Poisson number; replicas hold a little less than that, because there is always one more than needed.
    let most = held * 0.92 + between(random, 1.0, 1.6) * libm::sqrt(held);
    let limit = fixed + per_request * most;
    draft.model.memory =
        Some(MemoryUse { fixed_mib: fixed, per_request_mib: per_request, limit_mib: limit, ..MemoryUse::default() });
    draft.policy.limit_mib = limit;
    draft.policy.request_mib = limit * 0.8;
    draft.policy.in_flight_max = 2_000;
    draft.policy.metric = Metric::Cpu(match draft.policy.metric {
        Metric::Cpu(target) => target,
        _ => 0.55,
    });
    draft.conditions.iter_mut().for_each(|conditions| conditions.delay_ms = draft.model.delay_ms);
}

fn io_bound(draft: &mut Draft, random: &mut Random) {
    // Work is time of a disk; CPU is a small part of it.
    let share = if draft.is_foreign { between(random, 0.08, 0.4) } else { between(random, 0.12, 0.3) };
    let busy = between(random, 0.86, 0.97);
    let replicas = libm::round(draft.need).max(2.0);
    let work_ms = busy * replicas / draft.level * 1_000.0;
    draft.model.work.mean_ms = work_ms;
    draft.model.delay_ms = 0.0;
    draft.model.law.cores = 1.0;
    (draft.model.cpu.per_request_ms, draft.policy.limit_cores) = (work_ms * share, None);
    draft.model.law.slots = if draft.is_foreign { 4 } else { 512 };
    draft.measures = Measures { is_quota: false, disk_bytes: Some(between(random, 2e5, 4e6)) };
    draft.policy.request_cores = (share * busy / between(random, 0.42, 0.55)).max(0.05);
    draft.model.cpu.fixed_millicores = 5.0;
    draft.policy.metric = Metric::Cpu(0.7);
    (draft.policy.min, draft.policy.max) = (replicas as u32, replicas as u32 * 3);
    draft.policy.in_flight_max = 60;
    draft.conditions.iter_mut().for_each(|conditions| conditions.delay_ms = 0.0);
}

fn dependency(draft: &mut Draft, random: &mut Random) {
    let from = draft.tick_at(between(random, 0.2, 0.6));
    let to = (from + (draft.regime.window as f64 * between(random, 0.2, 0.5)) as usize).min(draft.factors.len());
    let work = draft.model.work.mean_ms;
    let slow = work * between(random, 3.0, 9.0);
    let form = if draft.is_foreign { random.below(3) } else { 0 };
    let span = (to - from).max(1) as f64;
    for (index, tick) in (from..to).enumerate() {
        let part = match form {
            // Slow from one moment to another.
            0 => 1.0,
            // Slower and slower.
            1 => index as f64 / span,
            // Now and then.
            _ => f64::from(u8::from((index / 12) % 2 == 0)),
        };
        draft.conditions[tick].delay_ms += slow * part;
    }
    if let Metric::InFlight(_) = draft.policy.metric {
        draft.policy.metric = Metric::Cpu(0.6);
    }
    draft.policy.in_flight_max = 1_000;
    draft.clients = patience(60_000);
}

fn neighbour(draft: &mut Draft, random: &mut Random) {
    let visits = 2 + random.below(3);
    let steals = !(draft.is_foreign && random.unit() < 0.5);
    for _ in 0..visits {
        let from = draft.tick_at(between(random, 0.1, 0.85));
        let length = (draft.regime.window as f64 * between(random, 0.05, 0.12)) as usize;
        let left = if steals { between(random, 0.25, 0.45) } else { between(random, 0.45, 0.6) };
        for tick in from..(from + length).min(draft.factors.len()) {
            draft.conditions[tick].speed = left;
            // A neighbour that spoils caches instead of taking time: each request burns more CPU.
            draft.conditions[tick].cpu_cost = if steals { 1.0 } else { 1.0 / left };
            draft.neighbours[tick] = draft.host_cores * between(random, if steals { 0.8 } else { 0.6 }, 0.9);
        }
    }
}

fn over(draft: &mut Draft, random: &mut Random) {
    let times = if draft.is_foreign { between(random, 3.0, 8.0) } else { between(random, 3.5, 6.0) };
    match random.below(if draft.is_foreign { 3 } else { 2 }) {
        0 => {
            draft.policy.min = libm::ceil(draft.need * times) as u32;
            draft.policy.max = draft.policy.max.max(draft.policy.min * 2);
        }
        1 => {
            // Requests far above use, with as many replicas as before.
            draft.policy.request_cores *= times;
            (draft.policy.limit_cores, draft.measures.is_quota) = (None, false);
            draft.policy.request_mib *= times;
            draft.policy.limit_mib = draft.policy.request_mib * 1.5;
            if let Some(memory) = &mut draft.model.memory {
                memory.limit_mib = draft.policy.limit_mib;
            }
            draft.policy.min = libm::ceil(draft.need) as u32;
        }
        _ => {
            let target = 0.6 / times;
            draft.policy.metric = Metric::Cpu(target);
            draft.policy.max = libm::ceil(draft.need * times * 1.5) as u32;
        }
    }
    draft.host_cores = draft.host_cores.max(f64::from(draft.policy.max) * draft.policy.request_cores * 1.2 + 8.0);
}

fn flapping(draft: &mut Draft, random: &mut Random) {
    (draft.policy.up_ticks, draft.policy.down_ticks) = (0, 0);
    draft.policy.tolerance = 0.0;
    (draft.policy.step_up, draft.policy.step_down) = (20, 20);
    // Load that jitters from tick to tick, which a calm policy would sit out.
    let jitter = between(random, 0.08, 0.14);
    for factor in &mut draft.factors {
        *factor *= 1.0 + jitter * (random.unit() + random.unit() + random.unit() - 1.5) * 1.15;
    }
    if draft.is_foreign && random.unit() < 0.5 {
        draft.policy.metric = Metric::InFlight(draft.policy.request_cores * 0.7);
        draft.policy.max = draft.policy.max.max(libm::ceil(draft.need * 3.0) as u32);
    } else if let Metric::InFlight(_) = draft.policy.metric {
        draft.policy.metric = Metric::Cpu(0.6);
    }
}

fn limits(draft: &mut Draft, random: &mut Random) {
    let of_memory = random.unit() < 0.5;
    if of_memory {
        // Killed now and then at any load: room for few more requests than are usually there. A balancer that looks at
        // requests in flight makes high numbers far rarer than Poisson's.
        let at_once = poisson_tail(draft.busy_cores() / draft.need, 1.0 / between(random, 15.0, 60.0));
        let Some(memory) = &mut draft.model.memory else { return };
        memory.per_request_mib = memory.fixed_mib * between(random, 0.01, 0.02);
        memory.limit_mib = memory.fixed_mib + memory.per_request_mib * (at_once - 0.5);
        draft.policy.limit_mib = memory.limit_mib;
        draft.policy.request_mib = memory.fixed_mib;
        // Enough from the start: two replicas under the whole load would be killed before there are more.
        draft.policy.min = libm::ceil(draft.need) as u32 + 1;
        return;
    }
    // Each replica is given about as many requests as its quota lets it do, and no more replicas are asked for.
    let load = if draft.is_foreign { between(random, 0.8, 0.97) } else { between(random, 0.85, 0.95) };
    let limit = draft.busy_cores() / draft.need / load;
    (draft.policy.request_cores, draft.policy.limit_cores) = (limit, Some(limit));
    (draft.model.law.cores, draft.measures.is_quota) = (limit, true);
    draft.policy.metric = Metric::Rate(draft.level / draft.need);
}

/// The least number that a Poisson number of this mean reaches with at most this probability.
fn poisson_tail(mean: f64, probability: f64) -> f64 {
    let (mut at, mut term, mut left) = (0.0, libm::exp(-mean), 1.0);
    while left > probability && at < 1_000.0 {
        left -= term;
        at += 1.0;
        term *= mean / at;
    }
    at
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tail_of_a_poisson_number_is_the_one_of_the_tables() {
        // P(N >= 5) = 0.00366 and P(N >= 6) = 0.000594 at a mean of 1.
        assert_eq!((super::poisson_tail(1.0, 0.004), super::poisson_tail(1.0, 0.003)), (5.0, 6.0));
    }
}
