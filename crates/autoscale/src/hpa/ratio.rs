//! From the figures of one metric to its proposal.
//!
//! Two flows: metrics of pods, whose uncounted pods are filled in by the assumption that holds a change back, and metrics
//! of anything else. A utilization is truncated to whole per cent before it is a ratio; that is part of the specification.
//!
//! # Source
//! The Kubernetes autoscaler's replica calculation (research section 2.1).

use super::double::Double;
use super::inputs::{HpaInputs, HpaReading};
use super::pods::{Tally, tally};
use plimsoll_model::scaling::hpa::{HpaMetric, HpaSpec, HpaTarget};
use plimsoll_model::scaling::hpa_reason::{HpaFailure, HpaOutcome, HpaPodCount, HpaVerdict};
use plimsoll_model::scaling::quantity::MilliQuantity;

/// Replicas are 31 bits wide there.
const REPLICAS_MAX: u64 = i32::MAX as u64;

/// The band around 1 in which nothing changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    /// Lower end; none where it is below zero.
    low: Option<Double>,
    /// Upper end.
    high: Double,
}

impl Tolerance {
    /// Of the policy: each direction's own, or the controller's.
    pub fn of(spec: &HpaSpec) -> Self {
        let rules = |down: bool| {
            let behavior = spec.behavior.as_ref()?;
            if down { behavior.scale_down.as_ref() } else { behavior.scale_up.as_ref() }
        };
        let width = |down| match rules(down).and_then(|rules| rules.tolerance) {
            // A quantity becomes a float by its power of ten, a flag by its nearest float.
            Some(MilliQuantity(milli)) => positive(milli).times(Double::ONE.over(Double::of(1_000))),
            None => positive(spec.controller.tolerance.0).over(Double::of(1_000)),
        };
        Self { low: width(true).minus_from_one(), high: width(false).plus_one() }
    }

    fn holds(self, ratio: Double) -> bool {
        self.low.is_none_or(|low| low <= ratio) && ratio <= self.high
    }
}

/// The proposal of one metric.
pub(super) fn propose(inputs: &HpaInputs<'_>, spec: &HpaSpec, metric: &HpaMetric, reading: &HpaReading) -> HpaOutcome {
    let tolerance = Tolerance::of(spec);
    let result = match (metric, metric.target()) {
        (HpaMetric::Object { .. } | HpaMetric::External { .. }, HpaTarget::Value { value }) => {
            whole(inputs, tolerance, reading, value)
        }
        (HpaMetric::Object { .. } | HpaMetric::External { .. }, HpaTarget::AverageValue { average_value }) => {
            shared(inputs, tolerance, reading, average_value)
        }
        (
            HpaMetric::Resource { .. } | HpaMetric::ContainerResource { .. },
            HpaTarget::Utilization { average_utilization },
        ) => {
            let share = average_utilization.max(100);
            tally(inputs, &spec.controller, metric, reading, Some(share))
                .and_then(|tally| utilization(inputs.current, tolerance, &tally, average_utilization))
        }
        (
            HpaMetric::Resource { .. } | HpaMetric::ContainerResource { .. } | HpaMetric::Pods { .. },
            HpaTarget::AverageValue { average_value },
        ) => tally(inputs, &spec.controller, metric, reading, None)
            .map(|tally| average(inputs.current, tolerance, &tally, average_value)),
        _ => Err(HpaFailure::BadTarget),
    };
    result.unwrap_or_else(|why| HpaOutcome::Failed { why })
}

/// Per cent of the request.
fn utilization(current: u32, tolerance: Tolerance, tally: &Tally, target: u32) -> Result<HpaOutcome, HpaFailure> {
    if tally.pods.ready == 0 || tally.requested <= 0 {
        return Err(HpaFailure::NoKnownPods);
    }
    let percent = |used: i128, requested: i128| u64::try_from(used * 100 / requested.max(1)).unwrap_or(0);
    let ratio = |percent: u64| Double::of(percent.min(REPLICAS_MAX)).over(Double::of(u64::from(target)));
    let measured = percent(tally.used, tally.requested);
    let (replicas, verdict) = settle(current, tolerance, &tally.pods, ratio(measured), |assumed| {
        let filled = tally.used + if assumed.missing_full { tally.missing_at_share } else { 0 };
        let missing = if assumed.missing { tally.requested_missing } else { 0 };
        let unready = if assumed.unready { tally.requested_unready } else { 0 };
        let ratio = ratio(percent(filled, tally.requested + missing + unready));
        (ratio, assumed.samples(tally))
    });
    Ok(HpaOutcome::Proposed {
        replicas,
        value: quantity(tally.used / i128::from(tally.pods.ready)),
        utilization: Some(u32::try_from(measured).unwrap_or(u32::MAX)),
        target: MilliQuantity::whole(i64::from(target)),
        verdict,
        pods: tally.pods,
    })
}

/// So much per pod.
fn average(current: u32, tolerance: Tolerance, tally: &Tally, target: MilliQuantity) -> HpaOutcome {
    let used = tally.used + tally.used_unknown;
    let mean = |used: i128, samples: u32| u64::try_from(used / i128::from(samples.max(1))).unwrap_or(0);
    let ratio = |mean: u64| Double::of(mean).over(positive(target.0));
    let measured = mean(used, tally.samples());
    let (replicas, verdict) = settle(current, tolerance, &tally.pods, ratio(measured), |assumed| {
        let full = i128::from(target.0) * i128::from(tally.pods.missing);
        let filled = used + if assumed.missing_full { full } else { 0 };
        let samples = assumed.samples(tally);
        (ratio(mean(filled, samples)), samples)
    });
    let value = quantity(i128::from(measured));
    HpaOutcome::Proposed { replicas, value, utilization: None, target, verdict, pods: tally.pods }
}

