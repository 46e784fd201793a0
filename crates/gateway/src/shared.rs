//! What all workers and the supervisor share: the clock's origin, the endpoints, and few atomics.
//!
//! Requests never take a lock here. What is counted per request is counted per worker (`stats`); what must be known at
//! once everywhere (requests in flight per endpoint, waiting requests, open connections) is an atomic.

use crate::tls::config::ClientTls;
use plimsoll_balance::Endpoint;
use plimsoll_model::gateway::{ProxyVersion, UpstreamProtocol};
use plimsoll_model::{ReplicaId, ServiceName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::Notify;

/// One per gateway.
#[derive(Debug)]
pub struct Shared {
    origin: Instant,
    /// Client connections open now.
    pub connections_open: AtomicU32,
    /// Client connections accepted.
    pub connections_accepted: AtomicU64,
    /// Client connections refused.
    pub connections_refused: AtomicU64,
    /// Lines of the access log that were dropped.
    pub log_dropped: AtomicU64,
    /// Spans that a collector has taken.
    pub spans_sent: AtomicU64,
    /// Spans that were dropped.
    pub spans_dropped: AtomicU64,
    /// Woken when an endpoint has failed so often in a row that ejection should not wait for the next round.
    pub suspicion: Notify,
    /// One per worker: some endpoint has room again while requests wait there.
    pub room: Vec<Notify>,
}

impl Shared {
    /// The shared state of so many workers.
    pub fn new(workers: usize) -> Self {
        Self {
            origin: Instant::now(),
            connections_open: AtomicU32::new(0),
            connections_accepted: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            log_dropped: AtomicU64::new(0),
            spans_sent: AtomicU64::new(0),
            spans_dropped: AtomicU64::new(0),
            suspicion: Notify::new(),
            room: (0..workers).map(|_| Notify::new()).collect(),
        }
    }

    /// Microseconds since the gateway started: the one clock of balancing and accounting.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// What the workers share of one service; lives as long as snapshots name it.
#[derive(Debug)]
pub struct SharedService {
    /// Its name.
    pub name: ServiceName,
    /// Requests waiting for an endpoint, by worker.
    pub waiting: Vec<AtomicU32>,
    /// Requests waiting for an endpoint in all workers.
    pub waiting_total: AtomicU32,
    /// Retries under way.
    pub retries_running: AtomicU32,
    /// Retries that were not allowed.
    pub retries_refused: AtomicU64,
}

impl SharedService {
    /// Nothing waits.
    pub fn new(name: ServiceName, workers: usize) -> Self {
        Self {
            name,
            waiting: (0..workers).map(|_| AtomicU32::new(0)).collect(),
            waiting_total: AtomicU32::new(0),
            retries_running: AtomicU32::new(0),
            retries_refused: AtomicU64::new(0),
        }
    }

    /// Takes a place in the queue unless `queue_max` are waiting.
    pub fn enter_queue(&self, worker: usize, queue_max: u32) -> bool {
        if self.waiting_total.fetch_add(1, Ordering::Relaxed) >= queue_max {
            self.waiting_total.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.waiting[worker].fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Leaves the queue.
    pub fn leave_queue(&self, worker: usize) {
        self.waiting_total.fetch_sub(1, Ordering::Relaxed);
        self.waiting[worker].fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the endpoints of a pool are reached.
#[derive(Debug)]
pub struct Upstream {
    /// TLS towards them.
    pub tls: Option<Arc<ClientTls>>,
    /// What is spoken there.
    pub protocol: UpstreamProtocol,
    /// Connections begin by saying who the client is, so none is used for two.
    pub proxy_protocol: Option<ProxyVersion>,
}

/// One endpoint as all workers share it; the same from snapshot to snapshot while id and address stay.
#[derive(Debug)]
pub struct Target {
    /// Which replica.
    pub id: ReplicaId,
    /// Where it listens.
    pub address: SocketAddr,
    /// How it is reached.
    pub upstream: Arc<Upstream>,
    /// Stands for it in a cookie: says nothing that helps to reach it, and is the same in every gateway.
    pub token: u64,
    /// What balancing knows of it.
    pub endpoint: Arc<Endpoint>,
    /// Requests it finished.
    pub finished: AtomicU64,
    /// Of those, failed by its fault.
    pub failed: AtomicU64,
    /// Reports of its load that were believed.
    pub load_reports: AtomicU64,
    /// Reports of its load that were not.
    pub load_reports_invalid: AtomicU64,
    /// Connections open to it, idle ones included.
    pub connections: AtomicU32,
    /// Connections that could not be opened since idle ones were closed last.
    pub wanted: AtomicU32,
}
