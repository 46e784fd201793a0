//! Every sentence of the specification as a test, and the controller's public test tables.
//!
//! Cases marked "published" are rows of the tables in `pkg/controller/podautoscaler/replica_calculator_test.go` and
//! `horizontal_test.go` of the Kubernetes repository: inputs and expected numbers are facts, the code is ours.

mod behavior;
mod bounds;
mod external;
mod groups;
mod published;
mod windows;

use super::ratio;
use super::*;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::scaling::hpa::*;
use plimsoll_model::scaling::hpa_reason::*;
use plimsoll_model::scaling::quantity::MilliQuantity;

pub const NOW: Timestamp = Timestamp(10_000_000);

/// A pod with one container that requests a core, running and ready for long.
#[derive(Debug, Clone, Copy)]
pub struct P {
    pub phase: PodPhase,
    pub is_deleting: bool,
    pub started_s: Option<i64>,
    pub ready: Option<(bool, i64)>,
    pub request: Option<i64>,
    pub sample: Option<i64>,
    pub sample_age_s: i64,
}

impl P {
    /// With a sample of so many thousandths.
    pub const fn using(sample: i64) -> Self {
        Self { sample: Some(sample), ..Self::missing() }
    }

    /// Without a sample.
    pub const fn missing() -> Self {
        Self {
            phase: PodPhase::Running,
            is_deleting: false,
            started_s: Some(-180),
            ready: Some((true, -180)),
            request: Some(1_000),
            sample: None,
            sample_age_s: 0,
        }
    }

    pub const fn unready(self) -> Self {
        Self { ready: Some((false, -180)), ..self }
    }

    /// Ready, but started half a minute ago.
    pub const fn hot(self) -> Self {
        Self { started_s: Some(-30), ready: Some((true, -30)), ..self }
    }

    pub const fn phase(self, phase: PodPhase) -> Self {
        Self { phase, ..self }
    }

    pub const fn deleting(self) -> Self {
        Self { is_deleting: true, ..self }
    }

    pub const fn requesting(self, request: i64) -> Self {
        Self { request: Some(request), ..self }
    }

