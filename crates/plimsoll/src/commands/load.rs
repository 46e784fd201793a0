//! `plimsoll load`: what is typed becomes a plan; the report becomes text. `up --load` shares both.

use crate::args::{Load, Output, Shape as ShapeName, Traffic};
use crate::{Verdict, reader};
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_loadgen::{LoadPlan, LoadReport, Mix, Options, Progress, Shape, Stop, StopHandle, Target};
use plimsoll_model::{Micros, Permille};
use plimsoll_report::{Cell, Column, Style, Table};
use plimsoll_traces::RateSeries;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Failures listed one by one in the text; the JSON report has more.
const FAILURES_SHOWN: usize = 10;

/// Sends load and reports.
pub fn run(load: &Load) -> anyhow::Result<Verdict> {
    let target: Target = load.target.parse()?;
    let shape = match &load.trace {
        Some(path) => trace("--trace", path, &load.traffic, load.speed)?,
        None => shape(load),
    };
    let plan = plan(shape, &load.traffic);
    let options = Options {
        connections_max: load.connections,
        timeout: seconds("--timeout", load.timeout)?,
        ..Options::default()
    };
    let (handle, stop) = Stop::pair();
    let bar = bar(&plan, load.quiet || load.output == Output::Json);
    let report = interruptible(handle, || {
        plimsoll_loadgen::run_blocking(&plan, &target, &options, stop, |progress| show(&bar, progress))
    })?;
    bar.finish_and_clear();
    // Not before: its own connections may break without ending it.
    reader::end_with_it();
    match load.output {
        Output::Json => println!("{}", plimsoll_report::pretty(&report)?),
        Output::Text => println!("{}", text(&report)),
    }
    Ok(verdict(&report))
}

/// The answer is "no" when there were requests and none succeeded: nothing is there, or nothing of it works.
fn verdict(report: &LoadReport) -> Verdict {
    if report.sent > 0 && report.succeeded == 0 { Verdict::No } else { Verdict::Done }
}

/// Runs `work` while Ctrl-C stops the load cleanly, so that a report still comes.
pub fn interruptible<T>(handle: StopHandle, work: impl FnOnce() -> T) -> T {
    let watcher = std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                handle.stop();
            }
        });
    });
    let result = work();
    // The watcher waits for a signal that may never come; it ends with the process.
    drop(watcher);
    result
}

/// A recorded load, cut as typed.
pub fn trace(flag: &str, path: &Path, traffic: &Traffic, speed: u32) -> anyhow::Result<Shape> {
    let mut series = RateSeries::read(&path.to_string_lossy()).with_context(|| flag.to_owned())?;
    if let Some(day) = &traffic.day {
        series = series.day(day).with_context(|| format!("--day {day}"))?;
    }
    if let Some(span) = &traffic.span {
        let span = plimsoll_config::unit::duration(span).with_context(|| format!("--span {span}"))?;
        series = series.window(series.start(), series.start().plus(span)).context("--span")?;
    }
    Ok(Shape::Trace { series: Arc::new(series), speed })
}

/// A plan that sends `shape` as typed.
pub fn plan(shape: Shape, traffic: &Traffic) -> LoadPlan {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the flag takes 0 to 1")]
    let post_share = Permille((traffic.post_share * 1_000.0).round() as u64);
    LoadPlan {
        scale: traffic.scale,
        seed: traffic.seed,
        mix: Mix { post_share, ..Mix::default() },
        ..LoadPlan::new(shape)
    }
}

fn shape(load: &Load) -> Shape {
    let duration = Duration::from_secs_f64(load.duration);
    let rps = load.rate;
    match load.shape {
        ShapeName::Constant => Shape::Constant { rps, duration },
        ShapeName::Step => Shape::Step { rps_before: rps / 2.0, rps_after: rps, at: duration / 2, duration },
        ShapeName::Spike => {
            Shape::Spike { rps_base: rps / 10.0, rps_peak: rps, at: duration * 2 / 5, width: duration / 5, duration }
        }
        ShapeName::Sine => Shape::Sine { rps_mean: rps * 0.55, rps_amplitude: rps * 0.45, period: duration, duration },
    }
}

fn seconds(flag: &str, value: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(value).map_err(|error| anyhow!("{flag} {value}: {error}"))
}

/// A progress bar over the plan's physical time.
pub fn bar(plan: &LoadPlan, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(plan.duration().as_millis()).unwrap_or(u64::MAX));
    bar.set_draw_target(if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Moves the bar.
pub fn show(bar: &ProgressBar, progress: &Progress) {
    bar.set_position(u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX));
    bar.set_message(message(progress));
}

/// One line of progress.
pub fn message(progress: &Progress) -> String {
    let mut text = progress.trace_time.map_or_else(String::new, |at| format!("{at}  "));
    let _ = write!(
        text,
        "{:.0}/s  {} sent  {} failed  {} open",
        progress.planned_rps.unwrap_or(0.0),
        progress.sent,
        progress.failed,
        progress.in_flight
    );
    text
}

/// The report for people.
pub fn text(report: &LoadReport) -> String {
    let style = Style::of_stdout();
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} requests in {} ({:.1}/s answered): {} succeeded, {} failed, {} cancelled, {} sent late",
        report.sent,
        report.elapsed_ms,
        report.throughput_rps(),
        report.succeeded,
        report.failed.total(),
        report.cancelled,
        report.late
    );
    let mut table = Table::new(
        [Column::left("latency", "LATENCY")]
            .into_iter()
            .chain(["P50", "P90", "P99", "P99.9", "MAX"].map(|title| Column::right(&title.to_lowercase(), title))),
    );
    let from_intended = &report.latency;
    table.row(
        [Cell::of("from the intended send time")].into_iter().chain(
            [from_intended.p50, from_intended.p90, from_intended.p99, from_intended.p99_9, from_intended.max]
                .map(|value: Micros| Cell::of(value.to_string())),
        ),
    );
    let _ = write!(out, "{}", table.render(&style));
    for failure in report.failures.iter().take(FAILURES_SHOWN) {
        let _ = write!(out, "\nfailed at {}: {} {}: {}", failure.ended_ms, failure.method, failure.path, failure.what);
    }
    let hidden = report.failures.len().saturating_sub(FAILURES_SHOWN);
    if hidden > 0 {
        let _ = write!(out, "\n… and {hidden} more (--output json lists them)");
    }
    out.trim_end().to_owned()
}
