//! A service's replicas as the Kubernetes algorithms see pods, for the policies that look at single ones.

use crate::process::ProcessState;
use crate::state::ServiceState;
use plimsoll_autoscale::{Pod, PodPhase, PodSample};
use plimsoll_model::id::{ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::{Observation, Phase};
use std::collections::BTreeMap;

/// Every replica known, with its last sample.
pub(crate) fn pods(
    observation: Option<&Observation>,
    name: &ServiceName,
    service: &ServiceState,
    at: Timestamp,
) -> Vec<Pod> {
    // One id, whose ordinal changes: a name is not copied for every replica.
    let mut id = WorkloadId::Replica(ReplicaId { service: name.clone(), ordinal: 0 });
    let one = |(ordinal, replica): (&u64, &ProcessState)| {
        if let WorkloadId::Replica(id) = &mut id {
            id.ordinal = *ordinal;
        }
        let sample = observation.and_then(|observation| {
            let usage = observation.usage.get(&id)?;
            let traced = |physical: u64| Millis(physical.saturating_mul(u64::from(observation.speed)));
            Some(PodSample {
                at: at.minus(traced(usage.quality.age_ms)),
                window: traced(observation.interval.0),
                cpu: usage.cpu,
                memory: usage.memory,
            })
        });
        Pod {
            ordinal: *ordinal,
            phase: phase(replica),
            started_at: replica.started_at,
            ready: replica.phase.map(|phase| phase == Phase::Ready),
            ready_changed_at: replica.ready_changed_at,
            sample,
            requests: replica.requests,
            metrics: BTreeMap::new(),
        }
    };
    service.replicas.iter().map(one).collect()
}

fn phase(replica: &ProcessState) -> PodPhase {
    match (replica.stopping, replica.phase) {
        (Some(_), _) => PodPhase::Deleting,
        (None, None) => PodPhase::Pending,
        (None, Some(phase)) if phase.is_live() => PodPhase::Running,
        (None, Some(_)) => PodPhase::Failed,
    }
}
