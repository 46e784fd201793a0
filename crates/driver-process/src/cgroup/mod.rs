//! Control groups: where the kernel enforces limits on a workload as a whole, children included.
//!
//! Two interfaces exist and both are met in the field, also mixed ("hybrid": controllers on v1, an empty v2 tree beside
//! them). [`detect`] finds out once, at the driver's start, where groups can be made; a shim then makes its workload's
//! groups there ([`create`]), one file per interface (`v2`, `v1`). Files are written directly: what is needed is
//! ten writes, and the crates that wrap them bring a hundred others.
//!
//! Groups are made below the group that the daemon itself is in, never beside it, so that whatever bounds the daemon (a
//! container, a systemd unit) bounds its workloads too.
//!
//! Source: Linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.

mod detect;
mod group;
mod mounts;
mod resize;
mod sweep;
mod v1;
mod v2;

pub use detect::detect;
pub use group::{Group, Outcome, create};
pub use resize::{ResizeError, resize};
pub use sweep::{remove_bases, sweep, sweep_others};

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Whether cgroups are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CgroupChoice {
    /// Wherever they can be written.
    #[default]
    Auto,
    /// Never, as on a host where none can be written.
    Off,
}

/// Where groups for workloads may be made; found once by [`detect`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CgroupBases {
    /// In the v2 tree.
    #[serde(default)]
    pub v2: Option<V2Base>,
    /// In the v1 trees.
    #[serde(default)]
    pub v1: V1Paths,
    /// What is missing, in words.
    #[serde(default)]
    pub why: String,
}

/// A directory of the v2 tree in which groups can be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct V2Base {
    /// The directory.
    pub path: PathBuf,
    /// Groups in it have `cpu.max`.
    pub cpu: bool,
    /// Groups in it have `memory.max`.
    pub memory: bool,
    /// Groups in it have `pids.max`.
    pub pids: bool,
}

/// One directory in each v1 tree; trees that are mounted together share it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct V1Paths {
    /// Quota and shares.
    #[serde(default)]
    pub cpu: Option<PathBuf>,
    /// CPU time used.
    #[serde(default)]
    pub cpuacct: Option<PathBuf>,
    /// Memory limit and use.
    #[serde(default)]
    pub memory: Option<PathBuf>,
    /// Number of processes.
    #[serde(default)]
    pub pids: Option<PathBuf>,
}

impl V1Paths {
    /// Every directory named, once.
    #[must_use]
    pub fn all(&self) -> Vec<&PathBuf> {
        let mut paths: Vec<_> =
            [&self.cpu, &self.cpuacct, &self.memory, &self.pids].into_iter().filter_map(Option::as_ref).collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

/// The groups of one workload, for the collector to read and the driver to clean up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CgroupPaths {
    /// Its group in the v2 tree.
    #[serde(default)]
    pub v2: Option<PathBuf>,
    /// Its groups in the v1 trees.
    #[serde(default)]
    pub v1: V1Paths,
}

impl CgroupPaths {
    /// Every directory named, once; the v2 group first.
    #[must_use]
    pub fn all(&self) -> Vec<&PathBuf> {
        self.v2.iter().chain(self.v1.all()).collect()
    }
}

impl CgroupBases {
    /// The groups a workload of this name has or would have.
    #[must_use]
    pub fn paths(&self, name: &str) -> CgroupPaths {
        let below = |base: &Option<PathBuf>| base.as_ref().map(|base| base.join(name));
        CgroupPaths {
            v2: self.v2.as_ref().map(|base| base.path.join(name)),
            v1: V1Paths {
                cpu: below(&self.v1.cpu),
                cpuacct: below(&self.v1.cpuacct),
                memory: below(&self.v1.memory),
                pids: below(&self.v1.pids),
            },
        }
    }
}
