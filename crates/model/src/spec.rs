//! What a user asks for: services, jobs, the clock and the gateway, as checked values.
//!
//! `plimsoll-config` turns a file into a [`Spec`]; nothing here supplies a default, so that a default is written down in
//! one place only. Ranges are stated here and enforced there.

use crate::analyst::{AnalystSpec, ServiceAnalyst};
use crate::breaker::BreakerSpec;
use crate::gateway::{ListenerRules, ObserveSpec, RouteRules, SourcePrefix};
use crate::id::{JobName, NodeName, ServiceName};
use crate::load::LoadSpec;
use crate::metric::MetricSpec;
use crate::operations::OperationsSpec;
use crate::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::scaling::{ForecastSpec, ScalingPolicy, ScalingSpec};

/// Everything one `plimsoll up` levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// What this installation is called; names the state directory.
    pub name: String,
    /// How trace time passes.
    pub clock: ClockSpec,
    /// How often the controller decides, in trace time.
    pub tick: Millis,
    /// The node that the embedded driver runs on.
    pub node: NodeSpec,
    /// Listeners, routes and limits of the data plane.
    pub gateway: GatewaySpec,
    /// Address of the HTTP API and dashboard, `host:port`.
    pub api_listen: String,
    /// The order in which waiting jobs are looked at.
    #[serde(default)]
    pub queue: QueueSpec,
    /// Services by name.
    pub services: BTreeMap<ServiceName, ServiceSpec>,
    /// Jobs by name.
    pub jobs: BTreeMap<JobName, JobSpec>,
    /// What is kept of history and for how long.
    pub history: HistorySpec,
    /// How the analyst works.
    #[serde(default)]
    pub analyst: AnalystSpec,
    /// Who may reach it, who is told what, and what it costs.
    #[serde(default)]
    pub operations: OperationsSpec,
}

/// The order in which waiting jobs are looked at, and which of them may pass a job that has no room. Trace time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueSpec {
    /// Name of an order.
    pub order: String,
    /// Name of a kind of backfill.
    pub backfill: String,
    /// Wait that is worth one point of priority, where the order counts waiting.
    pub ageing: Millis,
    /// Wait after which nothing behind may start first.
    pub patience: Millis,
}

impl Default for QueueSpec {
    /// What every release before this field did; a journal of theirs has none.
    fn default() -> Self {
        Self {
            order: "ageing".to_owned(),
            backfill: "greedy".to_owned(),
            ageing: Millis(600_000),
            patience: Millis(3_600_000),
        }
    }
}

/// How trace time passes: `trace = start + speed × elapsed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSpec {
    /// Trace seconds per physical second, 1 to 3,600. 1 is real time.
    pub speed: u32,
    /// Trace time at which the clock starts; none is the wall clock at start-up.
    pub start: Option<Timestamp>,
}

/// The capacity that may be given to workloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// The node's name.
    pub name: NodeName,
    /// CPU for workloads; none is what the host has, less `reserved_cpu`.
    pub cpu: Option<Millicores>,
    /// Memory for workloads; none is what the host has, less `reserved_memory`.
    pub memory: Option<Bytes>,
    /// CPU kept for the system and Plimsoll itself.
    pub reserved_cpu: Millicores,
    /// Memory kept for the system and Plimsoll itself.
    pub reserved_memory: Bytes,
}

/// Retention of the embedded history store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistorySpec {
    /// How long samples at tick resolution are kept, in trace time.
    pub raw: Millis,
    /// How long one-minute and hourly summaries are kept, in trace time.
    pub summary: Millis,
    /// Bound on the store's size on disk.
    pub size_max: Bytes,
    /// How long journal segments are kept, in physical time.
    pub journal: Millis,
    /// Bound on the journal's size on disk.
    pub journal_size_max: Bytes,
}

/// A command, its environment and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Program and arguments; `{port}`, `{id}` and `{service}` are replaced when a replica starts.
    pub command: Vec<String>,
    /// Environment variables; the same placeholders are replaced in the values.
    pub env: BTreeMap<String, String>,
    /// Working directory; none is the directory of the spec file.
    pub directory: Option<String>,
}

/// CPU and memory, asked for or allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// CPU.
    pub cpu: Millicores,
    /// Memory.
    pub memory: Bytes,
}

/// Upper limits; none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// CPU quota.
    pub cpu: Option<Millicores>,
    /// Memory limit.
    pub memory: Option<Bytes>,
    /// Number of processes and threads.
    pub pids: Option<u64>,
}

