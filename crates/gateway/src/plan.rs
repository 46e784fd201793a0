//! A snapshot made ready for the workers: addresses parsed, names resolved to indices, endpoints kept from before.
//!
//! Everything that can be wrong with a snapshot is found here, before any worker sees it, so that it applies as a whole
//! or not at all.

use crate::cidr::{Cidr, CidrError};
use crate::control::{PoolSnapshot, Snapshot};
use crate::route::Router;
use crate::rules::Rules;
use crate::shared::{SharedService, Target, Upstream};
use crate::tls::config::{self, ServerTls, TlsError};
use crate::worker::load::Reports;
use plimsoll_balance::{Breaker, Endpoint, Pool};
use plimsoll_model::ServiceName;
use plimsoll_model::breaker::BreakerSpec;
use plimsoll_model::gateway::{ObserveSpec, RedirectSpec, SourcePrefix, UpstreamSpec};
use plimsoll_model::load::LoadSpec;
use plimsoll_model::route::{HedgeAfter, HedgeSpec};
use plimsoll_model::spec::{Algorithm, BalanceSpec, EjectionSpec, GatewayLimits, ListenerSpec, RouteSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Bounds in the units that the data path compares in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head.
    pub head_bytes_max: usize,
    /// Fields of a head.
    pub fields_max: usize,
    /// Bytes of a request body.
    pub body_bytes_max: u64,
    /// Client connections, all workers together.
    pub connections_max: u32,
    /// Milliseconds for a head to arrive.
    pub head_ms: u64,
    /// Milliseconds that an idle client connection stays.
    pub idle_ms: u64,
    /// Milliseconds for a connection to a replica.
    pub connect_ms: u64,
    /// Milliseconds of silence within a body.
    pub body_ms: u64,
    /// Retries per thousand requests.
    pub retry_permille: u64,
    /// Idle connections per endpoint and worker.
    pub idle_upstream_max: usize,
    /// Whom an address counts as.
    pub source: SourcePrefix,
}

impl Limits {
    fn new(limits: &GatewayLimits) -> Self {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            head_bytes_max: size(limits.head_bytes_max).clamp(256, 1024 * 1024),
            fields_max: (limits.headers_max as usize).min(crate::codec::FIELDS_MAX),
            body_bytes_max: limits.body_bytes_max.unwrap_or(u64::MAX),
            connections_max: limits.connections_max,
            head_ms: limits.head_timeout.get(),
            idle_ms: limits.idle_timeout.get(),
            connect_ms: limits.connect_timeout.get(),
            body_ms: limits.body_timeout.get(),
            retry_permille: limits.retry_budget.get(),
            idle_upstream_max: limits.idle_upstream_max as usize,
            source: limits.source,
        }
    }
}

/// One listening address.
#[derive(Debug, Clone)]
pub struct ListenerPlan {
    /// As the spec writes it; names the listener from snapshot to snapshot.
    pub address: String,
    /// Finds the index of a route.
    pub router: Router,
    /// The routes.
    pub routes: Vec<RoutePlan>,
    /// The redirects.
    pub redirects: Vec<RedirectSpec>,
    /// TLS ends here.
    pub tls: Option<Arc<ServerTls>>,
    /// Connections begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// Clients may speak HTTP/2.
    pub http2: bool,
    /// Index of the pool that connections are passed through to.
    pub tcp: Option<usize>,
}

/// One route.
#[derive(Debug, Clone)]
pub struct RoutePlan {
    /// Index into [`Plan::services`].
    pub service: usize,
    /// Milliseconds to the end of the response's head.
    pub timeout_ms: u64,
    /// One retry while the budget lasts.
    pub retry: bool,
    /// What else it does, if anything.
    pub rules: Option<Arc<Rules>>,
    /// Names it in reports: listener, host and path, and its place among equal ones.
    pub name: String,
}

