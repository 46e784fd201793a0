//! What the API and `plimsoll status` show: the latest state as plain values, with its units in the field names.

use plimsoll_forecast::ForecastAccount;
use plimsoll_model::scaling::{CurvePoint, Event, EventSpec, Expected};
use plimsoll_model::spec::{Limits, Resources};
use plimsoll_model::{Isolation, Millis, Phase, ServiceName};
use serde::{Deserialize, Serialize};

/// `GET /v1/state`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StateView {
    /// Name of the installation.
    pub name: String,
    /// Release of the daemon.
    pub version: String,
    /// Trace time, milliseconds since the Unix epoch.
    pub trace_time_ms: i64,
    /// Trace time as a date.
    pub trace_time: String,
    /// Trace time per physical time.
    pub speed: u32,
    /// Physical time since this daemon started.
    pub uptime_ms: u64,
    /// Steps decided since the journal began.
    pub steps: u64,
    /// Nothing below is wrong.
    pub healthy: bool,
    /// What is worth knowing, one line each.
    pub findings: Vec<String>,
    /// The node.
    pub node: NodeView,
    /// Services by name.
    pub services: Vec<ServiceView>,
    /// Jobs by name.
    pub jobs: Vec<JobView>,
    /// Events that are announced and not over.
    #[serde(default)]
    pub announced: Vec<AnnouncedView>,
    /// The data plane.
    pub gateway: GatewayView,
}

/// An event that was announced as it happened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AnnouncedView {
    /// Whose load.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// When it starts, trace time.
    pub start_ms: i64,
    /// The same as a date.
    pub start: String,
    /// When it ends, trace time.
    pub end_ms: i64,
    /// The same as a date.
    pub end: String,
    /// The load expected, in words.
    pub load: String,
    /// Who announced it.
    pub by: String,
}

fn load_text(expected: Expected) -> String {
    match expected {
        Expected::Factor(factor) => format!("{factor} of the usual load"),
        Expected::Rate(rate) => rate.to_string(),
    }
}

impl AnnouncedView {
    /// What is shown of an event.
    #[must_use]
    pub fn of(service: &ServiceName, event: &Event) -> Self {
        let EventSpec { name, start, end, curve } = &event.spec;
        let point = |point: &CurvePoint| match point.at {
            Millis(0) => load_text(point.expected),
            at => format!("{} from {at} on", load_text(point.expected)),
        };
        Self {
            service: service.to_string(),
            name: name.clone(),
            start_ms: start.get(),
            start: start.to_string(),
            end_ms: end.get(),
            end: end.to_string(),
            load: curve.iter().map(point).collect::<Vec<_>>().join(", "),
            by: event.by.clone(),
        }
    }
}

/// CPU and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourcesView {
    /// CPU in millicores.
    pub cpu_millicores: u64,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

impl From<Resources> for ResourcesView {
    fn from(resources: Resources) -> Self {
        Self { cpu_millicores: resources.cpu.get(), memory_bytes: resources.memory.get() }
    }
}

/// The node.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NodeView {
    /// What workloads may be given.
    pub allocatable: ResourcesView,
    /// What they were given.
    pub reserved: ResourcesView,
    /// What everything on the host uses.
    pub used: ResourcesView,
    /// Share of the last ten seconds in which something waited, in thousandths; absent without PSI.
    pub pressure: PressureView,
    /// Free space where the state lives.
    pub disk_free_bytes: Option<u64>,
    /// NVIDIA's GPUs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuView>,
}

/// One GPU; what it cannot tell is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GpuView {
    /// Its number on this machine.
    pub index: u32,
    /// Its product's name.
    pub name: String,
    /// Its own name.
    pub uuid: String,
    /// Share of time in which a kernel ran, in thousandths.
    pub utilization_permille: Option<u64>,
    /// Memory in use.
    pub memory_used_bytes: Option<u64>,
    /// Memory there is.
    pub memory_total_bytes: Option<u64>,
    /// Power drawn.
    pub power_milliwatts: Option<u64>,
    /// Temperature.
    pub temperature_celsius: Option<u64>,
    /// Processes that compute on it.
    pub processes: Vec<GpuProcessView>,
}

/// A process on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GpuProcessView {
    /// Its id.
    pub pid: u32,
    /// Memory that it has there.
    pub memory_bytes: Option<u64>,
}

