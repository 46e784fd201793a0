//! What every test of this crate needs: a driver on a state directory of its own, requests, and waiting with a
//! deadline.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_driver_process::cgroup::{self, CgroupBases};
use plimsoll_driver_process::record::{self, ProcessIdentity};
use plimsoll_driver_process::{CgroupChoice, DriverEvent, DriverOptions, LaunchRequest, ProcessDriver};
use plimsoll_model::quantity::Bytes;
use plimsoll_model::spec::{HealthSpec, Limits, Probe, Resources, SandboxSpec};
use plimsoll_model::{ExitCause, Generation, Millis, Phase, ReplicaStatus, Timestamp, WorkloadId};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Generous: the machine that runs this may be busy.
pub const SOON: Duration = Duration::from_secs(20);

pub const HOST: &str = env!("CARGO_BIN_EXE_driver-process-shim-host");

pub const AUTO: DriverOptions = DriverOptions { cgroup: CgroupChoice::Auto, duty_cycle: false };
pub const OFF: DriverOptions = DriverOptions { cgroup: CgroupChoice::Off, duty_cycle: false };

pub fn now() -> Timestamp {
    Timestamp(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

/// Runs a test on one thread, as the daemon does.
pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

pub struct Bench {
    pub state: PathBuf,
    pub work: PathBuf,
    pub driver: ProcessDriver,
    pub events: mpsc::Receiver<DriverEvent>,
    options: DriverOptions,
    cleanup: Cleanup,
    _directory: tempfile::TempDir,
}

/// No test leaves a process or a cgroup behind, also when it fails.
struct Cleanup {
    state: PathBuf,
    bases: CgroupBases,
}

pub fn open(state: &Path, options: DriverOptions) -> (ProcessDriver, mpsc::Receiver<DriverEvent>) {
    let command = vec![OsString::from(HOST), OsString::from("shim")];
    ProcessDriver::open_with(state, command, now, options).unwrap()
}

impl Bench {
    pub fn new(options: DriverOptions) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self::with(directory.path().join("state"), options, directory)
    }

    /// On a state directory of the caller's.
    pub fn on(state: PathBuf, options: DriverOptions) -> Self {
        Self::with(state, options, tempfile::tempdir().unwrap())
    }

    fn with(state: PathBuf, options: DriverOptions, directory: tempfile::TempDir) -> Self {
        let work = directory.path().join("work");
        std::fs::create_dir(&work).unwrap();
        let (driver, events) = open(&state, options);
        let cleanup = Cleanup { state: state.clone(), bases: driver.cgroup_bases().clone() };
        Self { state, work, driver, events, options, cleanup, _directory: directory }
    }

    /// As after the daemon's death: the driver goes, a new one opens.
    pub fn reopen(self) -> Self {
        let Self { state, work, driver, events, options, cleanup, _directory } = self;
        drop((driver, events));
        let (driver, events) = open(&state, options);
        Self { state, work, driver, events, options, cleanup, _directory }
    }

    pub fn request(&self, id: &str, words: &[&str]) -> LaunchRequest {
        LaunchRequest {
            id: id.parse().unwrap(),
            generation: Generation(1),
            command: words.iter().map(ToString::to_string).collect(),
            env: BTreeMap::new(),
            directory: self.work.clone(),
            requests: Resources::default(),
            limits: Limits::default(),
            sandbox: open_sandbox(),
            health: None,
            grace: Millis(5_000),
            log_size_max: Bytes(1 << 20),
            log_files_max: 2,
        }
    }

    pub fn start(&mut self, request: LaunchRequest) -> WorkloadId {
        let id = request.id.clone();
        assert_eq!(self.driver.start(request), plimsoll_driver_process::StartOutcome::Started);
        id
    }

    pub fn status(&self, id: &WorkloadId) -> ReplicaStatus {
        self.driver.inventory().into_iter().find(|status| status.id == *id).expect("the workload is in the inventory")
    }

    pub fn pid(&self, id: &WorkloadId) -> i32 {
        let targets = self.driver.sampling_targets();
        targets.iter().find(|target| target.id == *id).expect("it runs").pid
    }

    pub fn shim_pid(&self, id: &WorkloadId) -> i32 {
        let log = self.driver.log_path(id).expect("it has a log");
        record::read::<ProcessIdentity>(log.parent().unwrap(), record::SHIM).unwrap().pid
    }

    pub fn log(&self, id: &WorkloadId) -> String {
        self.driver.log_path(id).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    }

    /// Waits until the workload is in a phase.
    pub async fn reach(&mut self, id: &WorkloadId, phase: Phase) {
        self.wait(|bench| bench.status(id).phase == phase, &format!("{id} to be {phase:?}")).await;
    }

    pub async fn ended(&mut self, id: &WorkloadId) -> ExitCause {
        self.reach(id, Phase::Exited).await;
        self.status(id).exited.expect("an exited workload has a cause").cause
    }

    /// Waits for a condition. Events wake it, and a tick, because not every condition has an event.
    pub async fn wait(&mut self, mut holds: impl FnMut(&Self) -> bool, what: &str) {
        let deadline = Instant::now() + SOON;
        while !holds(self) {
            assert!(Instant::now() < deadline, "waited in vain for {what}: {:?}", self.driver.inventory());
            let _event_or_tick = tokio::time::timeout(Duration::from_millis(5), self.events.recv()).await;
        }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        let entries = std::fs::read_dir(self.state.join("workloads")).into_iter().flatten().flatten();
        let shims: Vec<ProcessIdentity> =
            entries.filter_map(|entry| record::read(&entry.path(), record::SHIM).ok()).collect();
        let deadline = Instant::now() + SOON;
        while shims.iter().any(ProcessIdentity::is_alive) && Instant::now() < deadline {
            shims
                .iter()
                .filter(|shim| shim.is_alive())
                .for_each(|shim| signal(shim.pid, rustix::process::Signal::USR1));
            std::thread::sleep(Duration::from_millis(2));
        }
        cgroup::sweep_others(&self.bases, &std::collections::BTreeSet::new());
        cgroup::remove_bases(&self.bases);
    }
}

pub fn open_sandbox() -> SandboxSpec {
    SandboxSpec {
        filesystem: false,
        read: Vec::new(),
        write: Vec::new(),
        syscalls: false,
        user_namespace: false,
        network_namespace: false,
        require: Vec::new(),
    }
}

pub fn full_sandbox() -> SandboxSpec {
    SandboxSpec { filesystem: true, syscalls: true, ..open_sandbox() }
}

pub fn http() -> HealthSpec {
    HealthSpec {
        probe: Probe::Http { path: "/healthz".to_owned() },
        interval: Millis(50),
        timeout: Millis(1_000),
        healthy_after: 1,
        unhealthy_after: 2,
        startup_max: Millis(15_000),
    }
}

pub fn is_alive(pid: i32) -> bool {
    // A zombie is not alive.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|line| !line.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}

pub fn signal(pid: i32, signal: rustix::process::Signal) {
    let _gone_already = rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal);
}
