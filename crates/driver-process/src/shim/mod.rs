//! The shim: one tiny process per workload that owns everything that must outlive the daemon: the workload's log, its
//! limits, the time it is given to stop, and how it ended.
//!
//! ```text
//! daemon ──spawns──► shim (own session, subreaper) ──forks──► child: cgroup, limits, sandbox ──exec──► workload
//!    │  stdin:  one byte "go", once the daemon has recorded which process the shim is
//!    ◄── stdout: "running", or why not
//! ```
//!
//! The death signal ties the workload to the shim (it fires when the parent *thread* ends, so the shim has one thread
//! only), and nothing ties the shim to the daemon. If the daemon dies before it said "go", nothing is started: a
//! workload that no record names would run unseen.
//!
//! It has no async runtime and no threads, allocates little, and must stay under 1 MB of private memory, because a
//! machine runs as many of them as workloads. It decides nothing: it never starts anything again.

mod child;
mod duty;
mod family;
mod log;
mod signals;
mod spawn;
mod supervise;
mod watchdog;

use crate::record::{self, Exit, FORMAT, Launch, ProcessIdentity, Reserved, Status};
use plimsoll_model::ExitCause;
use signals::Signals;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Room reserved for a record: one block. The longest has five cgroup paths and six reasons, and is half as long.
const RECORD_ROOM: u64 = 4 << 10;

/// What the driver says when it has recorded the shim.
pub(crate) const GO: u8 = b'g';
/// What the shim answers when the workload runs.
pub(crate) const RUNNING: &str = "running";

/// Runs the shim of the workload whose directory is the only argument; returns when the workload is gone.
///
/// Call it before anything else in `main`: before a runtime, a logger, or a thread.
#[must_use]
pub fn shim_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let (Some(directory), None) = (arguments.next(), arguments.next()) else {
        eprintln!("the shim takes one argument, a workload's directory; it is started by the daemon");
        return ExitCode::from(2);
    };
    match run(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            answer(&message);
            ExitCode::FAILURE
        }
    }
}

/// Files that are on the disk before anything runs.
#[derive(Debug)]
struct Room {
    status: Reserved,
    exit: Reserved,
}

fn run(directory: &Path) -> Result<(), String> {
    close_inherited();
    let signals = Signals::block().map_err(|error| format!("signals: {error}"))?;
    let _already_leader = rustix::process::setsid();
    let this = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(this)).map_err(|error| format!("subreaper: {error}"))?;
    let reserve = |name| Reserved::try_new(directory, name, RECORD_ROOM).map_err(|error| format!("{name}: {error}"));
    let room = Room { exit: reserve(record::EXIT)?, status: reserve(record::STATUS)? };
    if !was_told_to_go() {
        let message = "the daemon ended before the start was recorded".to_owned();
        return end(room.exit, ExitCause::StartFailed { message }, 0, None);
    }
    let launch: Launch = match record::read(directory, record::LAUNCH) {
        Ok(launch) => launch,
        Err(error) => return fail(room.exit, &error.to_string()),
    };
    if record::read::<record::Stop>(directory, record::STOP).is_ok() {
        return end(room.exit, ExitCause::Stopped, 0, None);
    }
    let mut log = log::Log::open(&directory.join(record::LOG), launch.log_size_max.get(), launch.log_files_max);
    let running = match spawn::spawn(directory, &launch, &mut log) {
        Ok(running) => running,
        Err(message) => {
            log.note(&format!("not started: {message}"));
            return fail(room.exit, &message);
        }
    };
    let status = Status {
        format: FORMAT,
        shim: ProcessIdentity::of(this.as_raw_nonzero().get()).map_err(|error| error.to_string())?,
        child: running.identity.clone(),
        port: launch.port,
        cgroup: running.group.paths.clone(),
        isolation: running.isolation.clone(),
    };
    if let Err(error) = room.status.write(&status) {
        let message = spawn::give_up(&running.group, running.identity.pid, &format!("{}: {error}", record::STATUS));
        return fail(room.exit, &message);
    }
    answer(RUNNING);
    drop(status);
    let ended = supervise::supervise(directory, launch, running, log, &signals);
    end(room.exit, ended.cause, ended.oom_kills, ended.memory_peak)
}

/// Closes what whoever started the daemon left open: a shim outlives them, and a pipe held open keeps its reader
/// waiting.
fn close_inherited() {
    // SAFETY: nothing of this process is open yet behind the standard streams; `shim_main` is the first thing in
    // `main`.
    let _older_kernel = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0) };
}

/// Waits for the driver's word; false when the driver died instead.
fn was_told_to_go() -> bool {
    let mut word = [0];
    let went = matches!(io::stdin().read(&mut word), Ok(1)) && word[0] == GO;
    replace(0, OpenOptions::new().read(true).open("/dev/null"));
    went
}

/// Says one line to the driver, if it is still there, and hangs up.
fn answer(line: &str) {
    let _driver_is_gone = io::stdout().write_all(line.as_bytes()).and_then(|()| io::stdout().flush());
    replace(1, OpenOptions::new().write(true).open("/dev/null"));
}

/// Puts a file in the place of one of the standard descriptors.
fn replace(number: i32, file: io::Result<File>) {
    use rustix::stdio::{dup2_stdin, dup2_stdout};
    let Ok(file) = file else { return };
    let _no_descriptor_left = if number == 0 { dup2_stdin(&file) } else { dup2_stdout(&file) };
}

fn fail(room: Reserved, message: &str) -> Result<(), String> {
    answer(message);
    end(room, ExitCause::StartFailed { message: message.to_owned() }, 0, None)
}

fn end(room: Reserved, cause: ExitCause, oom_kills: u64, memory_peak_bytes: Option<u64>) -> Result<(), String> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at_unix_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let exit = Exit { format: FORMAT, cause, at_unix_ms, oom_kills, memory_peak_bytes };
    room.write(&exit).map_err(|error| format!("{}: {error}", record::EXIT))
}

/// The workload's private temporary directory, made if it is not there.
fn make_tmp(directory: &Path) -> io::Result<PathBuf> {
    let tmp = directory.join(record::TMP);
    fs::create_dir_all(&tmp)?;
    Ok(tmp)
}
