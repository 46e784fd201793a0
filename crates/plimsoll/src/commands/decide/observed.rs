//! One observation as people write it, and what it becomes.
//!
//! Units stand in the names; what is left out was not observed. A mistake names the file, the line and the field, and what
//! may stand there.

use anyhow::{Context as _, anyhow, bail};
use plimsoll_autoscale::{Pod, PodPhase, PodSample, Reading, at_load};
use plimsoll_model::forecast::QuantilePoint;
use plimsoll_model::quantity::{Bytes, MilliRps, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::spec::Resources;
use plimsoll_model::{Event, Forecast, MetricReading, Quality, QueueObservation};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;

/// Largest number that is read: what fits thousandths in 63 bits, with room for sums.
const NUMBER_MAX: f64 = 1e15;

/// What was observed of one service at one moment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// When: a time such as `2026-03-01T09:00:00Z`, or milliseconds since the epoch. Needed, unless it is part of an
    /// observation of several services, whose time it shares.
    pub at: Option<Moment>,
    /// Replicas wanted before; the last decision's if left out.
    pub current: Option<u32>,
    /// Replicas whose health check passes; `current`, or the ready ones of `pods`, if left out.
    pub ready: Option<u32>,
    /// Age of the figures.
    #[serde(default)]
    pub age_ms: u64,
    /// Arrivals over all replicas.
    pub rate_per_s: Option<f64>,
    /// Requests in flight over all replicas.
    pub in_flight: Option<f64>,
    /// CPU used by the measured replicas together.
    pub cpu_millicores: Option<u64>,
    /// Memory used by the measured replicas together.
    pub memory_bytes: Option<u64>,
    /// Replicas in the two sums; the ready ones if left out.
    pub measured: Option<u32>,
    /// Replicas one by one, for policies that look at single ones.
    #[serde(default)]
    pub pods: Vec<ObservedPod>,
    /// Replicas that ran out of memory since the last observation, for right-sizing.
    #[serde(default)]
    pub out_of_memory: Vec<ObservedOutOfMemory>,
    /// Figures of somebody else, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, ObservedMetric>,
    /// Work that waits.
    pub queue: Option<ObservedQueue>,
    /// Forecast for the moment at which a replica started now would be ready: quantile and requests per second.
    #[serde(default)]
    pub forecast: BTreeMap<String, f64>,
    /// Events that are announced just now.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// A moment.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// Milliseconds since the epoch.
    Millis(i64),
    /// A date and time with zone.
    Text(String),
}

/// One replica.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedPod {
    #[serde(default)]
    pub phase: ObservedPhase,
    /// Seconds since its start; long ago if left out.
    pub started_s_ago: Option<u64>,
    /// Its health check passes.
    #[serde(default = "yes")]
    pub ready: bool,
    /// Seconds since that changed; since its start if left out.
    pub ready_s_ago: Option<u64>,
    pub cpu_millicores: Option<u64>,
    pub memory_bytes: Option<u64>,
    /// Seconds that the sample averages over.
    #[serde(default = "window")]
    pub window_s: u64,
    /// Figures of its own, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, ObservedMetric>,
}

/// A replica that ran out of memory.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedOutOfMemory {
    /// What it was reserved.
    pub requested_bytes: u64,
    /// How long it ran.
    pub ran_s: u64,
}

const fn yes() -> bool {
    true
}

const fn window() -> u64 {
    15
}

/// Seconds since the start of a replica of which nothing else is said: behind every initialization period.
const LONG_AGO_S: u64 = 86_400;

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObservedPhase {
    Pending,
    #[default]
    Running,
    Failed,
    Deleting,
}

/// A figure, alone or with its age.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub enum ObservedMetric {
    Value(f64),
    Aged { value: f64, age_ms: u64 },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservedQueue {
    /// Items that wait or are worked on.
    pub waiting: u64,
    #[serde(default)]
    pub oldest_ms: u64,
    /// Time that one replica would need for all of it.
    pub remaining_work_ms: Option<u64>,
}

