//! `plimsoll down`: drain and stop, or kill what a crashed daemon left behind.

use super::dry_run;
use super::reach::{Daemon, state_dir};
use crate::args::Down;
use crate::{Verdict, reader};
use anyhow::{Context, bail};
use plimsoll_daemon::StateDir;
use plimsoll_driver_process::ProcessDriver;
use plimsoll_model::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// Longest wait for a drain; beyond it the user is told what to do.
const WAIT: Duration = Duration::from_secs(120);
/// How often it is looked whether the daemon is still there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Stops an installation.
pub fn run(down: &Down) -> anyhow::Result<Verdict> {
    let root = state_dir(&down.installation)?;
    let dir = StateDir::open(&root)?;
    // The lock says whether a daemon lives; its pid file may be left over from one that was killed.
    let is_alone = dir.lock().is_ok();
    if down.dry_run {
        return plan(down, &dir, is_alone);
    }
    if is_alone {
        let left = kill_left_over(&dir).context("workloads of a daemon that is gone")?;
        let gateway = plimsoll_daemon::gateway_link::stop_left_over(&dir.gateway_socket());
        dir.remove("daemon.json");
        reader::end_with_it();
        println!("no daemon was running; {left} workloads{} stopped", if gateway { " and the gateway" } else { "" });
        return Ok(Verdict::Done);
    }
    let daemon = Daemon::find(&down.installation)?;
    let Some(pid) = i32::try_from(daemon.pid).ok().and_then(Pid::from_raw) else {
        bail!("daemon.json names no process")
    };
    kill_process(pid, Signal::TERM)?;
    if down.now {
        std::thread::sleep(LOOK_EVERY);
        let _ = kill_process(pid, Signal::TERM);
    }
    let deadline = Instant::now() + WAIT;
    // The lock goes with the process; its pid may stay, when whoever started it has not taken notice of its end.
    while dir.lock().is_err() {
        if Instant::now() > deadline {
            bail!("still draining after {} s; `plimsoll down --now` kills at once", WAIT.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    reader::end_with_it();
    println!("stopped");
    Ok(Verdict::Done)
}

/// What would be stopped.
fn plan(down: &Down, dir: &StateDir, is_alone: bool) -> anyhow::Result<Verdict> {
    reader::end_with_it();
    println!("dry run: nothing was stopped");
    if is_alone {
        let left = left_over(dir)?;
        println!("no daemon is running; would kill what one left running: {} workloads", left.len());
        left.iter().for_each(|id| println!("  {id}"));
        return Ok(Verdict::Done);
    }
    let daemon = Daemon::find(&down.installation)?;
    let state = dry_run::state(&daemon)?;
    let how = if down.now { "kill at once" } else { "let requests in flight end, then stop" };
    println!("would send: SIGTERM to the daemon (pid {})", daemon.pid);
    println!("would {how}: the gateway ({} connections open)", state.gateway.connections_open);
    for service in &state.services {
        println!("would {how}: {} replicas of {} ({} ready)", service.current, service.name, service.ready);
    }
    for job in state.jobs.iter().filter(|job| job.phase == "running") {
        println!("would {how}: the run {} of {}", job.run.as_deref().unwrap_or_default(), job.name);
    }
    Ok(Verdict::Done)
}

/// What a daemon that is gone left running.
pub(super) fn left_over(dir: &StateDir) -> anyhow::Result<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (driver, _events) = ProcessDriver::open(&dir.driver(), Vec::new(), || Timestamp::ZERO)?;
        let all = driver.inventory().into_iter().filter(|status| status.phase.holds_resources());
        Ok(all.map(|status| status.id.to_string()).collect())
    })
}

/// Kills what a daemon that is gone left running, and waits for its end; how many there were.
fn kill_left_over(dir: &StateDir) -> anyhow::Result<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let (mut driver, _events) = ProcessDriver::open(&dir.driver(), Vec::new(), || Timestamp::ZERO)?;
        let running = |driver: &ProcessDriver| -> Vec<_> {
            driver
                .inventory()
                .into_iter()
                .filter(|status| status.phase.holds_resources())
                .map(|status| status.id)
                .collect()
        };
        let found = running(&driver);
        for id in &found {
            driver.kill(id);
        }
        let deadline = Instant::now() + WAIT;
        while !running(&driver).is_empty() {
            if Instant::now() > deadline {
                bail!("{} of {} are still there after {} s", running(&driver).len(), found.len(), WAIT.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(found.len())
    })
}
