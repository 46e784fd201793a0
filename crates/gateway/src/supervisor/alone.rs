//! A gateway that runs alone: its file in the place of a daemon, and active checks in the place of a driver.
//!
//! An endpoint that fails its checks stays in the snapshot as draining, so that it finishes what it has and its counters
//! and its place in hashes are still there when it comes back.

use super::checks::Checks;
use crate::control::{EndpointSnapshot, PoolSnapshot, Snapshot};
use plimsoll_model::gateway::GatewayFile;
use plimsoll_model::{ReplicaId, ServiceName};
use std::net::SocketAddr;

/// Thousandths of a normal endpoint's share that weight 1 of a file stands for.
const WEIGHT: u32 = 1_000;

/// The number of an endpoint: the same for the same address in every file, every release and every gateway of a fleet, so
/// that all of them hash alike.
pub fn ordinal(address: SocketAddr) -> u64 {
    plimsoll_balance::bytes_key(address.to_string().as_bytes())
}

/// The snapshot that a file asks for while these endpoints are found well.
pub fn snapshot(version: u64, file: &GatewayFile, checks: &Checks) -> Snapshot {
    let pools = file.pools.iter().map(|(name, pool)| {
        let endpoints = pool.endpoints.iter().map(|endpoint| {
            let id = ReplicaId { service: name.clone(), ordinal: ordinal(endpoint.address) };
            let is_well = pool.check.is_none() || checks.is_well(&id);
            EndpointSnapshot {
                id,
                address: endpoint.address,
                weight: endpoint.weight * WEIGHT,
                draining: !is_well,
                zone: endpoint.zone.clone(),
            }
        });
        let pool = PoolSnapshot {
            balance: pool.balance.clone(),
            endpoints: endpoints.collect(),
            upstream: pool.upstream.clone(),
        };
        (name.clone(), pool)
    });
    Snapshot { version, gateway: file.gateway.clone(), pools: pools.collect() }
}

/// The address of an endpoint of a file.
pub fn address(file: &GatewayFile, id: &ReplicaId) -> Option<SocketAddr> {
    let pool = file.pools.get::<ServiceName>(&id.service)?;
    pool.endpoints.iter().map(|endpoint| endpoint.address).find(|address| ordinal(*address) == id.ordinal)
}
