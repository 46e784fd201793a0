//! Which pods count for a metric, which are assumed about, and what they add up to.
//!
//! # Source
//! The pod groups of the Kubernetes autoscaler, in its order: deleted or failed, pending, without a sample, and for CPU
//! alone those whose samples are of their start.

use super::inputs::{ContainerRequests, HpaInputs, HpaPod, HpaPods, HpaReading, PodPhase, PodSample, count};
use plimsoll_model::quantity::Timestamp;
use plimsoll_model::scaling::hpa::{HpaController, HpaMetric, HpaResource};
use plimsoll_model::scaling::hpa_reason::{HpaFailure, HpaPodCount};

/// Sums over the pods of one metric. Requests are zero where the metric is no utilization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// How many of each group.
    pub pods: HpaPodCount,
    /// Samples of pods that are not the target's.
    pub unknown: u32,
    /// Sum over ready pods.
    pub used: i128,
    /// Sum over samples of pods that are not the target's.
    pub used_unknown: i128,
    /// Requests of ready pods.
    pub requested: i128,
    /// Requests of unready pods.
    pub requested_unready: i128,
    /// Requests of pods without a sample.
    pub requested_missing: i128,
    /// What pods without a sample would use at the share asked for, each truncated on its own.
    pub missing_at_share: i128,
}

impl Tally {
    /// Samples that are counted.
    pub const fn samples(&self) -> u32 {
        self.pods.ready.saturating_add(self.unknown)
    }
}

/// Where one pod belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Ignored,
    Unready,
    Missing,
    Ready(i64),
}

/// Adds up a metric of pods. `share` is the per cent of its request that a pod without a sample would use; none where the
/// metric is no utilization, so that requests do not matter.
///
/// # Errors
/// [`HpaFailure`] when there is no pod, no counted sample, or a pod without a request.
pub(super) fn tally(
    inputs: &HpaInputs<'_>,
    controller: &HpaController,
    metric: &HpaMetric,
    reading: &HpaReading,
    share: Option<u32>,
) -> Result<Tally, HpaFailure> {
    let tally = match (reading, inputs.pods) {
        (HpaReading::Failed(why), _) => return Err(why.clone()),
        (HpaReading::Values(_), _) => return Err(HpaFailure::BadTarget),
        (HpaReading::Sum { value_milli, pods: ready, unready, missing, request_milli }, _) => {
            let pods = HpaPodCount { ready: *ready, unready: *unready, missing: *missing, ignored: 0 };
            of_sum(*value_milli, pods, (*request_milli, share), metric)?
        }
        (HpaReading::Pods { .. }, HpaPods::Each([]) | HpaPods::Count { .. }) => return Err(HpaFailure::NoPods),
        (HpaReading::Pods { samples, unknown_milli }, HpaPods::Each(pods)) => {
            let mut tally = of_pods(inputs.at, controller, metric, pods, samples, share)?;
            tally.unknown = count(unknown_milli.len());
            tally.used_unknown = unknown_milli.iter().map(|value| i128::from(*value)).sum();
            tally
        }
    };
    if tally.samples() == 0 { Err(HpaFailure::NoSamples) } else { Ok(tally) }
}

fn of_sum(
    value_milli: i64,
    pods: HpaPodCount,
    (request_milli, share): (Option<i64>, Option<u32>),
    metric: &HpaMetric,
) -> Result<Tally, HpaFailure> {
    let request = match (share, request_milli) {
        (None, _) => 0,
        (Some(_), Some(request)) => i128::from(request),
        (Some(_), None) => return Err(missing_request(metric, "any")),
    };
    let at_share = share.map_or(0, |share| request * i128::from(share) / 100);
    Ok(Tally {
        pods,
        used: i128::from(value_milli),
        requested: request * i128::from(pods.ready),
        requested_unready: request * i128::from(pods.unready),
        requested_missing: request * i128::from(pods.missing),
        missing_at_share: at_share * i128::from(pods.missing),
        ..Tally::default()
    })
}

