//! The v2 rung: one tree, `cpu.max`, `memory.max`, `memory.high`, `pids.max`, and `cgroup.kill`.
//!
//! A v2 group that hands controllers to its children may hold no process itself, except at the root. The daemon's own
//! group usually holds the daemon, so it is moved one level down, into `plimsoll-daemon`, first. That is
//! done only for this process: a group with anybody else in it is left alone, and the rung is then not there.
//!
//! Under systemd a unit says `Delegate=yes`, `DelegateSubgroup=plimsoll-daemon` (or a restarted daemon could not be put
//! into a group that hands controllers down) and `KillMode=process` (or its shims are stopped with it).
//!
//! Source: Linux Documentation/admin-guide/cgroup-v2.rst; systemd.resource-control(5).

use super::V2Base;
use super::detect::make_writable;
use super::group::write;
use plimsoll_model::{Bytes, Millicores};
use std::fs;
use std::io;
use std::path::Path;

/// The daemon's own place below the group it was started in.
const DAEMON: &str = "plimsoll-daemon";

/// Period of the CPU quota. See [`super::v1`] for its length.
pub(super) const PERIOD_US: u64 = 20_000;
/// The period where the quota of the short one would be under the kernel's 1 ms.
pub(super) const PERIOD_LONG_US: u64 = 100_000;

/// Makes `own/name` with as many controllers as the kernel hands down, and says why it does not hand down the others.
pub(super) fn base(own: &Path, name: &str) -> io::Result<(V2Base, Vec<(&'static str, io::Error)>)> {
    let own = if own.ends_with(DAEMON) { own.parent().unwrap_or(own) } else { own };
    let path = own.join(name);
    make_writable(&path)?;
    let mut refused = Vec::new();
    let offered = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
    let has_room = make_room(own);
    let mut has = |controller| {
        let is_offered = offered.split_ascii_whitespace().any(|each| each == controller);
        // A new error of the same kind, because an error cannot be copied and there are three controllers.
        let room = has_room.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()));
        let handed = room.and_then(|()| hand_down(own, &path, controller));
        is_offered && handed.map_err(|error| refused.push((controller, error))).is_ok()
    };
    let (cpu, memory, pids) = (has("cpu"), has("memory"), has("pids"));
    Ok((V2Base { path, cpu, memory, pids }, refused))
}

/// Turns one controller on for the children of `own` and of `path` in it.
fn hand_down(own: &Path, path: &Path, controller: &str) -> io::Result<()> {
    let enable = format!("+{controller}");
    write(&own.join("cgroup.subtree_control"), &enable)?;
    write(&path.join("cgroup.subtree_control"), &enable)
}

/// Moves this process, if it is the only one in its group, one level down.
///
/// Before anything is turned on, not when the kernel answers EBUSY: `cpu` and `pids` may be turned on beside processes,
/// and make the group the root of a threaded subtree, in which `memory` can never be turned on.
fn make_room(own: &Path) -> io::Result<()> {
    // Only the root has no type, and only the root may hold processes beside controllers.
    if !own.join("cgroup.type").exists() {
        return Ok(());
    }
    let members = fs::read_to_string(own.join("cgroup.procs"))?;
    let this = std::process::id().to_string();
    if members.lines().any(|member| member != this) {
        return Err(io::Error::other("other processes are in the daemon's group"));
    }
    if members.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(own.join(DAEMON))?;
    write(&own.join(DAEMON).join("cgroup.procs"), &this)
}

/// Sets the quota, and the weight that counts while CPU is scarce.
///
/// Weight 100 stands for one core requested, as it does for a group nobody touched.
pub(super) fn limit_cpu(group: &Path, request: Millicores, limit: Option<Millicores>) -> io::Result<()> {
    let weight = (request.get() / 10).clamp(1, 10_000);
    write(&group.join("cpu.weight"), &weight.to_string())?;
    match limit {
        None => Ok(()),
        Some(limit) => {
            let (quota, period) = quota(limit);
            write(&group.join("cpu.max"), &format!("{quota} {period}"))
        }
    }
}

/// Quota and period in microseconds.
pub(super) fn quota(limit: Millicores) -> (u64, u64) {
    let period = if limit.get() < 100 { PERIOD_LONG_US } else { PERIOD_US };
    ((limit.get().saturating_mul(period) / 1_000).max(1_000), period)
}

