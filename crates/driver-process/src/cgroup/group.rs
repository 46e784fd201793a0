//! The groups of one workload, in whichever trees there are: made, joined, read, emptied and removed.

use super::{CgroupBases, CgroupPaths, v1, v2};
use plimsoll_model::spec::{Limits, Resources};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// What became of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The spec has no such limit.
    NotAsked,
    /// The kernel holds it, by this mechanism.
    Held(&'static str),
    /// It could not be set, for this reason.
    Failed(String),
}

/// The groups of one workload.
#[derive(Debug)]
pub struct Group {
    /// Where they are.
    pub paths: CgroupPaths,
    /// CPU quota.
    pub cpu: Outcome,
    /// Memory limit.
    pub memory: Outcome,
    /// Number of processes.
    pub pids: Outcome,
    /// The v2 group itself, for a process to be born in.
    birthplace: Option<File>,
    /// Open `tasks` of every v1 group, through which a process with one thread joins.
    doors: Vec<File>,
}

/// Makes the groups of the workload called `name` and sets their limits.
///
/// Never fails: a limit that cannot be set is an [`Outcome::Failed`], and a group that cannot be made is not in
/// `paths`.
#[must_use]
pub fn create(bases: &CgroupBases, name: &str, requests: Resources, limits: &Limits) -> Group {
    let mut errors = Vec::new();
    let wanted = bases.paths(name);
    let mut made = CgroupPaths::default();
    let mut doors = Vec::new();
    let mut birthplace = None;
    let mut make = |path: &Option<PathBuf>, opened: &mut dyn FnMut(&Path) -> io::Result<()>| {
        let path = path.as_ref()?;
        let done = fs::create_dir_all(path).and_then(|()| opened(path));
        done.map_err(|error| errors.push(format!("{}: {error}", path.display()))).ok()?;
        Some(path.clone())
    };
    made.v2 = make(&wanted.v2, &mut |path| File::open(path).map(|group| birthplace = Some(group)));
    let mut door = |path: &Path| open_door(&path.join("tasks")).map(|door| doors.push(door));
    made.v1.cpu = make(&wanted.v1.cpu, &mut door);
    made.v1.cpuacct = make(&wanted.v1.cpuacct, &mut door);
    made.v1.memory = make(&wanted.v1.memory, &mut door);
    made.v1.pids = make(&wanted.v1.pids, &mut door);
    let why = if errors.is_empty() { bases.why.clone() } else { errors.join("; ") };
    let has = |controller: fn(&super::V2Base) -> bool| {
        made.v2.as_deref().filter(|_| bases.v2.as_ref().is_some_and(controller))
    };
    let cpu = set(
        limits.cpu.is_some(),
        has(|base| base.cpu).map(|group| v2::limit_cpu(group, requests.cpu, limits.cpu)),
        made.v1.cpu.as_deref().map(|group| v1::limit_cpu(group, requests.cpu, limits.cpu)),
        &why,
    );
    let memory = set(
        limits.memory.is_some(),
        has(|base| base.memory).map(|group| v2::limit_memory(group, limits.memory)),
        made.v1.memory.as_deref().map(|group| v1::limit_memory(group, limits.memory)),
        &why,
    );
    let pids = set(
        limits.pids.is_some(),
        has(|base| base.pids).map(|group| v2::limit_pids(group, limits.pids)),
        made.v1.pids.as_deref().map(|group| v1::limit_pids(group, limits.pids)),
        &why,
    );
    Group { paths: made, cpu, memory, pids, birthplace, doors }
}

/// Of the two interfaces at most one has a given controller.
fn set(is_asked: bool, v2: Option<io::Result<()>>, v1: Option<io::Result<()>>, why: &str) -> Outcome {
    if !is_asked {
        return Outcome::NotAsked;
    }
    match (v2, v1) {
        (Some(Ok(())), _) => Outcome::Held("cgroup v2"),
        (_, Some(Ok(()))) => Outcome::Held("cgroup v1"),
        (Some(Err(error)), _) | (_, Some(Err(error))) => Outcome::Failed(format!("the kernel refused it: {error}")),
        (None, None) if why.is_empty() => Outcome::Failed("no such cgroup controller".to_owned()),
        (None, None) => Outcome::Failed(why.to_owned()),
    }
}