/// How requests queue for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePlan {
    /// Most requests in flight per endpoint.
    pub in_flight_max: Option<u32>,
    /// Most requests waiting.
    pub queue_max: u32,
    /// Milliseconds a request may wait.
    pub queue_ms: u64,
    /// Failures in a row that eject at once; zero is never.
    pub consecutive_errors: u32,
    /// Requests of one key go to one endpoint.
    pub hashes: bool,
    /// Most requests in flight in the whole pool.
    pub pool_in_flight_max: Option<u32>,
    /// Most connections per endpoint.
    pub connections_max: Option<u32>,
    /// Most retries under way at once.
    pub retries_max: Option<u32>,
}

impl QueuePlan {
    fn new(balance: &BalanceSpec) -> Self {
        let breaker = &balance.breaker;
        Self {
            // A request in flight has a connection of its own.
            in_flight_max: balance.in_flight_max.into_iter().chain(breaker.connections_max).min(),
            pool_in_flight_max: breaker.in_flight_max,
            connections_max: breaker.connections_max,
            retries_max: breaker.retries_max,
            queue_max: balance.queue_max,
            queue_ms: balance.queue_timeout.get(),
            consecutive_errors: balance.ejection.consecutive_errors,
            hashes: balance.algorithm.hashes(),
        }
    }
}

/// One service.
#[derive(Debug)]
pub struct ServicePlan {
    /// What the workers share of it.
    pub shared: Arc<SharedService>,
    /// How requests queue.
    pub queue: QueuePlan,
    /// Endpoints that may get requests, in the order of `pool`.
    pub targets: Vec<Arc<Target>>,
    /// Endpoints that only finish what they have.
    pub draining: Vec<Arc<Target>>,
    /// How they are reached.
    pub upstream: Arc<Upstream>,
    /// The pool that picks are made from.
    pub pool: Arc<Pool>,
    /// The same endpoints under the algorithms of routes that have their own.
    pub variants: Vec<Arc<Pool>>,
    /// A route asks for a quantile of its latencies.
    pub measures_latency: bool,
    /// When endpoints are taken out.
    pub ejection: EjectionSpec,
    /// What is done with load that endpoints report, where an algorithm goes by it.
    pub load: Option<Arc<Reports>>,
    /// The numbers for that.
    pub load_spec: LoadSpec,
    /// When the pool as a whole is left alone.
    pub breaker: Option<Arc<Breaker>>,
}

/// A snapshot made ready.
#[derive(Debug)]
pub struct Plan {
    /// The snapshot's version.
    pub version: u64,
    /// Bounds.
    pub limits: Limits,
    /// Whose word about earlier hops is believed.
    pub trusted: Vec<Cidr>,
    /// What is written down of requests.
    pub observe: ObserveSpec,
    /// Listening addresses.
    pub listeners: Vec<ListenerPlan>,
    /// Services in the order of their names.
    pub services: Vec<ServicePlan>,
}

/// Why a snapshot was refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is older than the one in use.
    #[error("snapshot {offered} is older than {in_use}, which is in use")]
    Stale {
        /// Its version.
        offered: u64,
        /// The version in use.
        in_use: u64,
    },
    /// A route names a service without a pool.
    #[error("a route of listener {listener} names service {service}, which has no pool")]
    NoPool {
        /// The listener's address.
        listener: String,
        /// The service.
        service: ServiceName,
    },
    /// Two listeners have the same address.
    #[error("two listeners have the address {0}")]
    ListenerTwice(String),
    /// TLS of a listener cannot be set up.
    #[error("listener {listener}: {source}")]
    ListenerTls {
        /// The listener's address.
        listener: String,
        /// Why.
        source: TlsError,
    },
    /// TLS of a pool cannot be set up.
    #[error("pool {pool}: {source}")]
    PoolTls {
        /// The pool.
        pool: ServiceName,
        /// Why.
        source: TlsError,
    },
    /// A trusted proxy is no address range.
    #[error(transparent)]
    Cidr(#[from] CidrError),
}

/// What of a snapshot may differ from the one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything; files are read again.
    Whole,
    /// Only which endpoints are offered. No file is read, so that a certificate that is being replaced at this moment
    /// cannot keep a dead endpoint in use, and rates go on counting.
    Endpoints,
}

