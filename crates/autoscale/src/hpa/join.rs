//! The Kubernetes autoscaler among the other policies: from Plimsoll's figures to its inputs and back.
//!
//! A replica is a pod with one container. Where replicas are measured one by one they are looked at one by one; a source
//! that has only sums is taken as pods that are all alike, and those that do not serve yet as unready. The number here is
//! the part that serves demand: the reserve is the service's own and comes on top. Zero replicas at first sight are this
//! policy's own, because in Plimsoll nobody sets the number by hand: who wants a pause says so.

use super::inputs::count;
use super::inputs::{
    ContainerRequests, HpaInputs, HpaPod, HpaPods, HpaReading, PodPhase, PodSample, PodSelector, Readiness,
};
use super::state::{Decided, HpaState};
use crate::inputs::{Inputs, Reading, Usage};
use crate::pod::{self, Pod};
use crate::reserve::without;
use plimsoll_model::rationale::Basis;
use plimsoll_model::scaling::hpa::{HpaMetric, HpaResource, HpaSpec};
use plimsoll_model::scaling::hpa_reason::HpaFailure;
use plimsoll_model::spec::Resources;
use plimsoll_model::{MetricReading, Term, Withheld};

impl HpaState {
    /// Its vote from what it remembers and what is measured; changes nothing.
    pub(crate) fn vote(&self, spec: &HpaSpec, inputs: &Inputs<'_>, withheld: &mut Vec<Withheld>) -> Term {
        withheld.extend(stale(spec, inputs));
        let containers: Vec<[ContainerRequests<'_>; 1]> =
            inputs.pods.iter().map(|pod| [requests(pod.requests)]).collect();
        let pods: Vec<HpaPod<'_>> =
            inputs.pods.iter().zip(&containers).map(|(pod, containers)| seen(pod, containers)).collect();
        let readings: Vec<HpaReading> = spec.metrics.iter().map(|metric| reading(inputs, metric)).collect();
        let live =
            inputs.pods.iter().filter(|pod| matches!(pod.phase, pod::PodPhase::Pending | pod::PodPhase::Running));
        let vote = super::propose(
            self,
            spec,
            &HpaInputs {
                at: inputs.at,
                replicas_min: without(inputs, inputs.replicas_min.min(inputs.replicas_max)),
                replicas_max: without(inputs, inputs.replicas_max),
                current: inputs.base(),
                status_replicas: if pods.is_empty() { inputs.base() } else { count(live.count()) },
                owns_zero: true,
                selector: PodSelector::Owned,
                pods: if pods.is_empty() { HpaPods::Count { ready: inputs.ready } } else { HpaPods::Each(&pods) },
                readings: &readings,
            },
        );
        Term { replicas: vote.replicas, basis: Basis::Hpa(Box::new(vote.basis)) }
    }

    /// Remembers its own vote and the target that became of all votes.
    pub(crate) fn note(&mut self, spec: &HpaSpec, inputs: &Inputs<'_>, vote: &Term, target: u32) {
        let Basis::Hpa(reason) = &vote.basis else { return };
        let target = without(inputs, target);
        let decided = Decided { at: inputs.at, current: reason.current, proposed: reason.proposed, target };
        self.remember(spec, decided, true);
    }
}

fn requests(requests: Resources) -> ContainerRequests<'static> {
    let positive = |value: u64| i64::try_from(value).ok().filter(|value| *value > 0);
    ContainerRequests {
        name: "",
        cpu_milli: positive(requests.cpu.0),
        memory_milli: positive(requests.memory.0.saturating_mul(1_000)),
    }
}

