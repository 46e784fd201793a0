//! The nouns of a cluster: nodes with everything that a task may ask of them, and tasks with everything they may ask.
//!
//! Plain data with a stable serialised form, made from traces, specs and drivers alike; `plimsoll-placement` turns them
//! into the compact form that it decides on. Every quantity is an integer, because each of them may reach a decision.
//! Text that is compared (labels, zones, users) is text as it stands, never a pattern.

mod ask;
mod capacity;
mod node;
mod quota;
mod rules;
mod task;

pub use ask::{ElasticRange, GangSpec, LatencyBound, SpeedUp, VolumeKind, VolumeRequest};
pub use capacity::{Capacity, Demand, GPU_WHOLE, GpuDemand, Gpus};
pub use node::{Node, NodeState, Site, SiteLink, Taint, TaintEffect};
pub use quota::{Amounts, QuotaSpec};
pub use rules::{Isolation, Operator, Requirement, SpreadRule, TaskAffinity, Toleration};
pub use task::{Task, TaskKind};
