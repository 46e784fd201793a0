//! Watches one workload from its shim's first word to its end.

use super::health;
use super::stop::stop;
use super::table::{Shim, Table};
use crate::cgroup::{self, CgroupPaths};
use crate::procfs;
use crate::record::{self, Exit, ProcessIdentity, Status, Stop};
use crate::shim::RUNNING;
use plimsoll_model::{ExitCause, Phase, WorkloadId};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::unix::pipe;

/// Longest answer of a shim; a reason is one line.
const ANSWER_MAX: u64 = 4 << 10;
/// Between two looks for the status of a shim whose answer went to an earlier daemon.
const STATUS_POLL: Duration = Duration::from_millis(10);

/// Starts the watching task. `answer` is the shim's standard output; none when the shim was adopted.
pub fn watch(table: &Rc<Table>, id: WorkloadId, shim: Shim, answer: Option<OwnedFd>) {
    let task = tokio::task::spawn_local(follow(table.clone(), id.clone(), shim, answer));
    if let Some(workload) = table.workloads.borrow_mut().get_mut(&id) {
        workload.watch = Some(task.abort_handle());
    }
}

async fn follow(table: Rc<Table>, id: WorkloadId, shim: Shim, answer: Option<OwnedFd>) {
    // SAFETY: the `Rc` always names the same descriptor and keeps it open for as long as the `AsyncFd` has it.
    let watched = unsafe { AsyncFd::register_with_interest(shim.pidfd.clone(), Interest::READABLE) };
    let Ok(exit) = watched else {
        // No descriptor is left for the poller. The workload runs on; without a watch its end would never be seen, so
        // it is stopped rather than leaked.
        let _gone = pidfd_send_signal(&shim.pidfd, Signal::KILL);
        table.end(&id, ExitCause::StartFailed { message: "it cannot be watched: no descriptor is left".to_owned() });
        return;
    };
    let mut said = String::new();
    tokio::select! {
        _ = exit.readable() => {}
        () = live(&table, &id, answer, &mut said) => { let _gone = exit.readable().await; }
    }
    let _not_our_child = waitid(WaitId::PidFd(shim.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    let Some(directory) = directory_at_end(&table, &id) else { return };
    let cause = match recorded(&directory) {
        Some(cause) => cause,
        None => clean_up(&table, &id, &shim.identity, &directory, said).await,
    };
    table.end(&id, cause);
}

/// The directory of a workload that ended; what its shim said last is read if it ended before anybody could.
fn directory_at_end(table: &Table, id: &WorkloadId) -> Option<PathBuf> {
    let mut workloads = table.workloads.borrow_mut();
    let workload = workloads.get_mut(id)?;
    if workload.status.is_none() {
        workload.status = record::read(&workload.directory, record::STATUS).ok();
    }
    Some(workload.directory.clone())
}

/// Everything between the start and the end. Returns when there is nothing left to do but wait for the end.
async fn live(table: &Rc<Table>, id: &WorkloadId, answer: Option<OwnedFd>, said: &mut String) {
    let Some(directory) = table.workloads.borrow().get(id).map(|workload| workload.directory.clone()) else { return };
    match answer.map(pipe::Receiver::from_owned_fd) {
        Some(Ok(pipe)) => {
            let _what_came_counts = pipe.take(ANSWER_MAX).read_to_string(said).await;
            if said != RUNNING {
                return;
            }
        }
        _ => wait_for_status(&directory).await,
    }
    let Ok(status) = record::read::<Status>(&directory, record::STATUS) else { return };
    let running = {
        let mut workloads = table.workloads.borrow_mut();
        let Some(workload) = workloads.get_mut(id) else { return };
        workload.status = Some(status);
        // An adopted workload keeps the phase it was found in.
        (workload.phase == Phase::Starting).then(|| workload.phase_running())
    };
    if let Some(phase) = running {
        table.enter(id, phase);
    }
    if health::check(table, id).await.is_err() {
        give_up(table, id);
    }
}

async fn wait_for_status(directory: &Path) {
    while !directory.join(record::STATUS).exists() {
        tokio::time::sleep(STATUS_POLL).await;
    }
}

/// It was not ready in the time its spec allows.
fn give_up(table: &Table, id: &WorkloadId) {
    let grace = {
        let mut workloads = table.workloads.borrow_mut();
        let Some(workload) = workloads.get_mut(id) else { return };
        workload.never_ready = true;
        workload.launch.grace
    };
    stop(table, id, grace);
}

/// What the shim recorded; none when it was killed before it could.
pub fn recorded(directory: &Path) -> Option<ExitCause> {
    record::read::<Exit>(directory, record::EXIT).ok().map(|exit| exit.cause)
}

/// A shim ended without a word: what it left is killed and removed, and the cause is what can be known.
async fn clean_up(table: &Table, id: &WorkloadId, shim: &ProcessIdentity, directory: &Path, said: String) -> ExitCause {
    let paths =
        table.workloads.borrow().get(id).map(|workload| paths_of(workload.status.as_ref(), &table.bases, directory));
    let session = shim.clone();
    let swept = tokio::task::spawn_blocking(move || {
        sweep_session(&session);
        paths.is_none_or(|paths| cgroup::sweep(&paths))
    });
    let _next_open_sweeps_again = swept.await;
    unrecorded(directory, said)
}

/// The cgroups of a workload, also of one that never said which.
pub fn paths_of(status: Option<&Status>, bases: &cgroup::CgroupBases, directory: &Path) -> CgroupPaths {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    status.map_or_else(|| bases.paths(name), |status| status.cgroup.clone())
}

/// What can be said of an end that nobody recorded.
pub fn unrecorded(directory: &Path, said: String) -> ExitCause {
    let ran = directory.join(record::STATUS).exists();
    if ran {
        ExitCause::Lost
    } else if record::read::<Stop>(directory, record::STOP).is_ok() {
        ExitCause::Stopped
    } else if said.is_empty() {
        ExitCause::StartFailed { message: "the shim ended before it started anything".to_owned() }
    } else {
        ExitCause::StartFailed { message: said }
    }
}

/// Kills what is left of the session of a dead shim. Its workload died with it; what that had started may live on.
pub fn sweep_session(shim: &ProcessIdentity) {
    if procfs::boot_id().ok().as_ref() != Some(&shim.boot_id) {
        return;
    }
    let Ok(pids) = procfs::pids() else { return };
    for pid in pids {
        let _gone_or_not_ours = kill_member(pid, shim);
    }
}

/// A session's number is not given to a new process while the session has members, and a member is younger than the
/// shim.
fn kill_member(pid: i32, shim: &ProcessIdentity) -> io::Result<()> {
    let is_member = || procfs::stat(pid).is_ok_and(|stat| stat.sid == shim.pid && stat.start_ticks >= shim.start_ticks);
    if pid == shim.pid || !is_member() {
        return Ok(());
    }
    let pidfd = pidfd_open(Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?, PidfdFlags::empty())?;
    if is_member() {
        pidfd_send_signal(&pidfd, Signal::KILL)?;
    }
    Ok(())
}

/// Whether a phase is one whose health is checked.
pub const fn is_checked(phase: Phase) -> bool {
    matches!(phase, Phase::Starting | Phase::Ready | Phase::Unready)
}
