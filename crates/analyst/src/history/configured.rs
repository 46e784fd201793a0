//! What the operator set, as far as a diagnosis can rest on it or a proposal can change it.

use plimsoll_model::spec::{ScalingPolicy, ServiceSpec};
use plimsoll_model::{Bytes, Millicores};
use serde::{Deserialize, Serialize};

/// Bytes in a MiB.
const MIB: f64 = 1_048_576.0;

/// A policy's metric and its wanted value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The name of the policy, as in the spec file: `cpu`, `memory`, `request_rate`, `in_flight`, …
    pub metric: String,
    /// The wanted value: a share for `cpu` and `memory`, per replica for the others; none where a policy has no single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// The configured side of a service; what is not known is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configured {
    /// Fewest replicas.
    pub replicas_min: Option<u32>,
    /// Most replicas.
    pub replicas_max: Option<u32>,
    /// CPU that a replica is reserved, cores.
    pub request_cpu_cores: Option<f64>,
    /// Memory that a replica is reserved, MiB.
    pub request_memory_mib: Option<f64>,
    /// Most CPU of a replica, cores; none is no limit, or not known.
    pub limit_cpu_cores: Option<f64>,
    /// Most memory of a replica, MiB; none is no limit, or not known.
    pub limit_memory_mib: Option<f64>,
    /// What it scales on.
    pub targets: Vec<Target>,
    /// No change within this share of a target.
    pub tolerance: Option<f64>,
    /// Scale out only to the lowest proposal of this window, seconds.
    pub stabilization_up_s: Option<f64>,
    /// Scale in only to the highest proposal of this window, seconds.
    pub stabilization_down_s: Option<f64>,
    /// Most replicas added per `period_s`.
    pub step_up: Option<u32>,
    /// Most replicas removed per `period_s`.
    pub step_down: Option<u32>,
    /// The period of the two, seconds.
    pub period_s: Option<f64>,
    /// Spare replicas.
    pub reserve: Option<u32>,
    /// Season of the forecast, seconds; none is no forecast.
    pub forecast_season_s: Option<f64>,
    /// From a replica's start to its being ready, physical seconds.
    pub startup_s: Option<f64>,
    /// CPU of the host, cores.
    pub host_cpu_cores: Option<f64>,
}

impl Configured {
    /// What a spec says of a service, on a host of so many cores.
    #[must_use]
    pub fn of(spec: &ServiceSpec, host: Option<Millicores>) -> Self {
        let cores = |cpu: Millicores| cpu.0 as f64 / 1_000.0;
        let mib = |memory: Bytes| memory.0 as f64 / MIB;
        let scaling = &spec.scaling;
        Self {
            replicas_min: Some(spec.replicas_min),
            replicas_max: Some(spec.replicas_max),
            request_cpu_cores: Some(cores(spec.requests.cpu)),
            request_memory_mib: Some(mib(spec.requests.memory)),
            limit_cpu_cores: spec.limits.cpu.map(cores),
            limit_memory_mib: spec.limits.memory.map(mib),
            targets: scaling.policies.iter().map(target).collect(),
            tolerance: Some(scaling.tolerance.0 as f64 / 1_000.0),
            stabilization_up_s: Some(scaling.stabilization_up.0 as f64 / 1_000.0),
            stabilization_down_s: Some(scaling.stabilization_down.0 as f64 / 1_000.0),
            step_up: Some(scaling.step_up_max),
            step_down: Some(scaling.step_down_max),
            period_s: Some(scaling.period.0 as f64 / 1_000.0),
            reserve: Some(scaling.reserve),
            forecast_season_s: scaling.forecast.as_ref().map(|forecast| forecast.season.0 as f64 / 1_000.0),
            startup_s: Some(spec.startup.0 as f64 / 1_000.0),
            host_cpu_cores: host.map(cores),
        }
    }

    /// The wanted value of a metric, where it is scaled on.
    #[must_use]
    pub fn target(&self, metric: &str) -> Option<f64> {
        self.targets.iter().find(|target| target.metric == metric)?.value
    }
}

fn target(policy: &ScalingPolicy) -> Target {
    let value = match policy {
        ScalingPolicy::Cpu { target } | ScalingPolicy::Memory { target } => Some(target.0 as f64 / 1_000.0),
        ScalingPolicy::RequestRate { target } => Some(target.0 as f64 / 1_000.0),
        ScalingPolicy::InFlight { target_milli } => Some(*target_milli as f64 / 1_000.0),
        _ => None,
    };
    Target { metric: policy.name().to_owned(), value }
}
