//! The nouns of Plimsoll: quantities as newtypes, ids, specs, policies, observations, forecasts, actions, decisions and
//! their reasons.
//!
//! Every other crate speaks in these values, so they carry their unit in the type or in the serialised field name
//! (`memory_bytes`, `window_ms`). Everything here is plain data: `Clone`, `Eq` and ordered where a map needs it, with a
//! stable serde form, because a journal written today has to be read by every later release. New fields therefore
//! always carry `#[serde(default)]`.
//!
//! This crate must never hold an algorithm: a rule that needs two of these nouns belongs in the crate that owns the
//! rule. Quantities that enter a [`Decision`] are integers, so that replaying a journal gives the same bytes on any CPU.

pub mod analyst;
pub mod breaker;
pub mod cluster;
pub mod decision;
pub mod forecast;
pub mod gateway;
pub mod id;
pub mod inventory;
pub mod load;
pub mod metric;
pub mod observation;
pub mod operations;
pub mod otlp;
pub mod proposed;
pub mod quantity;
pub mod rationale;
mod rationale_job;
mod rationale_text;
pub mod route;
pub mod scaling;
pub mod spec;
pub mod wheel;

pub use decision::{Action, ActionKind, Decision, FitOrder, StopReason};
pub use forecast::{ExpertWeight, Forecast, QuantilePoint};
pub use id::{ActionId, Generation, JobName, NodeName, ReplicaId, ServiceName, TaskId, WorkloadId};
pub use inventory::{Enforcement, ExitCause, Exited, Isolation, Phase, ReplicaStatus};
pub use observation::{
    HostObservation, MetricReading, Observation, Quality, QueueObservation, ReplicaUsage, ServiceObservation,
    TrafficObservation, UsageSum,
};
pub use proposed::{PolicyPatch, ProposalHand, ProposalTurn, StandingProposal, Watched};
pub use quantity::{Bytes, Micros, MilliRps, Millicores, Millis, Permille, Timestamp};
pub use rationale::{Finding, Rationale, ServiceRationale, Term, Withheld};
pub use scaling::{Event, EventSpec};
pub use spec::{JobSpec, ScalingPolicy, ServiceSpec, Spec};
pub use wheel::{Hand, Order, OrderReason, StandingOrder, Way, WheelTurn};
