//! What the daemon and the gateway say to each other: JSON, one message a line, over a unix stream socket that the
//! gateway listens on.
//!
//! The daemon sends the whole wanted state each time ([`Snapshot`]), never a change to it, so that a daemon that was
//! restarted needs to know nothing of what its predecessor sent. The gateway answers each with [`FromGateway::Ack`] once
//! every worker uses it, and reports on its own. Counters in a [`Report`] are totals since the gateway started, so that
//! a missed report loses no request; latencies and the mean in flight are of the interval since the report before.
//!
//! Must hold no behaviour: only the words.

use plimsoll_model::gateway::UpstreamSpec;
use plimsoll_model::spec::{BalanceSpec, GatewaySpec};
use plimsoll_model::{ReplicaId, ServiceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Longest line in either direction; a longer one ends the connection.
pub const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// From the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToGateway {
    /// The wanted state from now on.
    Snapshot(Box<Snapshot>),
    /// Read the file again and use it; for a gateway that runs alone.
    Reload,
    /// Say which sockets are listened on; answered by an [`FromGateway::Ack`].
    Sockets,
    /// Stop accepting, finish what is open within `limits.drain`, then end.
    Drain,
    /// End at once.
    Stop,
}

/// From the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromGateway {
    /// The first line on every connection.
    Hello {
        /// Process id.
        pid: u32,
        /// Version of the program.
        version: String,
        /// When it started, milliseconds since the Unix epoch.
        started_unix_ms: u64,
        /// Version of the snapshot in use; zero before the first.
        snapshot_version: u64,
    },
    /// The answer to a snapshot, sent once every worker uses it, or when it was refused as a whole.
    Ack {
        /// The snapshot's version.
        version: u64,
        /// Why it was refused; the one before it stays in use.
        error: Option<String>,
        /// Addresses listened on now, in the order of the spec's listeners; port 0 of a spec is resolved here.
        #[serde(default)]
        listening: Vec<SocketAddr>,
        /// The listening sockets, as descriptors of the gateway's process: a daemon that holds duplicates of them keeps
        /// the kernel's accept queue alive when the gateway is killed, and hands them to its successor.
        #[serde(default)]
        sockets: Vec<ListeningSockets>,
    },
    /// Sent every `report_interval_ms`.
    Report(Box<Report>),
}

/// The sockets of one listener, one per worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListeningSockets {
    /// The listener's address as the spec has it.
    pub address: String,
    /// Descriptors in the gateway's process, in the order of workers.
    pub descriptors: Vec<i32>,
}

/// Everything the gateway needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Grows with each snapshot; one older than the one in use is refused.
    pub version: u64,
    /// Listeners, routes and limits.
    pub gateway: GatewaySpec,
    /// Endpoints by service.
    pub pools: BTreeMap<ServiceName, PoolSnapshot>,
}

/// The endpoints of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSnapshot {
    /// How requests are shared among them.
    pub balance: BalanceSpec,
    /// The endpoints that are ready, or draining.
    pub endpoints: Vec<EndpointSnapshot>,
    /// How they are reached.
    #[serde(default)]
    pub upstream: UpstreamSpec,
}

/// One replica that answers requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSnapshot {
    /// Which replica.
    pub id: ReplicaId,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share in thousandths of a normal endpoint's.
    pub weight: u32,
    /// It finishes what it has and gets nothing new.
    pub draining: bool,
    /// The zone it is in.
    #[serde(default)]
    pub zone: Option<String>,
}

/// Why a request failed. The order is part of no contract; the words are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// No endpoint became ready within the queue's time-out.
    NoEndpoint,
    /// All endpoints stayed at their bound of requests in flight for the queue's time-out.
    QueueTimeout,
    /// The queue was full: the request was shed.
    QueueFull,
    /// No endpoint accepted a connection.
    ConnectFailed,
    /// No endpoint accepted a connection in time.
    ConnectTimeout,
    /// The connection ended before any byte of the response.
    ConnectionLost,
    /// The response was no HTTP or framed ambiguously.
    BadResponse,
    /// The response's head did not come in time.
    ResponseTimeout,
    /// The response's body fell silent for too long.
    BodyTimeout,
    /// The connection ended within the response's body.
    BodyCut,
    /// The replica answered with a status of 500 or above.
    Status5xx,
    /// The pool failed so often that it is left alone for a while.
    CircuitOpen,
}

impl FailureReason {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 12] = [
        Self::NoEndpoint,
        Self::QueueTimeout,
        Self::QueueFull,
        Self::ConnectFailed,
        Self::ConnectTimeout,
        Self::ConnectionLost,
        Self::BadResponse,
        Self::ResponseTimeout,
        Self::BodyTimeout,
        Self::BodyCut,
        Self::Status5xx,
        Self::CircuitOpen,
    ];

    /// The word in `X-Plimsoll-Reason`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoEndpoint => "no-endpoint",
            Self::QueueTimeout => "queue-timeout",
            Self::QueueFull => "queue-full",
            Self::ConnectFailed => "connect-failed",
            Self::ConnectTimeout => "connect-timeout",
            Self::ConnectionLost => "connection-lost",
            Self::BadResponse => "bad-response",
            Self::ResponseTimeout => "response-timeout",
            Self::BodyTimeout => "body-timeout",
            Self::BodyCut => "body-cut",
            Self::Status5xx => "status-5xx",
            Self::CircuitOpen => "circuit-open",
        }
    }

    /// The status that answers it, where nothing was sent yet.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoEndpoint | Self::QueueTimeout | Self::QueueFull | Self::CircuitOpen => 503,
            Self::ConnectTimeout | Self::ResponseTimeout | Self::BodyTimeout => 504,
            _ => 502,
        }
    }
}

