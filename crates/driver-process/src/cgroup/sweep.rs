//! Cleans up groups whose shim is gone: what is left in them has no owner any more.

use super::group::{kill_all, members, remove_all};
use super::{CgroupBases, CgroupPaths};
use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// How often a group is looked at before it is left to the next sweep, 2 ms apart.
const TRIES: u32 = 50;

/// Kills everything in these groups and removes them. Returns whether they are gone.
///
/// Blocks for 100 ms at most, and only where a process does not die.
pub fn sweep(paths: &CgroupPaths) -> bool {
    for _ in 0..TRIES {
        if paths.all().iter().any(|group| !members(group).is_empty()) {
            kill_all(paths);
        }
        remove_all(paths);
        if paths.all().iter().all(|group| !group.exists()) {
            return true;
        }
        sleep(Duration::from_millis(2));
    }
    false
}

/// Sweeps every group below the bases whose name is not in `keep`. Returns the names that were swept.
pub fn sweep_others(bases: &CgroupBases, keep: &BTreeSet<String>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for base in bases.v2.iter().map(|base| &base.path).chain(bases.v1.all()) {
        let entries = fs::read_dir(base).into_iter().flatten().flatten();
        let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        names.extend(groups.filter_map(|entry| entry.file_name().into_string().ok()));
    }
    names.retain(|name| !keep.contains(name));
    names.into_iter().filter(|name| sweep(&bases.paths(name))).collect()
}

/// Removes the bases themselves, where no workload is left in them.
pub fn remove_bases(bases: &CgroupBases) {
    for base in bases.v2.iter().map(|base| &base.path).chain(bases.v1.all()) {
        let _in_use = fs::remove_dir(base);
    }
}
