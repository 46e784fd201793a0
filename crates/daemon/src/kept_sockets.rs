//! Duplicates of the gateway's listening sockets, so that its death refuses no new connection.
//!
//! A listening socket lives as long as any process holds it. While the gateway is dead, the kernel queues connections on the
//! sockets held here, and the next gateway, which inherits them, finds them waiting: only connections that were open at the
//! death are lost. The daemon never accepts from them.
//!
//! The duplicates are fetched with `pidfd_getfd(2)`, which needs the right to trace the gateway: a daemon has it over the
//! gateway that it started, and, where the Yama module restricts tracing to descendants, not over one that it adopted. Then
//! nothing is kept and a gateway's death refuses connections until the next one listens.

use plimsoll_gateway::ListeningSockets;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// What is held.
#[derive(Debug, Default)]
pub struct KeptSockets {
    /// Whose, and under which numbers there: what is held already is not fetched again.
    source: Option<(u32, Vec<ListeningSockets>)>,
    held: Vec<(String, Vec<OwnedFd>)>,
}

impl KeptSockets {
    /// Holds what the gateway `pid` listens on now, and nothing else.
    pub fn keep(&mut self, pid: u32, sockets: Vec<ListeningSockets>) {
        let source = Some((pid, sockets));
        if self.source == source {
            return;
        }
        self.held = source.as_ref().and_then(|(pid, sockets)| duplicate(*pid, sockets).ok()).unwrap_or_default();
        self.source = source;
    }

    /// Lets go: who stops listening on purpose must not leave a queue behind that nobody serves.
    pub fn release(&mut self) {
        *self = Self::default();
    }

    /// Arguments that hand what is held to a new gateway.
    pub fn arguments(&self) -> Vec<OsString> {
        let list = |sockets: &[OwnedFd]| {
            sockets.iter().map(|socket| socket.as_raw_fd().to_string()).collect::<Vec<_>>().join(",")
        };
        self.held
            .iter()
            .flat_map(|(address, sockets)| ["--inherit".into(), OsString::from(format!("{address}={}", list(sockets)))])
            .collect()
    }

    /// The descriptors to leave open in the new gateway.
    pub fn descriptors(&self) -> Vec<RawFd> {
        self.held.iter().flat_map(|(_, sockets)| sockets).map(AsRawFd::as_raw_fd).collect()
    }
}

/// Leaves `descriptors` open over the coming `exec`. Called between fork and exec, so it may only make system calls.
pub fn inherit(descriptors: &[RawFd]) -> io::Result<()> {
    for descriptor in descriptors {
        // SAFETY: the descriptors are held by `KeptSockets`, which outlives the call that spawns.
        let borrowed = unsafe { BorrowedFd::borrow_raw(*descriptor) };
        fcntl_setfd(borrowed, FdFlags::empty())?;
    }
    Ok(())
}

fn duplicate(pid: u32, sockets: &[ListeningSockets]) -> io::Result<Vec<(String, Vec<OwnedFd>)>> {
    let unknown = || io::Error::from(io::ErrorKind::NotFound);
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(unknown)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let fetch = |descriptor: &i32| Ok(pidfd_getfd(process.as_fd(), *descriptor, PidfdGetfdFlags::empty())?);
    sockets
        .iter()
        .map(|sockets| Ok((sockets.address.clone(), sockets.descriptors.iter().map(fetch).collect::<io::Result<_>>()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_kept_socket_takes_connections_after_its_owner_closed_it_and_none_after_release() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sockets = ListeningSockets { address: address.to_string(), descriptors: vec![listener.as_raw_fd()] };
        let mut kept = KeptSockets::default();
        kept.keep(std::process::id(), vec![sockets]);
        assert_eq!(kept.descriptors().len(), 1);
        drop(listener);
        TcpStream::connect(address).unwrap();
        kept.release();
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn a_process_that_is_gone_leaves_nothing() {
        let mut kept = KeptSockets::default();
        kept.keep(u32::MAX, vec![ListeningSockets { address: "x".into(), descriptors: vec![3] }]);
        assert!(kept.arguments().is_empty());
    }
}