/// Makes a snapshot ready, keeping from `before` what stays the same: endpoints with their counters, and queues.
///
/// # Errors
/// [`PlanError`] when it contradicts itself or is stale.
pub fn compile(
    snapshot: &Snapshot,
    before: Option<&Plan>,
    extent: Extent,
    workers: usize,
    now_us: u64,
) -> Result<Plan, PlanError> {
    if let Some(before) = before.filter(|before| snapshot.version < before.version) {
        return Err(PlanError::Stale { offered: snapshot.version, in_use: before.version });
    }
    let trusted =
        snapshot.gateway.trusted_proxies.iter().map(|range| Cidr::try_new(range)).collect::<Result<_, _>>()?;
    let services: Vec<ServicePlan> = snapshot
        .pools
        .keys()
        .map(|name| {
            let before = before.and_then(|before| before.services.iter().find(|service| service.shared.name == *name));
            service(snapshot, name, before, extent, workers, now_us)
        })
        .collect::<Result<_, _>>()?;
    let index: BTreeMap<&ServiceName, usize> = snapshot.pools.keys().enumerate().map(|(at, name)| (name, at)).collect();
    let kept = before.filter(|_| extent == Extent::Endpoints);
    let mut listeners: Vec<ListenerPlan> = kept.map_or_else(Vec::new, |before| before.listeners.clone());
    for spec in snapshot.gateway.listeners.iter().filter(|_| kept.is_none()) {
        if listeners.iter().any(|listener| listener.address == spec.address) {
            return Err(PlanError::ListenerTwice(spec.address.clone()));
        }
        let known = before.and_then(|before| before.listeners.iter().find(|known| known.address == spec.address));
        listeners.push(listener(spec, &index, known)?);
    }
    Ok(Plan {
        version: snapshot.version,
        limits: Limits::new(&snapshot.gateway.limits),
        trusted,
        observe: snapshot.gateway.observe.clone(),
        listeners,
        services,
    })
}

fn listener(
    spec: &ListenerSpec,
    index: &BTreeMap<&ServiceName, usize>,
    before: Option<&ListenerPlan>,
) -> Result<ListenerPlan, PlanError> {
    let none = |service: &ServiceName| PlanError::NoPool { listener: spec.address.clone(), service: service.clone() };
    let find = |service: &ServiceName| index.get(service).copied().ok_or_else(|| none(service));
    let mut routes = Vec::with_capacity(spec.routes.len());
    for route in &spec.routes {
        let rules = Rules::new(&route.rules, |service| index.get(service).copied()).map_err(|pool| none(&pool))?;
        routes.push(RoutePlan {
            service: find(&route.service)?,
            timeout_ms: route.timeout.get(),
            retry: route.retry,
            rules: rules.map(Arc::new),
            name: String::new(),
        });
        let shown = format!("{} {}{}", spec.address, route.host.as_deref().unwrap_or("*"), route.path_prefix);
        let equal = routes.iter().filter(|known| known.name.split(" #").next() == Some(&*shown)).count();
        if let Some(last) = routes.last_mut() {
            last.name = if equal == 0 { shown } else { format!("{shown} #{}", equal + 1) };
            keep_rules(last, before);
        }
    }
    let tls = spec
        .rules
        .tls
        .as_ref()
        .map(|tls| config::server(tls, spec.rules.http2, before.and_then(|before| before.tls.as_deref())));
    let failed = |source| PlanError::ListenerTls { listener: spec.address.clone(), source };
    Ok(ListenerPlan {
        address: spec.address.clone(),
        router: Router::new(&spec.routes, &spec.rules.redirects),
        routes,
        redirects: spec.rules.redirects.clone(),
        tls: tls.transpose().map_err(failed)?.map(Arc::new),
        proxy_protocol: spec.rules.proxy_protocol,
        http2: spec.rules.http2,
        tcp: spec.rules.tcp.as_ref().map(find).transpose()?,
    })
}