    fn pod<'a>(&self, containers: &'a [ContainerRequests<'a>]) -> HpaPod<'a> {
        HpaPod {
            name: "pod",
            is_deleting: self.is_deleting,
            phase: self.phase,
            started_at: self.started_s.map(seconds),
            ready: self.ready.map(|(is_ready, at)| Readiness { is_ready, changed_at: seconds(at) }),
            containers,
            pod_level: None,
        }
    }
}

fn seconds(at: i64) -> Timestamp {
    Timestamp(NOW.0 + at * 1_000)
}

/// The flags that the controller's own tests use.
pub fn controller() -> HpaController {
    HpaController {
        cpu_initialization_period: Millis(120_000),
        initial_readiness_delay: Millis(10_000),
        ..HpaController::default()
    }
}

pub fn spec(metrics: Vec<HpaMetric>) -> HpaSpec {
    HpaSpec { metrics, behavior: None, controller: controller() }
}

pub fn cpu(percent: u32) -> HpaMetric {
    let target = HpaTarget::Utilization { average_utilization: percent };
    HpaMetric::Resource { resource: HpaResourceSource { name: HpaResource::Cpu, target } }
}

pub fn resource(name: HpaResource, target: HpaTarget) -> HpaMetric {
    HpaMetric::Resource { resource: HpaResourceSource { name, target } }
}

pub fn each(milli: i64) -> HpaTarget {
    HpaTarget::AverageValue { average_value: MilliQuantity(milli) }
}

pub fn all(milli: i64) -> HpaTarget {
    HpaTarget::Value { value: MilliQuantity(milli) }
}

fn name(name: &str) -> HpaMetricName {
    HpaMetricName { name: name.to_owned(), selector: HpaSelector::default() }
}

pub fn pods(target: HpaTarget) -> HpaMetric {
    HpaMetric::Pods { pods: HpaNamedSource { metric: name("qps"), target } }
}

pub fn external(target: HpaTarget) -> HpaMetric {
    HpaMetric::External { external: HpaNamedSource { metric: name("queue"), target } }
}

pub fn object(target: HpaTarget) -> HpaMetric {
    let described_object = HpaObject { api_version: String::new(), kind: "Ingress".into(), name: "main".into() };
    HpaMetric::Object { object: HpaObjectSource { described_object, metric: name("rps"), target } }
}

/// Calls with the inputs of these pods.
pub fn with_pods<T>(
    cases: &[P],
    current: u32,
    reading: Option<HpaReading>,
    call: impl FnOnce(&HpaInputs<'_>) -> T,
) -> T {
    let containers: Vec<[ContainerRequests<'static>; 1]> = cases
        .iter()
        .map(|case| [ContainerRequests { name: "web", cpu_milli: case.request, memory_milli: case.request }])
        .collect();
    let list: Vec<HpaPod<'_>> = cases.iter().zip(&containers).map(|(case, containers)| case.pod(containers)).collect();
    let sample = |case: &P| {
        let at = seconds(-case.sample_age_s);
        case.sample.map(|value_milli| PodSample { value_milli, at, window: Millis(60_000) })
    };
    let samples = cases.iter().map(sample).collect();
    let readings = [reading.unwrap_or(HpaReading::Pods { samples, unknown_milli: Vec::new() })];
    call(&HpaInputs {
        at: NOW,
        replicas_min: 1,
        replicas_max: 1_000,
        current,
        status_replicas: current,
        owns_zero: false,
        selector: PodSelector::Owned,
        pods: HpaPods::Each(&list),
        readings: &readings,
    })
}

/// What one metric comes to.
pub fn outcome(metric: HpaMetric, current: u32, cases: &[P], reading: Option<HpaReading>) -> HpaOutcome {
    let spec = spec(vec![metric.clone()]);
    with_pods(cases, current, reading, |inputs| ratio::propose(inputs, &spec, &metric, &inputs.readings[0]))
}

/// Replicas that one metric proposes, and its utilization or value.
#[track_caller]
pub fn proposed(metric: HpaMetric, current: u32, cases: &[P], reading: Option<HpaReading>) -> (u32, i64) {
    match outcome(metric, current, cases, reading) {
        HpaOutcome::Proposed { replicas, utilization: Some(percent), .. } => (replicas, i64::from(percent)),
        HpaOutcome::Proposed { replicas, value, .. } => (replicas, value.0),
        HpaOutcome::Failed { why } => panic!("failed: {why}"),
    }
}

#[track_caller]
pub fn failure(metric: HpaMetric, current: u32, cases: &[P], reading: Option<HpaReading>) -> HpaFailure {
    match outcome(metric, current, cases, reading) {
        HpaOutcome::Failed { why } => why,
        HpaOutcome::Proposed { .. } => panic!("it gave a proposal"),
    }
}

pub fn verdict(metric: HpaMetric, current: u32, cases: &[P]) -> (u32, HpaVerdict) {
    match outcome(metric, current, cases, None) {
        HpaOutcome::Proposed { replicas, verdict, .. } => (replicas, verdict),
        HpaOutcome::Failed { why } => panic!("failed: {why}"),
    }
}

/// Inputs without pods, for a metric from outside.
pub fn bare<'a>(current: u32, (replicas_min, replicas_max): (u32, u32), readings: &'a [HpaReading]) -> HpaInputs<'a> {
    HpaInputs {
        at: NOW,
        replicas_min,
        replicas_max,
        current,
        status_replicas: current,
        owns_zero: false,
        selector: PodSelector::Owned,
        pods: HpaPods::Count { ready: current },
        readings,
    }
}

/// A reading for which [`external`] with a target of one each proposes this number.
pub fn wanting(replicas: u32) -> HpaReading {
    HpaReading::Values(vec![i64::from(replicas) * 1_000])
}
