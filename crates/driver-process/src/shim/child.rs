//! Between fork and exec: the child binds itself, reports what holds, and becomes the workload.
//!
//! The order matters. What needs privileges or the file system comes first (cgroups, limits, namespaces), then what
//! takes them away (Landlock, capabilities), last the system-call filter. Changing user namespace or capabilities
//! clears the death signal, so it is set after them; a parent that died before that is seen by its changed pid.

use super::{signals, spawn::Prepared};
use crate::cgroup::{Group, Outcome};
use crate::isolation::{self, best_effort, filesystem, namespace, privileges, syscalls};
use crate::record::Launch;
use plimsoll_model::{Enforcement, Isolation};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::ptr;

/// What the child says to its shim, one per line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It is bound like this and goes on to exec.
    Isolated(Isolation),
    /// It cannot go on.
    Failed(String),
}

/// The child's ends of its pipes.
#[derive(Debug)]
pub struct Pipes {
    /// To be its standard output.
    pub out: OwnedFd,
    /// To be its standard error.
    pub err: OwnedFd,
    /// To the shim.
    pub report: File,
}

/// Becomes the workload. Runs in the forked child and never returns.
pub fn run(launch: &Launch, prepared: &Prepared, group: &Group, was_born_there: bool, mut pipes: Pipes) -> ! {
    let parent = rustix::process::getppid();
    // An unwinding child would go on as a second shim.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        become_workload(launch, prepared, group.join(was_born_there), group, parent, &mut pipes)
    }));
    let message = match outcome {
        Ok(Err(message)) => message,
        Ok(Ok(never)) => match never {},
        Err(_) => "the set-up of the process panicked".to_owned(),
    };
    say(&mut pipes.report, &Report::Failed(message));
    // SAFETY: ends this process without running the parent's exit handlers.
    unsafe { libc::_exit(127) }
}

/// Has no values: a successful exec does not return.
enum Never {}

fn become_workload(
    launch: &Launch,
    prepared: &Prepared,
    joined: io::Result<()>,
    group: &Group,
    parent: Option<rustix::process::Pid>,
    pipes: &mut Pipes,
) -> Result<Never, String> {
    let failed = |what: &'static str| move |error: rustix::io::Errno| format!("{what}: {error}");
    rustix::process::setpgid(None, None).map_err(failed("process group"))?;
    let isolation = bind(launch, prepared, joined, group, pipes)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed("death signal"))?;
    if rustix::process::getppid() != parent {
        return Err("the shim died".to_owned());
    }
    if let Some(unmet) = isolation::unmet(&isolation, &launch.sandbox.require) {
        return Err(unmet);
    }
    say(&mut pipes.report, &Report::Isolated(isolation));
    signals::reset();
    Err(format!("cannot run {}: {}", prepared.program.display(), exec(prepared)))
}

/// Everything that holds the workload.
fn bind(
    launch: &Launch,
    prepared: &Prepared,
    joined: io::Result<()>,
    group: &Group,
    pipes: &Pipes,
) -> Result<Isolation, String> {
    let joined = joined.map_err(|error| Outcome::Failed(format!("joining the cgroup: {error}")));
    let held = |outcome: &Outcome| match (outcome, &joined) {
        (Outcome::Held(_), Err(failed)) => failed.clone(),
        _ => outcome.clone(),
    };
    let (cpu, memory, pids) = (held(&group.cpu), held(&group.memory), held(&group.pids));
    let [cpu, memory, pids] = best_effort::fill(&launch.limits, &cpu, &memory, &pids, launch.duty_cycle);
    connect(pipes).map_err(|error| format!("standard streams: {error}"))?;
    close_others(&pipes.report)?;
    std::env::set_current_dir(&launch.directory)
        .map_err(|error| format!("working directory {}: {error}", launch.directory.display()))?;
    let (network, note) = namespace::enter(&launch.sandbox);
    let program = prepared.program.canonicalize().unwrap_or_else(|_| prepared.program.clone());
    let places = filesystem::Places {
        program: program.parent().unwrap_or_else(|| Path::new("/")),
        directory: &launch.directory,
        tmp: &prepared.tmp,
    };
    let filesystem = filesystem::restrict(&launch.sandbox, &places);
    privileges::drop_all().map_err(|error| format!("dropping privileges: {error}"))?;
    let syscalls = syscalls::filter(launch.sandbox.syscalls);
    Ok(Isolation { cpu, memory, pids, filesystem, network: with_note(network, note), syscalls })
}

/// A user namespace that was asked for and is not there is said where its consequence shows.
fn with_note(network: Enforcement, note: Option<String>) -> Enforcement {
    match (network, note) {
        (Enforcement::None { why }, Some(note)) => Enforcement::None { why: format!("{why}; {note}") },
        (network, _) => network,
    }
}

/// Nothing to read, and the log to write to.
fn connect(Pipes { out, err, .. }: &Pipes) -> io::Result<()> {
    let nothing = OpenOptions::new().read(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(out)?;
    rustix::stdio::dup2_stderr(err)?;
    Ok(())
}

/// Lets no descriptor of the shim, or of whoever started it, through exec.
fn close_others(report: &File) -> Result<(), String> {
    // SAFETY: only marks descriptors; none is closed before exec.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if marked == 0 {
        return Ok(());
    }
    // Kernels before 5.11: everything opened by this program is close-on-exec anyway, the report included.
    rustix::io::fcntl_setfd(report, rustix::io::FdFlags::CLOEXEC).map_err(|error| format!("close on exec: {error}"))
}

fn exec(prepared: &Prepared) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain(std::iter::once(ptr::null())).collect()
    };
    let (arguments, environment) = (pointers(&prepared.arguments), pointers(&prepared.environment));
    // SAFETY: both lists end in a null pointer and point to C strings that outlive the call.
    unsafe { libc::execve(prepared.path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

fn say(report: &mut File, what: &Report) {
    if let Ok(mut line) = serde_json::to_vec(what) {
        line.push(b'\n');
        let _shim_is_gone = report.write_all(&line);
    }
}
