//! What was recorded of a service: its load, and what of it one replica carries.

use super::load::Recorded;
use crate::commands::backtest::named;
use crate::commands::reach::Daemon;
use anyhow::{Context, bail};
use plimsoll_daemon::view::StateView;
use plimsoll_model::{MilliRps, Millicores, Millis, Permille, ScalingPolicy, ServiceName, ServiceSpec, Timestamp};
use serde_json::Value;

const DAY_MS: u64 = 86_400_000;
/// Most points that the daemon gives in one answer.
const POINTS: u64 = 5_000;
/// The share of its CPU that a replica may use within its objective, where nothing is stated.
const USABLE: Permille = Permille(800);
/// CPU is believed over a stated rate where at its 95th percentile this share of what is reserved is used.
const BUSY_ENOUGH: f64 = 0.25;

/// A service's record.
pub struct Past {
    /// At most a day, up to now.
    pub day: Recorded,
    /// At most a week, coarser, up to now.
    pub week: Recorded,
    /// CPU per request per second, millicores, and whether it was measured on busy replicas; none where it was not.
    pub cpu: Option<(f64, bool)>,
}

/// What one replica may carry, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carries {
    /// By a replica as it runs.
    pub running: MilliRps,
    /// By a replica as it is planned.
    pub planned: MilliRps,
    /// The share of its capacity that this is.
    pub usable: Permille,
    /// How it is known.
    pub why: String,
}

impl Past {
    /// The record of a running service; none where there is too little.
    pub fn of_daemon(
        daemon: &Daemon,
        state: &StateView,
        name: &ServiceName,
        spec: &ServiceSpec,
        tick: Millis,
    ) -> anyhow::Result<Option<Self>> {
        let now = Timestamp(state.trace_time_ms);
        let series = |what: &str| format!("service/{name}/{what}");
        let asked = ["rate_milli_rps", "cpu_millicores", "replicas_ready"].map(series);
        let get = |ids: &str, back_ms: u64| -> anyhow::Result<Value> {
            let from = now.minus(Millis(back_ms)).get();
            daemon.get(&format!("/v1/history?series={ids}&from_ms={from}&to_ms={}&points={POINTS}", now.get()))
        };
        let day = get(&asked.join(","), DAY_MS)?;
        let [rates, cpus, ready] = asked.each_ref().map(|id| rows(&day, id));
        let scaled: Vec<(i64, f64)> = rates.iter().map(|(at, rate)| (*at, rate / 1_000.0)).collect();
        let Some(day) = Recorded::of_samples(&scaled, now, tick) else { return Ok(None) };
        let week = rows(&get(&asked[0], 7 * DAY_MS)?, &asked[0]);
        let week: Vec<(i64, f64)> = week.iter().map(|(at, rate)| (*at, rate / 1_000.0)).collect();
        let week = Recorded::of_samples(&week, now, tick).unwrap_or_else(|| day.clone());
        let cpu = cpu_per_request(&rates, &cpus, &ready, spec);
        Ok(Some(Self { day, week, cpu }))
    }

    /// A series of a file or data set: the one named as the service, or the only one.
    pub fn of_file(text: &str, name: &ServiceName) -> anyhow::Result<Self> {
        let mut found = named(text).with_context(|| format!("--recorded {text}"))?;
        let place = found.iter().position(|it| it.series.name == name.as_str()).or((found.len() == 1).then_some(0));
        let Some(place) = place else {
            let names: Vec<&str> = found.iter().map(|it| it.series.name.as_str()).collect();
            bail!("--recorded {text}: no series is called {name}; there are {}", names.join(", "));
        };
        let series = found.swap_remove(place).series;
        let whole = Recorded { start: series.start, step: series.step, values: series.values };
        Ok(Self { day: whole.last_day(), week: whole, cpu: None })
    }
}

/// The rows of one series: when, and the mean.
fn rows(answer: &Value, id: &str) -> Vec<(i64, f64)> {
    let rows = answer["series"][id].as_array();
    rows.into_iter().flatten().filter_map(|row| Some((row[0].as_i64()?, row[1].as_f64()?))).collect()
}

/// CPU over load, and whether it was measured on replicas that had something to do.
fn cpu_per_request(
    rates: &[(i64, f64)],
    cpus: &[(i64, f64)],
    ready: &[(i64, f64)],
    spec: &ServiceSpec,
) -> Option<(f64, bool)> {
    let sum = |rows: &[(i64, f64)]| rows.iter().map(|(_, value)| value).sum::<f64>();
    let mean = |rows: &[(i64, f64)]| sum(rows) / rows.len().max(1) as f64;
    let (rate, cpu) = (mean(rates) / 1_000.0, mean(cpus));
    if rate <= 0.0 || cpu <= 0.0 {
        return None;
    }
    let reserved = spec.requests.cpu.get() as f64;
    // Both series have a sample per step, at the same moments.
    let mut busy: Vec<f64> = cpus
        .iter()
        .zip(ready)
        .filter(|(_, (_, ready))| *ready >= 1.0)
        .map(|((_, cpu), (_, ready))| cpu / (ready * reserved))
        .collect();
    busy.sort_by(f64::total_cmp);
    let high = busy.get(busy.len().saturating_sub(1) * 95 / 100).copied().unwrap_or(0.0);
    Some((cpu / rate, high >= BUSY_ENOUGH))
}

/// What a replica may carry: as stated, as its CPU says where that was measured well, else the rate it is scaled by.
pub fn carries(past: &Past, running: &ServiceSpec, planned: &ServiceSpec) -> Option<Carries> {
    let stated = |rate: MilliRps, why: &str| Carries {
        running: rate,
        planned: rate,
        usable: Permille(1_000),
        why: why.to_owned(),
    };
    if let Some(rate) = planned.scaling.capacity.or(running.scaling.capacity) {
        return Some(stated(rate, "scaling.capacity"));
    }
    let by_cpu = |per_request: f64| {
        let rate = |cpu: Millicores| MilliRps((cpu.get() as f64 * USABLE.get() as f64 / per_request) as u64);
        let why = format!("80 % of its reserved CPU at the recorded {:.2} ms of CPU a request", per_request);
        Carries { running: rate(running.requests.cpu), planned: rate(planned.requests.cpu), usable: USABLE, why }
    };
    let sound = |found: &Carries| found.running.get() > 0 && found.planned.get() > 0;
    if let Some((per_request, true)) = past.cpu {
        return Some(by_cpu(per_request)).filter(sound);
    }
    let target = [running, planned].into_iter().find_map(|spec| {
        spec.scaling.policies.iter().find_map(|policy| match policy {
            ScalingPolicy::RequestRate { target } => Some(*target),
            _ => None,
        })
    });
    match (target, past.cpu) {
        (Some(rate), _) => Some(stated(rate, "scaling.request_rate")),
        (None, Some((per_request, _))) => Some(by_cpu(per_request)).filter(sound),
        (None, None) => None,
    }
}
