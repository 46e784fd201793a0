//! The features as a row of numbers, the same for the classifier and for the memory of past incidents.
//!
//! Only numbers that mean the same for a small service and a large one: shares, quotients, correlations, counts per window. A
//! level in requests per second, MiB or milliseconds would tell which simulated service it was, and nothing of the cause. What
//! was not measured is NaN.

use crate::evidence::Code;
use crate::features::Features;

/// Numbers of a row.
pub const WIDTH: usize = 62;

/// A row of features; NaN where nothing was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row(pub [f32; WIDTH]);

impl Row {
    /// The row of these features.
    #[must_use]
    pub fn of(features: &Features) -> Self {
        let mut row = [f32::NAN; WIDTH];
        let all = columns(features);
        for (place, (_, value)) in row.iter_mut().zip(all) {
            *place = value.filter(|value| value.is_finite()).map_or(f32::NAN, |value| value.clamp(-1e6, 1e6) as f32);
        }
        Self(row)
    }
}

/// The names of the numbers, in their order.
#[must_use]
pub fn names() -> [&'static str; WIDTH] {
    columns(&Features::default()).map(|(name, _)| name)
}

/// The fact that the number at this place is part of.
#[must_use]
pub fn code(place: usize) -> Code {
    let name = names().get(place).copied().unwrap_or_default();
    let (group, rest) = name.split_once('.').unwrap_or((name, ""));
    match (group, rest) {
        ("load", "spread") => Code::Spread,
        ("load", rest) if rest.starts_with("season") => Code::Season,
        ("load", "curve" | "growth" | "curve_less_stairs") => Code::Trend,
        ("load", "step" | "stairs" | "jump") => Code::Step,
        ("load", "changes") => Code::Change,
        ("load", _) => Code::Bursts,
        ("cpu", "with_load") => Code::CpuFollows,
        ("cpu", "per_request_change") => Code::CpuCost,
        ("cpu", "saturated") => Code::Saturation,
        ("cpu", rest) if rest.starts_with("throttl") => Code::Throttling,
        ("cpu", _) => Code::CpuUse,
        ("memory", "peak_of_limit") => Code::MemoryPeak,
        ("memory", "of_request") => Code::MemoryUse,
        ("memory", "with_in_flight") => Code::MemoryFollows,
        ("memory", "idle_of_limit") => Code::MemoryIdle,
        ("memory", "with_age" | "growth") => Code::Leak,
        ("memory", _) => Code::Kills,
        ("disk", _) => Code::DiskPressure,
        ("host", _) => Code::Crowded,
        ("latency", _) => Code::Latency,
        ("slow", rest) if rest.starts_with("unexplained") => Code::Unexplained,
        ("slow", _) => Code::Slow,
        ("errors", _) => Code::Failed,
        ("scaling", "turns") => Code::Turns,
        ("scaling", "at_max") => Code::AtMax,
        ("scaling", "at_min") => Code::AtMin,
        _ => Code::Replicas,
    }
}

/// Ids of facts of the numbers at these places, the first `most` that there are; the load's level where there is none.
#[must_use]
pub fn evidence(places: impl IntoIterator<Item = usize>, features: &Features, most: usize) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for code in places.into_iter().map(code).filter(|code| code.is_there(features)) {
        if ids.len() < most && !ids.iter().any(|id| id == code.id()) {
            ids.push(code.id().to_owned());
        }
    }
    if ids.is_empty() {
        ids.push(Code::Level.id().to_owned());
    }
    ids
}