/// What a workload may touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxSpec {
    /// Restrict the file system (Landlock) to read-only system paths plus the listed ones.
    pub filesystem: bool,
    /// Extra paths that may be read.
    pub read: Vec<String>,
    /// Extra paths that may be read and written.
    pub write: Vec<String>,
    /// Deny system calls that a service has no use for (seccomp).
    pub syscalls: bool,
    /// Run in a user namespace of its own.
    pub user_namespace: bool,
    /// Run in a network namespace of its own (no connectivity; jobs and socket-activated services only).
    pub network_namespace: bool,
    /// Isolation that must be enforced or the workload does not start: `cpu`, `memory`, `pids`, `filesystem`,
    /// `network`, `syscalls`.
    pub require: Vec<String>,
}

/// A long-running workload of interchangeable replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSpec {
    /// What a replica runs.
    pub run: CommandSpec,
    /// Fewest replicas.
    pub replicas_min: u32,
    /// Most replicas.
    pub replicas_max: u32,
    /// What a replica is reserved.
    pub requests: Resources,
    /// What a replica may use at most.
    pub limits: Limits,
    /// How readiness is found out.
    pub health: HealthSpec,
    /// Expected time from start to ready, in physical time; how far ahead the forecast has to look.
    pub startup: Millis,
    /// Longest time to drain and stop, in physical time, before SIGKILL.
    pub grace: Millis,
    /// How requests are spread over endpoints.
    pub balance: BalanceSpec,
    /// How many replicas there should be.
    pub scaling: ScalingSpec,
    /// Figures that somebody else measures, and where they come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricSpec>,
    /// Higher goes first when capacity is scarce.
    pub priority: i32,
    /// Its share against services of the same priority when capacity is scarce, at least 1.
    #[serde(default = "one")]
    pub weight: u32,
    /// Replicas it keeps when capacity is scarce; none is `replicas_min`.
    #[serde(default)]
    pub guaranteed: Option<u32>,
    /// When a replica that exits is started again.
    pub restart: RestartSpec,
    /// What a replica may touch.
    pub sandbox: SandboxSpec,
    /// Size at which a log file is rotated.
    pub log_size_max: Bytes,
    /// Rotated log files kept.
    pub log_files_max: u32,
    /// What the analyst may do about it.
    #[serde(default)]
    pub analyst: ServiceAnalyst,
}

const fn one() -> u32 {
    1
}

/// How readiness is found out. Times are physical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSpec {
    /// What is asked.
    pub probe: Probe,
    /// Time between two checks of a ready replica.
    pub interval: Millis,
    /// Longest wait for an answer.
    pub timeout: Millis,
    /// Passed checks in a row that make a replica ready.
    pub healthy_after: u32,
    /// Failed checks in a row that make it not ready.
    pub unhealthy_after: u32,
    /// A replica that is not ready by then is stopped and started again.
    pub startup_max: Millis,
}

/// One kind of health check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Probe {
    /// `GET path` answers 200 to 399.
    Http {
        /// Path and query.
        path: String,
    },
    /// The port accepts a connection.
    Tcp,
}

/// Restart backoff and the crash-loop verdict. Times are physical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartSpec {
    /// Wait before the second restart in a row (the first is immediate); doubles at each further one.
    pub backoff: Millis,
    /// Longest wait.
    pub backoff_max: Millis,
    /// Exits in a row that make a crash loop (from then on only `backoff_max` apart, and reported).
    pub crash_loop_after: u32,
    /// A replica that ran this long ends a row of exits.
    pub stable_after: Millis,
}

/// Which endpoint gets a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// Each in turn.
    RoundRobin,
    /// In turn by weight, interleaved smoothly.
    WeightedRoundRobin,
    /// Uniformly at random.
    Random,
    /// Fewest requests in flight per weight.
    LeastConnections,
    /// Maglev table over the source address.
    SourceHash,
    /// Hash ring with bounded loads.
    RingHash,
    /// The less loaded of two drawn at random.
    PowerOfTwo,
    /// The lower latency-and-load cost of two drawn at random.
    PeakEwma,
    /// Hot/cold choice over probed load and latency.
    Prequal,
    /// In turn, by the load that endpoints report.
    WeightedByLoad,
}

impl Algorithm {
    /// Whether it sends requests of one key to one endpoint.
    #[must_use]
    pub const fn hashes(self) -> bool {
        matches!(self, Self::SourceHash | Self::RingHash)
    }
}

/// Balancing of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceSpec {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// A new endpoint's share grows to its full weight over this physical time; zero turns it off.
    pub slow_start: Millis,
    /// When an endpoint is taken out for a while.
    pub ejection: EjectionSpec,
    /// Most requests in flight per endpoint; none is no bound.
    pub in_flight_max: Option<u32>,
    /// Most requests waiting for an endpoint before 503.
    pub queue_max: u32,
    /// Longest wait in that queue, physical.
    pub queue_timeout: Millis,
    /// Bounds of the pool as a whole, and when it is left alone.
    #[serde(default)]
    pub breaker: BreakerSpec,
    /// What is made of the load that endpoints report.
    #[serde(default)]
    pub load: LoadSpec,
}

