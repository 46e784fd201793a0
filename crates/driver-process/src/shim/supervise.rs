//! The shim's loop: copy output, pass on a stop, hold the grace time and the memory limit, see the end, clean up.

use super::duty::{Duty, Step};
use super::family::Family;
use super::log::{Lines, Log, Source};
use super::signals::Signals;
use super::spawn::Running;
use super::watchdog::Watchdog;
use crate::cgroup::Group;
use crate::isolation::best_effort;
use crate::record::{self, Launch, Stop};
use plimsoll_model::ExitCause;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest a killed workload's remains are waited for (processes in uninterruptible sleep); then the next open of the
/// driver cleans up.
const CLEAN_UP_MAX: Duration = Duration::from_secs(5);
/// Longest wait for output of a workload that is gone.
const DRAIN_MAX: Duration = Duration::from_millis(200);
/// One read of output.
const CHUNK: usize = 16 << 10;
/// What a shell answers when its command was killed: 128 + SIGKILL.
const KILLED_BELOW_SHELL: i32 = 137;

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub cause: ExitCause,
    /// Its processes the kernel killed for memory.
    pub oom_kills: u64,
    /// The most memory it held, in bytes.
    pub memory_peak: Option<u64>,
}

#[derive(Debug)]
struct Output {
    fd: Option<OwnedFd>,
    lines: Lines,
    source: Source,
}

#[derive(Debug, Default)]
struct Stopping {
    deadline: Option<Instant>,
    was_asked: bool,
    was_killed: bool,
}

struct Supervisor<'a> {
    directory: &'a Path,
    launch: Launch,
    child: i32,
    group: Group,
    log: Log,
    outputs: [Output; 2],
    stopping: Stopping,
    watchdog: Option<Watchdog>,
    duty: Option<Duty>,
    over_memory: bool,
    status: Option<WaitStatus>,
}

/// Sees the workload through to its end.
pub fn supervise(directory: &Path, launch: Launch, running: Running, log: Log, signals: &Signals) -> Ended {
    let shim = rustix::process::getpid().as_raw_nonzero().get();
    let limit = launch.limits.memory.filter(|_| best_effort::is_left_over(&running.group.memory));
    let watchdog = limit.map(|limit| Watchdog::new(limit.get(), shim, running.identity.pid));
    let quota = launch.limits.cpu.filter(|_| launch.duty_cycle && best_effort::is_left_over(&running.group.cpu));
    let duty = quota.map(|quota| Duty::new(quota.get(), shim, running.identity.pid, directory));
    let output = |fd, source| Output { fd: Some(fd), lines: Lines::default(), source };
    let mut supervisor = Supervisor {
        directory,
        launch,
        child: running.identity.pid,
        group: running.group,
        log,
        outputs: [output(running.out, Source::Out), output(running.err, Source::Err)],
        stopping: Stopping::default(),
        watchdog,
        duty,
        over_memory: false,
        status: None,
    };
    while supervisor.status.is_none() {
        supervisor.turn(signals);
    }
    supervisor.finish(signals)
}

