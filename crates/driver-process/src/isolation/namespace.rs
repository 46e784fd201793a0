//! Optional namespaces: a user namespace of its own, and a network namespace with nothing but a loopback.
//!
//! The user keeps its number inside (no mapping to 0), so files mean the same on both sides. An unprivileged user gets
//! a network namespace only together with a user namespace.
//!
//! Source: user_namespaces(7), network_namespaces(7), netdevice(7).

use super::{NOT_ASKED, enforced, none};
use plimsoll_model::Enforcement;
use plimsoll_model::spec::SandboxSpec;
use rustix::thread::UnshareFlags;
use std::io;

/// Enters the namespaces asked for. Returns the enforcement of the network and a note when the user namespace failed.
///
/// Call it from a process with one thread.
#[must_use]
pub fn enter(sandbox: &SandboxSpec) -> (Enforcement, Option<String>) {
    let is_root = rustix::process::geteuid().is_root();
    let note = if sandbox.user_namespace || (sandbox.network_namespace && !is_root) {
        user_namespace().err().map(|error| format!("no user namespace: {error}"))
    } else {
        None
    };
    if !sandbox.network_namespace {
        return (none(NOT_ASKED), note);
    }
    let network = match unshare(UnshareFlags::NEWNET) {
        Ok(()) if loopback_up().is_ok() => enforced("network namespace"),
        Ok(()) => enforced("network namespace, loopback down"),
        Err(error) => none(format!("no network namespace: {error}")),
    };
    (network, note)
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the flags never hold `FILES`, and the caller is the only thread of its process.
    unsafe { rustix::thread::unshare_unsafe(flags) }.map_err(Into::into)
}

fn user_namespace() -> io::Result<()> {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(UnshareFlags::NEWUSER)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"))
}

/// Turns the loopback on, which a new network namespace has turned off.
fn loopback_up() -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    use std::os::fd::AsRawFd;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: `ifreq` is plain data for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = libc::c_char::from_ne_bytes([b'l']);
    request.ifr_name[1] = libc::c_char::from_ne_bytes([b'o']);
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
