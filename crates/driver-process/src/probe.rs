//! What this host can enforce, found out by doing it: each rung is put on the calling process and then run into.
//!
//! For `plimsoll doctor`, which calls this in a child: what is put on stays on. A rung that is there by its files but lets
//! through what it should hold back counts as missing, which no look at a version tells.
//!
//! # Source
//! landlock(7), seccomp(2), user_namespaces(7), cgroups(7).

use crate::cgroup::{self, CgroupBases, CgroupChoice, Outcome};
use crate::isolation::filesystem::{self, Places};
use crate::isolation::{namespace, syscalls};
use plimsoll_model::spec::{Limits, Resources, SandboxSpec};
use plimsoll_model::{Bytes, Enforcement, Millicores};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One thing that may be enforceable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Which files may be touched.
    Landlock,
    /// Which system calls may be made.
    Seccomp,
    /// A user namespace.
    UserNamespace,
    /// A network namespace.
    NetworkNamespace,
    /// A namespace of process ids.
    PidNamespace,
    /// CPU quota, memory limit, number of processes.
    Cgroups,
}

/// What an attempt showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// It holds back what it should.
    pub holds: bool,
    /// Parts of it that hold, or its mechanism.
    pub by: String,
    /// What was tried, and what came of it.
    pub evidence: String,
}

impl Found {
    fn new(holds: bool, by: impl Into<String>, evidence: impl Into<String>) -> Self {
        Self { holds, by: by.into(), evidence: evidence.into() }
    }
}

/// Puts a rung on the calling process, for good, and runs into it. `scratch` is a directory that may be written.
#[must_use]
pub fn attempt(rung: Rung, scratch: &Path) -> Found {
    match rung {
        Rung::Landlock => landlock(scratch),
        Rung::Seccomp => seccomp(),
        Rung::UserNamespace => user_namespace(),
        Rung::NetworkNamespace => network_namespace(),
        Rung::PidNamespace => pid_namespace(),
        Rung::Cgroups => cgroups(),
    }
}

/// What an enforcement says of itself.
fn mechanism(enforcement: &Enforcement) -> String {
    let (Enforcement::Enforced { by } | Enforcement::Soft { by } | Enforcement::None { why: by }) = enforcement;
    by.clone()
}

fn nothing() -> SandboxSpec {
    SandboxSpec {
        filesystem: false,
        read: Vec::new(),
        write: Vec::new(),
        syscalls: false,
        user_namespace: false,
        network_namespace: false,
        require: Vec::new(),
    }
}

/// The newest version that the kernel knows; none without Landlock.
fn landlock_abi() -> Option<i64> {
    // SAFETY: with this flag the call takes no pointer and returns a number.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0, 1) };
    (version > 0).then_some(version)
}

/// A file may be written before and not after.
fn landlock(scratch: &Path) -> Found {
    let (outside, inside) = (scratch.join("outside"), scratch.join("inside"));
    if std::fs::write(&outside, b"1").is_err() || std::fs::create_dir_all(&inside).is_err() {
        return Found::new(false, "", format!("{} cannot be written, so nothing could be tried", scratch.display()));
    }
    let abi = landlock_abi().map_or("no ABI".to_owned(), |abi| format!("ABI {abi}"));
    let places = Places { program: &inside, directory: &inside, tmp: &inside };
    let enforcement = filesystem::restrict(&SandboxSpec { filesystem: true, ..nothing() }, &places);
    if let Enforcement::None { why } = enforcement {
        return Found::new(false, "", format!("{abi}; {why}"));
    }
    let denied = std::fs::write(&outside, b"2").is_err() && std::fs::read(&outside).is_err();
    let allowed = std::fs::write(inside.join("file"), b"3").is_ok();
    let by = mechanism(&enforcement);
    match (denied, allowed) {
        (true, true) => Found::new(true, by, format!("{abi}; a file outside was refused, one inside was written")),
        (false, _) => {
            Found::new(false, by, format!("{abi}; the rules were taken and a file outside was written all the same"))
        }
        (true, false) => Found::new(false, by, format!("{abi}; a file inside was refused too")),
    }
}