impl Group {
    /// The v2 group, for `CLONE_INTO_CGROUP`.
    #[must_use]
    pub fn birthplace(&self) -> Option<BorrowedFd<'_>> {
        self.birthplace.as_ref().map(AsFd::as_fd)
    }

    /// Puts the calling process, which has one thread, into every group; into the v2 group only where it was not born
    /// there.
    ///
    /// A thread that moves itself through v1's `tasks` needs no lock over all thread groups; moving a process through
    /// `cgroup.procs` takes that lock, which waits for an RCU grace period: ten milliseconds and more.
    ///
    /// # Errors
    /// When a group was removed meanwhile or its number of processes is exhausted.
    pub fn join(&self, was_born_there: bool) -> io::Result<()> {
        if let Some(group) = self.paths.v2.as_ref().filter(|_| !was_born_there) {
            write(&group.join("cgroup.procs"), "0")?;
        }
        self.doors.iter().try_for_each(|mut door| door.write_all(b"0"))
    }

    /// Processes the kernel killed for memory so far.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        let v2 = self.paths.v2.as_deref().and_then(v2::oom_kills);
        v2.or_else(|| self.paths.v1.memory.as_deref().and_then(v1::oom_kills)).unwrap_or(0)
    }

    /// The most memory it held so far, in bytes.
    #[must_use]
    pub fn memory_peak(&self) -> Option<u64> {
        let v2 = self.paths.v2.as_ref().map(|group| group.join("memory.peak"));
        let v1 = self.paths.v1.memory.as_ref().map(|group| group.join("memory.max_usage_in_bytes"));
        [v2, v1].into_iter().flatten().find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
    }

    /// Kills every member. One call is enough with v2; with v1 a fork may slip through, so call until it is empty.
    pub fn kill(&self) {
        kill_all(&self.paths);
    }

    /// Removes the groups; those that still have members stay.
    pub fn remove(&self) {
        remove_all(&self.paths);
    }
}

/// Kills every member of these groups once.
pub(super) fn kill_all(paths: &CgroupPaths) {
    if paths.v2.as_ref().is_some_and(|group| write(&group.join("cgroup.kill"), "1").is_ok()) {
        return;
    }
    for group in paths.all() {
        for pid in members(group) {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _gone_already = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Pids in a group; empty when it does not exist.
pub(super) fn members(group: &Path) -> Vec<i32> {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|pid| pid.parse().ok()).filter(|pid| *pid > 0).collect()
}

/// Removes groups without members.
pub(super) fn remove_all(paths: &CgroupPaths) {
    for group in paths.all() {
        let _has_members_or_is_gone = fs::remove_dir(group);
    }
}

fn open_door(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

/// Writes one value into a file that is there.
pub(super) fn write(path: &Path, value: &str) -> io::Result<()> {
    open_door(path)?.write_all(value.as_bytes())
}

/// The value of `name VALUE` in a flat-keyed file.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        assert_eq!(field("oom 3\noom_kill 2\noom_group_kill 1\n", "oom_kill"), Some(2));
        assert_eq!(field("oom_kill_disable 0\nunder_oom 0\noom_kill 7", "oom_kill"), Some(7));
        assert_eq!(field("", "oom_kill"), None);
    }

    #[test]
    fn without_a_base_every_limit_asked_for_fails_with_the_reason() {
        let bases = CgroupBases { why: "cgroups are turned off".to_owned(), ..CgroupBases::default() };
        let limits = Limits { cpu: Some(plimsoll_model::Millicores(100)), memory: None, pids: Some(3) };
        let group = create(&bases, "x", Resources::default(), &limits);
        assert_eq!(group.cpu, Outcome::Failed("cgroups are turned off".to_owned()));
        assert_eq!(group.memory, Outcome::NotAsked);
        assert_eq!(group.paths, CgroupPaths::default());
    }
}
