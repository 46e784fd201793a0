//! What the controller decided: actions with everything a driver needs, and the reasons.

use crate::id::{ActionId, Generation, ReplicaId, ServiceName, TaskId, WorkloadId};
use crate::quantity::{Millis, Timestamp};
use crate::rationale::Rationale;
use crate::spec::{Limits, Resources};
use serde::{Deserialize, Serialize};

/// Why a workload is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Fewer replicas are wanted.
    ScaleIn,
    /// Its spec changed; a replica under the new spec takes its place.
    Replaced,
    /// Its service or job is no longer in the spec.
    Removed,
    /// It was not ready in the time allowed.
    NeverReady,
    /// It was ready once and has been unready for too long.
    Unready,
    /// Something more important needs its room.
    Preempted,
    /// Everything stops.
    Shutdown,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum ActionKind {
    /// Start a replica.
    StartReplica {
        /// Which.
        replica: ReplicaId,
        /// What it is reserved.
        requests: Resources,
        /// What it may use.
        limits: Limits,
    },
    /// Take a workload out of the gateway, let it finish, and stop it.
    Stop {
        /// Which.
        workload: WorkloadId,
        /// Why.
        reason: StopReason,
        /// Time until SIGKILL, physical.
        grace: Millis,
    },
    /// Give a running replica another size, without a restart where the driver can. Where it cannot, the replica keeps
    /// reporting the size that it has.
    Resize {
        /// Which.
        replica: ReplicaId,
        /// What it is reserved from now on.
        requests: Resources,
        /// What it may use from now on.
        limits: Limits,
    },
    /// Start a run of a job.
    StartTask {
        /// Which.
        task: TaskId,
        /// What it is reserved.
        requests: Resources,
        /// What it may use.
        limits: Limits,
    },
    /// Fit models to a service's recorded demand, off the step; what comes of it is an input of a later step.
    Fit {
        /// On what, and what.
        order: Box<FitOrder>,
    },
    /// Forget an exited workload: its exit has been taken into account.
    Forget {
        /// Which.
        workload: WorkloadId,
    },
}

/// Models to be fitted to the demand that a service has seen. The same order on the same data gives the same parameters,
/// wherever and whenever it is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FitOrder {
    /// Whose demand.
    pub service: ServiceName,
    /// Which models, by name.
    pub models: Vec<String>,
    /// Seed of whatever is random in fitting.
    pub seed: u64,
    /// Time between the values that the models are fitted to.
    pub step: Millis,
    /// Middle of the first of those steps.
    pub origin: Timestamp,
    /// How far ahead they will be asked.
    pub horizon: Millis,
    /// Lengths of the seasons, shortest first.
    pub seasons: Vec<Millis>,
    /// First moment of the data.
    pub from: Timestamp,
    /// Last moment of the data.
    pub until: Timestamp,
    /// Samples between the two.
    pub samples: u64,
    /// Hash of those samples: whoever has other data must not answer.
    pub data_hash: u64,
}

/// One thing to do, identified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Its number; a driver does an action once.
    pub id: ActionId,
    /// The policy generation it was decided under.
    pub generation: Generation,
    /// What to do.
    #[serde(flatten)]
    pub kind: ActionKind,
}

impl Action {
    /// The service this action belongs to, if it is about a replica.
    #[must_use]
    pub fn service(&self) -> Option<&ServiceName> {
        match &self.kind {
            ActionKind::StartReplica { replica, .. } | ActionKind::Resize { replica, .. } => Some(&replica.service),
            ActionKind::Stop { workload: WorkloadId::Replica(id), .. }
            | ActionKind::Forget { workload: WorkloadId::Replica(id) } => Some(&id.service),
            ActionKind::Fit { order } => Some(&order.service),
            _ => None,
        }
    }
}

/// What one step decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a decision that is not journaled and applied is lost"]
pub struct Decision {
    /// Number of the step, from 1.
    pub step: u64,
    /// Trace time of the step.
    pub at: Timestamp,
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// Why, and why nothing else.
    pub rationale: Rationale,
}