/// Rules that have not changed are the same as before, so that what their buckets have counted is not forgotten each time
/// that some replica comes or goes.
fn keep_rules(route: &mut RoutePlan, before: Option<&ListenerPlan>) {
    let known = before.and_then(|before| before.routes.iter().find(|known| known.name == route.name));
    if let (Some(rules), Some(known)) = (&mut route.rules, known.and_then(|known| known.rules.as_ref()))
        && rules.is_same(known)
    {
        *rules = Arc::clone(known);
    }
}

/// How a pool is reached; the same value as before where nothing about it has changed, files included.
fn upstream(pool: ServiceName, spec: &UpstreamSpec, before: Option<&ServicePlan>) -> Result<Arc<Upstream>, PlanError> {
    let before = before.map(|before| &before.upstream);
    let tls =
        spec.tls.as_ref().map(|tls| config::client(tls, spec.protocol, before.and_then(|before| before.tls.as_ref())));
    let tls = tls.transpose().map_err(|source| PlanError::PoolTls { pool, source })?;
    let same_tls = |known: &Upstream| match (&known.tls, &tls) {
        (None, None) => true,
        (Some(known), Some(tls)) => Arc::ptr_eq(known, tls),
        _ => false,
    };
    let is_same = |known: &&Arc<Upstream>| {
        known.proxy_protocol == spec.proxy_protocol && known.protocol == spec.protocol && same_tls(known)
    };
    match before.filter(is_same) {
        Some(known) => Ok(Arc::clone(known)),
        None => Ok(Arc::new(Upstream { tls, protocol: spec.protocol, proxy_protocol: spec.proxy_protocol })),
    }
}

/// The weight of each endpoint of a pool, by zone and subset; none for one that gets nothing new.
///
/// # Source
/// Subsets: "Site Reliability Engineering" (Beyer et al. 2016), chapter 20, deterministic subsetting: gateways are dealt
/// in rounds, each round shuffles the endpoints in an order of its own, and within a round nobody shares an endpoint.
fn weights(pool: &PoolSnapshot) -> Vec<Option<u32>> {
    let mut weights: Vec<Option<u32>> = pool
        .endpoints
        .iter()
        .map(|endpoint| (!endpoint.draining && endpoint.weight > 0).then_some(endpoint.weight))
        .collect();
    if let Some(subset) = pool.upstream.subset {
        let mut offered: Vec<usize> = (0..weights.len()).filter(|at| weights[*at].is_some()).collect();
        let size = (subset.size as usize).max(1);
        let subsets = (offered.len() / size).max(1);
        let (round, own) = (subset.gateway as usize / subsets, subset.gateway as usize % subsets);
        let place = |at: &usize| {
            let mut key = (round as u64).to_le_bytes().to_vec();
            key.extend_from_slice(&pool.endpoints[*at].id.ordinal.to_le_bytes());
            (plimsoll_balance::bytes_key(&key), pool.endpoints[*at].id.ordinal)
        };
        offered.sort_by_key(place);
        for (position, at) in offered.iter().enumerate() {
            if position / size != own {
                weights[*at] = None;
            }
        }
    }
    let Some(own) = &pool.upstream.zone else { return weights };
    let is_own = |at: usize| pool.endpoints[at].zone.as_ref() == Some(own);
    if (0..weights.len()).any(|at| is_own(at) && weights[at].is_some()) {
        for (_, weight) in weights.iter_mut().enumerate().filter(|(at, _)| !is_own(*at)) {
            let kept = weight.map(|weight| u64::from(weight) * u64::from(pool.upstream.zone_weight) / 1_000);
            *weight = kept.and_then(|kept| u32::try_from(kept).ok()).filter(|kept| *kept > 0);
        }
    }
    weights
}

