//! Hands the actions of a decision to the driver, and walks a stopping workload through its three doors: out of the
//! gateway, SIGTERM, SIGKILL.
//!
//! The order protects requests: a replica that may be stopped is first marked draining, the gateway is told, and only when
//! the gateway says that it has that snapshot and no request in flight there any more (or half of the grace time is over)
//! the replica gets its SIGTERM. It decides nothing: which workload stops, and how long it may take, came with the action.

use plimsoll_driver_process::{LaunchRequest, ProcessDriver};
use plimsoll_model::spec::{CommandSpec, Spec};
use plimsoll_model::{Action, ActionKind, Millis, WorkloadId};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A workload on its way out.
#[derive(Debug, Clone, Copy)]
struct Leaving {
    /// Snapshot without this endpoint's share of new requests; none until one was sent.
    version: Option<u64>,
    /// SIGTERM at this moment even if requests are still in flight.
    term_at: Instant,
    /// SIGKILL at this moment.
    kill_at: Instant,
}

/// Carries out actions on one driver.
#[derive(Debug, Default)]
pub struct Executor {
    leaving: BTreeMap<WorkloadId, Leaving>,
}

/// Where commands are resolved.
#[derive(Debug, Clone)]
pub struct Launchpad {
    /// This very binary, which `plimsoll` as a program name stands for.
    pub own_binary: PathBuf,
    /// Directory of the spec file; relative paths start here.
    pub directory: PathBuf,
}

impl Launchpad {
    fn command(&self, run: &CommandSpec) -> (Vec<String>, PathBuf) {
        let mut command = run.command.clone();
        if let Some(program) = command.first_mut()
            && program == "plimsoll"
        {
            *program = self.own_binary.to_string_lossy().into_owned();
        }
        let directory =
            run.directory.as_deref().map_or(self.directory.clone(), |path| self.directory.join(Path::new(path)));
        (command, directory)
    }

    /// What the driver needs to start `action`, with the details of the spec that it was decided under. None when it is no
    /// start, or when its service or job is not in the spec any more.
    fn launch(&self, action: &Action, spec: &Spec) -> Option<LaunchRequest> {
        match &action.kind {
            ActionKind::StartReplica { replica, requests, limits } => {
                let service = spec.services.get(&replica.service)?;
                let (command, directory) = self.command(&service.run);
                Some(LaunchRequest {
                    id: WorkloadId::Replica(replica.clone()),
                    generation: action.generation,
                    command,
                    env: service.run.env.clone(),
                    directory,
                    requests: *requests,
                    limits: *limits,
                    sandbox: service.sandbox.clone(),
                    health: Some(service.health.clone()),
                    grace: service.grace,
                    log_size_max: service.log_size_max,
                    log_files_max: service.log_files_max,
                })
            }
            ActionKind::StartTask { task, requests, limits } => {
                let job = spec.jobs.get(&task.job)?;
                let (command, directory) = self.command(&job.run);
                Some(LaunchRequest {
                    id: WorkloadId::Task(task.clone()),
                    generation: action.generation,
                    command,
                    env: job.run.env.clone(),
                    directory,
                    requests: *requests,
                    limits: *limits,
                    sandbox: job.sandbox.clone(),
                    health: None,
                    grace: job.grace,
                    log_size_max: job.log_size_max,
                    log_files_max: job.log_files_max,
                })
            }
            ActionKind::Resize { .. }
            | ActionKind::Stop { .. }
            | ActionKind::Forget { .. }
            | ActionKind::Fit { .. } => None,
        }
    }
}

impl Executor {
    /// Hands one action to the driver. Doing it twice does no more than once.
    pub fn apply(&mut self, action: &Action, spec: &Spec, launchpad: &Launchpad, driver: &mut ProcessDriver) {
        match &action.kind {
            ActionKind::StartReplica { .. } | ActionKind::StartTask { .. } => {
                if let Some(request) = launchpad.launch(action, spec) {
                    // A failed start shows in the inventory, and a stale one shows by its absence: both come back to the
                    // controller as observations.
                    let _ = driver.start(request);
                }
            }
            ActionKind::Resize { replica, requests, limits } => {
                // Where it cannot be done in place, the inventory goes on showing the old size, and the controller draws
                // its conclusions from that.
                let _shown_by_inventory = driver.resize(&WorkloadId::Replica(replica.clone()), *requests, *limits);
            }
            ActionKind::Stop { workload, grace, .. } => self.leave(workload.clone(), *grace, driver),
            // No driver's business: the fit workers carry it out.
            ActionKind::Fit { .. } => {}
            ActionKind::Forget { workload } => {
                self.leaving.remove(workload);
                driver.forget(workload);
            }
        }
    }

    fn leave(&mut self, workload: WorkloadId, grace: Millis, driver: &mut ProcessDriver) {
        let grace = Duration::from_millis(grace.get());
        let now = Instant::now();
        // A job has no requests to wait for.
        let drain = if matches!(workload, WorkloadId::Replica(_)) { grace / 2 } else { Duration::ZERO };
        driver.drain(&workload);
        self.leaving.entry(workload).or_insert(Leaving { version: None, term_at: now + drain, kill_at: now + grace });
    }

    /// Notes that snapshot `version`, which no longer offers them, was sent.
    pub fn snapshot_sent(&mut self, version: u64) {
        for leaving in self.leaving.values_mut() {
            leaving.version.get_or_insert(version);
        }
    }

    /// Sends SIGTERM to those that may have it: idle under a snapshot that the gateway has (`acknowledged`), or out of time.
    pub fn advance(
        &mut self,
        acknowledged: u64,
        in_flight: impl Fn(&WorkloadId) -> Option<u64>,
        driver: &mut ProcessDriver,
    ) {
        let now = Instant::now();
        let may_stop: Vec<_> = self
            .leaving
            .iter()
            .filter(|(id, leaving)| {
                let known = leaving.version.is_some_and(|version| version <= acknowledged);
                now >= leaving.term_at || (known && in_flight(id).unwrap_or(0) == 0)
            })
            .map(|(id, leaving)| (id.clone(), leaving.kill_at.saturating_duration_since(now)))
            .collect();
        for (id, grace) in may_stop {
            self.leaving.remove(&id);
            driver.stop(&id, Millis(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX)));
        }
    }

    /// Nobody is on the way out.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.leaving.is_empty()
    }

    /// Everyone out at once, as a second SIGTERM asks for.
    pub fn stop_all_now(&mut self, driver: &mut ProcessDriver) {
        self.leaving.clear();
        for status in driver.inventory() {
            if status.phase.holds_resources() {
                driver.kill(&status.id);
            }
        }
    }
}
