//! The size of a replica, decided beside the number of them as the controller does.

use super::observed::Observed;
use super::one::Memory;
use plimsoll_autoscale::vertical::{OutOfMemory, ReplicaUse, SizerInputs, tracked};
use plimsoll_autoscale::{Pod, PodPhase};
use plimsoll_model::ServiceSpec;
use plimsoll_model::quantity::{Bytes, Millis, Timestamp};
use plimsoll_model::scaling::{Size, VerticalReason};

/// Decides the size where the policy right-sizes; `current` and `target` are the replicas before and from now on.
pub fn decide(
    spec: &ServiceSpec,
    observed: &Observed,
    memory: &mut Memory,
    at: Timestamp,
    pods: &[Pod],
    (current, target): (u32, u32),
) -> Option<Box<VerticalReason>> {
    let vertical = spec.scaling.vertical.as_ref()?;
    if current != target || memory.count_changed_at.is_none() {
        memory.count_changed_at = Some(at);
    }
    let changed = memory.count_changed_at.unwrap_or(at);
    let ready: Vec<&Pod> =
        pods.iter().filter(|pod| pod.ready == Some(true) && pod.phase == PodPhase::Running).collect();
    let used = |pod: &&Pod| pod.sample.map(|sample| ReplicaUse { cpu: sample.cpu, memory: sample.memory });
    let replicas: Vec<ReplicaUse> = ready.iter().filter_map(used).collect();
    let (tracks_cpu, tracks_memory) = tracked(&spec.scaling);
    let sizer = memory.scaler.sizer.get_or_insert_default();
    for out in &observed.out_of_memory {
        let (requested, ran) = (Bytes(out.requested_bytes), Millis::from_secs(out.ran_s));
        sizer.ran_out(vertical, at, OutOfMemory { requested, ran });
    }
    let count = |pods: usize| u32::try_from(pods).unwrap_or(u32::MAX);
    Some(Box::new(sizer.decide(&SizerInputs {
        at,
        spec: vertical,
        declared: Size { requests: spec.requests, limits: spec.limits },
        replicas: &replicas,
        target,
        replicas_max: spec.replicas_max,
        is_complete: count(ready.len()) == target && count(pods.len()) == target,
        settles: changed.plus(spec.scaling.stabilization_down),
        tracks_cpu,
        tracks_memory,
    })))
}