/// A call that is denied answers EPERM after the filter.
fn seccomp() -> Found {
    if let Err(error) = rustix::thread::set_no_new_privs(true) {
        return Found::new(false, "", format!("no_new_privs: {error}"));
    }
    if let Enforcement::None { why } = syscalls::filter(true) {
        return Found::new(false, "", why);
    }
    // Denied whatever its arguments; without the filter this one would be EFAULT.
    // SAFETY: the pointer is null and is not looked at by a call that fails before.
    let answer = unsafe { libc::syscall(libc::SYS_keyctl, -1_i64, 0, 0, 0, 0) };
    let error = std::io::Error::last_os_error();
    let held = answer == -1 && error.raw_os_error() == Some(libc::EPERM);
    Found::new(held, "seccomp", format!("the filter was taken; keyctl then answered: {error}"))
}

fn user_namespace() -> Found {
    let (_, note) = namespace::enter(&SandboxSpec { user_namespace: true, ..nothing() });
    match note {
        None => Found::new(true, "user namespace", "one was entered and its ids were mapped"),
        Some(note) => Found::new(false, "", note),
    }
}

fn network_namespace() -> Found {
    let (network, note) = namespace::enter(&SandboxSpec { network_namespace: true, ..nothing() });
    match network {
        Enforcement::None { why } => Found::new(false, "", note.map_or(why.clone(), |note| format!("{why}; {note}"))),
        held => {
            let interfaces = std::fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
            let others = interfaces.lines().skip(2).filter(|line| !line.trim_start().starts_with("lo:")).count();
            Found::new(
                others == 0,
                mechanism(&held),
                format!("one was entered; {others} interfaces beside the loopback are in it"),
            )
        }
    }
}

fn pid_namespace() -> Found {
    let enter = |flags| {
        // SAFETY: the flags do not hold `FILES`, and the caller is the only thread of its process.
        unsafe { rustix::thread::unshare_unsafe(flags) }
    };
    match enter(UnshareFlags::NEWPID).or_else(|_| enter(UnshareFlags::NEWUSER | UnshareFlags::NEWPID)) {
        Ok(()) => Found::new(true, "namespace of process ids", "one was made for children"),
        Err(error) => Found::new(false, "", format!("unshare: {error}")),
    }
}

/// A group with limits is made and removed.
fn cgroups() -> Found {
    let bases = cgroup::detect(CgroupChoice::Auto, &format!("plimsoll-doctor-{}", std::process::id()));
    let limits = Limits { cpu: Some(Millicores(500)), memory: Some(Bytes(64 << 20)), pids: Some(64) };
    let requests = Resources { cpu: Millicores(100), memory: Bytes(1 << 20) };
    let group = cgroup::create(&bases, "probe", requests, &limits);
    let parts = [("cpu", &group.cpu), ("memory", &group.memory), ("pids", &group.pids)];
    let held: Vec<String> = parts
        .iter()
        .filter_map(|(name, outcome)| match outcome {
            Outcome::Held(by) => Some(format!("{name} ({by})")),
            Outcome::NotAsked | Outcome::Failed(_) => None,
        })
        .collect();
    let failed: Vec<String> = parts
        .iter()
        .filter_map(|(name, outcome)| match outcome {
            Outcome::Failed(why) => Some(format!("{name}: {why}")),
            Outcome::NotAsked | Outcome::Held(_) => None,
        })
        .collect();
    cgroup::sweep(&group.paths);
    cgroup::remove_bases(&bases);
    let made = format!("a group with limits was made in {}", places(&bases));
    let evidence = if failed.is_empty() { made } else { failed.join("; ") };
    Found::new(failed.is_empty(), held.join(", "), evidence)
}

fn places(bases: &CgroupBases) -> String {
    let all = bases.v2.iter().map(|base| &base.path).chain(bases.v1.all());
    let all: Vec<String> = all.filter_map(|path| path.parent()).map(|path| path.display().to_string()).collect();
    if all.is_empty() { "no tree".to_owned() } else { all.join(", ") }
}
