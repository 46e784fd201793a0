//! What the gateway is given in every bench: one listener, one route, one pool.

use crate::Failure;
use plimsoll_gateway::control::{EndpointSnapshot, PoolSnapshot, Snapshot};
use plimsoll_model::gateway::{CertificateSpec, ListenerRules, TlsSpec};
use plimsoll_model::spec::{Algorithm, BalanceSpec, EjectionSpec, GatewayLimits, GatewaySpec, ListenerSpec, RouteSpec};
use plimsoll_model::{Millis, Permille, ReplicaId, ServiceName};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Limits as a user would set them.
pub fn limits() -> GatewayLimits {
    GatewayLimits {
        head_bytes_max: 16 * 1024,
        headers_max: 100,
        body_bytes_max: None,
        connections_max: 20_000,
        head_timeout: Millis(10_000),
        idle_timeout: Millis(60_000),
        connect_timeout: Millis(5_000),
        body_timeout: Millis(30_000),
        retry_budget: Permille(200),
        idle_upstream_max: 512,
        drain: Millis(5_000),
        source: Default::default(),
    }
}

/// One listener, one route, one pool, with what a user would have switched on.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Worker threads.
    pub workers: usize,
    /// Bounds.
    pub limits: GatewayLimits,
    /// How endpoints are chosen.
    pub algorithm: Algorithm,
    /// Certificate and key, where TLS ends here.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Clients may speak HTTP/2.
    pub http2: bool,
}

impl Default for Shop {
    fn default() -> Self {
        Self { workers: 1, limits: limits(), algorithm: Algorithm::LeastConnections, tls: None, http2: false }
    }
}

impl Shop {
    fn balance(&self) -> BalanceSpec {
        BalanceSpec {
            algorithm: self.algorithm,
            slow_start: Millis(0),
            ejection: EjectionSpec {
                consecutive_errors: 5,
                success_rate_min: Permille(0),
                latency_ratio_max: Permille(0),
                duration: Millis(10_000),
                duration_max: Millis(60_000),
                share_max: Permille(500),
            },
            in_flight_max: None,
            queue_max: 1_000,
            queue_timeout: Millis(5_000),
            breaker: Default::default(),
            load: Default::default(),
        }
    }

    fn rules(&self) -> ListenerRules {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let tls = self.tls.as_ref().map(|(certificate, key)| TlsSpec {
            certificates: vec![CertificateSpec { certificate: text(certificate), key: text(key) }],
            client_ca: None,
            client_optional: false,
            client_forward: false,
        });
        ListenerRules { tls, http2: self.http2, ..ListenerRules::default() }
    }

    /// What a daemon would send.
    pub fn snapshot(&self, address: &str, backends: &[SocketAddr]) -> Result<Snapshot, Failure> {
        let shop = ServiceName::try_new("shop")?;
        let route = RouteSpec {
            host: None,
            path_prefix: "/".to_owned(),
            service: shop.clone(),
            timeout: Millis(30_000),
            retry: true,
            rules: Default::default(),
        };
        let endpoints = backends.iter().zip(1..).map(|(address, ordinal)| EndpointSnapshot {
            id: ReplicaId { service: shop.clone(), ordinal },
            address: *address,
            weight: 1_000,
            draining: false,
            zone: None,
        });
        let pool =
            PoolSnapshot { balance: self.balance(), endpoints: endpoints.collect(), upstream: Default::default() };
        let listener = ListenerSpec { address: address.to_owned(), routes: vec![route], rules: self.rules() };
        Ok(Snapshot {
            version: 1,
            gateway: GatewaySpec {
                listeners: vec![listener],
                workers: Some(u32::try_from(self.workers)?),
                limits: self.limits.clone(),
                trusted_proxies: Vec::new(),
                observe: Default::default(),
            },
            pools: BTreeMap::from([(shop, pool)]),
        })
    }
}