/// Outlier ejection. Times are physical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EjectionSpec {
    /// Failed requests in a row that eject an endpoint; zero turns this rule off.
    pub consecutive_errors: u32,
    /// Eject below this success rate when the pool's mean is above it by 100 ‰ or more; zero turns this rule off.
    pub success_rate_min: Permille,
    /// Eject when the endpoint's latency is over this multiple (in thousandths) of the pool's median; zero turns it off.
    pub latency_ratio_max: Permille,
    /// First ejection time; doubles with each repetition.
    pub duration: Millis,
    /// Longest ejection time.
    pub duration_max: Millis,
    /// At most this share of the endpoints is ejected at once.
    pub share_max: Permille,
}

/// A workload that runs to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// What runs.
    pub run: CommandSpec,
    /// What it is reserved.
    pub requests: Resources,
    /// What it may use at most.
    pub limits: Limits,
    /// Higher goes first, and may pre-empt lower.
    pub priority: i32,
    /// Expected run time, trace time; none is unknown.
    pub run_time: Option<Millis>,
    /// Further tries after a failure.
    pub retries: u32,
    /// Memory growth per retry after running out of memory.
    pub memory_retry: Option<MemoryRetry>,
    /// When it runs.
    pub schedule: Schedule,
    /// May be stopped to make room for something more important.
    pub preemptible: bool,
    /// Time from SIGTERM to SIGKILL, physical.
    pub grace: Millis,
    /// What it may touch.
    pub sandbox: SandboxSpec,
    /// Size at which a log file is rotated.
    pub log_size_max: Bytes,
    /// Rotated log files kept.
    pub log_files_max: u32,
}

/// How a job that ran out of memory is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryRetry {
    /// Request and limit are multiplied by this (in thousandths, over 1,000) at each such retry.
    pub factor: Permille,
    /// Never above this.
    pub memory_max: Bytes,
}

/// When a job runs. Times are trace time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "when")]
pub enum Schedule {
    /// Once, at start-up.
    Once,
    /// Every so often, first at start-up; a run that is still going lets the next one pass.
    Every {
        /// The period.
        period: Millis,
    },
    /// Each day (UTC) at this time after midnight.
    Daily {
        /// Time after midnight, under 24 h.
        at: Millis,
    },
    /// Only when asked for by the API or the CLI.
    Manual,
}

/// The data plane. Times are physical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewaySpec {
    /// Addresses it listens on and their routes.
    pub listeners: Vec<ListenerSpec>,
    /// Worker threads, one runtime each; none is one per core.
    pub workers: Option<u32>,
    /// Limits and time-outs.
    pub limits: GatewayLimits,
    /// Addresses (CIDR) whose `X-Forwarded-For` and `Forwarded` are believed.
    pub trusted_proxies: Vec<String>,
    /// What is written down of requests.
    #[serde(default)]
    pub observe: ObserveSpec,
}

/// One listening address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerSpec {
    /// `host:port`.
    pub address: String,
    /// Routes; the longest matching path prefix of the first matching host wins.
    pub routes: Vec<RouteSpec>,
    /// What it does beyond plain HTTP.
    #[serde(default)]
    pub rules: ListenerRules,
}

/// Which requests go to which service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteSpec {
    /// Host to match, without port; none matches every host.
    pub host: Option<String>,
    /// Path prefix to match.
    pub path_prefix: String,
    /// The service that answers.
    pub service: ServiceName,
    /// Longest time of one try to the end of the response's head, physical.
    pub timeout: Millis,
    /// One retry for idempotent requests while the retry budget lasts.
    pub retry: bool,
    /// What it demands and changes beyond that.
    #[serde(default)]
    pub rules: RouteRules,
}

/// Bounds on everything a client or a replica can send. Times are physical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayLimits {
    /// Request or response head.
    pub head_bytes_max: u64,
    /// Header fields per message.
    pub headers_max: u32,
    /// Request body; none is no bound.
    pub body_bytes_max: Option<u64>,
    /// Open client connections.
    pub connections_max: u32,
    /// From the first byte of a request head to its end.
    pub head_timeout: Millis,
    /// An idle keep-alive connection is closed after this.
    pub idle_timeout: Millis,
    /// Longest wait for a connection to a replica.
    pub connect_timeout: Millis,
    /// Longest silence while a body is transferred.
    pub body_timeout: Millis,
    /// Retries may be at most this share of requests.
    pub retry_budget: Permille,
    /// Idle upstream connections kept per endpoint and worker.
    pub idle_upstream_max: u32,
    /// How long open connections may go on when the gateway stops.
    pub drain: Millis,
    /// Whom an address counts as.
    #[serde(default)]
    pub source: SourcePrefix,
}