/// What is assumed of the pods that were not counted.
#[derive(Debug, Clone, Copy)]
struct Assumed {
    /// Pods without a sample are in.
    missing: bool,
    /// They use as much as they may; else nothing.
    missing_full: bool,
    /// Unready pods are in, and use nothing.
    unready: bool,
}

impl Assumed {
    fn samples(self, tally: &Tally) -> u32 {
        let missing = if self.missing { tally.pods.missing } else { 0 };
        let unready = if self.unready { tally.pods.unready } else { 0 };
        tally.samples().saturating_add(missing).saturating_add(unready)
    }
}

/// The common flow: with nothing to assume the ratio decides; else each assumption goes against the change, and a change
/// that would turn around is none.
fn settle(
    current: u32,
    tolerance: Tolerance,
    pods: &HpaPodCount,
    ratio: Double,
    fill: impl FnOnce(Assumed) -> (Double, u32),
) -> (u32, HpaVerdict) {
    let one = Double::ONE;
    let up_unready = pods.unready > 0 && ratio > one;
    if !up_unready && pods.missing == 0 {
        return match tolerance.holds(ratio) {
            true => (current, HpaVerdict::WithinTolerance),
            false => (replicas(ratio.times(Double::of(u64::from(pods.ready)))), HpaVerdict::Ratio),
        };
    }
    let missing = pods.missing > 0 && ratio != one;
    let (assumed, samples) = fill(Assumed { missing, missing_full: missing && ratio < one, unready: up_unready });
    if tolerance.holds(assumed) {
        return (current, HpaVerdict::WithinTolerance);
    }
    if (ratio < one && assumed > one) || (ratio > one && assumed < one) {
        return (current, HpaVerdict::DirectionFlip);
    }
    let proposed = replicas(assumed.times(Double::of(u64::from(samples))));
    if (assumed < one && proposed > current) || (assumed > one && proposed < current) {
        return (current, HpaVerdict::DirectionFlip);
    }
    (proposed, HpaVerdict::Assumed)
}

/// An object's or external metric's value against the whole target.
fn whole(
    inputs: &HpaInputs<'_>,
    tolerance: Tolerance,
    reading: &HpaReading,
    target: MilliQuantity,
) -> Result<HpaOutcome, HpaFailure> {
    let value = values(reading)?;
    let ratio = positive(value).over(positive(target.0));
    let mut pods = HpaPodCount::default();
    let (replicas, verdict) = if inputs.current == 0 {
        (replicas(ratio), HpaVerdict::FromZero)
    } else if tolerance.holds(ratio) {
        (inputs.current, HpaVerdict::WithinTolerance)
    } else if inputs.pods.is_empty() {
        return Err(HpaFailure::NoPods);
    } else {
        pods.ready = inputs.pods.running_and_ready();
        (replicas(ratio.times(Double::of(u64::from(pods.ready)))), HpaVerdict::Ratio)
    };
    Ok(HpaOutcome::Proposed { replicas, value: MilliQuantity(value), utilization: None, target, verdict, pods })
}

/// An object's or external metric's value against a target per pod.
fn shared(
    inputs: &HpaInputs<'_>,
    tolerance: Tolerance,
    reading: &HpaReading,
    target: MilliQuantity,
) -> Result<HpaOutcome, HpaFailure> {
    let value = values(reading)?;
    let (value_double, target_double) = (positive(value), positive(target.0));
    let status = Double::of(u64::from(inputs.status_replicas));
    // Without a replica the ratio is infinite, or not a number: never within the tolerance.
    let is_held = inputs.status_replicas > 0 && tolerance.holds(value_double.over(target_double.times(status)));
    let (replicas, verdict) = match is_held {
        true => (inputs.status_replicas, HpaVerdict::WithinTolerance),
        false => (replicas(value_double.over(target_double)), HpaVerdict::Ratio),
    };
    let each = if inputs.status_replicas == 0 { value } else { reported(value_double.over(status).ceil()) };
    let pods = HpaPodCount::default();
    Ok(HpaOutcome::Proposed { replicas, value: MilliQuantity(each), utilization: None, target, verdict, pods })
}

/// The sum of a metric that is not of pods, capped at the largest number.
fn values(reading: &HpaReading) -> Result<i64, HpaFailure> {
    match reading {
        HpaReading::Failed(why) => Err(why.clone()),
        HpaReading::Values(values) if values.is_empty() => {
            Err(HpaFailure::Unavailable { message: "it has no series".to_owned() })
        }
        HpaReading::Values(values) => Ok(values.iter().fold(0_i64, |sum, value| sum.saturating_add(*value))),
        HpaReading::Pods { .. } | HpaReading::Sum { .. } => Err(HpaFailure::BadTarget),
    }
}

/// A count of replicas from a product of floats.
fn replicas(product: Double) -> u32 {
    u32::try_from(product.ceil().min(REPLICAS_MAX)).unwrap_or(u32::MAX)
}

/// A number that is not negative; below zero nothing is wanted either.
fn positive(value: i64) -> Double {
    Double::of(u64::try_from(value).unwrap_or(0))
}

fn quantity(value: i128) -> MilliQuantity {
    MilliQuantity(i64::try_from(value).unwrap_or(i64::MAX))
}

fn reported(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
