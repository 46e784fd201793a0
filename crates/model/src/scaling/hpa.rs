//! A Kubernetes HorizontalPodAutoscaler (autoscaling/v2) as a policy of one service, in the object's own field names.
//!
//! Serialised, it is the object's `spec` less what belongs to the service itself (`scaleTargetRef`, `minReplicas`,
//! `maxReplicas`), plus the four flags of the controller that decide too. The bounds are the service's, because another
//! policy of the same service must not leave them either.
//!
//! # Source
//! Kubernetes API reference, `HorizontalPodAutoscalerSpec` v2; KEP-4951 (tolerance), KEP-1610 (container resources).

use super::quantity::MilliQuantity;
use crate::quantity::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What decides about one service, less its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaSpec {
    /// The metrics; the highest proposal counts. Not empty.
    pub metrics: Vec<HpaMetric>,
    /// Windows and rates; none is the older rule (five minutes down, at most doubling).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<HpaBehavior>,
    /// Flags of the controller.
    #[serde(default)]
    pub controller: HpaController,
}

/// Flags of the controller manager that are part of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HpaController {
    /// Nothing changes while measured / wanted is within this of 1 (`--horizontal-pod-autoscaler-tolerance`).
    pub tolerance: MilliQuantity,
    /// A pod's CPU counts from its start on only after this, unless it has been ready for a whole sample
    /// (`--horizontal-pod-autoscaler-cpu-initialization-period`).
    pub cpu_initialization_period: Millis,
    /// A pod that became unready within this of its start was never ready
    /// (`--horizontal-pod-autoscaler-initial-readiness-delay`).
    pub initial_readiness_delay: Millis,
    /// How long a higher proposal is remembered (`--horizontal-pod-autoscaler-downscale-stabilization`).
    pub downscale_stabilization: Millis,
}

impl Default for HpaController {
    /// The controller manager's own.
    fn default() -> Self {
        Self {
            tolerance: MilliQuantity(100),
            cpu_initialization_period: Millis(300_000),
            initial_readiness_delay: Millis(30_000),
            downscale_stabilization: Millis(300_000),
        }
    }
}

/// One metric and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum HpaMetric {
    /// CPU or memory of whole pods.
    Resource {
        /// Which, and the target.
        resource: HpaResourceSource,
    },
    /// CPU or memory of one container of each pod.
    ContainerResource {
        /// Which, and the target.
        container_resource: HpaContainerSource,
    },
    /// A number that each pod reports of itself.
    Pods {
        /// Which, and the target.
        pods: HpaNamedSource,
    },
    /// A number about one other object.
    Object {
        /// Which, and the target.
        object: HpaObjectSource,
    },
    /// A number from outside the cluster.
    External {
        /// Which, and the target.
        external: HpaNamedSource,
    },
}

/// A resource of which every pod reserves some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HpaResource {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
}

/// A resource metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaResourceSource {
    /// The resource.
    pub name: HpaResource,
    /// Wanted: utilization or average value.
    pub target: HpaTarget,
}

/// A resource metric of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaContainerSource {
    /// The resource.
    pub name: HpaResource,
    /// The container.
    pub container: String,
    /// Wanted: utilization or average value.
    pub target: HpaTarget,
}

/// A metric by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaNamedSource {
    /// The metric.
    pub metric: HpaMetricName,
    /// Wanted.
    pub target: HpaTarget,
}

/// A metric of another object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaObjectSource {
    /// The object.
    pub described_object: HpaObject,
    /// The metric.
    pub metric: HpaMetricName,
    /// Wanted.
    pub target: HpaTarget,
}

/// An object by kind and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaObject {
    /// Its API group and version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// A metric's name and the labels that choose among its series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaMetricName {
    /// The name.
    pub name: String,
    /// The labels.
    #[serde(default, skip_serializing_if = "HpaSelector::is_empty")]
    pub selector: HpaSelector,
}

/// Labels that have to be equal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaSelector {
    /// Label and value.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
}

impl HpaSelector {
    /// Whether it chooses everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty()
    }
}

/// What is wanted of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum HpaTarget {
    /// Per cent of the request, averaged over pods. Resources only.
    Utilization {
        /// Per cent, at least 1.
        average_utilization: u32,
    },
    /// So much per pod.
    AverageValue {
        /// Above zero.
        average_value: MilliQuantity,
    },
    /// So much in all. Objects and external metrics only.
    Value {
        /// Above zero.
        value: MilliQuantity,
    },
}