/// Sets the memory limit: no swap beside it, and out of memory ends the workload as a whole.
///
/// `memory.high` lies just below the limit, by a 32nd and at most 16 MiB: near enough that a workload is not slowed
/// down for long before it is killed, far enough that page cache is reclaimed before anything is.
pub(super) fn limit_memory(group: &Path, limit: Option<Bytes>) -> io::Result<()> {
    let _older_kernel = write(&group.join("memory.oom.group"), "1");
    let Some(Bytes(limit)) = limit else { return Ok(()) };
    write(&group.join("memory.max"), &limit.to_string())?;
    let _no_swap_accounting = write(&group.join("memory.swap.max"), "0");
    write(&group.join("memory.high"), &(limit - (limit / 32).min(16 << 20)).to_string())
}

/// Sets the highest number of processes and threads.
pub(super) fn limit_pids(group: &Path, limit: Option<u64>) -> io::Result<()> {
    limit.map_or(Ok(()), |limit| write(&group.join("pids.max"), &limit.to_string()))
}

/// Processes of the group the kernel killed for memory.
pub(super) fn oom_kills(group: &Path) -> Option<u64> {
    super::group::field(&fs::read_to_string(group.join("memory.events")).ok()?, "oom_kill")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the files a kernel would show. This only checks what is written, not what a kernel makes of it.
    fn directory(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        files.iter().for_each(|file| fs::write(directory.path().join(file), "").unwrap());
        directory
    }

    #[test]
    fn limits_are_written_in_the_kernels_units() {
        let group = directory(&[
            "cpu.weight",
            "cpu.max",
            "memory.max",
            "memory.high",
            "memory.swap.max",
            "memory.oom.group",
            "pids.max",
        ]);
        let read = |file| fs::read_to_string(group.path().join(file)).unwrap();
        limit_cpu(group.path(), Millicores(500), Some(Millicores(250))).unwrap();
        limit_memory(group.path(), Some(Bytes(64 << 20))).unwrap();
        limit_pids(group.path(), Some(8)).unwrap();
        assert_eq!(read("cpu.weight"), "50");
        assert_eq!(read("cpu.max"), "5000 20000");
        assert_eq!(read("memory.max"), "67108864");
        assert_eq!(read("memory.high"), "65011712");
        assert_eq!(read("memory.swap.max"), "0");
        assert_eq!(read("memory.oom.group"), "1");
        assert_eq!(read("pids.max"), "8");
    }

    #[test]
    fn a_base_has_the_controllers_that_are_offered_and_can_be_handed_down() {
        let own = directory(&["cgroup.subtree_control"]);
        fs::write(own.path().join("cgroup.controllers"), "cpu io memory\n").unwrap();
        fs::create_dir(own.path().join("x")).unwrap();
        fs::write(own.path().join("x/cgroup.subtree_control"), "").unwrap();
        let (base, refused) = base(own.path(), "x").unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!((base.cpu, base.memory, base.pids), (true, true, false));
        assert_eq!(base.path, own.path().join("x"));
        // A daemon that was moved down by an earlier one of itself does not nest deeper each time.
        fs::create_dir(own.path().join(DAEMON)).unwrap();
        assert_eq!(super::base(&own.path().join(DAEMON), "x").unwrap().0.path, own.path().join("x"));
    }

    #[test]
    fn a_group_with_other_processes_in_it_is_left_alone() {
        let own = directory(&["cgroup.procs", "cgroup.type"]);
        fs::write(own.path().join("cgroup.procs"), format!("{}\n1\n", std::process::id())).unwrap();
        assert!(make_room(own.path()).unwrap_err().to_string().starts_with("other processes"));
        assert!(!own.path().join(DAEMON).exists());
    }

    #[test]
    fn a_small_quota_has_a_long_period_and_never_falls_under_a_millisecond() {
        assert_eq!(quota(Millicores(50)), (5_000, PERIOD_LONG_US));
        assert_eq!(quota(Millicores(1)), (1_000, PERIOD_LONG_US));
        assert_eq!(quota(Millicores(2_000)), (40_000, PERIOD_US));
    }

    #[test]
    fn a_missing_file_is_an_error_and_not_a_new_file() {
        let group = directory(&[]);
        assert!(limit_pids(group.path(), Some(8)).is_err());
        assert!(limit_memory(group.path(), Some(Bytes(1))).is_err());
    }
}
