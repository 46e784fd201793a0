//! Starts the workload: everything that can be prepared before the fork, the fork, and the child's report after it.

use super::child::{self, Report};
use super::log::Log;
use crate::cgroup::{self, Group};
use crate::record::{Launch, ProcessIdentity};
use plimsoll_model::Isolation;
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Not every version of the `libc` crate has it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A workload that runs.
#[derive(Debug)]
pub struct Running {
    /// Its first process.
    pub identity: ProcessIdentity,
    /// Its cgroups.
    pub group: Group,
    /// What is enforced.
    pub isolation: Isolation,
    /// Where its standard output comes out.
    pub out: OwnedFd,
    /// Where its standard error comes out.
    pub err: OwnedFd,
}

/// Everything exec needs, so that the child allocates little.
#[derive(Debug)]
pub struct Prepared {
    /// The program's file.
    pub program: PathBuf,
    /// The same for exec.
    pub path: CString,
    /// Arguments, the program's name first.
    pub arguments: Vec<CString>,
    /// `NAME=VALUE`.
    pub environment: Vec<CString>,
    /// Private temporary directory.
    pub tmp: PathBuf,
}

/// Starts the workload.
///
/// # Errors
/// One line that says why there is none.
pub fn spawn(directory: &Path, launch: &Launch, log: &mut Log) -> Result<Running, String> {
    let prepared = prepare(directory, launch)?;
    for path in crate::isolation::filesystem::missing(&launch.sandbox) {
        log.note(&format!("{path} does not exist and so is not granted"));
    }
    let name = directory.file_name().and_then(|name| name.to_str()).ok_or("the workload's directory has no name")?;
    let group = cgroup::create(&launch.cgroup, name, launch.requests, &launch.limits);
    match fork(launch, &prepared, &group) {
        Ok((pid, isolation, out, err)) => {
            log.note(&format!("started {} as process {pid}", prepared.program.display()));
            match ProcessIdentity::of(pid) {
                Ok(identity) => Ok(Running { identity, group, isolation, out, err }),
                // A zombie still has its line in /proc, so only an unreadable /proc gets here.
                Err(error) => Err(give_up(&group, pid, &format!("/proc: {error}"))),
            }
        }
        Err(message) => {
            group.remove();
            Err(message)
        }
    }
}

/// Kills a child that cannot be supervised. Returns the message.
pub fn give_up(group: &Group, pid: i32, message: &str) -> String {
    if let Some(pid) = rustix::process::Pid::from_raw(pid) {
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        let _reaped = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
    }
    group.remove();
    message.to_owned()
}

fn prepare(directory: &Path, launch: &Launch) -> Result<Prepared, String> {
    let (first, rest) = launch.command.split_first().ok_or("the command is empty")?;
    let program = find(first, launch)?;
    let text = |text: &[u8]| CString::new(text).map_err(|_| "the command or environment holds a zero byte".to_owned());
    let arguments = std::iter::once(first).chain(rest).map(|argument| text(argument.as_bytes()));
    let environment = launch.env.iter().map(|(name, value)| text(format!("{name}={value}").as_bytes()));
    Ok(Prepared {
        path: text(program.as_os_str().as_bytes())?,
        arguments: arguments.collect::<Result<_, _>>()?,
        environment: environment.collect::<Result<_, _>>()?,
        tmp: super::make_tmp(directory).map_err(|error| format!("temporary directory: {error}"))?,
        program,
    })
}

/// A name without a slash is looked for in the workload's own `PATH`; one with a slash counts from its directory.
fn find(name: &str, launch: &Launch) -> Result<PathBuf, String> {
    let is_program =
        |path: &Path| path.metadata().is_ok_and(|entry| entry.is_file() && entry.permissions().mode() & 0o111 != 0);
    if name.contains('/') {
        let path = launch.directory.join(name);
        return match path.metadata() {
            Err(error) => Err(format!("program {}: {error}", path.display())),
            Ok(_) if !is_program(&path) => Err(format!("program {} is no executable file", path.display())),
            Ok(_) => Ok(path),
        };
    }
    let path = launch.env.get("PATH").map_or("/usr/local/bin:/usr/bin:/bin", String::as_str);
    let mut candidates = path.split(':').map(|directory| launch.directory.join(directory).join(name));
    candidates
        .find(|path| is_program(path))
        .ok_or_else(|| format!("program {name:?} is in no directory of PATH {path:?}"))
}

type Forked = (i32, Isolation, OwnedFd, OwnedFd);

fn fork(launch: &Launch, prepared: &Prepared, group: &Group) -> Result<Forked, String> {
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| format!("pipe: {error}"));
    let (out, child_out) = pipe()?;
    let (err, child_err) = pipe()?;
    let (report, child_report) = pipe()?;
    let (born, was_born_there) = match group.birthplace().map(fork_into) {
        Some(Ok(born)) => (born, true),
        // SAFETY: this process has one thread, so the child may do whatever the parent may.
        Some(Err(_)) | None => (unsafe { libc::fork() }, false),
    };
    match born {
        -1 => Err(format!("fork: {}", std::io::Error::last_os_error())),
        0 => {
            let pipes = child::Pipes { out: child_out, err: child_err, report: child_report.into() };
            child::run(launch, prepared, group, was_born_there, pipes)
        }
        pid => {
            drop((child_out, child_err, child_report));
            let isolation = read_report(report.into()).map_err(|message| {
                // The child ends by itself after a failure; killing it covers the one that said nothing.
                give_up(group, pid, &message)
            })?;
            for fd in [&out, &err] {
                let _never_fails_on_a_pipe = rustix::io::ioctl_fionbio(fd, true);
            }
            Ok((pid, isolation, out, err))
        }
    }
}

/// Forks a child that is born in a v2 group. Fails on kernels before 5.7, and where the group may not hold processes.
///
/// Source: clone3(2), `CLONE_INTO_CGROUP`.
fn fork_into(group: BorrowedFd<'_>) -> std::io::Result<libc::pid_t> {
    // SAFETY: `clone_args` is plain data for which all zeroes is a value.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = CLONE_INTO_CGROUP;
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.cgroup = group.as_raw_fd() as u64;
    // SAFETY: without CLONE_VM this is a fork: the child has a copy of everything and goes on behind this line. The
    // process has one thread, so no lock of the C library is held by a thread that the child lacks.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>()) };
    if pid < 0 { Err(std::io::Error::last_os_error()) } else { Ok(pid as libc::pid_t) }
}

/// Reads what the child says until exec, or its end, closes the pipe.
fn read_report(mut pipe: File) -> Result<Isolation, String> {
    let mut text = String::new();
    pipe.read_to_string(&mut text).map_err(|error| format!("report of the child: {error}"))?;
    let mut isolation = None;
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Report::Isolated(found)) => isolation = Some(found),
            Ok(Report::Failed(message)) => return Err(message),
            Err(error) => return Err(format!("report of the child: {error}")),
        }
    }
    isolation.ok_or_else(|| "it ended while its limits and sandbox were set up".to_owned())
}
