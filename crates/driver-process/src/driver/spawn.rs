//! Starts a workload: its directory, its record, its shim.
//!
//! The shim is spawned, its identity is written down, and only then it is told to go on. Whatever instruction the
//! daemon dies at, either a record names the shim or the shim starts nothing.
//!
//! The shim is a child of the daemon in name only: it makes a session of its own, and when the daemon dies it goes on
//! as a child of init.

use super::table::{Shim, Workload};
use super::{LaunchRequest, ProcessDriver, StartOutcome, launch, watch};
use crate::record::{self, Launch, ProcessIdentity};
use crate::shim::GO;
use plimsoll_model::{ExitCause, Generation, WorkloadId};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

impl ProcessDriver {
    /// Starts a workload. Returns at once; what becomes of it shows in [`ProcessDriver::inventory`], a failure as the
    /// phase `Exited` with [`ExitCause::StartFailed`].
    pub fn start(&mut self, request: LaunchRequest) -> StartOutcome {
        if self.table.workloads.borrow().contains_key(&request.id) {
            return StartOutcome::AlreadyKnown;
        }
        if request.generation < self.newest {
            return StartOutcome::Stale { newest: self.newest };
        }
        self.see(request.generation);
        let id = request.id.clone();
        let directory = self.places().workload(&id);
        let port = match &id {
            WorkloadId::Replica(_) => self.draw_port(),
            WorkloadId::Task(_) => None,
        };
        let now = (self.table.clock)();
        let launch = launch::record(request, &directory, port, now, &self.table.bases, self.options);
        let lacks_port = matches!(id, WorkloadId::Replica(_)) && port.is_none();
        let started = if lacks_port {
            Err("no loopback port is free".to_owned())
        } else {
            start_shim(&self.shim_command, &directory, &launch).map_err(|error| format!("the shim: {error}"))
        };
        let mut workload = Workload::new(launch, directory);
        match started {
            Ok((shim, answer)) => {
                workload.shim = Some(shim.clone());
                self.table.workloads.borrow_mut().insert(id.clone(), workload);
                watch::watch(&self.table, id, shim, Some(answer));
            }
            Err(message) => {
                self.table.workloads.borrow_mut().insert(id.clone(), workload);
                self.table.end(&id, ExitCause::StartFailed { message });
            }
        }
        StartOutcome::Started
    }

    /// Notes a generation, so that an older one is refused from here on.
    pub(super) fn see(&mut self, generation: Generation) {
        self.newest = self.newest.max(generation);
    }

    fn draw_port(&mut self) -> Option<u16> {
        let taken = self.table.workloads.borrow().values().filter_map(|workload| workload.launch.port).collect();
        self.ports.draw(&taken)
    }
}

fn start_shim(command: &[OsString], directory: &Path, launch: &Launch) -> io::Result<(Shim, OwnedFd)> {
    // Left over from a driver that could not clean up; open() would have adopted it if it meant anything.
    let _usually_not_there = fs::remove_dir_all(directory);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    record::write(directory, record::LAUNCH, launch)?;
    let mut child = spawn(command, directory)?;
    match introduce(&mut child, directory) {
        Ok(introduced) => Ok(introduced),
        Err(error) => {
            let _gone = child.kill();
            let _reaped = child.wait();
            Err(error)
        }
    }
}

/// No hook runs between fork and exec, so this is `posix_spawn`, whose cost does not grow with the daemon's memory.
fn spawn(command: &[OsString], directory: &Path) -> io::Result<Child> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command.args(arguments).arg(directory).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
}

/// Writes down which process the shim is and tells it to go on.
fn introduce(child: &mut Child, directory: &Path) -> io::Result<(Shim, OwnedFd)> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    // Not reaped yet, so the pid cannot have been given to another process.
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let identity = ProcessIdentity::of(pid.as_raw_nonzero().get())?;
    record::write(directory, record::SHIM, &identity)?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    stdin.ok_or(io::ErrorKind::BrokenPipe)?.write_all(&[GO])?;
    let answer = stdout.ok_or(io::ErrorKind::BrokenPipe)?;
    Ok((Shim { identity, pidfd: Rc::new(pidfd) }, answer.into()))
}
