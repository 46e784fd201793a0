//! The figures of each fact. A figure is rounded once, here, so that what is written is what is stored, to the digit.

use super::code::Code;
use crate::features::Features;
use serde::Serialize;

/// One number of a fact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What it is.
    pub name: &'static str,
    /// Its value, rounded to four digits.
    pub value: f64,
    /// Its unit; empty for a share, a correlation or a count.
    pub unit: &'static str,
}

/// To four significant digits.
#[must_use]
pub(crate) fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return 0.0;
    }
    let scale = libm::pow(10.0, 3.0 - libm::floor(libm::log10(value.abs())));
    let rounded = libm::round(value * scale) / scale;
    // Through its text: the nearest float of a short decimal, so that writing and reading give the same.
    format!("{rounded:.12e}").parse().unwrap_or(rounded)
}

/// A list of figures that leaves out what is missing.
#[derive(Default)]
pub(super) struct Figures(pub Vec<Figure>);

impl Figures {
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Option<f64>>, unit: &'static str) -> Self {
        if let Some(value) = value.into().filter(|value| value.is_finite()) {
            self.0.push(Figure { name, value: rounded(value), unit });
        }
        self
    }
}

/// The figures of a fact that is computed from features; none where nothing is known of it.
pub(super) fn figures(code: Code, features: &Features) -> Vec<Figure> {
    match code {
        Code::Level | Code::Spread | Code::Season | Code::Bursts | Code::Trend | Code::Step | Code::Change => {
            load(code, features)
        }
        Code::CpuUse | Code::Saturation | Code::Throttling | Code::CpuCost | Code::CpuFollows => cpu(code, features),
        Code::MemoryUse | Code::MemoryPeak | Code::MemoryFollows | Code::MemoryIdle | Code::Leak | Code::Kills => {
            memory(code, features)
        }
        Code::DiskPressure | Code::DiskFlow | Code::Crowded => host(code, features),
        Code::Latency | Code::Slow | Code::Unexplained | Code::Failed | Code::Queue => requests(code, features),
        Code::Replicas | Code::Turns | Code::AtMax | Code::AtMin => scaling(code, features),
        Code::Quality => {
            let figures = Figures::default().with("samples", features.samples as f64, "");
            figures.with("step", features.step_s, "s").with("gaps", features.gaps, "").0
        }
        Code::Bounds | Code::Size | Code::Targets | Code::Damping | Code::ForecastError => Vec::new(),
    }
}

fn load(code: Code, features: &Features) -> Vec<Figure> {
    let Some(load) = features.load else { return Vec::new() };
    let none = Figures::default();
    match code {
        Code::Level => none.with("median", load.level, "/s"),
        Code::Spread => none.with("deviation_over_mean", load.spread, ""),
        Code::Season => {
            let Some(season) = load.season else { return Vec::new() };
            let period = none.with("period", season.period as f64 * features.step_s, "s");
            let fit = period.with("cycle_correlation", season.strength, "").with("variance_share", season.share, "");
            fit.with("depth_over_level", season.depth, "")
        }
        Code::Bursts if load.excursions > 0 => {
            let count = none.with("count", f64::from(load.excursions), "").with("highest_times", load.highest, "");
            let longest = count.with("longest", f64::from(load.longest) * features.step_s, "s");
            longest.with("time_share", load.excursion_share, "").with("largest_share", load.dominance, "")
        }
        Code::Trend => none.with("end_over_start", load.shape.growth, "").with("fit", load.shape.curve, ""),
        Code::Step => {
            let times = none.with("times", load.shape.jump, "").with("at_share", load.shape.jump_at, "");
            times.with("fit", load.shape.stairs.max(load.shape.step), "")
        }
        Code::Change => {
            let Some(change) = load.change else { return Vec::new() };
            let at = none.with("after", change.at as f64 * features.step_s, "s");
            at.with("mean_before", change.before, "").with("mean_after", change.after, "")
        }
        _ => none,
    }
    .0
}