/// What happened. Counters are totals since the gateway started unless they say otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Report {
    /// When it was made, microseconds since the Unix epoch.
    pub at_unix_us: u64,
    /// Time since the report before, physical.
    pub interval_us: u64,
    /// Version of the snapshot in use.
    pub snapshot_version: u64,
    /// Client connections open now.
    pub connections_open: u64,
    /// Client connections accepted.
    pub connections_accepted: u64,
    /// Client connections refused because too many were open.
    pub connections_refused: u64,
    /// Requests refused before they had a service (malformed, no route), by the word of the refusal.
    pub refused: BTreeMap<String, u64>,
    /// Lines of the access log that the disk did not take in time.
    #[serde(default)]
    pub access_log_dropped: u64,
    /// Spans that a collector has taken.
    #[serde(default)]
    pub spans_sent: u64,
    /// Spans that no collector took in time.
    #[serde(default)]
    pub spans_dropped: u64,
    /// Reports that a slow daemon did not take, on this connection.
    pub reports_dropped: u64,
    /// Per route, by listener, host and path.
    #[serde(default)]
    pub routes: BTreeMap<String, RouteReport>,
    /// Per service; a service stays listed for as long as a snapshot names it.
    pub services: BTreeMap<ServiceName, ServiceReport>,
}

/// One route. Its totals start anew when a snapshot leaves it out and a later one names it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct RouteReport {
    /// Requests that it let in.
    pub requests: u64,
    /// Requests above its rates, answered with 429.
    pub rate_limited: u64,
    /// Of those let in, failed or answered with a 5xx.
    pub failed: u64,
    /// Requests that were asked of a second endpoint.
    #[serde(default)]
    pub hedged: u64,
    /// Of those, answered by the second one first.
    #[serde(default)]
    pub hedges_won: u64,
    /// Requests that were slow, and that the budget did not allow to be asked twice.
    #[serde(default)]
    pub hedges_refused: u64,
}

/// One service. Its totals start anew when a snapshot leaves it out and a later one names it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ServiceReport {
    /// Requests that came, refused ones included.
    pub arrived: u64,
    /// Requests that ended, however they did: `failed` and `cancelled` are of these.
    pub finished: u64,
    /// Of those, failed: the sum of `failures`.
    pub failed: u64,
    /// Of those, shed because the queue was full.
    pub shed: u64,
    /// Of those, ended by the client before the response was complete.
    pub cancelled: u64,
    /// Attempts beyond a request's first.
    pub retried: u64,
    /// Body bytes that came from clients.
    pub bytes_in: u64,
    /// Body bytes that went to clients.
    pub bytes_out: u64,
    /// Time-weighted mean of requests in flight over the interval, waiting ones included, in thousandths.
    pub in_flight_milli: u64,
    /// Requests waiting for an endpoint now.
    pub waiting: u64,
    /// Latencies of the interval's finished requests, from the end of the request's head to the end of the response:
    /// pairs of (highest value of the bucket in microseconds, count), ascending, empty buckets left out.
    pub latency: Vec<(u64, u64)>,
    /// Failures by reason.
    pub failures: BTreeMap<FailureReason, u64>,
    /// Retries under way now.
    #[serde(default)]
    pub retries_running: u32,
    /// Retries that the budget or the bound on retries did not allow.
    #[serde(default)]
    pub retries_refused: u64,
    /// The pool's circuit; none where it has none.
    #[serde(default)]
    pub circuit: Option<CircuitReport>,
    /// The endpoints of the snapshot in use, and removed ones that still have requests in flight.
    pub endpoints: Vec<EndpointReport>,
}

/// The circuit breaker of a pool. Its totals start anew when its numbers change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitReport {
    /// What it does now.
    pub state: CircuitState,
    /// How often it opened.
    pub opened: u64,
    /// Requests that it refused.
    pub refused: u64,
}

/// What a circuit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum CircuitState {
    /// Requests pass and are counted.
    Closed,
    /// Nothing passes.
    Open {
        /// When the first request is let through again, microseconds since the Unix epoch.
        until_unix_us: u64,
    },
    /// A few requests pass, to find out.
    HalfOpen,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointReport {
    /// Which replica.
    pub id: ReplicaId,
    /// Where it listens; none from a gateway of an earlier release.
    #[serde(default)]
    pub address: Option<SocketAddr>,
    /// It gets nothing new.
    pub draining: bool,
    /// Requests in flight now, over all workers. A draining endpoint with zero is idle.
    pub in_flight: u32,
    /// Connections open to it, idle ones included.
    #[serde(default)]
    pub connections: u32,
    /// Requests it finished.
    pub finished: u64,
    /// Of those, failed by its fault.
    pub failed: u64,
    /// Reports of its own load that were believed; where no algorithm goes by them none is read.
    #[serde(default)]
    pub load_reports: u64,
    /// Reports of its own load that could not be read.
    #[serde(default)]
    pub load_reports_invalid: u64,
    /// Its weight by these reports, in thousandths; none while it does not count.
    #[serde(default)]
    pub load_weight_milli: Option<u64>,
    /// Taken out for now.
    pub ejected: Option<Ejected>,
    /// Median latency of the interval, microseconds; zero without requests.
    pub latency_p50_us: u64,
    /// 99th percentile of the interval, microseconds; zero without requests.
    pub latency_p99_us: u64,
}

/// Why an endpoint is taken out, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ejected {
    /// The rule that took it out, with its numbers.
    pub reason: String,
    /// When it comes back, microseconds since the Unix epoch.
    pub until_unix_us: u64,
}