/// What a file observes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One service.
    Service,
    /// Several services that share a node.
    Services,
    /// Nodes of pools and what waits for them.
    Nodes,
}

/// The fields by which kinds are told apart.
#[derive(Debug, Default, Deserialize)]
struct Peek {
    services: Option<IgnoredAny>,
    nodes: Option<IgnoredAny>,
    waiting: Option<IgnoredAny>,
}

impl Peek {
    const fn kind(&self) -> Kind {
        if self.services.is_some() {
            Kind::Services
        } else if self.nodes.is_some() || self.waiting.is_some() {
            Kind::Nodes
        } else {
            Kind::Service
        }
    }
}

/// What the observations of a file are of.
pub fn kind(text: &str, name: &str) -> anyhow::Result<Kind> {
    let peeked: Vec<Peek> = read(text, name)?;
    let kind = peeked[0].kind();
    if let Some(other) = peeked.iter().position(|peek| peek.kind() != kind) {
        bail!(
            "{name}: observation {} is of another kind than the first: one service, `services`, or `nodes`",
            other + 1
        );
    }
    Ok(kind)
}

/// The observations of a file: one, or a list. Never empty.
pub fn read<T: DeserializeOwned>(text: &str, name: &str) -> anyhow::Result<Vec<T>> {
    let is_list = text.trim_start().starts_with('[');
    let read = if is_list { serde_json::from_str(text) } else { serde_json::from_str(text).map(|one| vec![one]) };
    let observed: Vec<T> = read.map_err(|error: serde_json::Error| {
        let message = error.to_string();
        let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
        anyhow!("{name}:{}:{}: {what}", error.line(), error.column())
    })?;
    if observed.is_empty() {
        bail!("{name}: the list holds no observation, at least one is needed");
    }
    Ok(observed)
}

impl Moment {
    pub fn time(&self) -> anyhow::Result<Timestamp> {
        match self {
            Self::Millis(ms) => Ok(Timestamp(*ms)),
            Self::Text(text) => plimsoll_config::moment::parse(text).map(Timestamp).ok_or_else(|| {
                anyhow!("at {text:?}: neither a time with zone such as 2026-03-01T09:00:00Z nor milliseconds since the epoch")
            }),
        }
    }
}

impl Observed {
    /// When.
    pub fn at(&self) -> anyhow::Result<Timestamp> {
        self.at.as_ref().ok_or_else(|| anyhow!("missing field `at`"))?.time()
    }

    /// The same with so many thousandths of the load: arrivals, requests in flight, CPU, work that waits.
    pub fn at_load(&self, load: u64) -> Self {
        let mut other = self.clone();
        let share = load as f64 / 1_000.0;
        let of = |amount: &mut u64| *amount = at_load(*amount, load);
        other.rate_per_s.iter_mut().chain(&mut other.in_flight).for_each(|amount| *amount *= share);
        other.cpu_millicores.iter_mut().for_each(of);
        other.pods.iter_mut().filter_map(|pod| pod.cpu_millicores.as_mut()).for_each(of);
        if let Some(queue) = &mut other.queue {
            queue.waiting = at_load(queue.waiting, load);
            queue.remaining_work_ms.iter_mut().for_each(of);
        }
        other
    }

    /// A figure of this age.
    pub fn reading<T>(&self, value: Option<T>, age_max_ms: u64) -> Reading<T> {
        match value {
            None => Reading::Absent,
            Some(value) if self.age_ms <= age_max_ms => Reading::Fresh(value),
            Some(_) => Reading::Stale { age_ms: self.age_ms, age_max_ms },
        }
    }

    pub fn rate(&self) -> anyhow::Result<Option<MilliRps>> {
        Ok(milli_if("rate_per_s", self.rate_per_s)?.map(MilliRps))
    }

    pub fn in_flight_milli(&self) -> anyhow::Result<Option<u64>> {
        milli_if("in_flight", self.in_flight)
    }

