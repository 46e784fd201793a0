//! Other limits for groups that hold processes already.
//!
//! Everything or nothing: memory is looked at before anything is written, and a limit that the kernel refuses leaves the
//! others as they were. A memory limit below what is used now would make the kernel kill, so it is not set.
//!
//! Source: Linux Documentation/admin-guide/cgroup-v2.rst (`memory.max`, `cpu.max`), cgroup-v1/memory.rst.

use super::{CgroupBases, CgroupPaths, v1, v2};
use plimsoll_model::quantity::Bytes;
use plimsoll_model::spec::{Limits, Resources};
use std::fs;
use std::io;
use std::path::Path;

/// Part of the new limit that has to stay free above what is used: 1/16.
const HEADROOM: u64 = 16;

/// Why a running workload keeps its limits.
#[derive(Debug, thiserror::Error)]
pub enum ResizeError {
    /// The limit is not held by a cgroup, so nobody here can change it.
    #[error("the {resource} limit is not held by a cgroup here ({why})")]
    NotHeld {
        /// `CPU` or `memory`.
        resource: &'static str,
        /// Why not.
        why: String,
    },
    /// It uses too much for the new limit.
    #[error("{used} are in use, too near the memory limit of {wanted} that was asked for")]
    InUse {
        /// Used now.
        used: Bytes,
        /// The limit asked for.
        wanted: Bytes,
    },
    /// The kernel said no.
    #[error("the kernel refused the {resource} limit")]
    Refused {
        /// `CPU` or `memory`.
        resource: &'static str,
        /// What it said.
        source: io::Error,
    },
}

/// Sets `to` on the groups at `paths`, which have `from`.
///
/// # Errors
/// [`ResizeError`]; the limits are then what they were.
pub fn resize(
    paths: &CgroupPaths,
    bases: &CgroupBases,
    from: (Resources, &Limits),
    to: (Resources, &Limits),
) -> Result<(), ResizeError> {
    let has_v2 = |is: fn(&super::V2Base) -> bool| paths.v2.as_deref().filter(|_| bases.v2.as_ref().is_some_and(is));
    let (cpu_v2, memory_v2) = (has_v2(|base| base.cpu), has_v2(|base| base.memory));
    let (cpu_v1, memory_v1) = (paths.v1.cpu.as_deref(), paths.v1.memory.as_deref());
    let missing = |resource| ResizeError::NotHeld { resource, why: bases.why.clone() };
    let changes_memory = from.1.memory != to.1.memory;
    if changes_memory && memory_v2.or(memory_v1).is_none() {
        return Err(missing("memory"));
    }
    if from.1.cpu != to.1.cpu && cpu_v2.or(cpu_v1).is_none() {
        return Err(missing("CPU"));
    }
    if let Some(wanted) = to.1.memory.filter(|_| changes_memory) {
        let used = used(memory_v2, memory_v1).unwrap_or_default();
        if used.0 > wanted.0 - wanted.0 / HEADROOM {
            return Err(ResizeError::InUse { used, wanted });
        }
    }
    let set_cpu = |(requests, limits): (Resources, &Limits)| match (cpu_v2, cpu_v1) {
        (Some(group), _) => v2::limit_cpu(group, requests.cpu, limits.cpu),
        (None, Some(group)) => v1::limit_cpu(group, requests.cpu, limits.cpu),
        (None, None) => Ok(()),
    };
    set_cpu(to).map_err(|source| ResizeError::Refused { resource: "CPU", source })?;
    let set_memory = || match (memory_v2, memory_v1) {
        _ if !changes_memory => Ok(()),
        (Some(group), _) => v2::limit_memory(group, to.1.memory),
        (None, Some(group)) => v1::change_memory(group, to.1.memory),
        (None, None) => Ok(()),
    };
    set_memory().map_err(|source| {
        let _as_it_was = set_cpu(from);
        ResizeError::Refused { resource: "memory", source }
    })
}

