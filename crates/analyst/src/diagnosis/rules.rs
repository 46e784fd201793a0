//! The rules, one function per cause. A condition whose figure is missing does not hold.

use super::{Cause, Hypothesis};
use crate::evidence::Code;
use crate::features::Features;

/// 0 at `none` and beyond, 1 at `full` and beyond, a straight line between; either may be the larger. Missing is 0.
fn grade(value: impl Into<Option<f64>>, none: f64, full: f64) -> f64 {
    match value.into().filter(|value| value.is_finite()) {
        Some(value) => ((value - none) / (full - none)).clamp(0.0, 1.0),
        None => 0.0,
    }
}

/// The least of several grades.
fn least(grades: &[f64]) -> f64 {
    grades.iter().copied().fold(1.0, f64::min)
}

/// 1 where it holds.
fn sure(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Every cause with its confidence.
pub(super) fn all(features: &Features) -> Vec<Hypothesis> {
    let quota = throttled(features);
    let leak = leak(features);
    let cpu = cpu_bound(features);
    // What has a cause among these is not named a second time.
    // Under overload requests in flight are at their bound, and what memory is without them cannot be told.
    let tells = leak < 0.5 && cpu < 0.5;
    let limits = quota.max(if tells { memory_limit(features) } else { 0.0 });
    let cpu = if quota >= 0.5 { 0.0 } else { cpu };
    let memory = if cpu >= 0.5 || leak >= 0.5 { 0.0 } else { memory_bound(features) };
    let named = [
        (Cause::Seasonal, seasonal(features), &[Code::Season, Code::Level][..]),
        (Cause::Bursty, bursty(features), &[Code::Bursts, Code::Spread]),
        (Cause::Trend, trend(features), &[Code::Trend, Code::Level]),
        (Cause::Step, step(features), &[Code::Step, Code::Change]),
        (Cause::FlashCrowd, flash_crowd(features), &[Code::Bursts, Code::Level]),
        (Cause::Leak, leak, &[Code::Leak, Code::Kills, Code::MemoryPeak]),
        (Cause::CpuBound, cpu, &[Code::Saturation, Code::CpuUse, Code::AtMax]),
        (Cause::MemoryBound, memory, &[Code::MemoryPeak, Code::MemoryFollows, Code::Kills]),
        (Cause::IoBound, io_bound(features), &[Code::DiskPressure, Code::CpuUse, Code::Slow]),
        (Cause::DependencyBound, dependency(features), &[Code::Unexplained, Code::Slow, Code::CpuUse]),
        (Cause::NoisyNeighbour, neighbour(features), &[Code::Crowded, Code::Slow]),
        (Cause::OverProvisioned, over(features), &[Code::CpuUse, Code::AtMin, Code::MemoryUse]),
        (Cause::FlappingPolicy, flapping(features), &[Code::Turns, Code::Spread]),
        (Cause::BadLimits, limits, &[Code::Throttling, Code::MemoryIdle, Code::Kills]),
    ];
    named
        .into_iter()
        .map(|(cause, confidence, codes)| Hypothesis {
            cause,
            confidence,
            evidence: codes.iter().filter(|code| code.is_there(features)).map(|code| code.id().to_owned()).collect(),
        })
        .collect()
}

fn seasonal(features: &Features) -> f64 {
    let Some(season) = features.load.and_then(|load| load.season) else { return 0.0 };
    least(&[grade(season.depth, 0.1, 0.4), grade(season.strength, 0.1, 0.6), grade(season.share, 0.1, 0.5)])
}

fn bursty(features: &Features) -> f64 {
    let Some(load) = features.load else { return 0.0 };
    let again = grade(f64::from(load.excursions), 2.0, 6.0);
    least(&[again, grade(load.highest, 1.5, 2.3), grade(load.dominance, 0.75, 0.45)])
}

fn flash_crowd(features: &Features) -> f64 {
    let Some(load) = features.load else { return 0.0 };
    let lasts = grade(f64::from(load.longest), 2.0, 8.0);
    let alone = grade(load.dominance, 0.45, 0.75);
    least(&[sure(load.season.is_none()), lasts, alone, grade(load.highest, 1.8, 3.0)])
}

fn trend(features: &Features) -> f64 {
    let Some(shape) = features.load.map(|load| load.shape) else { return 0.0 };
    let times = if shape.growth > 0.0 { shape.growth.max(1.0 / shape.growth) } else { f64::INFINITY };
    let is_smooth = shape.curve >= shape.stairs.max(shape.step);
    least(&[sure(is_smooth), grade(times.min(1e6), 1.15, 1.5), grade(shape.curve, 0.5, 0.85)])
}

fn step(features: &Features) -> f64 {
    let Some(shape) = features.load.map(|load| load.shape) else { return 0.0 };
    let fits = shape.stairs.max(shape.step);
    least(&[sure(fits > shape.curve), grade(shape.jump, 1.15, 1.5), grade(fits, 0.6, 0.9)])
}

fn leak(features: &Features) -> f64 {
    let Some(memory) = features.memory else { return 0.0 };
    least(&[grade(memory.with_age, 0.7, 0.95), grade(memory.growth, 0.1, 0.25)])
}

fn cpu_bound(features: &Features) -> f64 {
    features.cpu.map_or(0.0, |cpu| grade(cpu.saturated, 0.1, 0.4))
}

/// A quota holds replicas back while the policy could add some and does not.
fn throttled(features: &Features) -> f64 {
    features.cpu.map_or(0.0, |cpu| grade(cpu.throttled_below_max, 0.15, 0.45))
}

/// Memory that is used at any load leaves no room below the limit; with kills, less is enough.
fn memory_limit(features: &Features) -> f64 {
    let Some(memory) = features.memory else { return 0.0 };
    let killed = least(&[sure(memory.kills > 0.0), grade(memory.idle_of_limit, 0.65, 0.85)]);
    killed.max(grade(memory.idle_of_limit, 0.75, 0.95))
}

fn memory_bound(features: &Features) -> f64 {
    let Some(memory) = features.memory else { return 0.0 };
    let held = memory.peak_of_limit.zip(memory.idle_of_limit).map(|(peak, idle)| peak - idle.max(0.0));
    let full = grade(memory.peak_of_limit, 0.55, 0.8).max(sure(memory.kills >= 2.0) * 0.9);
    least(&[full, grade(held, 0.2, 0.5), grade(memory.with_in_flight, 0.4, 0.8)])
}

fn io_bound(features: &Features) -> f64 {
    let Some(disk) = features.disk else { return 0.0 };
    let cpu_left = features.cpu.map_or(1.0, |cpu| grade(cpu.of_request, 1.0, 0.7));
    least(&[grade(disk.pressure, 0.7, 0.88), cpu_left])
}

fn dependency(features: &Features) -> f64 {
    let Some(slow) = features.slow else { return 0.0 };
    let run = grade(f64::from(slow.unexplained_run), 4.0, 12.0);
    least(&[grade(slow.unexplained, 0.03, 0.1), grade(slow.unexplained_times, 1.8, 2.6), run])
}

fn neighbour(features: &Features) -> f64 {
    let Some(host) = features.host else { return 0.0 };
    let more = host.slow_when_crowded.zip(host.slow_when_not).map(|(crowded, calm)| crowded - calm);
    let slower = grade(host.latency_when_crowded, 1.2, 1.8);
    least(&[grade(host.crowded, 0.01, 0.05), slower, grade(more, 0.15, 0.5)])
}

fn over(features: &Features) -> f64 {
    let Some(cpu) = features.cpu else { return 0.0 };
    let serves = grade(features.errors.failed.unwrap_or(0.0), 0.05, 0.01);
    let disk_idle = features.disk.map_or(1.0, |disk| grade(disk.pressure, 0.85, 0.7));
    least(&[grade(cpu.of_request, 0.36, 0.2), grade(cpu.of_request_p90, 0.5, 0.32), serves, disk_idle])
}

fn flapping(features: &Features) -> f64 {
    features.scaling.map_or(0.0, |scaling| grade(scaling.turns, 3.0, 9.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Cpu, Disk, Host, Load, Memory, Scaling, Season, Shape, Slow};

    /// What is named, from half sure on.
    fn named(features: &Features) -> Vec<Cause> {
        let named = all(features).into_iter().filter(|hypothesis| hypothesis.confidence >= 0.5);
        named.map(|hypothesis| hypothesis.cause).collect()
    }

    fn load() -> Load {
        Load { level: 20.0, spread: 0.05, highest: 1.0, ..Load::default() }
    }

    fn calm() -> Features {
        let growth = Shape { growth: 1.0, jump: 1.0, ..Shape::default() };
        Features {
            samples: 500,
            step_s: 60.0,
            load: Some(Load { shape: growth, ..load() }),
            cpu: Some(Cpu { of_request: 0.5, of_request_p90: 0.6, ..Cpu::default() }),
            memory: Some(Memory { typical_mib: 100.0, peak_of_limit: Some(0.5), ..Memory::default() }),
            disk: Some(Disk { pressure: 0.4, ..Disk::default() }),
            host: Some(Host { others: 0.2, ..Host::default() }),
            scaling: Some(Scaling { turns: 1.0, ..Scaling::default() }),
            ..Features::default()
        }
    }

    fn with_load(load: Load) -> Features {
        Features { load: Some(load), ..calm() }
    }

    #[test]
    fn a_calm_service_and_an_unknown_one_have_no_cause() {
        assert!(named(&calm()).is_empty() && named(&Features::default()).is_empty());
    }

    #[test]
    fn shapes_of_load_are_told_apart() {
        let season = Season { period: 60, strength: 0.8, share: 0.7, depth: 0.6 };
        assert_eq!(named(&with_load(Load { season: Some(season), ..load() })), [Cause::Seasonal]);
        let faint = Season { depth: 0.15, ..season };
        assert!(named(&with_load(Load { season: Some(faint), ..load() })).is_empty());
        let bursts = Load { excursions: 9, highest: 3.0, longest: 4, dominance: 0.2, ..load() };
        assert_eq!(named(&with_load(bursts)), [Cause::Bursty]);
        let crowd = Load { excursions: 1, highest: 5.0, longest: 30, dominance: 1.0, ..load() };
        assert_eq!(named(&with_load(crowd)), [Cause::FlashCrowd]);
        let one_sample = Load { excursions: 1, highest: 5.0, longest: 1, dominance: 1.0, ..load() };
        assert!(named(&with_load(one_sample)).is_empty());
        let trend = Shape { curve: 0.97, growth: 2.0, step: 0.75, stairs: 0.88, jump: 1.5, ..Shape::default() };
        assert_eq!(named(&with_load(Load { shape: trend, ..load() })), [Cause::Trend]);
        let falling = Shape { growth: 0.4, ..trend };
        assert_eq!(named(&with_load(Load { shape: falling, ..load() })), [Cause::Trend]);
        let step = Shape { curve: 0.8, growth: 2.5, step: 0.97, stairs: 0.98, jump: 2.0, ..Shape::default() };
        assert_eq!(named(&with_load(Load { shape: step, ..load() })), [Cause::Step]);
    }

    #[test]
    fn memory_that_grows_is_a_leak_and_neither_a_limit_nor_a_bound() {
        let grows = Memory {
            peak_of_limit: Some(0.98),
            idle_of_limit: Some(0.8),
            with_age: Some(0.99),
            growth: Some(0.6),
            kills: 4.0,
            ..Memory::default()
        };
        assert_eq!(named(&Features { memory: Some(grows), ..calm() }), [Cause::Leak]);
        let steady = Memory { with_age: Some(0.1), growth: Some(0.0), ..grows };
        assert_eq!(named(&Features { memory: Some(steady), ..calm() }), [Cause::BadLimits]);
        let held = Memory {
            idle_of_limit: Some(0.2),
            with_in_flight: Some(0.95),
            with_age: Some(0.0),
            growth: Some(0.0),
            ..grows
        };
        assert_eq!(named(&Features { memory: Some(held), ..calm() }), [Cause::MemoryBound]);
    }

    #[test]
    fn saturation_is_cpu_bound_unless_a_quota_comes_first() {
        let full = Cpu { of_request: 1.0, of_request_p90: 1.05, saturated: 0.9, ..Cpu::default() };
        assert_eq!(named(&Features { cpu: Some(full), ..calm() }), [Cause::CpuBound]);
        let quota = Cpu { throttled_below_max: 0.9, ..full };
        assert_eq!(named(&Features { cpu: Some(quota), ..calm() }), [Cause::BadLimits]);
        // Requests that pile up for want of CPU fill the memory as well: one cause, not two.
        let piled = Memory {
            peak_of_limit: Some(0.95),
            idle_of_limit: Some(0.9),
            with_in_flight: Some(0.9),
            kills: 3.0,
            ..Memory::default()
        };
        assert_eq!(named(&Features { cpu: Some(full), memory: Some(piled), ..calm() }), [Cause::CpuBound]);
    }

    #[test]
    fn a_busy_disk_counts_while_cpu_is_left() {
        let busy = Disk { pressure: 0.95, ..Disk::default() };
        assert_eq!(named(&Features { disk: Some(busy), ..calm() }), [Cause::IoBound]);
        let both = Cpu { of_request: 1.0, of_request_p90: 1.0, ..Cpu::default() };
        assert!(named(&Features { disk: Some(busy), cpu: Some(both), ..calm() }).is_empty());
    }

    #[test]
    fn slowness_that_nothing_explains_is_a_dependency_and_a_crowded_host_a_neighbour() {
        let slow =
            Slow { share: 0.3, unexplained: 0.3, unexplained_run: 90, unexplained_times: 5.0, ..Slow::default() };
        assert_eq!(named(&Features { slow: Some(slow), ..calm() }), [Cause::DependencyBound]);
        let once = Slow { unexplained_run: 2, ..slow };
        assert!(named(&Features { slow: Some(once), ..calm() }).is_empty());
        let crowded = Host {
            crowded: 0.2,
            slow_when_crowded: Some(0.95),
            slow_when_not: Some(0.01),
            latency_when_crowded: Some(3.0),
            ..Host::default()
        };
        assert_eq!(named(&Features { host: Some(crowded), ..calm() }), [Cause::NoisyNeighbour]);
        let harmless = Host { slow_when_crowded: Some(0.02), latency_when_crowded: Some(1.05), ..crowded };
        assert!(named(&Features { host: Some(harmless), ..calm() }).is_empty());
    }

    #[test]
    fn little_use_is_over_provisioned_only_of_a_service_that_serves() {
        let idle = Cpu { of_request: 0.1, of_request_p90: 0.15, ..Cpu::default() };
        let over = Features { cpu: Some(idle), ..calm() };
        assert_eq!(named(&over), [Cause::OverProvisioned]);
        let mut down = over.clone();
        down.errors.failed = Some(0.4);
        assert!(named(&down).is_empty());
        let disk = Disk { pressure: 0.95, ..Disk::default() };
        assert_eq!(named(&Features { disk: Some(disk), ..over }), [Cause::IoBound]);
    }

    #[test]
    fn turns_make_a_flapping_policy() {
        let scaling = Scaling { turns: 40.0, ..Scaling::default() };
        assert_eq!(named(&Features { scaling: Some(scaling), ..calm() }), [Cause::FlappingPolicy]);
    }

    #[test]
    fn evidence_names_only_facts_that_there_are() {
        let scaling = Scaling { turns: 40.0, ..Scaling::default() };
        let features = Features { scaling: Some(scaling), load: None, ..calm() };
        let flapping = all(&features).into_iter().find(|one| one.cause == Cause::FlappingPolicy).unwrap();
        assert_eq!(flapping.evidence, ["S2"]);
    }
}
