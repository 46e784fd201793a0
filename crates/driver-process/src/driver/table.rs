//! The table of workloads, shared by the driver and its watching tasks.

use super::places::Places;
use super::{DriverEvent, Target};
use crate::cgroup::CgroupBases;
use crate::record::{self, FORMAT, Launch, ProcessIdentity, Progress, Status};
use plimsoll_model::{ExitCause, Exited, Phase, ReplicaStatus, Timestamp, WorkloadId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Everything the driver knows.
pub struct Table {
    /// By id.
    pub workloads: RefCell<BTreeMap<WorkloadId, Workload>>,
    /// Wakes the daemon.
    pub events: mpsc::Sender<DriverEvent>,
    /// Trace time.
    pub clock: Box<dyn Fn() -> Timestamp>,
    /// Where files lie.
    pub places: Places,
    /// Where cgroups can be made.
    pub bases: CgroupBases,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("workloads", &self.workloads).field("bases", &self.bases).finish_non_exhaustive()
    }
}

/// A shim that runs.
#[derive(Debug, Clone)]
pub struct Shim {
    /// Which process it is.
    pub identity: ProcessIdentity,
    /// The same, as a descriptor: signals sent through it never reach another process.
    pub pidfd: Rc<OwnedFd>,
}

/// One workload.
#[derive(Debug)]
pub struct Workload {
    /// What was asked for.
    pub launch: Launch,
    /// Its directory.
    pub directory: PathBuf,
    /// Where it is in its life.
    pub phase: Phase,
    /// When it was first ready, trace time.
    pub ready_at: Option<Timestamp>,
    /// How it ended.
    pub exited: Option<Exited>,
    /// Its shim, while there is one.
    pub shim: Option<Shim>,
    /// What the shim said when it ran.
    pub status: Option<Status>,
    /// It is being stopped because it was not ready in time.
    pub never_ready: bool,
    /// The task that watches it.
    pub watch: Option<AbortHandle>,
}

impl Workload {
    /// A workload that has just been asked for.
    pub const fn new(launch: Launch, directory: PathBuf) -> Self {
        Self {
            launch,
            directory,
            phase: Phase::Starting,
            ready_at: None,
            exited: None,
            shim: None,
            status: None,
            never_ready: false,
            watch: None,
        }
    }

    /// As the controller sees it.
    pub fn report(&self) -> ReplicaStatus {
        ReplicaStatus {
            id: self.launch.id.clone(),
            generation: self.launch.generation,
            phase: self.phase,
            started_at: self.launch.started_at,
            ready_at: self.ready_at,
            exited: self.exited.clone(),
            requests: self.launch.requests,
        }
    }

    /// As the collector sees it.
    pub fn target(&self) -> Option<Target> {
        let status = self.status.as_ref()?;
        let counts = || self.directory.join(record::THROTTLING).is_file();
        Some(Target {
            duty_cycle: (self.launch.duty_cycle && counts()).then(|| self.directory.clone()),
            id: self.launch.id.clone(),
            pid: status.child.pid,
            start_ticks: status.child.start_ticks,
            cgroup: status.cgroup.clone(),
        })
    }

    /// The phase of a workload whose process runs and about which no health check says anything.
    pub fn phase_running(&self) -> Phase {
        match (&self.launch.id, &self.launch.health) {
            (WorkloadId::Task(_), _) => Phase::Running,
            (WorkloadId::Replica(_), None) => Phase::Ready,
            (WorkloadId::Replica(_), Some(_)) => Phase::Starting,
        }
    }

    /// Stops watching it.
    pub fn unwatch(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
    }

    /// Writes down what a later driver needs. On a full disk that driver finds out by itself what it can.
    pub fn save(&self) {
        let progress = Progress {
            format: FORMAT,
            phase: self.phase,
            ready_at: self.ready_at,
            never_ready: self.never_ready,
            exited_at: self.exited.as_ref().map(|exited| exited.at),
        };
        let _disk_full = record::write(&self.directory, record::PHASE, &progress);
    }
}

impl Table {
    /// Puts a workload into a phase, writes it down and wakes the daemon. A workload on its way out never goes back.
    pub fn enter(&self, id: &WorkloadId, phase: Phase) {
        let mut workloads = self.workloads.borrow_mut();
        let Some(workload) = workloads.get_mut(id) else { return };
        if workload.phase == phase || matches!(workload.phase, Phase::Draining | Phase::Exited) {
            return;
        }
        workload.phase = phase;
        if phase == Phase::Ready && workload.ready_at.is_none() {
            workload.ready_at = Some((self.clock)());
        }
        workload.save();
        self.wake(DriverEvent::PhaseChanged { id: id.clone(), phase });
    }

    /// Records the end of a workload and wakes the daemon.
    pub fn end(&self, id: &WorkloadId, cause: ExitCause) {
        let mut workloads = self.workloads.borrow_mut();
        let Some(workload) = workloads.get_mut(id) else { return };
        let was_told = matches!(cause, ExitCause::Stopped | ExitCause::KilledAfterGrace);
        let cause = if workload.never_ready && was_told { ExitCause::NeverReady } else { cause };
        workload.phase = Phase::Exited;
        workload.exited = Some(Exited { cause: cause.clone(), at: (self.clock)() });
        workload.shim = None;
        workload.save();
        self.wake(DriverEvent::Exited { id: id.clone(), cause });
    }

    fn wake(&self, event: DriverEvent) {
        let _awake_already_or_gone = self.events.try_send(event);
    }
}