/// How fast the number may change, per direction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaBehavior {
    /// Upwards; what is left out is the default of that field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<HpaRules>,
    /// Downwards; what is left out is the default of that field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<HpaRules>,
}

/// One direction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaRules {
    /// Only to the most cautious proposal of this window, 0 to 3,600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilization_window_seconds: Option<u32>,
    /// Which of the policies counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<HpaSelect>,
    /// Most change per period; not empty where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<HpaPolicy>>,
    /// The tolerance in this direction; none is the controller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<MilliQuantity>,
}

/// Which of several policies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HpaSelect {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// None: no change in this direction.
    Disabled,
}

/// Most change per period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HpaPolicy {
    /// What `value` counts.
    #[serde(rename = "type")]
    pub kind: HpaPolicyKind,
    /// Pods or per cent, at least 1.
    pub value: u32,
    /// The period, 1 to 1,800.
    pub period_seconds: u32,
}

/// What a policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HpaPolicyKind {
    /// Pods.
    Pods,
    /// Per cent of the number at the start of the period.
    Percent,
}

impl HpaMetric {
    /// What is wanted.
    #[must_use]
    pub const fn target(&self) -> HpaTarget {
        match self {
            Self::Resource { resource } => resource.target,
            Self::ContainerResource { container_resource } => container_resource.target,
            Self::Pods { pods } => pods.target,
            Self::Object { object } => object.target,
            Self::External { external } => external.target,
        }
    }

    /// The resource, where it is one.
    #[must_use]
    pub const fn resource(&self) -> Option<HpaResource> {
        match self {
            Self::Resource { resource } => Some(resource.name),
            Self::ContainerResource { container_resource } => Some(container_resource.name),
            Self::Pods { .. } | Self::Object { .. } | Self::External { .. } => None,
        }
    }

    /// The container, where one is named.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::ContainerResource { container_resource } => Some(&container_resource.container),
            _ => None,
        }
    }

    /// The name under which an observation has this metric: `cpu`, `cpu of web`, `queue_length{queue="mail"}`,
    /// `Ingress/main/requests`.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Resource { resource } => resource.name.word().to_owned(),
            Self::ContainerResource { container_resource: it } => format!("{} of {}", it.name.word(), it.container),
            Self::Pods { pods: HpaNamedSource { metric, .. } } => metric.key(),
            Self::External { external: HpaNamedSource { metric, .. } } => metric.key(),
            Self::Object { object } => {
                let HpaObject { kind, name, .. } = &object.described_object;
                format!("{kind}/{name}/{}", object.metric.key())
            }
        }
    }
}

impl HpaResource {
    /// The word in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        }
    }
}

impl HpaMetricName {
    /// The name, with its labels as Prometheus writes them.
    #[must_use]
    pub fn key(&self) -> String {
        let mut key = self.name.clone();
        for (index, (label, value)) in self.selector.match_labels.iter().enumerate() {
            let _ = write!(key, "{}{label}={value:?}", if index == 0 { "{" } else { "," });
        }
        if !self.selector.is_empty() {
            key.push('}');
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubernetes_object_s_spec_reads_as_it_is() {
        let text = r#"{
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}},
                {"type": "ContainerResource", "containerResource":
                    {"name": "memory", "container": "web", "target": {"type": "AverageValue", "averageValue": "200Mi"}}},
                {"type": "Pods", "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "1k"}}},
                {"type": "Object", "object": {"describedObject": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
                    "name": "main"}, "metric": {"name": "rps"}, "target": {"type": "Value", "value": "10k"}}},
                {"type": "External", "external": {"metric": {"name": "queue", "selector": {"matchLabels": {"q": "mail"}}},
                    "target": {"type": "AverageValue", "averageValue": 30}}}
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Min", "tolerance": "50m",
                "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]}}
        }"#;
        let spec: HpaSpec = serde_json::from_str(text).unwrap();
        let keys: Vec<String> = spec.metrics.iter().map(HpaMetric::key).collect();
        assert_eq!(keys, ["cpu", "memory of web", "qps", "Ingress/main/rps", "queue{q=\"mail\"}"]);
        assert_eq!(spec.metrics[4].target(), HpaTarget::AverageValue { average_value: MilliQuantity(30_000) });
        let behavior = spec.behavior.as_ref().unwrap();
        assert_eq!(behavior.scale_down.as_ref().unwrap().tolerance, Some(MilliQuantity(50)));
        let again: HpaSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
        assert_eq!(again, spec);
    }
}
