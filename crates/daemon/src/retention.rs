//! Removes the logs of workloads that ended too long ago.
//!
//! Samples and the journal are bounded by the crates that own them. Here is what nobody owns any more: the driver keeps the
//! logs of the last few of each service or job, and a service that is gone from the spec would keep them for ever.
//!
//! The walk is on a thread of its own: a directory may be slow, and a step must not wait for it.

use crate::api::Shared;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(3_600);

/// Looks again and again, until the task is dropped, and counts in `shared` what went. `logs` holds a directory per service or job, and in it one per workload.
pub async fn run(logs: PathBuf, age: Duration, shared: Rc<Shared>) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        let logs = logs.clone();
        let removed = tokio::task::spawn_blocking(move || sweep(&logs, age, SystemTime::now())).await;
        shared.ended_logs.set(shared.ended_logs.get() + removed.unwrap_or(0));
    }
}

/// Removes what was last written to before `now - age`; how many workloads' logs those were.
pub fn sweep(logs: &Path, age: Duration, now: SystemTime) -> usize {
    let Some(oldest) = now.checked_sub(age) else { return 0 };
    let mut removed = 0;
    for owner in directories(logs) {
        for workload in directories(&owner) {
            let is_old = newest(&workload).is_some_and(|newest| newest < oldest);
            removed += usize::from(is_old && fs::remove_dir_all(&workload).is_ok());
        }
        // Fails while something is in it, which is what is wanted.
        let _not_empty = fs::remove_dir(&owner);
    }
    removed
}

fn directories(below: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(below).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// When one of its files, or it itself, was last written.
fn newest(directory: &Path) -> Option<SystemTime> {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let written = files.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    written.max().or_else(|| fs::metadata(directory).ok()?.modified().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logs_older_than_the_bound_go() {
        let temp = tempfile::tempdir().unwrap();
        for (owner, ordinal) in [("shop", "1"), ("shop", "2"), ("gone", "9")] {
            let at = temp.path().join(owner).join(ordinal);
            fs::create_dir_all(&at).unwrap();
            fs::write(at.join("log"), "x").unwrap();
        }
        let age = Duration::from_secs(60);
        assert_eq!(sweep(temp.path(), age, SystemTime::now()), 0);
        let old = SystemTime::now() - Duration::from_secs(120);
        for at in ["shop/1", "gone/9"] {
            fs::File::open(temp.path().join(at).join("log")).unwrap().set_modified(old).unwrap();
        }
        assert_eq!(sweep(temp.path(), age, SystemTime::now()), 2);
        assert!(temp.path().join("shop/2/log").is_file() && !temp.path().join("gone").exists());
    }
}
