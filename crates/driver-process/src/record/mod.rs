//! What driver and shim tell each other through a workload's directory, and what makes adoption possible.
//!
//! Files and not a socket: either side may die at any instruction and the other must still find everything. Each file
//! has one writer, is replaced atomically, and carries a format number, because a shim outlives the release that
//! started it.
//!
//! | file | writer | says |
//! | --- | --- | --- |
//! | `launch.json` | driver | what to run and under which limits |
//! | `shim.json` | driver | which process is the shim |
//! | `status.json` | shim | which process is the workload and what is enforced |
//! | `stop.json` | driver | how long the workload may take to stop |
//! | `phase.json` | driver | what the health checks found |
//! | `exit.json` | shim | how it ended |

mod file;
mod identity;

pub use file::{ReadError, Reserved, read, write};
pub use identity::ProcessIdentity;

use crate::cgroup::{CgroupBases, CgroupPaths};
use plimsoll_model::quantity::Bytes;
use plimsoll_model::spec::{HealthSpec, Limits, Resources, SandboxSpec};
use plimsoll_model::{ExitCause, Generation, Isolation, Millis, Phase, Timestamp, WorkloadId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Version of all the records; raised when a field changes its meaning (a new field with a default does not).
pub const FORMAT: u32 = 1;

/// Name of [`Launch`]'s file.
pub const LAUNCH: &str = "launch.json";
/// Name of the file with the shim's [`ProcessIdentity`].
pub const SHIM: &str = "shim.json";
/// Name of [`Status`]'s file.
pub const STATUS: &str = "status.json";
/// Name of [`Stop`]'s file.
pub const STOP: &str = "stop.json";
/// Name of [`Progress`]'s file.
pub const PHASE: &str = "phase.json";
/// Name of [`Exit`]'s file.
pub const EXIT: &str = "exit.json";
/// In how many periods a duty cycle stopped the workload; only where one holds its CPU quota.
pub const THROTTLING: &str = "cpu.stat";
/// Name of the current log; rotated ones are `log.1` (newest), `log.2`, ….
pub const LOG: &str = "log";
/// Name of the workload's private temporary directory.
pub const TMP: &str = "tmp";

/// What to run. Placeholders are already replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// [`FORMAT`].
    pub format: u32,
    /// Which workload.
    pub id: WorkloadId,
    /// The policy generation it was started under.
    pub generation: Generation,
    /// When the driver was told to start it, trace time.
    pub started_at: Timestamp,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub directory: PathBuf,
    /// Loopback port it is to listen on, if it is a replica.
    pub port: Option<u16>,
    /// What it is reserved.
    pub requests: Resources,
    /// What it may use.
    pub limits: Limits,
    /// What it may touch.
    pub sandbox: SandboxSpec,
    /// How readiness is found out; none for jobs.
    pub health: Option<HealthSpec>,
    /// Physical time from SIGTERM to SIGKILL where a stop does not say.
    pub grace: Millis,
    /// Size at which the log is rotated.
    pub log_size_max: Bytes,
    /// Rotated logs kept.
    pub log_files_max: u32,
    /// Where cgroups may be made.
    pub cgroup: CgroupBases,
    /// Without a CPU cgroup, hold the quota by stopping and continuing the process.
    #[serde(default)]
    pub duty_cycle: bool,
}

/// What runs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// [`FORMAT`].
    pub format: u32,
    /// The shim.
    pub shim: ProcessIdentity,
    /// The workload's first process.
    pub child: ProcessIdentity,
    /// Its port, as in [`Launch`].
    pub port: Option<u16>,
    /// Its cgroups.
    pub cgroup: CgroupPaths,
    /// What is enforced.
    pub isolation: Isolation,
}

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// [`FORMAT`].
    pub format: u32,
    /// Physical time from SIGTERM to SIGKILL; zero kills at once.
    pub grace: Millis,
}

/// What the driver found out about a workload since it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// [`FORMAT`].
    pub format: u32,
    /// Where it is in its life.
    pub phase: Phase,
    /// When its health check first passed, trace time.
    pub ready_at: Option<Timestamp>,
    /// It is being stopped because it was not ready in time.
    pub never_ready: bool,
    /// Trace time at which its end was noticed.
    #[serde(default)]
    pub exited_at: Option<Timestamp>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// [`FORMAT`].
    pub format: u32,
    /// Why it ended.
    #[serde(flatten)]
    pub cause: ExitCause,
    /// When, milliseconds since the Unix epoch, physical time.
    pub at_unix_ms: i64,
    /// Processes of the workload that the kernel killed for memory.
    #[serde(default)]
    pub oom_kills: u64,
    /// The most memory it ever held, where something measured it.
    #[serde(default)]
    pub memory_peak_bytes: Option<u64>,
}
