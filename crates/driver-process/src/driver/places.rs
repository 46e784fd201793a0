//! Where everything lies below the state directory.
//!
//! ```text
//! driver.lock                  held while a driver is open
//! workloads/service.shop.17/   one directory per workload, until it is forgotten
//! logs/service.shop/17/        logs of the last few that were forgotten
//! ```

use plimsoll_model::{JobName, ReplicaId, ServiceName, TaskId, WorkloadId};
use std::path::{Path, PathBuf};

/// Paths below one state directory.
#[derive(Debug, Clone)]
pub struct Places {
    state: PathBuf,
}

impl Places {
    /// Paths below `state`, which is absolute.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        self.state.join("driver.lock")
    }

    /// The directory of all workloads.
    pub fn workloads(&self) -> PathBuf {
        self.state.join("workloads")
    }

    /// The directory of one workload.
    pub fn workload(&self, id: &WorkloadId) -> PathBuf {
        let (owner, ordinal) = split(id);
        self.workloads().join(format!("{owner}.{ordinal}"))
    }

    /// The directory of the kept logs of one service or job.
    pub fn kept_logs(&self, id: &WorkloadId) -> PathBuf {
        self.state.join("logs").join(split(id).0)
    }

    /// The kept log of one workload.
    pub fn kept_log(&self, id: &WorkloadId) -> PathBuf {
        self.kept_logs(id).join(split(id).1.to_string()).join(crate::record::LOG)
    }

    /// Name of this state directory's cgroups, the same each time and different from any other's.
    pub fn cgroup_name(&self) -> String {
        format!("plimsoll-{:016x}", self.hash())
    }

    /// A number that differs between state directories.
    pub fn seed(&self) -> u32 {
        (self.hash() >> 32) as u32
    }

    /// # Source
    /// FNV-1a, 64 bits: G. Fowler, L. C. Noll, K.-P. Vo; RFC 9923.
    fn hash(&self) -> u64 {
        let bytes = self.state.as_os_str().as_encoded_bytes();
        let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv)
    }
}

/// `service.shop` and 17. Names hold no dot, so this reads back in one way only.
fn split(id: &WorkloadId) -> (String, u64) {
    match id {
        WorkloadId::Replica(id) => (format!("service.{}", id.service), id.ordinal),
        WorkloadId::Task(id) => (format!("job.{}", id.job), id.ordinal),
    }
}

/// The logs below a driver's state directory: of workloads that are there, and the kept ones of forgotten ones. In the order
/// of ids. Needs no driver to be open.
#[must_use]
pub fn logs(state: &Path) -> Vec<(WorkloadId, PathBuf)> {
    let entries = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let places = Places::new(state);
    let there = entries(places.workloads()).filter_map(|path| id_of(&path)).map(|id| {
        let log = places.workload(&id).join(crate::record::LOG);
        (id, log)
    });
    let kept = entries(state.join("logs")).flat_map(|owner| {
        let name = owner.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entries(owner).filter_map(move |path| {
            let id = id_of(Path::new(&format!("{name}.{}", path.file_name()?.to_str()?)))?;
            Some((id, path.join(crate::record::LOG)))
        })
    });
    let mut found: Vec<_> = there.chain(kept).filter(|(_, log)| log.is_file()).collect();
    found.sort();
    found
}

/// The id that a workload's directory is named after.
pub fn id_of(directory: &Path) -> Option<WorkloadId> {
    let mut parts = directory.file_name()?.to_str()?.splitn(3, '.');
    let (kind, name, ordinal) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    match kind {
        "service" => Some(WorkloadId::Replica(ReplicaId { service: ServiceName::try_new(name).ok()?, ordinal })),
        "job" => Some(WorkloadId::Task(TaskId { job: JobName::try_new(name).ok()?, ordinal })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_reads_back_as_its_id() {
        let places = Places::new(Path::new("/state"));
        for text in ["service:shop/17", "job:nightly-report/3"] {
            let id: WorkloadId = text.parse().unwrap();
            assert_eq!(id_of(&places.workload(&id)), Some(id));
        }
        for bad in ["/state/service.shop", "/state/pod.shop.1", "/state/service.Shop.1", "/state/service.shop.1x"] {
            assert_eq!(id_of(Path::new(bad)), None, "{bad}");
        }
    }

    #[test]
    fn two_state_directories_never_share_cgroups() {
        assert_ne!(Places::new(Path::new("/a")).cgroup_name(), Places::new(Path::new("/b")).cgroup_name());
    }
}
