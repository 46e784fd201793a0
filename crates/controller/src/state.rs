//! Everything the controller remembers, as one versioned value.
//!
//! It serialises to the same bytes whenever it is equal (ordered maps, integers), so snapshots can be compared. A field
//! added later carries `#[serde(default)]`; a change of meaning raises [`State::VERSION`].

use plimsoll_autoscale::Stabilizer;
use plimsoll_model::id::{Generation, ServiceName, WorkloadId};
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::{Bytes, Millis, Timestamp};
use plimsoll_model::spec::Resources;
use plimsoll_model::{Phase, ServiceRationale, Spec, StopReason};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The controller's memory between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Version of this form.
    pub version: u32,
    /// Steps taken.
    pub step: u64,
    /// Trace time of the last step; none before the first.
    pub at: Option<Timestamp>,
    /// Actions decided so far; the next one's id is one more.
    pub actions: u64,
    /// Version of the policy in force.
    pub generation: Generation,
    /// The policy in force.
    pub spec: Option<Box<Spec>>,
    /// Why nothing is decided, while that is so.
    pub frozen: Option<String>,
    /// Everything is being stopped.
    pub shutdown: bool,
    /// Trace time per physical time, from the last observation.
    pub speed: u32,
    /// The node's capacity for workloads, from the last observation that had one. Nothing starts before.
    pub allocatable: Option<Resources>,
    /// Services of the spec, and such as still have replicas.
    pub services: BTreeMap<ServiceName, ServiceState>,
    /// Last ordinal given to a replica of services that are gone, so that none is used twice.
    pub ordinals: BTreeMap<ServiceName, u64>,
    /// Exited workloads that the driver was told to forget and still reports, with when it was told.
    pub forgotten: BTreeMap<WorkloadId, Timestamp>,
}

/// The memory of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceState {
    /// Last ordinal given to a replica.
    pub ordinal: u64,
    /// Counts the changes of what a replica runs.
    pub revision: u64,
    /// Replicas wanted; none before the first decision.
    pub target: Option<u32>,
    /// What damping remembers.
    pub stabilizer: Stabilizer,
    /// Replicas by ordinal, from the decision to start them until their exit has been taken into account.
    pub replicas: BTreeMap<u64, ReplicaState>,
    /// Quick exits in a row.
    pub exits: u32,
    /// When the last of them was seen.
    pub exited_at: Option<Timestamp>,
    /// Its cause.
    pub exit_cause: Option<ExitCause>,
    /// Replicas that exited quickly and wait for `restart_at`.
    pub waiting: u32,
    /// No replacement before.
    pub restart_at: Option<Timestamp>,
    /// The reasons of the last step, complete even where the decision left them out because nothing had changed.
    pub rationale: Option<ServiceRationale>,
}

/// The memory of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaState {
    /// The service's revision that it runs.
    pub revision: u64,
    /// What it is reserved.
    pub requests: Resources,
    /// When its start was decided, or when it was first seen.
    pub asked_at: Timestamp,
    /// Its phase when last seen; none until then.
    pub phase: Option<Phase>,
    /// Since when it is unready, while it is.
    pub unready_since: Option<Timestamp>,
    /// Observations in a row that lacked it.
    pub missed: u32,
    /// Set once its stop was decided.
    pub stopping: Option<Stopping>,
    /// Memory when last measured.
    pub memory: Option<Bytes>,
    /// Its quota held it back when last measured.
    pub throttled: bool,
}

/// A stop that was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// Why.
    pub reason: StopReason,
    /// When the driver was last told.
    pub at: Timestamp,
}

impl State {
    /// The present form.
    pub const VERSION: u32 = 1;

    /// The memory of a controller that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: Self::VERSION,
            step: 0,
            at: None,
            actions: 0,
            generation: Generation(0),
            spec: None,
            frozen: None,
            shutdown: false,
            speed: 1,
            allocatable: None,
            services: BTreeMap::new(),
            ordinals: BTreeMap::new(),
            forgotten: BTreeMap::new(),
        }
    }

    /// A physical span on the trace's clock.
    #[must_use]
    pub fn traced(&self, physical: Millis) -> Millis {
        physical.saturating_mul(u64::from(self.speed))
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplicaState {
    /// Counts as supply: it runs or is about to, and was not told to stop.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.stopping.is_none() && self.phase.is_none_or(Phase::is_live)
    }

    /// Its health check passes, and it was not told to stop.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.stopping.is_none() && self.phase == Some(Phase::Ready)
    }
}

impl ServiceState {
    /// Replicas that count as supply.
    #[must_use]
    pub fn live(&self) -> u32 {
        count(self.replicas.values().filter(|replica| replica.is_live()).count())
    }

    /// Replicas whose health check passes.
    #[must_use]
    pub fn ready(&self) -> u32 {
        count(self.replicas.values().filter(|replica| replica.is_ready()).count())
    }
}

/// A number of things as the model counts them.
pub(crate) fn count(things: usize) -> u32 {
    u32::try_from(things).unwrap_or(u32::MAX)
}

impl ReplicaState {
    /// Marks the replica as told to stop. True when the driver has to be told: the first time, and again when `resend`
    /// (trace time) has passed and it is still there.
    pub(crate) fn stop(&mut self, reason: StopReason, at: Timestamp, resend: Millis) -> bool {
        match &mut self.stopping {
            None => self.stopping = Some(Stopping { reason, at }),
            Some(stopping) if at.since(stopping.at) >= resend => stopping.at = at,
            Some(_) => return false,
        }
        true
    }
}

impl ReplicaState {
    /// A replica that runs already and is seen for the first time.
    pub(crate) fn adopted(revision: u64, status: &plimsoll_model::ReplicaStatus, at: Timestamp) -> Self {
        Self { phase: Some(status.phase), ..Self::started(revision, status.requests, at) }
    }

    /// A replica whose start was just decided.
    pub(crate) fn started(revision: u64, requests: Resources, at: Timestamp) -> Self {
        Self {
            revision,
            requests,
            asked_at: at,
            phase: None,
            unready_since: None,
            missed: 0,
            stopping: None,
            memory: None,
            throttled: false,
        }
    }
}
