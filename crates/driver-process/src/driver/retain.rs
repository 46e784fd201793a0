//! Forgets exited workloads and keeps the logs of the last few, for whoever asks why something died.

use super::ProcessDriver;
use crate::record::LOG;
use plimsoll_model::{Phase, WorkloadId};
use std::fs;
use std::io;
use std::path::Path;

/// Forgotten workloads whose logs are kept, per service or job.
const KEPT: usize = 5;

impl ProcessDriver {
    /// Forgets an exited workload: its directory goes, its logs are kept until five newer ones of the same
    /// service or job are there.
    /// Returns whether it was there and exited.
    pub fn forget(&mut self, id: &WorkloadId) -> bool {
        let mut workloads = self.table.workloads.borrow_mut();
        if workloads.get(id).is_none_or(|workload| workload.phase != Phase::Exited) {
            return false;
        }
        let Some(workload) = workloads.remove(id) else { return false };
        let places = self.places();
        if let Some(kept) = places.kept_log(id).parent() {
            // A log that cannot be kept is a lesser loss than a workload that cannot be forgotten.
            let _not_kept = keep_logs(&workload.directory, kept);
        }
        let _open_sweeps_again = fs::remove_dir_all(&workload.directory);
        prune(&places.kept_logs(id));
        true
    }
}

/// Moves `log`, `log.1`, … from one directory to another.
fn keep_logs(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        let is_log = name.to_str().is_some_and(|name| name == LOG || name.starts_with("log."));
        if is_log {
            fs::rename(from.join(&name), to.join(&name))?;
        }
    }
    Ok(())
}

/// Removes all but the newest. Directories are named by ordinal, and ordinals only grow.
fn prune(kept: &Path) {
    let entries = fs::read_dir(kept).into_iter().flatten().flatten();
    let mut ordinals: Vec<u64> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    ordinals.sort_unstable_by(|one, other| other.cmp(one));
    for ordinal in ordinals.into_iter().skip(KEPT) {
        let _next_time = fs::remove_dir_all(kept.join(ordinal.to_string()));
    }
}