fn cpu(code: Code, features: &Features) -> Vec<Figure> {
    let Some(cpu) = features.cpu else { return Vec::new() };
    let none = Figures::default();
    match code {
        Code::CpuUse => {
            let use_ = none.with("median", cpu.of_request, "").with("p90", cpu.of_request_p90, "");
            use_.with("of_limit", cpu.of_limit, "")
        }
        Code::Saturation => none.with("time_share", cpu.saturated, ""),
        Code::Throttling => match cpu.throttling {
            Some(mean) => none.with("mean", mean, "").with("time_below_max", cpu.throttled_below_max, ""),
            None => none,
        },
        Code::CpuCost => {
            none.with("median", cpu.per_request_ms, "ms").with("end_over_start", cpu.per_request_change, "")
        }
        _ => none.with("correlation", cpu.with_load, ""),
    }
    .0
}

fn memory(code: Code, features: &Features) -> Vec<Figure> {
    let Some(memory) = features.memory else { return Vec::new() };
    let none = Figures::default();
    match code {
        Code::MemoryUse => none.with("median", memory.typical_mib, "MiB").with("of_request", memory.of_request, ""),
        Code::MemoryPeak => none.with("p95", memory.peak_of_limit, ""),
        Code::MemoryFollows => none.with("correlation", memory.with_in_flight, ""),
        Code::MemoryIdle => none.with("share", memory.idle_of_limit, ""),
        Code::Leak => {
            let grows = none.with("growth", memory.growth, "").with("growth_per_hour", memory.growth_per_hour, "");
            grows.with("correlation", memory.with_age, "")
        }
        _ => {
            let kills = none.with("count", memory.kills, "").with("per_1000_replica_samples", memory.kill_rate, "");
            kills.with("median_age_of_window", memory.age_at_kill, "")
        }
    }
    .0
}

fn host(code: Code, features: &Features) -> Vec<Figure> {
    let none = Figures::default();
    match (code, features.disk, features.host) {
        (Code::DiskPressure, Some(disk), _) => {
            let pressure = none.with("median", disk.pressure, "").with("time_busy", disk.busy, "");
            pressure.with("load_correlation", disk.with_load, "")
        }
        (Code::DiskFlow, Some(disk), _) => none.with("mean", disk.mib_per_s, "MiB/s"),
        (Code::Crowded, _, Some(host)) => {
            let crowded = none.with("time_share", host.crowded, "").with("others_median", host.others, "");
            let most = crowded.with("others_most", host.others_most, "");
            let slow = most.with("slow_then", host.slow_when_crowded, "").with("slow_else", host.slow_when_not, "");
            slow.with("latency_then_over_else", host.latency_when_crowded, "")
        }
        _ => none,
    }
    .0
}

fn requests(code: Code, features: &Features) -> Vec<Figure> {
    let none = Figures::default();
    match (code, features.latency, features.slow) {
        (Code::Latency, Some(latency), _) => {
            let median = none.with("usual_p50", latency.usual_p50_ms, "ms").with("p50", latency.p50_ms, "ms");
            let tail = median.with("p99", latency.p99_ms, "ms").with("worst_p99", latency.worst_p99_ms, "ms");
            tail.with("load_correlation", latency.with_load, "")
        }
        (Code::Slow, _, Some(slow)) => {
            let share = none.with("time_share", slow.share, "").with("cpu_used_up", slow.cpu, "");
            let more = share.with("throttled", slow.quota, "").with("disk_busy", slow.disk, "");
            more.with("host_crowded", slow.host, "").with("replicas_missing", slow.replicas, "")
        }
        (Code::Unexplained, _, Some(slow)) if slow.unexplained > 0.0 => {
            let share = none.with("time_share", slow.unexplained, "").with("times_usual", slow.unexplained_times, "");
            share.with("longest", f64::from(slow.unexplained_run) * features.step_s, "s")
        }
        (Code::Failed, ..) => none.with("share", features.errors.failed, "").with("shed", features.errors.shed, ""),
        (Code::Queue, ..) if features.errors.queue.is_some() => {
            none.with("mean", features.errors.queue, "").with("growth_per_sample", features.errors.queue_growth, "")
        }
        _ => none,
    }
    .0
}

fn scaling(code: Code, features: &Features) -> Vec<Figure> {
    let Some(scaling) = features.scaling else { return Vec::new() };
    let none = Figures::default();
    match code {
        Code::Replicas => none.with("median", scaling.typical, "").with("most", scaling.most, ""),
        Code::Turns => none.with("per_100_samples", scaling.turns, "").with("changes_per_100", scaling.changes, ""),
        Code::AtMax => none.with("time_share", scaling.at_max, ""),
        _ => none.with("time_share", scaling.at_min, ""),
    }
    .0
}
