//! Right-sizing: how large one replica should be, from what replicas used.
//!
//! `buckets` and `histogram` hold the history in a few hundred bytes, `peak` makes one sample per window of memory and
//! learns from running out of it, `recommend` reads the size off, `updater` says when it is worth a change, and `sizer`
//! fits that in with the number of replicas so that the two never fight. All of it is integers and pure.
//!
//! This module must not choose which replica is changed first, or how.
//!
//! # Source
//! Kubernetes Vertical Pod Autoscaler 1.7 (research/autoscaling 2.2), whose algorithm this is.

pub mod buckets;
#[cfg(test)]
mod closed_loop;
pub mod histogram;
pub mod peak;
pub mod recommend;
mod sizer;
pub mod updater;

pub use recommend::UseHistory;
pub use sizer::{OutOfMemory, ReplicaUse, Sizer, SizerInputs};

use plimsoll_model::ScalingPolicy;
use plimsoll_model::spec::ScalingSpec;

/// Whether CPU and whether memory decide the number of replicas.
#[must_use]
pub fn tracked(scaling: &ScalingSpec) -> (bool, bool) {
    let any = |is: fn(&ScalingPolicy) -> bool| scaling.policies.iter().any(is);
    let cpu = any(|policy| matches!(policy, ScalingPolicy::Cpu { .. } | ScalingPolicy::Hpa(_)));
    let memory = any(|policy| matches!(policy, ScalingPolicy::Memory { .. } | ScalingPolicy::Hpa(_)));
    (cpu, memory)
}