    pub fn queue(&self) -> Option<QueueObservation> {
        let ObservedQueue { waiting, oldest_ms, remaining_work_ms } = self.queue?;
        let quality = Quality { age_ms: self.age_ms, ..Quality::default() };
        Some(QueueObservation { waiting, oldest_ms, remaining_work_ms, quality, age_max_ms: None })
    }

    pub fn pods(&self, at: Timestamp, requests: Resources) -> anyhow::Result<Vec<Pod>> {
        let ago = |seconds: u64| at.minus(Millis::from_secs(seconds));
        let one = |(index, pod): (usize, &ObservedPod)| {
            let started_at = ago(pod.started_s_ago.unwrap_or(LONG_AGO_S));
            let is_measured = pod.cpu_millicores.is_some() || pod.memory_bytes.is_some();
            Ok(Pod {
                ordinal: index as u64 + 1,
                phase: match pod.phase {
                    ObservedPhase::Pending => PodPhase::Pending,
                    ObservedPhase::Running => PodPhase::Running,
                    ObservedPhase::Failed => PodPhase::Failed,
                    ObservedPhase::Deleting => PodPhase::Deleting,
                },
                started_at: Some(started_at),
                ready: Some(pod.ready),
                ready_changed_at: Some(pod.ready_s_ago.map_or(started_at, ago)),
                sample: is_measured.then(|| PodSample {
                    at: at.minus(Millis(self.age_ms)),
                    window: Millis::from_secs(pod.window_s),
                    cpu: pod.cpu_millicores.map(Millicores),
                    memory: pod.memory_bytes.map(Bytes),
                }),
                requests,
                metrics: metrics(&pod.metrics).with_context(|| format!("pods[{index}]"))?,
            })
        };
        self.pods.iter().enumerate().map(one).collect()
    }

    /// The forecast as the models give it; none where nothing is said.
    pub fn forecast(&self, at: Timestamp) -> anyhow::Result<Option<Forecast>> {
        let mut quantiles = Vec::new();
        for (quantile, rate) in &self.forecast {
            let share = quantile.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
            let share = share.ok_or_else(|| anyhow!("forecast {quantile:?}: a quantile is above 0 and below 1"))?;
            let value = MilliRps(milli(&format!("forecast {quantile:?}"), *rate)?);
            quantiles.push(QuantilePoint { quantile: Permille((share * 1_000.0).round() as u64), value });
        }
        quantiles.sort_by_key(|point| point.quantile);
        if let Some(pair) = quantiles.windows(2).find(|pair| pair[0].value > pair[1].value) {
            bail!("forecast: the quantile {} is above the quantile {}", pair[0].quantile, pair[1].quantile);
        }
        let model = "given".into();
        let whole = |quantiles| Forecast { at, model, quantiles, seasons: 0, weights: Vec::new() };
        Ok((!quantiles.is_empty()).then(|| whole(quantiles)))
    }
}

/// Figures by name.
pub fn metrics(observed: &BTreeMap<String, ObservedMetric>) -> anyhow::Result<BTreeMap<String, MetricReading>> {
    let one = |(name, metric): (&String, &ObservedMetric)| {
        let (value, age_ms) = match *metric {
            ObservedMetric::Value(value) => (value, 0),
            ObservedMetric::Aged { value, age_ms } => (value, age_ms),
        };
        if !value.is_finite() || value.abs() > NUMBER_MAX {
            bail!("metrics {name:?}: {value} is out of range, -1e15 to 1e15");
        }
        let value_milli = (value * 1_000.0).round() as i64;
        Ok((name.clone(), MetricReading { value_milli, age_ms, age_max_ms: None }))
    };
    observed.iter().map(one).collect()
}

fn milli_if(name: &str, value: Option<f64>) -> anyhow::Result<Option<u64>> {
    value.map(|value| milli(name, value)).transpose()
}

/// A number that is not negative, in thousandths.
fn milli(name: &str, value: f64) -> anyhow::Result<u64> {
    if !(0.0..=NUMBER_MAX).contains(&value) {
        bail!("{name}: {value} is out of range, 0 to 1e15");
    }
    Ok((value * 1_000.0).round() as u64)
}
