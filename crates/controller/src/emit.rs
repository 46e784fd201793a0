//! What one step gathers, and how it becomes a decision: actions numbered without gaps, findings bounded.

use crate::state::{State, count};
use plimsoll_model::id::{ActionId, JobName, ReplicaId, ServiceName, WorkloadId};
use plimsoll_model::quantity::Timestamp;
use plimsoll_model::rationale::JobRationale;
use plimsoll_model::{Action, ActionKind, Decision, Finding, Rationale, ServiceRationale};
use std::collections::{BTreeMap, BTreeSet};

/// Most findings per step; a step that has more says how many it left out.
pub(crate) const FINDINGS_MAX: usize = 200;

/// Most workloads started per step, so that an absurd target cannot make a step endless.
pub(crate) const STARTS_MAX: u32 = 1_000;

/// The step being made.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Trace time.
    pub at: Timestamp,
    /// Actions so far.
    pub actions: Vec<ActionKind>,
    /// Findings so far.
    pub findings: Vec<Finding>,
    /// Findings beyond the bound.
    omitted: u32,
    /// Reasons by service.
    pub services: BTreeMap<ServiceName, ServiceRationale>,
    /// What happened to jobs.
    pub jobs: BTreeMap<JobName, Vec<JobRationale>>,
    /// Workloads that may still be started.
    pub starts_left: u32,
}

impl Turn {
    pub fn new(at: Timestamp) -> Self {
        Self {
            at,
            actions: Vec::new(),
            findings: Vec::new(),
            omitted: 0,
            services: BTreeMap::new(),
            jobs: BTreeMap::new(),
            starts_left: STARTS_MAX,
        }
    }

    pub fn find(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    pub fn bad(&mut self, what: impl Into<String>) {
        self.find(Finding::BadInput { what: what.into() });
    }

    /// Services whose replicas are started or stopped; forgetting one is book-keeping.
    pub fn acted_on(&self) -> BTreeSet<ServiceName> {
        let service = |action: &ActionKind| match action {
            ActionKind::StartReplica { replica: ReplicaId { service, .. }, .. }
            | ActionKind::Resize { replica: ReplicaId { service, .. }, .. }
            | ActionKind::Stop { workload: WorkloadId::Replica(ReplicaId { service, .. }), .. } => {
                Some(service.clone())
            }
            _ => None,
        };
        self.actions.iter().filter_map(service).collect()
    }

    pub fn decision(mut self, state: &mut State) -> Decision {
        if self.omitted > 0 {
            self.findings.push(Finding::MoreFindings { omitted: self.omitted });
        }
        let first = state.actions;
        state.actions = first.saturating_add(u64::from(count(self.actions.len())));
        let numbered = self.actions.into_iter().zip(first.saturating_add(1)..);
        let generation = state.generation;
        Decision {
            step: state.step,
            at: self.at,
            actions: numbered.map(|(kind, id)| Action { id: ActionId(id), generation, kind }).collect(),
            rationale: Rationale { services: self.services, jobs: self.jobs, findings: self.findings },
        }
    }
}