type Column = (&'static str, Option<f64>);

fn columns(features: &Features) -> [Column; WIDTH] {
    let mut out: [Column; WIDTH] = [("", None); WIDTH];
    let all = load(features).into_iter().chain(cpu(features)).chain(memory(features));
    let all = all.chain(surroundings(features)).chain(latency(features)).chain(scaling(features));
    for (place, column) in out.iter_mut().zip(all) {
        *place = column;
    }
    out
}

fn load(features: &Features) -> [Column; 17] {
    let load = features.load;
    let season = load.and_then(|load| load.season);
    let shape = load.map(|load| load.shape);
    let cycles = season.map(|season| features.samples as f64 / season.period.max(1) as f64);
    let length = features.samples.max(1) as f64;
    // Growth is the same news either way: as many times up as down.
    let times = |growth: f64| if growth > 0.0 { growth.max(1.0 / growth) } else { 1e6 };
    [
        ("load.spread", load.map(|load| load.spread)),
        ("load.season.strength", load.map(|_| season.map_or(0.0, |season| season.strength))),
        ("load.season.share", load.map(|_| season.map_or(0.0, |season| season.share))),
        ("load.season.depth", load.map(|_| season.map_or(0.0, |season| season.depth))),
        ("load.season.cycles", load.map(|_| cycles.unwrap_or(0.0))),
        ("load.excursions", load.map(|load| f64::from(load.excursions))),
        ("load.highest", load.map(|load| load.highest)),
        ("load.longest", load.map(|load| f64::from(load.longest) / length)),
        ("load.dominance", load.map(|load| load.dominance)),
        ("load.excursion_share", load.map(|load| load.excursion_share)),
        ("load.curve", shape.map(|shape| shape.curve)),
        ("load.growth", shape.map(|shape| times(shape.growth))),
        ("load.step", shape.map(|shape| shape.step)),
        ("load.stairs", shape.map(|shape| shape.stairs)),
        ("load.curve_less_stairs", shape.map(|shape| shape.curve - shape.stairs.max(shape.step))),
        ("load.jump", shape.map(|shape| shape.jump)),
        ("load.changes", load.map(|load| f64::from(load.changes))),
    ]
}

fn cpu(features: &Features) -> [Column; 9] {
    let cpu = features.cpu;
    [
        ("cpu.of_request", cpu.map(|cpu| cpu.of_request)),
        ("cpu.of_request_p90", cpu.map(|cpu| cpu.of_request_p90)),
        ("cpu.of_limit", cpu.and_then(|cpu| cpu.of_limit)),
        ("cpu.with_load", cpu.and_then(|cpu| cpu.with_load)),
        ("cpu.per_request_change", cpu.and_then(|cpu| cpu.per_request_change)),
        ("cpu.saturated", cpu.map(|cpu| cpu.saturated)),
        ("cpu.throttled", cpu.map(|cpu| cpu.throttled)),
        ("cpu.throttling", cpu.and_then(|cpu| cpu.throttling)),
        ("cpu.throttled_below_max", cpu.map(|cpu| cpu.throttled_below_max)),
    ]
}

fn memory(features: &Features) -> [Column; 9] {
    let memory = features.memory;
    [
        ("memory.peak_of_limit", memory.and_then(|memory| memory.peak_of_limit)),
        ("memory.of_request", memory.and_then(|memory| memory.of_request)),
        ("memory.with_in_flight", memory.and_then(|memory| memory.with_in_flight)),
        ("memory.idle_of_limit", memory.and_then(|memory| memory.idle_of_limit)),
        ("memory.with_age", memory.and_then(|memory| memory.with_age)),
        ("memory.growth", memory.and_then(|memory| memory.growth)),
        ("memory.kills", memory.map(|memory| memory.kills)),
        ("memory.kill_rate", memory.map(|memory| memory.kill_rate)),
        ("memory.age_at_kill", memory.and_then(|memory| memory.age_at_kill)),
    ]
}

fn surroundings(features: &Features) -> [Column; 9] {
    let (disk, host) = (features.disk, features.host);
    [
        ("disk.pressure", disk.map(|disk| disk.pressure)),
        ("disk.busy", disk.map(|disk| disk.busy)),
        ("disk.with_load", disk.and_then(|disk| disk.with_load)),
        ("host.others", host.map(|host| host.others)),
        ("host.others_most", host.map(|host| host.others_most)),
        ("host.crowded", host.map(|host| host.crowded)),
        ("host.slow_when_crowded", host.and_then(|host| host.slow_when_crowded)),
        ("host.slow_when_not", host.and_then(|host| host.slow_when_not)),
        ("host.latency_when_crowded", host.and_then(|host| host.latency_when_crowded)),
    ]
}

fn latency(features: &Features) -> [Column; 13] {
    let (latency, slow) = (features.latency, features.slow);
    let usual = latency.map(|latency| latency.usual_p50_ms).filter(|usual| *usual > 0.0);
    let over = |value: Option<f64>| value.zip(usual).map(|(value, usual)| value / usual);
    let length = features.samples.max(1) as f64;
    [
        ("latency.p50_over_usual", over(latency.map(|latency| latency.p50_ms))),
        ("latency.p99_over_usual", over(latency.and_then(|latency| latency.p99_ms))),
        ("latency.worst_p99_over_usual", over(latency.and_then(|latency| latency.worst_p99_ms))),
        ("latency.with_load", latency.and_then(|latency| latency.with_load)),
        ("slow.share", slow.map(|slow| slow.share)),
        ("slow.cpu", slow.map(|slow| slow.cpu)),
        ("slow.quota", slow.map(|slow| slow.quota)),
        ("slow.disk", slow.map(|slow| slow.disk)),
        ("slow.host", slow.map(|slow| slow.host)),
        ("slow.replicas", slow.map(|slow| slow.replicas)),
        ("slow.unexplained", slow.map(|slow| slow.unexplained)),
        ("slow.unexplained_run", slow.map(|slow| f64::from(slow.unexplained_run) / length)),
        ("slow.unexplained_times", slow.map(|slow| slow.unexplained_times)),
    ]
}

fn scaling(features: &Features) -> [Column; 5] {
    let scaling = features.scaling;
    [
        ("errors.failed", features.errors.failed),
        ("scaling.changes", scaling.map(|scaling| scaling.changes)),
        ("scaling.turns", scaling.map(|scaling| scaling.turns)),
        ("scaling.at_max", scaling.map(|scaling| scaling.at_max)),
        ("scaling.at_min", scaling.map(|scaling| scaling.at_min)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;
    use std::collections::BTreeSet;

    #[test]
    fn every_number_has_a_name_of_its_own_and_a_measured_service_fills_most() {
        let names = names();
        assert!(names.iter().all(|name| !name.is_empty()));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), WIDTH);
        assert!(Row::of(&Features::default()).0.iter().all(|value| value.is_nan()));
        let (_, history) = scenario::run(0).unwrap();
        let row = Row::of(&Features::of(&history));
        assert!(row.0.iter().filter(|value| value.is_finite()).count() > 45, "{row:?}");
    }
}
