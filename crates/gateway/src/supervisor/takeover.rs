//! Taking the listening sockets over from the gateway that runs, so that a new binary replaces an old one without a
//! connection refused.
//!
//! The old one says over its control socket which descriptors they are, the kernel duplicates them into this process, and
//! once this one accepts, the old one is told to drain. Until then nothing has changed for it, so a new binary that
//! does not start changes nothing.
//!
//! # Source
//! `pidfd_getfd(2)`; the kernel asks for the rights of a debugger, which the same user has.

use crate::control::{FromGateway, ListeningSockets, ToGateway};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Longest wait for an answer.
const WAIT: Duration = Duration::from_secs(5);

/// The gateway that ran before.
#[derive(Debug)]
pub struct Predecessor {
    stream: UnixStream,
}

/// Fetches the sockets of the gateway that answers at `control`; none when nobody does.
///
/// # Errors
/// When somebody answers and the sockets cannot be had.
pub fn fetch(control: &Path) -> io::Result<Option<(Predecessor, Vec<ListeningSockets>)>> {
    let stream = match UnixStream::connect(control) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(WAIT))?;
    let mut predecessor = Predecessor { stream };
    predecessor.say(&ToGateway::Sockets)?;
    let mut lines = BufReader::new(predecessor.stream.try_clone()?);
    let mut process = None;
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match serde_json::from_str(&line).map_err(io::Error::other)? {
            FromGateway::Hello { pid, .. } => process = i32::try_from(pid).ok().and_then(Pid::from_raw),
            FromGateway::Ack { sockets, error: None, .. } => {
                let pid = process.ok_or(io::ErrorKind::NotFound)?;
                return Ok(Some((predecessor, duplicate(pid, sockets)?)));
            }
            FromGateway::Ack { error: Some(error), .. } => return Err(io::Error::other(error)),
            FromGateway::Report(_) => {}
        }
    }
}

impl Predecessor {
    fn say(&mut self, message: &ToGateway) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.stream.write_all(&line)
    }

    /// Tells it to finish what it has.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn drain(mut self) -> io::Result<()> {
        self.say(&ToGateway::Drain)
    }
}

fn duplicate(pid: Pid, sockets: Vec<ListeningSockets>) -> io::Result<Vec<ListeningSockets>> {
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let fetch = |descriptor: &i32| pidfd_getfd(process.as_fd(), *descriptor, PidfdGetfdFlags::empty());
    let mut taken = Vec::new();
    for listener in sockets {
        // Owned until all of a listener are there: one that fails must not leave the others open.
        let own: Vec<OwnedFd> = listener.descriptors.iter().map(fetch).collect::<Result<_, _>>()?;
        let descriptors = own.into_iter().map(IntoRawFd::into_raw_fd).collect();
        taken.push(ListeningSockets { address: listener.address, descriptors });
    }
    Ok(taken)
}
