//! The memory of one process, replica or run of a job alike.

use crate::emit::Turn;
use plimsoll_model::quantity::{Bytes, Millicores, Millis, Permille, Timestamp};
use plimsoll_model::spec::Resources;
use plimsoll_model::{Finding, Phase, ReplicaStatus, ReplicaUsage, StopReason};
use serde::{Deserialize, Serialize};

/// Share of throttled periods from which a process counts as held back.
const THROTTLED_FROM: Permille = Permille(100);

/// What is known of one process, from the decision to start it until its exit has been taken into account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessState {
    /// The service's revision that it runs; 0 for a run of a job.
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
    /// CPU when last measured.
    #[serde(default)]
    pub cpu: Option<Millicores>,
    /// Requests in flight when last counted, in thousandths.
    #[serde(default)]
    pub in_flight_milli: Option<u64>,
    /// When its process started.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When its readiness last changed, as far as was seen.
    #[serde(default)]
    pub ready_changed_at: Option<Timestamp>,
}

/// A stop that was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopping {
    /// Why.
    pub reason: StopReason,
    /// When the driver was last told.
    pub at: Timestamp,
}

impl ProcessState {
    /// A process whose start was just decided.
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
            cpu: None,
            in_flight_milli: None,
            started_at: None,
            ready_changed_at: None,
        }
    }

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

    /// Takes over what a driver reports, and finds out about throttling when it begins.
    pub(crate) fn see(&mut self, turn: &mut Turn, status: &ReplicaStatus, usage: Option<&ReplicaUsage>) {
        self.missed = 0;
        if (self.phase == Some(Phase::Ready)) != (status.phase == Phase::Ready) {
            let first = status.ready_at.filter(|_| self.ready_changed_at.is_none());
            self.ready_changed_at = Some(first.unwrap_or(turn.at));
        }
        self.started_at = Some(status.started_at);
        self.phase = Some(status.phase);
        self.unready_since = (status.phase == Phase::Unready).then(|| self.unready_since.unwrap_or(turn.at));
        let Some(usage) = usage else { return };
        self.memory = usage.memory.or(self.memory);
        self.cpu = usage.cpu.or(self.cpu);
        self.in_flight_milli = usage.in_flight_milli;
        let share = usage.throttled.unwrap_or(Permille::ZERO);
        let throttled = share >= THROTTLED_FROM;
        if throttled && !self.throttled {
            let cpu = usage.cpu.unwrap_or_default();
            turn.find(Finding::Throttled { workload: status.id.clone(), share, cpu });
        }
        self.throttled = throttled;
    }

    /// Marks it as told to stop. True when the driver has to be told: the first time, and again when `resend` (trace
    /// time) has passed and it is still there.
    pub(crate) fn stop(&mut self, reason: StopReason, at: Timestamp, resend: Millis) -> bool {
        match &mut self.stopping {
            None => self.stopping = Some(Stopping { reason, at }),
            Some(stopping) if at.since(stopping.at) >= resend => stopping.at = at,
            Some(_) => return false,
        }
        true
    }
}
