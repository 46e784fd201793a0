//! Finds out where groups can be made, by making one: permissions, read-only mounts, missing controllers and
//! delegation rules all show themselves only in the attempt.

use super::{CgroupBases, CgroupChoice, V1Paths, mounts, v2};
use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs};

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
    let mut missing = Missing::default();
    let v2 = mounts::own_group(&mountinfo, &own, None)
        .and_then(|group| v2::base(&group, name).map_err(|error| missing.add("v2", &error)).ok())
        .map(|(base, refused)| {
            refused.iter().for_each(|(controller, error)| missing.add(controller, error));
            base
        });
    let mut v1 = |controller| {
        let base = mounts::own_group(&mountinfo, &own, Some(controller))?.join(name);
        make_writable(&base).map_err(|error| missing.add(controller, &error)).ok()?;
        Some(base)
    };
    let v1 = V1Paths { cpu: v1("cpu"), cpuacct: v1("cpuacct"), memory: v1("memory"), pids: v1("pids") };
    let is_mounted = v2.is_some() || v1 != V1Paths::default() || !missing.0.is_empty();
    let why = if is_mounted { missing.to_string() } else { "no cgroup file system is mounted".to_owned() };
    CgroupBases { v2, v1, why }
}

/// Trees in which nothing can be made, by the reason why.
#[derive(Debug, Default)]
struct Missing(BTreeMap<String, Vec<&'static str>>);

impl Missing {
    fn add(&mut self, tree: &'static str, error: &std::io::Error) {
        self.0.entry(error.to_string()).or_default().push(tree);
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = self.0.iter().map(|(error, trees)| format!("cgroups of {}: {error}", trees.join(", ")));
        f.write_str(&reasons.collect::<Vec<_>>().join("; "))
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
