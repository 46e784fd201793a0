//! Why a Kubernetes-style autoscaler wants what it wants: each metric's figures and the object's conditions, as values.
//!
//! Reasons carry the names that the Kubernetes object shows (`ReadyForNewScale`, `ScaleDownLimit`, …), so that somebody
//! who knows the one can read the other.

use super::quantity::MilliQuantity;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Everything behind one proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HpaReason {
    /// Replicas before.
    pub current: u32,
    /// The highest proposal of the metrics, before windows, rates and bounds; none where metrics were not asked or failed.
    pub proposed: Option<u32>,
    /// The metric that proposed it, by its place.
    pub winner: Option<usize>,
    /// Each metric, in the order of the spec; empty where they were not asked.
    pub metrics: Vec<HpaMetricStatus>,
    /// `AbleToScale`.
    pub able: HpaAble,
    /// `ScalingActive`.
    pub active: HpaActive,
    /// `ScalingLimited`; none where nothing was normalised.
    pub limited: Option<HpaLimit>,
}

/// One metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HpaMetricStatus {
    /// Its name, as an observation has it.
    pub metric: String,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: HpaOutcome,
}

/// What came of one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum HpaOutcome {
    /// A proposal.
    Proposed {
        /// Replicas.
        replicas: u32,
        /// Measured: the mean per pod, or the whole where the target is a `Value`.
        value: MilliQuantity,
        /// Measured per cent of the request, truncated, where the target is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        utilization: Option<u32>,
        /// Wanted: per cent for a utilization, else in the metric's unit.
        target: MilliQuantity,
        /// How the number came about.
        verdict: HpaVerdict,
        /// The pods behind it.
        pods: HpaPodCount,
    },
    /// No proposal.
    Failed {
        /// Why.
        why: HpaFailure,
    },
}

/// Pods by how they were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HpaPodCount {
    /// Measured and counted.
    pub ready: u32,
    /// Not yet serving, so that their samples say nothing.
    pub unready: u32,
    /// Without a sample.
    pub missing: u32,
    /// Being deleted or failed.
    pub ignored: u32,
}

/// How one metric's number came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HpaVerdict {
    /// From the ratio of the counted pods.
    Ratio,
    /// From the ratio with an assumption for each pod that was not counted.
    Assumed,
    /// Within the tolerance: unchanged.
    WithinTolerance,
    /// The assumptions turned the direction around: unchanged.
    DirectionFlip,
    /// From zero replicas there is no ratio: so many as the value asks for.
    FromZero,
}

/// Why a metric gave no proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "failure")]
pub enum HpaFailure {
    /// Its source gave nothing.
    Unavailable {
        /// What the source said.
        message: String,
    },
    /// There is no pod.
    NoPods,
    /// No counted pod has a sample.
    NoSamples,
    /// No sample belongs to a known pod, or nothing is requested.
    NoKnownPods,
    /// A pod reserves nothing of the resource, so there is no share of it.
    MissingRequest {
        /// `cpu` or `memory`.
        resource: String,
        /// The pod.
        pod: String,
    },
    /// The kind of target does not go with the kind of metric.
    BadTarget,
    /// The pods cannot be chosen.
    Selector {
        /// `InvalidSelector` or `AmbiguousSelector`.
        reason: String,
    },
}

/// The condition `AbleToScale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HpaAble {
    /// The number was read; nothing else was decided.
    SucceededGetScale,
    /// No window holds anything back.
    ReadyForNewScale,
    /// A higher proposal of the window keeps replicas.
    ScaleDownStabilized,
    /// A lower proposal of the window keeps replicas away.
    ScaleUpStabilized,
}

/// The condition `ScalingActive`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason")]
pub enum HpaActive {
    /// True: at least one metric gave a number, and none that failed could have kept replicas.
    ValidMetricFound {
        /// The first failure among the others, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<HpaFailure>,
    },
    /// True: out of bounds, so metrics were not asked.
    OutOfBounds,
    /// False: somebody set zero replicas.
    ScalingDisabled,
    /// False: no metric gave a number, or those that failed could have kept replicas.
    Failed {
        /// `FailedGetResourceMetric`, `FailedGetContainerResourceMetric`, `FailedGetPodsMetric`, `FailedGetObjectMetric`,
        /// `FailedGetExternalMetric`, `InvalidSelector` or `AmbiguousSelector`.
        condition: String,
        /// The first failure.
        failed: HpaFailure,
    },
}

/// The condition `ScalingLimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HpaLimit {
    /// False.
    DesiredWithinRange,
    /// True: the minimum.
    TooFewReplicas,
    /// True: the maximum.
    TooManyReplicas,
    /// True: the rate upwards.
    ScaleUpLimit,
    /// True: the rate downwards.
    ScaleDownLimit,
}

impl fmt::Display for HpaFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { message } => f.write_str(message),
            Self::NoPods => f.write_str("there is no pod"),
            Self::NoSamples => f.write_str("no counted pod has a sample"),
            Self::NoKnownPods => f.write_str("no sample belongs to a known pod"),
            Self::MissingRequest { resource, pod } => write!(f, "pod {pod} requests no {resource}"),
            Self::BadTarget => f.write_str("the metric has no such target"),
            Self::Selector { reason } => f.write_str(reason),
        }
    }
}

impl fmt::Display for HpaMetricStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.metric)?;
        match &self.outcome {
            HpaOutcome::Failed { why } => write!(f, "failed: {why}"),
            HpaOutcome::Proposed { replicas, value, utilization, target, verdict, pods } => {
                match utilization {
                    Some(percent) => write!(f, "at {percent}% for {target}%")?,
                    None => write!(f, "at {value} for {target}")?,
                }
                write!(f, " proposes {replicas}{}", verdict.clause())?;
                let others = [(pods.unready, "unready"), (pods.missing, "missing"), (pods.ignored, "ignored")];
                for (count, word) in others.into_iter().filter(|(count, _)| *count > 0) {
                    write!(f, ", {count} {word}")?;
                }
                Ok(())
            }
        }
    }
}

impl HpaVerdict {
    /// What to add behind the number.
    const fn clause(self) -> &'static str {
        match self {
            Self::Ratio => "",
            Self::Assumed => " with what others are assumed to use",
            Self::WithinTolerance => " (within tolerance)",
            Self::DirectionFlip => " (what others are assumed to use would turn the direction around)",
            Self::FromZero => " from zero",
        }
    }
}

impl fmt::Display for HpaReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HPA from {}", self.current)?;
        for (index, metric) in self.metrics.iter().enumerate() {
            write!(f, "{} {metric}", if index == 0 { ":" } else { ";" })?;
        }
        match &self.active {
            HpaActive::ValidMetricFound { .. } => {}
            HpaActive::OutOfBounds => f.write_str(": out of bounds")?,
            HpaActive::ScalingDisabled => f.write_str(": ScalingDisabled, somebody set it to zero")?,
            HpaActive::Failed { condition, failed } => write!(f, "; unchanged, {condition}: {failed}")?,
        }
        if matches!(self.able, HpaAble::ScaleDownStabilized | HpaAble::ScaleUpStabilized) {
            write!(f, "; {:?}", self.able)?;
        }
        match self.limited {
            None | Some(HpaLimit::DesiredWithinRange) => Ok(()),
            Some(limit) => write!(f, "; {limit:?}"),
        }
    }
}
