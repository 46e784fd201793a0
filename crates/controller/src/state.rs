//! Everything the controller remembers, as one versioned value.
//!
//! It serialises to the same bytes whenever it is equal (ordered maps, integers), so snapshots can be compared. A field
//! added later carries `#[serde(default)]`; a change of meaning raises [`State::VERSION`].

use crate::fit::FitBook;
use crate::late::Lateness;
use crate::process::ProcessState;
use crate::proposed::ProposalState;
use plimsoll_autoscale::Scaler;
use plimsoll_forecast::LoadForecaster;
use plimsoll_model::id::{Generation, JobName, ServiceName, WorkloadId};
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::{Millis, Timestamp};
use plimsoll_model::spec::{Limits, Resources, Schedule};
use plimsoll_model::{Forecast, ServiceRationale, Spec, StandingOrder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

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
    pub services: Services,
    /// Jobs of the spec, and such as still have runs.
    pub jobs: BTreeMap<JobName, JobState>,
    /// Last ordinal given to a replica of services that are gone, so that none is used twice.
    pub service_ordinals: BTreeMap<ServiceName, u64>,
    /// Last ordinal given to a run of jobs that are gone.
    pub job_ordinals: BTreeMap<JobName, u64>,
    /// Exited workloads that the driver was told to forget and still reports, with when it was told.
    pub forgotten: BTreeMap<WorkloadId, Timestamp>,
}

/// The memory of services by name.
pub type Services = BTreeMap<ServiceName, ServiceState>;

/// The memory of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceState {
    /// Last ordinal given to a replica.
    pub ordinal: u64,
    /// Counts the changes of what a replica runs.
    pub revision: u64,
    /// Replicas wanted; none before the first decision.
    pub target: Option<u32>,
    /// What scaling remembers. The first release called it `stabilizer`, and it held only that.
    #[serde(alias = "stabilizer")]
    pub scaler: Scaler,
    /// When the wanted number of replicas last changed, where right-sizing needs to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count_changed_at: Option<Timestamp>,
    /// What the forecast remembers, where the spec asks for one.
    pub forecaster: Option<LoadForecaster>,
    /// How late its figures come, where it has a forecast.
    #[serde(default, skip_serializing_if = "Lateness::is_unknown")]
    pub lateness: Lateness,
    /// What is known of the demand that models are fitted to.
    #[serde(default)]
    pub fits: FitBook,
    /// The forecast of the last step that had one.
    pub forecast: Option<Arc<Forecast>>,
    /// CPU nanoseconds per request, learnt while replicas were busy.
    pub cpu_per_request_ns: Option<u64>,
    /// The operator's order that stands above its policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<StandingOrder>,
    /// The proved proposal that stands above the spec's own policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Box<ProposalState>>,
    /// Replicas by ordinal, from the decision to start them until their exit has been taken into account.
    pub replicas: BTreeMap<u64, ProcessState>,
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

/// The memory of one job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobState {
    /// Last ordinal given to a run.
    pub ordinal: u64,
    /// The schedule that `due` was worked out for.
    pub schedule: Option<Schedule>,
    /// When it is submitted next; none when nothing more is due.
    pub due: Option<Timestamp>,
    /// Runs that wait for room, in the order of their ordinals.
    pub queue: Vec<QueuedTask>,
    /// Runs by ordinal, from the decision to start them until their end has been taken into account.
    pub tasks: BTreeMap<u64, TaskState>,
}

/// A run that waits for room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedTask {
    /// Its number.
    pub ordinal: u64,
    /// When the job was submitted; a retry keeps the time of the first try.
    pub submitted: Timestamp,
    /// Further tries after a failure of this one.
    pub retries_left: u32,
    /// What it asks.
    pub requests: Resources,
    /// What it may use.
    pub limits: Limits,
    /// Its place in the queue when that was last told.
    pub told: Option<u32>,
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskState {
    /// Its process.
    pub process: ProcessState,
    /// What it was started as.
    pub run: QueuedTask,
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
            jobs: BTreeMap::new(),
            service_ordinals: BTreeMap::new(),
            job_ordinals: BTreeMap::new(),
            forgotten: BTreeMap::new(),
        }
    }

    /// A physical span on the trace's clock.
    #[must_use]
    pub fn traced(&self, physical: Millis) -> Millis {
        physical.saturating_mul(u64::from(self.speed))
    }

    /// How far ahead a service's forecast has to look: a replica started now is ready then, and is looked at then.
    #[must_use]
    pub fn horizon(&self, startup: Millis, tick: Millis) -> Millis {
        self.traced(startup).saturating_add(tick)
    }
}

impl Default for State {
    fn default() -> Self {
        Self::new()
    }
}

impl ServiceState {
    /// Every replica is of an old revision from now on and is replaced, as if none had failed before.
    pub(crate) fn replace_all(&mut self) {
        self.revision = self.revision.saturating_add(1);
        self.exits = 0;
        self.waiting = 0;
        self.restart_at = None;
    }

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

    /// Live replicas that run an older spec.
    pub(crate) fn outdated(&self) -> u32 {
        let old = self.replicas.values().filter(|replica| replica.is_live() && replica.revision != self.revision);
        count(old.count())
    }
}

impl JobState {
    /// A run waits or has a process.
    #[must_use]
    pub fn is_going(&self) -> bool {
        !self.queue.is_empty() || !self.tasks.is_empty()
    }
}

/// A number of things as the model counts them.
pub(crate) fn count(things: usize) -> u32 {
    u32::try_from(things).unwrap_or(u32::MAX)
}
