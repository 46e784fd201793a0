//! The file-system rung: Landlock. A workload reads the system, its program and its directory, and writes only where
//! its spec says, into its private temporary directory, and to the harmless devices.
//!
//! Where the kernel can (ABI 6), signals are scoped too: a workload cannot signal its shim or the daemon, though it is
//! the same user.
//!
//! Source: Linux Documentation/userspace-api/landlock.rst.

use super::{NOT_ASKED, enforced, none, soft};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use plimsoll_model::Enforcement;
use plimsoll_model::spec::SandboxSpec;
use std::path::{Path, PathBuf};

/// Programs, libraries, configuration and the kernel's own view. `/run/systemd/resolve` is where `/etc/resolv.conf`
/// points.
const READ: [&str; 13] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc",
    "/opt",
    "/nix/store",
    "/proc",
    "/sys",
    "/run/systemd/resolve",
    "/dev/urandom",
];
/// Devices without state.
const WRITE: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random"];

/// What a workload may touch besides the system.
#[derive(Debug)]
pub struct Places<'a> {
    /// Its program's directory: read and execute.
    pub program: &'a Path,
    /// Its working directory: read and execute.
    pub directory: &'a Path,
    /// Its temporary directory: read and write.
    pub tmp: &'a Path,
}

/// Restricts the calling thread.
#[must_use]
pub fn restrict(sandbox: &SandboxSpec, places: &Places<'_>) -> Enforcement {
    if !sandbox.filesystem {
        return none(NOT_ASKED);
    }
    match landlock(sandbox, places) {
        Ok(RestrictionStatus { ruleset: RulesetStatus::FullyEnforced, .. }) if scope_signals() => {
            enforced("landlock, signals scoped")
        }
        Ok(RestrictionStatus { ruleset: RulesetStatus::FullyEnforced, .. }) => enforced("landlock"),
        Ok(RestrictionStatus { ruleset: RulesetStatus::PartiallyEnforced, .. }) => {
            soft("landlock of an older kernel: some kinds of access are not covered")
        }
        Ok(_) => none("the kernel has no landlock"),
        Err(error) => none(format!("landlock: {error}")),
    }
}

/// Listed paths that do not exist and so cannot be granted.
#[must_use]
pub fn missing(sandbox: &SandboxSpec) -> Vec<&String> {
    let listed = sandbox.read.iter().chain(&sandbox.write);
    listed.filter(|path| sandbox.filesystem && !Path::new(path.as_str()).exists()).collect()
}

fn landlock(sandbox: &SandboxSpec, places: &Places<'_>) -> Result<RestrictionStatus, RulesetError> {
    // ABI 5 is the newest that this build asks for in full; the kernel may know more and enforces these all the same.
    let (all, read_only) = (AccessFs::from_all(ABI::V5), AccessFs::from_read(ABI::V5));
    let read = READ.iter().map(PathBuf::from);
    let read = read.chain([places.program.to_owned(), places.directory.to_owned()]);
    let read = read.chain(sandbox.read.iter().map(PathBuf::from));
    let write = WRITE.iter().map(PathBuf::from).chain([places.tmp.to_owned()]);
    let write = write.chain(sandbox.write.iter().map(PathBuf::from));
    Ruleset::default()
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(read, read_only))?
        .add_rules(path_beneath_rules(write, all))?
        .restrict_self()
}

/// Keeps the calling thread from signalling processes outside; false where the kernel is older than ABI 6. A rule set
/// of its own, so that its absence does not make the file-system rung "partial".
fn scope_signals() -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).scope(Scope::Signal);
    ruleset.and_then(Ruleset::create).and_then(|ruleset| ruleset.restrict_self()).is_ok()
}
