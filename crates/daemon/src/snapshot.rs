//! Inventory → what the gateway is told: the endpoints that are ready, with those on their way out marked.

use plimsoll_driver_process::ProcessDriver;
use plimsoll_gateway::control::{EndpointSnapshot, PoolSnapshot, Snapshot};
use plimsoll_model::gateway::UpstreamSpec;
use plimsoll_model::spec::Spec;
use plimsoll_model::{Phase, ReplicaStatus};

/// Full weight, in thousandths.
const WEIGHT: u32 = 1_000;

/// The snapshot for `inventory` under `spec`. Endpoints are in the order of their ids.
#[must_use]
pub fn of(version: u64, spec: &Spec, inventory: &[ReplicaStatus], driver: &ProcessDriver) -> Snapshot {
    let pools = spec
        .services
        .iter()
        .map(|(name, service)| {
            let mut endpoints: Vec<_> = inventory
                .iter()
                .filter_map(|status| {
                    let id = status.replica().filter(|id| id.service == *name)?;
                    let draining = status.phase == Phase::Draining;
                    let serves = status.phase == Phase::Ready || (draining && status.ready_at.is_some());
                    let address = driver.endpoint(&status.id).filter(|_| serves)?;
                    Some(EndpointSnapshot { id: id.clone(), address, weight: WEIGHT, draining, zone: None })
                })
                .collect();
            endpoints.sort_by(|a, b| a.id.cmp(&b.id));
            (
                name.clone(),
                PoolSnapshot { balance: service.balance.clone(), endpoints, upstream: UpstreamSpec::default() },
            )
        })
        .collect();
    Snapshot { version, gateway: spec.gateway.clone(), pools }
}