fn service(
    snapshot: &Snapshot,
    name: &ServiceName,
    before: Option<&ServicePlan>,
    extent: Extent,
    workers: usize,
    now_us: u64,
) -> Result<ServicePlan, PlanError> {
    let pool = &snapshot.pools[name];
    let upstream = match before.filter(|_| extent == Extent::Endpoints) {
        Some(before) => Arc::clone(&before.upstream),
        None => upstream(name.clone(), &pool.upstream, before)?,
    };
    let mut targets = Vec::new();
    let mut draining = Vec::new();
    for (wanted, weight) in pool.endpoints.iter().zip(weights(pool)) {
        let known = before.and_then(|before| {
            let mut all = before.targets.iter().chain(&before.draining);
            all.find(|target| {
                target.id == wanted.id && target.address == wanted.address && Arc::ptr_eq(&target.upstream, &upstream)
            })
        });
        let target = known.map_or_else(
            || {
                Arc::new(Target {
                    id: wanted.id.clone(),
                    address: wanted.address,
                    upstream: Arc::clone(&upstream),
                    token: plimsoll_balance::bytes_key(wanted.address.to_string().as_bytes()),
                    endpoint: Arc::new(Endpoint::new(wanted.id.ordinal, weight.unwrap_or(wanted.weight), now_us)),
                    finished: AtomicU64::new(0),
                    failed: AtomicU64::new(0),
                    load_reports: AtomicU64::new(0),
                    load_reports_invalid: AtomicU64::new(0),
                    connections: AtomicU32::new(0),
                    wanted: AtomicU32::new(0),
                })
            },
            Arc::clone,
        );
        match weight {
            None => draining.push(target),
            Some(weight) => {
                target.endpoint.set_weight(weight);
                targets.push(target);
            }
        }
    }
    let slow_start_us = pool.balance.slow_start.get().saturating_mul(1_000);
    let over = |algorithm| {
        let endpoints = targets.iter().map(|target: &Arc<Target>| Arc::clone(&target.endpoint)).collect();
        Arc::new(Pool::with_slow_start(algorithm, slow_start_us, endpoints).with_load(pool.balance.load))
    };
    let own = pool.balance.algorithm;
    let algorithms = algorithms(snapshot, name);
    let wants_load = own == Algorithm::WeightedByLoad || algorithms.contains(&Algorithm::WeightedByLoad);
    Ok(ServicePlan {
        shared: before
            .map_or_else(|| Arc::new(SharedService::new(name.clone(), workers)), |before| Arc::clone(&before.shared)),
        queue: QueuePlan::new(&pool.balance),
        pool: over(own),
        variants: algorithms.into_iter().filter(|algorithm| *algorithm != own).map(over).collect(),
        targets,
        draining,
        upstream,
        measures_latency: routes_to(snapshot, name)
            .any(|route| matches!(route.rules.hedge, Some(HedgeSpec { after: HedgeAfter::Quantile(_), .. }))),
        ejection: pool.balance.ejection.clone(),
        load: wants_load.then(|| Arc::new(Reports::new(&pool.balance.load))),
        load_spec: pool.balance.load,
        breaker: breaker(&pool.balance.breaker, before),
    })
}

/// The routes that may lead to a pool.
fn routes_to<'s>(snapshot: &'s Snapshot, pool: &'s ServiceName) -> impl Iterator<Item = &'s RouteSpec> {
    let routes = snapshot.gateway.listeners.iter().flat_map(|listener| &listener.routes);
    routes.filter(move |route| route.service == *pool || route.rules.split.iter().any(|part| part.service == *pool))
}

/// The algorithms that routes to a pool name, each once.
fn algorithms(snapshot: &Snapshot, pool: &ServiceName) -> Vec<Algorithm> {
    let mut found = Vec::new();
    for algorithm in routes_to(snapshot, pool).filter_map(|route| route.rules.balance.algorithm) {
        if !found.contains(&algorithm) {
            found.push(algorithm);
        }
    }
    found
}

/// A pool's circuit: the same as before while its numbers are the same, so that a reload does not close it.
fn breaker(spec: &BreakerSpec, before: Option<&ServicePlan>) -> Option<Arc<Breaker>> {
    let known = before.and_then(|before| before.breaker.as_ref()).filter(|known| known.spec() == spec);
    known.map(Arc::clone).or_else(|| Breaker::new(spec).map(Arc::new))
}