fn seen<'a>(pod: &Pod, containers: &'a [ContainerRequests<'a>]) -> HpaPod<'a> {
    HpaPod {
        name: "replica",
        is_deleting: pod.phase == pod::PodPhase::Deleting,
        phase: match pod.phase {
            pod::PodPhase::Pending => PodPhase::Pending,
            pod::PodPhase::Running | pod::PodPhase::Deleting => PodPhase::Running,
            pod::PodPhase::Failed => PodPhase::Failed,
        },
        started_at: pod.started_at,
        // What never changed has been so since the start.
        ready: pod.ready.map(|is_ready| Readiness {
            is_ready,
            changed_at: pod.ready_changed_at.or(pod.started_at).unwrap_or_default(),
        }),
        containers,
        pod_level: None,
    }
}

/// What is known of one metric.
fn reading(inputs: &Inputs<'_>, metric: &HpaMetric) -> HpaReading {
    match metric {
        HpaMetric::Resource { .. } | HpaMetric::ContainerResource { .. } => of_resource(inputs, metric),
        HpaMetric::Pods { .. } => of_pods(inputs, &metric.key()),
        HpaMetric::Object { .. } | HpaMetric::External { .. } => {
            named(inputs, &metric.key(), |value| HpaReading::Values(vec![value]))
        }
    }
}

fn of_resource(inputs: &Inputs<'_>, metric: &HpaMetric) -> HpaReading {
    let is_cpu = metric.resource() == Some(HpaResource::Cpu);
    let value = |sample: &pod::PodSample| match is_cpu {
        true => sample.cpu.map(|cpu| milli(cpu.0)),
        false => sample.memory.map(|memory| milli(memory.0.saturating_mul(1_000))),
    };
    let sample = |pod: &Pod| {
        let sample = pod.sample.as_ref()?;
        Some(PodSample { value_milli: value(sample)?, at: sample.at, window: sample.window })
    };
    let samples: Vec<Option<PodSample>> = inputs.pods.iter().map(sample).collect();
    if samples.iter().any(Option::is_some) {
        return HpaReading::Pods { samples, unknown_milli: Vec::new() };
    }
    let request = requests(inputs.requests);
    match if is_cpu { inputs.cpu } else { inputs.memory } {
        Reading::Fresh(Usage { used, replicas }) => HpaReading::Sum {
            value_milli: milli(if is_cpu { used } else { used.saturating_mul(1_000) }),
            pods: replicas,
            unready: inputs.base().saturating_sub(inputs.ready.max(replicas)),
            missing: inputs.ready.saturating_sub(replicas),
            request_milli: if is_cpu { request.cpu_milli } else { request.memory_milli },
        },
        Reading::Stale { age_ms, .. } => too_old(age_ms),
        Reading::Absent => absent(),
    }
}

/// A figure of each pod; else the sum over the ready ones under the metric's name.
fn of_pods(inputs: &Inputs<'_>, key: &str) -> HpaReading {
    let sample = |pod: &Pod| {
        let reading = pod.metrics.get(key).filter(|reading| reading.age_ms <= age_max(inputs, reading))?;
        Some(PodSample { value_milli: reading.value_milli, at: inputs.at, window: inputs.tick })
    };
    let samples: Vec<Option<PodSample>> = inputs.pods.iter().map(sample).collect();
    if samples.iter().any(Option::is_some) {
        return HpaReading::Pods { samples, unknown_milli: Vec::new() };
    }
    named(inputs, key, |value_milli| HpaReading::Sum {
        value_milli,
        pods: inputs.ready,
        unready: inputs.base().saturating_sub(inputs.ready),
        missing: 0,
        request_milli: None,
    })
}

fn named(inputs: &Inputs<'_>, key: &str, of: impl FnOnce(i64) -> HpaReading) -> HpaReading {
    match inputs.metrics.get(key) {
        Some(reading) if reading.age_ms <= age_max(inputs, reading) => of(reading.value_milli),
        Some(reading) => too_old(reading.age_ms),
        None => absent(),
    }
}

/// The oldest figure among the policy's that is too old to be acted on: while it is, the policy removes nothing.
fn stale(spec: &HpaSpec, inputs: &Inputs<'_>) -> Option<Withheld> {
    let readings = spec.metrics.iter().filter_map(|metric| inputs.metrics.get(&metric.key()));
    let old = readings.filter(|reading| reading.age_ms > age_max(inputs, reading));
    let oldest = old.max_by_key(|reading| reading.age_ms)?;
    Some(Withheld::StaleData { age_ms: oldest.age_ms, age_max_ms: age_max(inputs, oldest) })
}

/// The age up to which a figure counts: its source's own word, else that of all figures.
fn age_max(inputs: &Inputs<'_>, reading: &MetricReading) -> u64 {
    reading.age_max_ms.unwrap_or(inputs.age_max_ms)
}

fn too_old(age_ms: u64) -> HpaReading {
    HpaReading::Failed(HpaFailure::Unavailable { message: format!("its last figure is {age_ms} ms old") })
}

fn absent() -> HpaReading {
    HpaReading::Failed(HpaFailure::Unavailable { message: "it was not observed".to_owned() })
}

fn milli(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
