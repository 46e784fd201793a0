//! The driver: starts, stops, watches and reports workloads, and adopts those that an earlier daemon left running.
//!
//! One owner, one thread: the driver is not `Send`, its watching tasks run on the `LocalSet` of whoever opened it, and
//! all of them share one table. Nothing here blocks for longer than a few file writes and one spawn.

mod health;
mod launch;
mod lock;
mod open;
mod places;
mod port;
mod resize;
mod retain;
mod spawn;
mod stop;
mod table;
mod watch;

pub use lock::LockError;
pub use open::OpenError;
pub use places::logs;
pub use resize::ResizeOutcome;

use crate::cgroup::{CgroupChoice, CgroupPaths};
use places::Places;
use plimsoll_model::quantity::Bytes;
use plimsoll_model::spec::{HealthSpec, Limits, Resources, SandboxSpec};
use plimsoll_model::{ExitCause, Generation, Isolation, Millis, Phase, ReplicaStatus, Timestamp, WorkloadId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use table::{Table, Workload};
use tokio::sync::mpsc;

/// Events waiting for the daemon. They only wake it, [`ProcessDriver::inventory`] is the truth, so what does not fit is
/// dropped: a daemon with a thousand of them waiting is awake already.
const EVENTS_MAX: usize = 1_024;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchRequest {
    /// Which workload. Starting the same id twice starts it once.
    pub id: WorkloadId,
    /// The policy generation it is started under.
    pub generation: Generation,
    /// Program and arguments; `{port}`, `{id}` and `{service}` are replaced.
    pub command: Vec<String>,
    /// Environment beside the few variables that are passed on; the same placeholders are replaced in the values.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub directory: PathBuf,
    /// What it is reserved.
    pub requests: Resources,
    /// What it may use.
    pub limits: Limits,
    /// What it may touch.
    pub sandbox: SandboxSpec,
    /// How readiness is found out; none for jobs. A replica without is ready as soon as it runs.
    pub health: Option<HealthSpec>,
    /// Physical time from SIGTERM to SIGKILL where a stop does not say.
    pub grace: Millis,
    /// Size at which the log is rotated.
    pub log_size_max: Bytes,
    /// Rotated logs kept.
    pub log_files_max: u32,
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum StartOutcome {
    /// It is being started; a failure shows in the inventory.
    Started,
    /// It was started before; nothing was done.
    AlreadyKnown,
    /// It was decided under an older policy than the newest one seen; nothing was done.
    Stale {
        /// The newest generation seen.
        newest: Generation,
    },
}

/// Something happened that the daemon should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverEvent {
    /// A workload entered another phase.
    PhaseChanged {
        /// Which.
        id: WorkloadId,
        /// The phase it is in now.
        phase: Phase,
    },
    /// A workload ended.
    Exited {
        /// Which.
        id: WorkloadId,
        /// Why.
        cause: ExitCause,
    },
}

/// Where the collector finds the figures of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which workload.
    pub id: WorkloadId,
    /// Its first process.
    pub pid: i32,
    /// Start time of that process, clock ticks since boot, to tell it from another that was given its pid.
    pub start_ticks: u64,
    /// Its cgroups.
    pub cgroup: CgroupPaths,
    /// The directory whose `cpu.stat` counts throttled periods, where a duty cycle holds the quota and no cgroup.
    pub duty_cycle: Option<PathBuf>,
}

/// What can be chosen when a driver is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DriverOptions {
    /// Whether cgroups are used.
    pub cgroup: CgroupChoice,
    /// Hold CPU quotas without a cgroup by stopping and continuing the process. Off by default: a stopped process
    /// answers nobody, health checks included.
    pub duty_cycle: bool,
}

impl DriverOptions {
    /// From the environment: `PLIMSOLL_CGROUP=off` and `PLIMSOLL_CPU_DUTY=on`.
    #[must_use]
    pub fn from_env() -> Self {
        let is = |name, value: &str| std::env::var_os(name).is_some_and(|found| found == *value);
        let cgroup = if is("PLIMSOLL_CGROUP", "off") { CgroupChoice::Off } else { CgroupChoice::Auto };
        Self { cgroup, duty_cycle: is("PLIMSOLL_CPU_DUTY", "on") }
    }
}

/// Runs workloads as processes of this host.
#[derive(Debug)]
pub struct ProcessDriver {
    table: Rc<Table>,
    shim_command: Vec<OsString>,
    options: DriverOptions,
    ports: port::Ports,
    newest: Generation,
    _lock: lock::Lock,
}

impl ProcessDriver {
    /// Opens the driver on `state_dir`, with the options of the environment, and adopts what runs there.
    ///
    /// `shim_command` is what runs [`crate::shim_main`]; a workload's directory is added as its last argument. `clock`
    /// gives trace time. Call it inside a `LocalSet`.
    ///
    /// # Errors
    /// [`OpenError`] when the directory cannot be used or another driver holds it.
    pub fn open(
        state_dir: &Path,
        shim_command: Vec<OsString>,
        clock: impl Fn() -> Timestamp + 'static,
    ) -> Result<(Self, mpsc::Receiver<DriverEvent>), OpenError> {
        Self::open_with(state_dir, shim_command, clock, DriverOptions::from_env())
    }

    /// [`ProcessDriver::open`] with options of one's own.
    ///
    /// # Errors
    /// As [`ProcessDriver::open`].
    pub fn open_with(
        state_dir: &Path,
        shim_command: Vec<OsString>,
        clock: impl Fn() -> Timestamp + 'static,
        options: DriverOptions,
    ) -> Result<(Self, mpsc::Receiver<DriverEvent>), OpenError> {
        open::open(state_dir, shim_command, Box::new(clock), options)
    }

    /// Every workload that was started or adopted and not yet forgotten, by id.
    #[must_use]
    pub fn inventory(&self) -> Vec<ReplicaStatus> {
        self.table.workloads.borrow().values().map(Workload::report).collect()
    }

    /// Where a replica listens.
    #[must_use]
    pub fn endpoint(&self, id: &WorkloadId) -> Option<SocketAddr> {
        let port = self.table.workloads.borrow().get(id)?.launch.port?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// What is enforced for a workload, once it runs.
    #[must_use]
    pub fn isolation(&self, id: &WorkloadId) -> Option<Isolation> {
        self.table.workloads.borrow().get(id)?.status.as_ref().map(|status| status.isolation.clone())
    }

    /// Every workload whose use can be measured now.
    #[must_use]
    pub fn sampling_targets(&self) -> Vec<Target> {
        let workloads = self.table.workloads.borrow();
        let running = workloads.values().filter(|workload| workload.phase.holds_resources());
        running.filter_map(Workload::target).collect()
    }

    /// The current log of a workload, also for some time after it was forgotten. Rotated logs lie beside it, `.1`
    /// newest.
    #[must_use]
    pub fn log_path(&self, id: &WorkloadId) -> Option<PathBuf> {
        let current = self.places().workload(id).join(crate::record::LOG);
        [current, self.places().kept_log(id)].into_iter().find(|path| path.exists())
    }

    /// What groups can be made here, and why others cannot.
    #[must_use]
    pub fn cgroup_bases(&self) -> &crate::cgroup::CgroupBases {
        &self.table.bases
    }

    fn places(&self) -> &Places {
        &self.table.places
    }
}

impl Drop for ProcessDriver {
    /// Workloads go on; only the watching ends. Empty cgroup directories are removed.
    fn drop(&mut self) {
        self.table.workloads.borrow_mut().values_mut().for_each(Workload::unwatch);
        crate::cgroup::remove_bases(&self.table.bases);
    }
}
