//! Finds out where groups can be made, by making one: permissions, read-only mounts, missing controllers and
//! delegation rules all show themselves only in the attempt.

use super::{CgroupBases, CgroupChoice, V1Paths, mounts, v2};
use std::fs;
use std::path::{Path, PathBuf};

/// Makes (or finds again) a directory called `name` below this process' own group in every tree where that is possible.
///
/// Never fails: what is not possible is said in [`CgroupBases::why`].
#[must_use]
pub fn detect(choice: CgroupChoice, name: &str) -> CgroupBases {
    if choice == CgroupChoice::Off {
        return CgroupBases { why: "cgroups are turned off".to_owned(), ..CgroupBases::default() };
    }
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut missing = Vec::new();
    let v2 = match mounts::own_group(&mountinfo, &own, None) {
        None => None,
        Some(group) => v2::base(&group, name).map_err(|why| missing.push(why)).ok(),
    };
    let mut v1 = |controller| v1_base(&mountinfo, &own, controller, name, &mut missing);
    let v1 = V1Paths { cpu: v1("cpu"), cpuacct: v1("cpuacct"), memory: v1("memory"), pids: v1("pids") };
    if v2.is_none() && v1 == V1Paths::default() && missing.is_empty() {
        missing.push("no cgroup file system is mounted".to_owned());
    }
    CgroupBases { v2, v1, why: missing.join("; ") }
}

fn v1_base(mountinfo: &str, own: &str, controller: &str, name: &str, missing: &mut Vec<String>) -> Option<PathBuf> {
    let base = mounts::own_group(mountinfo, own, Some(controller))?.join(name);
    match make_writable(&base) {
        Ok(()) => Some(base),
        Err(error) => {
            missing.push(format!("{}: {error}", base.display()));
            None
        }
    }
}

/// Makes the directory and a group in it, as a shim will.
pub(super) fn make_writable(base: &Path) -> std::io::Result<()> {
    fs::create_dir_all(base)?;
    let probe = base.join(format!("probe-{}", std::process::id()));
    fs::create_dir(&probe)?;
    fs::remove_dir(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_finds_nothing_and_says_so() {
        let bases = detect(CgroupChoice::Off, "unused");
        assert_eq!((bases.v2, bases.v1), (None, V1Paths::default()));
        assert_eq!(bases.why, "cgroups are turned off");
    }
}