impl Supervisor<'_> {
    fn turn(&mut self, signals: &Signals) {
        self.wait(signals, self.next_deadline());
        let received = signals.drain();
        if received.stop {
            self.stop();
        }
        if received.kill {
            self.stopping.was_asked = true;
            self.kill("killed on request");
        }
        self.reap();
        self.copy();
        let now = Instant::now();
        if self.stopping.deadline.is_some_and(|deadline| now >= deadline) {
            self.kill("did not stop within its grace time: killed");
        }
        self.watch(now);
        self.ration(now);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let watchdog = self.watchdog.as_ref().map(Watchdog::next);
        let duty = self.duty.as_ref().map(Duty::next);
        [self.stopping.deadline, watchdog, duty].into_iter().flatten().min()
    }

    /// Sleeps until a signal, output, or the deadline.
    fn wait(&self, signals: &Signals, deadline: Option<Instant>) {
        let mut polled = vec![PollFd::new(signals.fd(), PollFlags::IN)];
        polled.extend(self.outputs.iter().filter_map(|output| Some(PollFd::new(output.fd.as_ref()?, PollFlags::IN))));
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        let _interrupted = poll(&mut polled, left.as_ref());
    }

    /// Passes the request on, the first time; a further one may only shorten the time left.
    fn stop(&mut self) {
        let grace = record::read::<Stop>(self.directory, record::STOP).map_or(self.launch.grace, |stop| stop.grace);
        let deadline = Instant::now() + Duration::from_millis(grace.get().min(u64::from(u32::MAX)));
        self.stopping.deadline = Some(self.stopping.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
        if std::mem::replace(&mut self.stopping.was_asked, true) || grace.get() == 0 {
            return;
        }
        self.log.note(&format!("stop requested, {grace} to do so"));
        self.signal(Signal::TERM);
        // A stopped process would not hear of it, and one that has its time to stop is not to be slowed down.
        if let Some(duty) = self.duty.take() {
            signal_all(&duty, Signal::CONT);
        }
    }

    fn kill(&mut self, why: &str) {
        self.stopping.deadline = None;
        if !std::mem::replace(&mut self.stopping.was_killed, true) {
            self.log.note(why);
        }
        self.signal(Signal::KILL);
        self.group.kill();
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.child) {
            let _gone = kill_process_group(group, signal);
        }
    }

    /// Takes every dead child, adopted orphans included. Returns whether there are children left.
    fn reap(&mut self) -> bool {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == self.child => {
                    self.status = Some(status);
                }
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Copies what there is of output, at most one chunk of each stream.
    fn copy(&mut self) -> bool {
        let mut chunk = [0; CHUNK];
        let mut has_more = false;
        for output in &mut self.outputs {
            let Some(fd) = &output.fd else { continue };
            match rustix::io::read(fd, &mut chunk) {
                Ok(0) => output.fd = None,
                Ok(length) => {
                    has_more = true;
                    output.lines.push(&chunk[..length], |goes_on, line| self.log.push(output.source, goes_on, line));
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => output.fd = None,
            }
        }
        self.log.flush();
        has_more
    }

    fn watch(&mut self, now: Instant) {
        let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| now >= watchdog.next()) else { return };
        if let Some(bytes) = watchdog.sample(now) {
            self.over_memory = true;
            let limit = self.launch.limits.memory.unwrap_or_default();
            self.log.note(&format!("uses {bytes} bytes, over its limit of {}: killed", limit.get()));
            self.signal(Signal::KILL);
        }
    }

    fn ration(&mut self, now: Instant) {
        let Some(duty) = self.duty.as_mut().filter(|duty| now >= duty.next()) else { return };
        match duty.turn(now) {
            Some(Step::Stop) => signal_all(duty, Signal::STOP),
            Some(Step::Continue) => signal_all(duty, Signal::CONT),
            None => {}
        }
    }

    fn finish(mut self, signals: &Signals) -> Ended {
        self.kill_rest(signals);
        let until = Instant::now() + DRAIN_MAX;
        while self.copy() || (self.outputs.iter().any(|output| output.fd.is_some()) && Instant::now() < until) {
            self.wait(signals, Some(Instant::now() + Duration::from_millis(5)));
        }
        for output in &mut self.outputs {
            output.lines.finish(|goes_on, line| self.log.push(output.source, goes_on, line));
        }
        let oom_kills = self.group.oom_kills();
        let memory_peak = self.group.memory_peak().or(self.watchdog.as_ref().map(Watchdog::peak));
        let cause = self.cause(oom_kills);
        self.log.note(&describe(&cause));
        self.group.remove();
        Ended { cause, oom_kills, memory_peak }
    }

    /// Kills what the workload left behind: its process group, its cgroup, and what descends from this subreaper.
    fn kill_rest(&mut self, signals: &Signals) {
        let until = Instant::now() + CLEAN_UP_MAX;
        self.signal(Signal::KILL);
        self.group.kill();
        while self.reap() && Instant::now() < until {
            let shim = rustix::process::getpid().as_raw_nonzero().get();
            let mut family = Family::new(shim, self.child);
            family.walk();
            for pid in family.members().filter_map(Pid::from_raw) {
                let _gone = rustix::process::kill_process(pid, Signal::KILL);
            }
            self.group.kill();
            self.wait(signals, Some(Instant::now() + Duration::from_millis(5)));
            let _late = signals.drain();
        }
    }

    /// Why it ended. A kill by the kernel for memory counts before a stop: whoever reads this has to know.
    fn cause(&self, oom_kills: u64) -> ExitCause {
        let (code, signal) =
            self.status.map_or((None, None), |status| (status.exit_status(), status.terminating_signal()));
        let was_killed = signal == Some(libc::SIGKILL);
        let looks_killed = was_killed || code == Some(KILLED_BELOW_SHELL);
        if (self.over_memory && was_killed) || (oom_kills > 0 && looks_killed && !self.stopping.was_killed) {
            return ExitCause::OutOfMemory;
        }
        match (code, signal) {
            (_, Some(libc::SIGKILL)) if self.stopping.was_killed => ExitCause::KilledAfterGrace,
            _ if self.stopping.was_asked => ExitCause::Stopped,
            (_, Some(signal)) => ExitCause::Signal { signal },
            (code, None) => ExitCause::Status { code: code.unwrap_or_default() },
        }
    }
}

fn signal_all(duty: &Duty, signal: Signal) {
    for pid in duty.members().filter_map(Pid::from_raw) {
        let _gone = rustix::process::kill_process(pid, signal);
    }
}

fn describe(cause: &ExitCause) -> String {
    match cause {
        ExitCause::Status { code } => format!("ended with status {code}"),
        ExitCause::Signal { signal } => format!("ended by signal {signal}"),
        ExitCause::OutOfMemory => "killed: out of memory".to_owned(),
        ExitCause::Stopped => "stopped as requested".to_owned(),
        ExitCause::KilledAfterGrace => "killed after its grace time".to_owned(),
        other => format!("ended: {other:?}"),
    }
}