/// Memory that the group holds now.
fn used(v2: Option<&Path>, v1: Option<&Path>) -> Option<Bytes> {
    let files = [v2.map(|group| group.join("memory.current")), v1.map(|group| group.join("memory.usage_in_bytes"))];
    let text = files.into_iter().flatten().find_map(|path| fs::read_to_string(path).ok())?;
    text.trim().parse().ok().map(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::V2Base;
    use plimsoll_model::Millicores;

    /// A v2 group with the files a kernel would show, using `used` bytes.
    fn group(used: u64) -> (tempfile::TempDir, CgroupPaths, CgroupBases) {
        let directory = tempfile::tempdir().unwrap();
        for file in ["cpu.weight", "cpu.max", "memory.max", "memory.high", "memory.swap.max", "memory.oom.group"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        fs::write(directory.path().join("memory.current"), format!("{used}\n")).unwrap();
        let path = directory.path().to_owned();
        let paths = CgroupPaths { v2: Some(path.clone()), ..CgroupPaths::default() };
        let base = V2Base { path, cpu: true, memory: true, pids: true };
        (directory, paths, CgroupBases { v2: Some(base), ..CgroupBases::default() })
    }

    fn limits(cpu: u64, mib: u64) -> Limits {
        Limits { cpu: Some(Millicores(cpu)), memory: Some(Bytes(mib << 20)), pids: None }
    }

    fn requests(cpu: u64) -> Resources {
        Resources { cpu: Millicores(cpu), memory: Bytes(0) }
    }

    #[test]
    fn quota_and_memory_limit_follow_the_new_size() {
        let (directory, paths, bases) = group(10 << 20);
        let (from, to) = (limits(500, 64), limits(250, 32));
        resize(&paths, &bases, (requests(500), &from), (requests(250), &to)).unwrap();
        let read = |file| fs::read_to_string(directory.path().join(file)).unwrap();
        assert_eq!((read("cpu.max"), read("cpu.weight")), ("5000 20000".to_owned(), "25".to_owned()));
        assert_eq!(read("memory.max"), (32 << 20).to_string());
    }

    #[test]
    fn memory_is_never_limited_to_less_than_is_used_and_then_nothing_changes() {
        let (directory, paths, bases) = group(31 << 20);
        let error =
            resize(&paths, &bases, (requests(1), &limits(500, 64)), (requests(1), &limits(250, 32))).unwrap_err();
        assert!(matches!(error, ResizeError::InUse { .. }), "{error}");
        assert_eq!(fs::read_to_string(directory.path().join("cpu.max")).unwrap(), "");
    }

    #[test]
    fn a_refused_memory_limit_leaves_the_quota_as_it_was() {
        let (directory, paths, bases) = group(0);
        fs::remove_file(directory.path().join("memory.max")).unwrap();
        let error =
            resize(&paths, &bases, (requests(1), &limits(500, 64)), (requests(1), &limits(250, 32))).unwrap_err();
        assert!(matches!(error, ResizeError::Refused { resource: "memory", .. }), "{error}");
        assert_eq!(
            fs::read_to_string(directory.path().join("cpu.max")).unwrap().split_whitespace().next(),
            Some("10000")
        );
    }

    #[test]
    fn what_no_cgroup_holds_cannot_be_changed_and_what_does_not_change_needs_none() {
        let bases = CgroupBases { why: "cgroups are turned off".to_owned(), ..CgroupBases::default() };
        let paths = CgroupPaths::default();
        let same = limits(500, 64);
        assert!(resize(&paths, &bases, (requests(500), &same), (requests(250), &same)).is_ok());
        let error = resize(&paths, &bases, (requests(500), &same), (requests(250), &limits(500, 32))).unwrap_err();
        assert_eq!(error.to_string(), "the memory limit is not held by a cgroup here (cgroups are turned off)");
    }
}
