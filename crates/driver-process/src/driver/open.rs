//! Opens a state directory: adopts what runs, reports what ended meanwhile, and cleans up what nobody owns.

use super::lock::{Lock, LockError};
use super::places::{Places, id_of};
use super::table::{Shim, Table, Workload};
use super::watch::{paths_of, recorded, sweep_session, unrecorded, watch};
use super::{DriverEvent, DriverOptions, EVENTS_MAX, ProcessDriver, port::Ports};
use crate::cgroup::{self, CgroupBases};
use crate::record::{self, FORMAT, Launch, ProcessIdentity, Progress, Status};
use plimsoll_model::spec::{Limits, Resources, SandboxSpec};
use plimsoll_model::{Bytes, ExitCause, Exited, Generation, Millis, Phase, Timestamp, WorkloadId};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::sync::mpsc;

/// Why a state directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made or read.
    #[error("state directory {path:?} cannot be used")]
    Directory {
        /// Which directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not free.
    #[error(transparent)]
    Lock(#[from] LockError),
}

type Opened = (ProcessDriver, mpsc::Receiver<DriverEvent>);
type Clock = Box<dyn Fn() -> Timestamp>;

/// [`ProcessDriver::open_with`].
pub fn open(state: &Path, command: Vec<OsString>, clock: Clock, options: DriverOptions) -> Result<Opened, OpenError> {
    let (places, found) = prepare(state)?;
    let lock = Lock::take(&places.lock())?;
    let bases = cgroup::detect(options.cgroup, &places.cgroup_name());
    let now = clock();
    let mut workloads = BTreeMap::new();
    for directory in found {
        match take_over(&directory, &bases, now) {
            Some(workload) => drop(workloads.insert(workload.launch.id.clone(), workload)),
            // Not a workload's directory, or one whose start never got as far as a record: nothing ran under it.
            None => drop(fs::remove_dir_all(&directory)),
        }
    }
    sweep_ownerless(&bases, &workloads);
    let (events, receiver) = mpsc::channel(EVENTS_MAX);
    let newest = workloads.values().map(|workload| workload.launch.generation).max().unwrap_or_default();
    let adopted: Vec<(WorkloadId, Shim)> =
        workloads.iter().filter_map(|(id, workload)| Some((id.clone(), workload.shim.clone()?))).collect();
    let table = Rc::new(Table { workloads: RefCell::new(workloads), events, clock, places, bases });
    for (id, shim) in adopted {
        watch(&table, id, shim, None);
    }
    let ports = Ports::new(table.places.seed() ^ std::process::id());
    Ok((ProcessDriver { table, shim_command: command, options, ports, newest, _lock: lock }, receiver))
}

/// Makes the state directory. Returns its paths and the workload directories in it.
fn prepare(state: &Path) -> Result<(Places, Vec<PathBuf>), OpenError> {
    let failed = |source| OpenError::Directory { path: state.to_owned(), source };
    let make = |path: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    make(state).map_err(failed)?;
    let places = Places::new(&state.canonicalize().map_err(failed)?);
    make(&places.workloads()).map_err(failed)?;
    let entries = fs::read_dir(places.workloads()).map_err(failed)?;
    Ok((places, entries.flatten().map(|entry| entry.path()).collect()))
}

fn sweep_ownerless(bases: &CgroupBases, workloads: &BTreeMap<WorkloadId, Workload>) {
    let owned = workloads.values().filter(|workload| workload.shim.is_some());
    let names = owned.filter_map(|workload| Some(workload.directory.file_name()?.to_str()?.to_owned()));
    cgroup::sweep_others(bases, &names.collect::<BTreeSet<_>>());
}

/// What a directory says about its workload; none when there never was one.
fn take_over(directory: &Path, bases: &CgroupBases, now: Timestamp) -> Option<Workload> {
    let launch = record::read::<Launch>(directory, record::LAUNCH);
    let identity = record::read::<ProcessIdentity>(directory, record::SHIM).ok();
    let mut workload = match launch {
        Ok(launch) if launch.format <= FORMAT => Workload::new(launch, directory.to_owned()),
        _ => return damaged(directory, identity.as_ref(), bases, now),
    };
    workload.status = record::read::<Status>(directory, record::STATUS).ok();
    let progress = record::read::<Progress>(directory, record::PHASE).ok();
    if let Some(progress) = &progress {
        workload.ready_at = progress.ready_at;
        workload.never_ready = progress.never_ready;
    }
    workload.shim = identity.as_ref().and_then(adopt);
    if workload.shim.is_some() {
        workload.phase = adopted_phase(&workload, progress.as_ref(), directory);
        return Some(workload);
    }
    let noticed = progress.and_then(|progress| progress.exited_at).unwrap_or(now);
    let cause = recorded(directory).unwrap_or_else(|| {
        bury(&workload, identity.as_ref(), bases);
        unrecorded(directory, String::new())
    });
    end(&mut workload, cause, noticed);
    Some(workload)
}

/// A process is adopted by pid, start time and boot. The descriptor is opened first: it then names the process whose
/// start time was compared, whatever becomes of the pid.
fn adopt(identity: &ProcessIdentity) -> Option<Shim> {
    let pidfd = pidfd_open(Pid::from_raw(identity.pid)?, PidfdFlags::empty()).ok()?;
    identity.is_alive().then(|| Shim { identity: identity.clone(), pidfd: Rc::new(pidfd) })
}

fn adopted_phase(workload: &Workload, progress: Option<&Progress>, directory: &Path) -> Phase {
    let stops = directory.join(record::STOP).exists();
    match progress.map(|progress| progress.phase) {
        Some(Phase::Exited) | None if stops => Phase::Draining,
        Some(phase) if phase != Phase::Exited => phase,
        // Ready is only what a health check said.
        _ if workload.status.is_some() => workload.phase_running(),
        _ => Phase::Starting,
    }
}

/// Kills what a dead shim left behind.
fn bury(workload: &Workload, shim: Option<&ProcessIdentity>, bases: &CgroupBases) {
    shim.into_iter().for_each(sweep_session);
    cgroup::sweep(&paths_of(workload.status.as_ref(), bases, &workload.directory));
    // An earlier daemon may have had its groups elsewhere.
    cgroup::sweep(&paths_of(None, &workload.launch.cgroup, &workload.directory));
}

fn end(workload: &mut Workload, cause: ExitCause, at: Timestamp) {
    let was_told = matches!(cause, ExitCause::Stopped | ExitCause::KilledAfterGrace);
    let cause = if workload.never_ready && was_told { ExitCause::NeverReady } else { cause };
    workload.phase = Phase::Exited;
    workload.exited = Some(Exited { cause, at });
    workload.save();
}

/// A directory whose launch record cannot be read. If a shim was started, its workload cannot be taken over without
/// that record, so it is ended and reported lost; if none was, there was no workload.
fn damaged(directory: &Path, shim: Option<&ProcessIdentity>, bases: &CgroupBases, now: Timestamp) -> Option<Workload> {
    let shim_identity = shim?;
    let id = id_of(directory)?;
    if let Some(shim) = adopt(shim_identity) {
        let _gone = pidfd_send_signal(&shim.pidfd, Signal::KILL);
    }
    let mut workload = Workload::new(placeholder(id, directory), directory.to_owned());
    workload.status = record::read::<Status>(directory, record::STATUS).ok();
    bury(&workload, shim, bases);
    end(&mut workload, ExitCause::Lost, now);
    Some(workload)
}

/// Stands for a launch record that is lost.
fn placeholder(id: WorkloadId, directory: &Path) -> Launch {
    Launch {
        format: FORMAT,
        id,
        generation: Generation(0),
        started_at: Timestamp(0),
        command: Vec::new(),
        env: BTreeMap::new(),
        directory: directory.to_owned(),
        port: None,
        requests: Resources::default(),
        limits: Limits::default(),
        sandbox: SandboxSpec {
            filesystem: false,
            read: Vec::new(),
            write: Vec::new(),
            syscalls: false,
            user_namespace: false,
            network_namespace: false,
            require: Vec::new(),
        },
        health: None,
        grace: Millis::ZERO,
        log_size_max: Bytes::ZERO,
        log_files_max: 0,
        cgroup: CgroupBases::default(),
        duty_cycle: false,
    }
}