fn of_pods(
    at: Timestamp,
    controller: &HpaController,
    metric: &HpaMetric,
    pods: &[HpaPod<'_>],
    samples: &[Option<PodSample>],
    share: Option<u32>,
) -> Result<Tally, HpaFailure> {
    let is_cpu = metric.resource() == Some(HpaResource::Cpu);
    let mut tally = Tally::default();
    let mut no_request = None;
    for (index, pod) in pods.iter().enumerate() {
        let group = group(at, controller, is_cpu, pod, samples.get(index).copied().flatten());
        // A pod without a request fails the metric whatever group it is in, even one that is being deleted.
        let request = match share {
            None => 0,
            Some(_) => request(pod, metric).map_or_else(
                || {
                    no_request = no_request.or(Some(pod.name));
                    0
                },
                i128::from,
            ),
        };
        match group {
            Group::Ignored => tally.pods.ignored += 1,
            Group::Unready => {
                tally.pods.unready += 1;
                tally.requested_unready += request;
            }
            Group::Missing => {
                tally.pods.missing += 1;
                tally.requested_missing += request;
                tally.missing_at_share += request * i128::from(share.unwrap_or(0)) / 100;
            }
            Group::Ready(value) => {
                tally.pods.ready += 1;
                tally.requested += request;
                tally.used += i128::from(value);
            }
        }
    }
    match no_request {
        // That no sample counts is found out first.
        Some(_) if tally.pods.ready == 0 => Err(HpaFailure::NoSamples),
        Some(pod) => Err(missing_request(metric, pod)),
        None => Ok(tally),
    }
}

fn missing_request(metric: &HpaMetric, pod: &str) -> HpaFailure {
    let resource = metric.resource().map_or("", HpaResource::word).to_owned();
    HpaFailure::MissingRequest { resource, pod: pod.to_owned() }
}

/// The group of one pod.
fn group(
    at: Timestamp,
    controller: &HpaController,
    is_cpu: bool,
    pod: &HpaPod<'_>,
    sample: Option<PodSample>,
) -> Group {
    if pod.is_deleting || pod.phase == PodPhase::Failed {
        return Group::Ignored;
    }
    if pod.phase == PodPhase::Pending {
        return Group::Unready;
    }
    let Some(sample) = sample else { return Group::Missing };
    if is_cpu && is_starting(at, controller, pod, sample) { Group::Unready } else { Group::Ready(sample.value_milli) }
}

/// Whether a CPU sample is of the pod's start, when it says nothing about the load.
fn is_starting(at: Timestamp, controller: &HpaController, pod: &HpaPod<'_>, sample: PodSample) -> bool {
    let (Some(started), Some(ready)) = (pod.started_at, pod.ready) else { return true };
    if started.plus(controller.cpu_initialization_period) > at {
        return !ready.is_ready || sample.at < ready.changed_at.plus(sample.window);
    }
    !ready.is_ready && started.plus(controller.initial_readiness_delay) > ready.changed_at
}

/// What the pod reserves for the metric: of the container where one is named, else of the pod where that is set, else of
/// all containers.
fn request(pod: &HpaPod<'_>, metric: &HpaMetric) -> Option<i64> {
    let of = |container: &ContainerRequests<'_>| match metric.resource() {
        Some(HpaResource::Cpu) => container.cpu_milli,
        Some(HpaResource::Memory) => container.memory_milli,
        None => None,
    };
    if let Some(name) = metric.container() {
        return pod.containers.iter().find(|container| container.name == name).and_then(of);
    }
    match &pod.pod_level {
        Some(whole) => of(whole),
        None if pod.containers.is_empty() => None,
        None => pod.containers.iter().try_fold(0_i64, |sum, container| Some(sum.saturating_add(of(container)?))),
    }
}
