//! One decision: bounds, metrics, damping, in this order.

use super::damping::damp;
use super::inputs::{HpaInputs, HpaReading, PodSelector};
use super::ratio;
use super::state::HpaState;
use plimsoll_model::scaling::hpa::{HpaMetric, HpaSpec};
use plimsoll_model::scaling::hpa_reason::{HpaAble, HpaActive, HpaFailure, HpaMetricStatus, HpaOutcome, HpaReason};

/// What the autoscaler wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HpaVote {
    /// Replicas.
    pub replicas: u32,
    /// Why.
    pub basis: HpaReason,
}

/// Decides; changes nothing. [`HpaState::record`] remembers.
#[must_use]
pub fn propose(state: &HpaState, spec: &HpaSpec, inputs: &HpaInputs<'_>) -> HpaVote {
    let current = inputs.current;
    // Zero that somebody else set means: leave it alone. Zero that this policy set may rise again, if zero is allowed.
    let owns_zero = state.scaled_to_zero || (inputs.owns_zero && state.proposals.is_empty());
    if current == 0 && (inputs.replicas_min != 0 || !owns_zero) {
        return unasked(0, current, HpaActive::ScalingDisabled);
    }
    if current > inputs.replicas_max {
        return unasked(inputs.replicas_max, current, HpaActive::OutOfBounds);
    }
    if current < inputs.replicas_min {
        return unasked(inputs.replicas_min, current, HpaActive::OutOfBounds);
    }
    if let Some(reason) = selector_fault(inputs.selector) {
        let failed = HpaFailure::Selector { reason: reason.to_owned() };
        return unasked(current, current, HpaActive::Failed { condition: reason.to_owned(), failed });
    }
    let metrics: Vec<HpaMetricStatus> = statuses(spec, inputs);
    let (proposed, winner, active) = combine(spec, &metrics, current);
    let basis =
        HpaReason { current, proposed, winner, metrics, able: HpaAble::SucceededGetScale, active, limited: None };
    match proposed {
        None => HpaVote { replicas: current, basis },
        Some(proposed) => {
            let damped = damp(state, spec, inputs, proposed);
            let basis = HpaReason { able: damped.able, limited: Some(damped.limited), ..basis };
            HpaVote { replicas: damped.replicas, basis }
        }
    }
}

/// A decision that needs no metric.
fn unasked(replicas: u32, current: u32, active: HpaActive) -> HpaVote {
    let able = HpaAble::SucceededGetScale;
    let basis = HpaReason { current, proposed: None, winner: None, metrics: Vec::new(), able, active, limited: None };
    HpaVote { replicas, basis }
}

const fn selector_fault(selector: PodSelector) -> Option<&'static str> {
    match selector {
        PodSelector::Owned => None,
        PodSelector::Empty => Some("InvalidSelector"),
        PodSelector::Ambiguous => Some("AmbiguousSelector"),
    }
}

fn statuses(spec: &HpaSpec, inputs: &HpaInputs<'_>) -> Vec<HpaMetricStatus> {
    let absent = || HpaReading::Failed(HpaFailure::Unavailable { message: "it was not observed".to_owned() });
    let status = |(index, metric): (usize, &HpaMetric)| {
        let outcome = match inputs.readings.get(index) {
            Some(reading) => ratio::propose(inputs, spec, metric, reading),
            None => ratio::propose(inputs, spec, metric, &absent()),
        };
        HpaMetricStatus { metric: metric.key(), outcome }
    };
    spec.metrics.iter().enumerate().map(status).collect()
}

/// The highest proposal; none where all metrics failed, or where one failed and the others would remove replicas: partial
/// data never do that.
fn combine(spec: &HpaSpec, metrics: &[HpaMetricStatus], current: u32) -> (Option<u32>, Option<usize>, HpaActive) {
    let mut highest: Option<(u32, usize)> = None;
    let mut failed = None;
    for (index, status) in metrics.iter().enumerate() {
        match &status.outcome {
            HpaOutcome::Proposed { replicas, .. } => {
                if highest.is_none_or(|(most, _)| *replicas > most) {
                    highest = Some((*replicas, index));
                }
            }
            HpaOutcome::Failed { why } => failed = failed.or(Some((index, why.clone()))),
        }
    }
    match (highest, failed) {
        (Some((replicas, winner)), None) => {
            (Some(replicas), Some(winner), HpaActive::ValidMetricFound { failed: None })
        }
        (Some((replicas, winner)), Some((_, why))) if replicas >= current => {
            (Some(replicas), Some(winner), HpaActive::ValidMetricFound { failed: Some(why) })
        }
        (_, failed) => {
            let absent = || HpaFailure::Unavailable { message: "there is no metric".to_owned() };
            let (index, failed) = failed.unwrap_or_else(|| (0, absent()));
            let condition = condition(spec.metrics.get(index)).to_owned();
            (None, None, HpaActive::Failed { condition, failed })
        }
    }
}

/// The reason that the condition shows for a failure of such a metric.
const fn condition(metric: Option<&HpaMetric>) -> &'static str {
    match metric {
        Some(HpaMetric::Resource { .. }) => "FailedGetResourceMetric",
        Some(HpaMetric::ContainerResource { .. }) => "FailedGetContainerResourceMetric",
        Some(HpaMetric::Pods { .. }) => "FailedGetPodsMetric",
        Some(HpaMetric::Object { .. }) => "FailedGetObjectMetric",
        Some(HpaMetric::External { .. }) => "FailedGetExternalMetric",
        None => "InvalidMetricSourceType",
    }
}