/// Pressure stall information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PressureView {
    /// CPU, in thousandths.
    pub cpu_permille: Option<u64>,
    /// Memory, in thousandths.
    pub memory_permille: Option<u64>,
    /// I/O, in thousandths.
    pub io_permille: Option<u64>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// Replicas wanted.
    pub target: u32,
    /// Replicas live.
    pub current: u32,
    /// Of those, ready.
    pub ready: u32,
    /// The replicas.
    pub replicas: Vec<ReplicaView>,
    /// What the gateway saw in the last interval.
    pub traffic: Option<TrafficView>,
    /// The demand expected.
    pub forecast: Option<ForecastView>,
    /// How its forecasts have done lately.
    #[serde(default)]
    pub forecast_account: Option<ForecastAccount>,
    /// Why it has the replicas it has, in one line.
    pub reason: String,
    /// The operator's order that stands above its policies, in one line.
    #[serde(default)]
    pub order: Option<String>,
    /// What was wanted and not done, one line each.
    pub withheld: Vec<String>,
    /// Figures that somebody else measures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricView>,
}

/// A figure that somebody else measures.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetricView {
    /// What it is called.
    pub name: String,
    /// What of the service's observation it is: `metric`, `queue`, `queue_oldest`, `queue_work`.
    pub feeds: String,
    /// Its last value in thousandths; absent before there was one.
    pub value_milli: Option<i64>,
    /// How old that is.
    pub age_ms: Option<u64>,
    /// The age above which it may not remove replicas.
    pub age_max_ms: u64,
    /// Questions since the daemon started.
    pub asked: u64,
    /// Of those, without a figure.
    pub failures: u64,
    /// Why the last question gave none.
    pub fault: Option<String>,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplicaView {
    /// `service/ordinal`.
    pub id: String,
    /// Process id of what it runs.
    pub pid: Option<u32>,
    /// Where it is in its life.
    pub phase: Phase,
    /// Physical time since it started.
    pub since_ms: u64,
    /// CPU used, millicores.
    pub cpu_millicores: Option<u64>,
    /// Memory used.
    pub memory_bytes: Option<u64>,
    /// Share of scheduler periods throttled, in thousandths.
    pub throttled_permille: Option<u64>,
    /// What it is reserved.
    pub requests: ResourcesView,
    /// What it may use; absent is no limit.
    pub limits: Limits,
    /// Where it listens.
    pub endpoint: Option<String>,
    /// Requests in flight at the gateway.
    pub in_flight: Option<u32>,
    /// Why the gateway took it out for a while.
    pub ejected: Option<String>,
    /// What of its limits and sandbox is enforced.
    pub isolation: Option<Isolation>,
}

/// Traffic of the last interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrafficView {
    /// Arrivals, thousandths of a request per second.
    pub rate_milli_rps: u64,
    /// Mean requests in flight, thousandths.
    pub in_flight_milli: u64,
    /// Requests finished.
    pub finished: u64,
    /// Of those, failed.
    pub failed: u64,
    /// Of those, shed.
    pub shed: u64,
    /// Median latency.
    pub latency_p50_us: u64,
    /// 99 % were faster.
    pub latency_p99_us: u64,
}

/// A forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ForecastView {
    /// The moment forecast, trace time.
    pub at_ms: i64,
    /// Median.
    pub p50_milli_rps: u64,
    /// The quantile that the replicas have to cover.
    pub high_milli_rps: u64,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// `waiting`, `running`, `succeeded`, `failed`, `refused`, `scheduled`.
    pub phase: String,
    /// The present or last run, `name/ordinal`.
    pub run: Option<String>,
    /// Trace time since when.
    pub since_ms: Option<i64>,
    /// What was last decided of it, in one line.
    pub verdict: String,
    /// What of the limits and the sandbox of its present run is enforced.
    #[serde(default)]
    pub isolation: Option<Isolation>,
}

/// The data plane.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GatewayView {
    /// Its process id.
    pub pid: Option<u32>,
    /// The daemon talks with it.
    pub connected: bool,
    /// It was running before this daemon.
    pub adopted: bool,
    /// Client connections open.
    pub connections_open: u64,
    /// Addresses it listens on.
    pub listeners: Vec<String>,
}

/// One entry of `GET /v1/decisions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// Number of the step.
    pub step: u64,
    /// Trace time.
    pub at_ms: i64,
    /// Trace time as a date.
    pub at: String,
    /// Services it is about.
    pub services: Vec<String>,
    /// What was done, one line each.
    pub actions: Vec<String>,
    /// Why, one line each.
    pub reasons: Vec<String>,
}
