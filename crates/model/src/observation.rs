//! What was measured since the last step. A source that failed is absent, never zero; every source says how good it is.

use crate::id::{ServiceName, WorkloadId};
use crate::inventory::ReplicaStatus;
use crate::quantity::{Bytes, Micros, MilliRps, Millicores, Millis, Permille};
use crate::spec::Resources;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How good a source is right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quality {
    /// Age of the newest sample, physical time.
    pub age_ms: u64,
    /// Samples that were due and did not come, since the source was opened.
    pub gaps: u64,
    /// Counters that went backwards (a restart), since the source was opened.
    pub resets: u64,
}

/// What one workload used over the last interval.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReplicaUsage {
    /// CPU time used / interval. None until two samples exist.
    #[serde(default)]
    pub cpu: Option<Millicores>,
    /// Share of scheduler periods in which the quota throttled it. None without a quota.
    #[serde(default)]
    pub throttled: Option<Permille>,
    /// Working memory now.
    #[serde(default)]
    pub memory: Option<Bytes>,
    /// Bytes per second received and sent, where the workload has a network namespace of its own.
    #[serde(default)]
    pub network_bytes_per_s: Option<u64>,
    /// Bytes per second read and written on block devices.
    #[serde(default)]
    pub disk_bytes_per_s: Option<u64>,
    /// Open sockets.
    #[serde(default)]
    pub connections: Option<u64>,
    /// Requests in flight when it was measured, in thousandths, as the gateway sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_milli: Option<u64>,
    /// How good these figures are.
    pub quality: Quality,
}

/// What the gateway saw of one service over the last interval.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrafficObservation {
    /// Arrivals per second of physical time, refused ones included.
    pub rate: MilliRps,
    /// Mean requests in flight over the interval, in thousandths of a request, waiting ones included.
    pub in_flight_milli: u64,
    /// Requests finished in the interval.
    pub finished: u64,
    /// Of those, failed (5xx by the gateway or the service, broken connections).
    pub failed: u64,
    /// Of those, shed (503 because the queue was full).
    pub shed: u64,
    /// Latency quantiles of the interval; zero without requests.
    pub latency_p50: Micros,
    /// 99 % were faster.
    pub latency_p99: Micros,
    /// How good these figures are.
    pub quality: Quality,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceObservation {
    /// The gateway's view; none when the gateway did not answer.
    #[serde(default)]
    pub traffic: Option<TrafficObservation>,
    /// Figures that somebody else measures, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, MetricReading>,
    /// Work that waits; none where there is no queue or it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueObservation>,
    /// Usage of its ready replicas together, of a source that does not tell them apart. Used where no replica has a
    /// figure of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageSum>,
}

/// A figure that somebody else measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetricReading {
    /// Its value in thousandths.
    pub value_milli: i64,
    /// How old it is, physical time.
    #[serde(default)]
    pub age_ms: u64,
    /// The age up to which it may remove replicas, where its source says one; else that of all figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_max_ms: Option<u64>,
}

/// Work that waits for the replicas of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueObservation {
    /// Items that wait, those that are being worked on included.
    pub waiting: u64,
    /// How long the oldest has waited, physical time.
    #[serde(default)]
    pub oldest_ms: u64,
    /// Time that one replica would need for all of it, one item at a time, physical; none where nobody knows.
    #[serde(default)]
    pub remaining_work_ms: Option<u64>,
    /// How good these figures are.
    #[serde(default)]
    pub quality: Quality,
    /// The age up to which they may remove replicas, where their source says one; else that of all figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_max_ms: Option<u64>,
}

/// What several replicas used together over the last interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageSum {
    /// CPU time used / interval.
    #[serde(default)]
    pub cpu: Option<Millicores>,
    /// Working memory.
    #[serde(default)]
    pub memory: Option<Bytes>,
    /// Replicas in the sums.
    pub replicas: u32,
    /// How good these figures are.
    pub quality: Quality,
}

/// The node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostObservation {
    /// What may be given to workloads.
    pub allocatable: Resources,
    /// CPU used by everything on the host.
    #[serde(default)]
    pub cpu_used: Option<Millicores>,
    /// Memory used by everything on the host.
    #[serde(default)]
    pub memory_used: Option<Bytes>,
    /// Free space where the state lives.
    #[serde(default)]
    pub disk_free: Option<Bytes>,
    /// Share of the last 10 s in which some task waited for CPU (PSI `some avg10`).
    #[serde(default)]
    pub pressure_cpu: Option<Permille>,
    /// Likewise for memory.
    #[serde(default)]
    pub pressure_memory: Option<Permille>,
    /// Likewise for I/O.
    #[serde(default)]
    pub pressure_io: Option<Permille>,
    /// NVIDIA's GPUs, by index; empty where their driver is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuObservation>,
}

/// One GPU. What it cannot tell is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GpuObservation {
    /// Its number on this machine.
    pub index: u32,
    /// Its product's name.
    pub name: String,
    /// Its own name, which stays when numbers change.
    pub uuid: String,
    /// Share of the last sampling period in which a kernel ran.
    #[serde(default)]
    pub utilization: Option<Permille>,
    /// Memory in use.
    #[serde(default)]
    pub memory_used: Option<Bytes>,
    /// Memory there is.
    #[serde(default)]
    pub memory_total: Option<Bytes>,
    /// Power drawn.
    #[serde(default)]
    pub power_milliwatts: Option<u64>,
    /// Temperature.
    #[serde(default)]
    pub temperature_celsius: Option<u64>,
    /// Processes that compute on it.
    #[serde(default)]
    pub processes: Vec<GpuProcess>,
}

/// A process that computes on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GpuProcess {
    /// Its id.
    pub pid: u32,
    /// Memory that it has there.
    #[serde(default)]
    pub memory: Option<Bytes>,
}

/// Everything measured since the last step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Observation {
    /// Trace time that one physical second stands for, so that rates in physical time can be put on the trace's clock.
    pub speed: u32,
    /// Length of the interval, physical time.
    pub interval: Millis,
    /// Only `workloads` and `host` are new: something started, became ready or ended between two measurements. Nothing can
    /// be concluded about the load, so targets stay what they are.
    #[serde(default)]
    pub inventory_only: bool,
    /// Every workload the driver knows, exited ones until the controller has seen them once.
    pub workloads: Vec<ReplicaStatus>,
    /// Usage by workload; absent where nothing could be read.
    pub usage: BTreeMap<WorkloadId, ReplicaUsage>,
    /// Traffic by service.
    pub services: BTreeMap<ServiceName, ServiceObservation>,
    /// The node.
    pub host: HostObservation,
}
