//! `plimsoll up`: everything a spec names, and with `--load` a recorded load against it and a scorecard at its end.
//!
//! On an installation that runs it is a reload with the plan shown first (`plan::apply`).

use super::{load, scorecard};
use crate::Verdict;
use crate::args::{Output, Up};
use anyhow::{Context, anyhow, bail};
use indicatif::ProgressBar;
use plimsoll_config::Loaded;
use plimsoll_daemon::api::Order;
use plimsoll_daemon::view::StateView;
use plimsoll_daemon::{Handle, Options};
use plimsoll_loadgen::{LoadPlan, LoadReport, RunError, Stop, StopHandle, Target};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// The load starts when every service has its first replica ready, or after this long.
const READY_WAIT: Duration = Duration::from_secs(30);
/// How often readiness is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs until a shutdown.
pub fn run(up: Up) -> anyhow::Result<Verdict> {
    if let Some(verdict) = super::plan::apply(&up)? {
        return Ok(verdict);
    }
    let loaded = match plimsoll_config::load(&up.spec) {
        Ok(loaded) => loaded,
        Err(report) => {
            eprint!("{report}");
            bail!("{} does not hold; nothing was started", up.spec.display());
        }
    };
    eprint!("{}", loaded.warnings);
    let planned = up.load.as_ref().map(|path| planned(path, &up, &loaded)).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, serve(up, loaded, planned))
}

struct Planned {
    plan: LoadPlan,
    target: Target,
}

fn planned(path: &std::path::Path, up: &Up, loaded: &Loaded) -> anyhow::Result<Planned> {
    let shape = load::trace("--load", path, &up.traffic, loaded.spec.clock.speed)?;
    let listener = loaded
        .spec
        .gateway
        .listeners
        .first()
        .ok_or_else(|| anyhow!("--load needs a listener in the spec's [gateway]"))?;
    let target = format!("http://{}", listener.address).parse().context("the first listener")?;
    Ok(Planned { plan: load::plan(shape, &up.traffic), target })
}

async fn serve(up: Up, loaded: Loaded, planned: Option<Planned>) -> anyhow::Result<Verdict> {
    let asked = Instant::now();
    let spec = loaded.spec.clone();
    let (daemon, handle) = plimsoll_daemon::open(Options {
        warnings: loaded.warnings.lines(),
        spec_path: std::path::absolute(&up.spec)?,
        spec: loaded.spec,
        state_dir: up.state_dir.clone(),
        fresh: up.fresh,
        own_binary: std::env::current_exe().context("the path of this program")?,
        history_scale: up.traffic.scale,
    })
    .await?;
    announce(&handle, &spec.gateway.listeners);
    let running = tokio::task::spawn_local(daemon.run());
    let Some(planned) = planned else {
        running.await??;
        return Ok(Verdict::Done);
    };
    wait_ready(&handle, spec.services.len()).await;
    say(&format!("first replicas ready {:.1} s after the start; load begins", asked.elapsed().as_secs_f64()));
    let bar = load::bar(&planned.plan, up.quiet || up.output == Output::Json);
    let (stop_handle, stop) = Stop::pair();
    let mut loading = tokio::task::spawn_blocking({
        let bar = bar.clone();
        move || send(&planned, stop, &bar)
    });
    let (mut running, mut ended) = (running, None);
    let report = tokio::select! {
        report = &mut loading => report??,
        // Interrupted or shut down: what was sent so far still makes a scorecard, and nothing more is sent to a gateway
        // that drains.
        () = interrupted() => {
            stop_handle.stop();
            loading.await??
        }
        result = &mut running => {
            ended = Some(result);
            stop_handle.stop();
            loading.await??
        }
    };
    finish(&bar, &report, &handle, &spec, up.output)?;
    if let Some(result) = ended {
        result??;
        return Ok(Verdict::Done);
    }
    if !up.stay {
        shutdown(&handle, stop_handle).await;
    }
    running.await??;
    Ok(Verdict::Done)
}

/// Ends with SIGINT or SIGTERM, which the daemon gets too.
async fn interrupted() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => std::future::pending().await,
    }
}

/// Says where everything is. On standard error, so that standard output is the result alone.
fn announce(handle: &Handle, listeners: &[plimsoll_model::spec::ListenerSpec]) {
    if handle.adopted > 0 {
        say(&format!("adopted {} running workloads of an earlier daemon", handle.adopted));
    }
    for note in &handle.notes {
        say(&format!("note: {note}"));
    }
    let addresses: Vec<_> = listeners.iter().map(|listener| format!("http://{}", listener.address)).collect();
    say(&format!("gateway    {}", addresses.join(", ")));
    say(&format!("dashboard  {}://{}/", handle.scheme, handle.api));
    say(&format!("state      {}", handle.state_dir.display()));
}

fn say(line: &str) {
    eprintln!("{line}");
}

async fn wait_ready(handle: &Handle, services: usize) {
    let deadline = Instant::now() + READY_WAIT;
    while Instant::now() < deadline {
        if is_ready(&handle.shared.state.borrow(), services) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn is_ready(state: &StateView, services: usize) -> bool {
    let all = state.services.len() == services && state.services.iter().all(|service| service.ready > 0);
    all && state.gateway.connected && !state.gateway.listeners.is_empty()
}

fn send(planned: &Planned, stop: Stop, bar: &ProgressBar) -> Result<LoadReport, RunError> {
    plimsoll_loadgen::run_blocking(
        &planned.plan,
        &planned.target,
        &plimsoll_loadgen::Options::default(),
        stop,
        |progress| {
            load::show(bar, progress);
        },
    )
}

fn finish(
    bar: &ProgressBar,
    report: &LoadReport,
    handle: &Handle,
    spec: &plimsoll_model::Spec,
    output: Output,
) -> anyhow::Result<()> {
    bar.finish_and_clear();
    let card = scorecard::of(report, &handle.ledger.borrow(), spec);
    match output {
        Output::Json => println!("{}", plimsoll_report::pretty(&card)?),
        Output::Text => println!("{}", scorecard::text(&card, report)),
    }
    Ok(())
}

async fn shutdown(handle: &Handle, _stop: StopHandle) {
    let (answer, answered) = oneshot::channel();
    if handle.orders.send(Order::Shutdown { answer }).await.is_ok() {
        let _ = answered.await;
    }
}
