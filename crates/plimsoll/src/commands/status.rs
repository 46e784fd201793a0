//! `plimsoll status`: the dashboard's figures in the terminal.

use super::reach::Daemon;
use crate::Verdict;
use crate::args::{Output, Status};
use plimsoll_daemon::view::{MetricView, ServiceView, StateView};
use plimsoll_forecast::ForecastAccount;
use plimsoll_model::{Bytes, Micros, MilliRps, Millicores, Millis, Permille};
use plimsoll_report::{Cell, Column, Style, Table, sparkline};
use std::fmt::Write as _;
use std::time::Duration;

/// Columns of a sparkline.
const SPARK_COLUMNS: usize = 24;

/// Shows the state, once or again and again.
pub fn run(status: &Status) -> anyhow::Result<Verdict> {
    let daemon = Daemon::find(&status.installation)?;
    let style = Style::of_stdout();
    loop {
        let state: StateView = daemon.get("/v1/state")?;
        let shown = match status.output {
            Output::Json => plimsoll_report::line(&state)?,
            Output::Text => text(&state, &daemon, &style),
        };
        let Some(seconds) = status.watch else {
            println!("{}", shown.trim_end());
            return Ok(Verdict::Done);
        };
        match status.output {
            // Home, then clear to the end: no flicker, and what was above stays in the scrollback.
            Output::Text => println!("\x1b[H\x1b[2J{shown}"),
            Output::Json => println!("{shown}"),
        }
        std::thread::sleep(Duration::from_secs_f64(seconds.clamp(0.2, 3_600.0)));
    }
}

fn text(state: &StateView, daemon: &Daemon, style: &Style) -> String {
    let mut out = String::new();
    let health = if state.healthy { "healthy" } else { "NOT HEALTHY" };
    let speed = if state.speed == 1 { String::new() } else { format!(" ×{}", state.speed) };
    let _ = writeln!(
        out,
        "{}  {health}  {}{speed}  up {}  {} steps",
        state.name,
        state.trace_time,
        Millis(state.uptime_ms),
        state.steps
    );
    let node = &state.node;
    let _ = writeln!(
        out,
        "node  CPU {} used, {} reserved of {}   memory {} used, {} reserved of {}",
        Millicores(node.used.cpu_millicores),
        Millicores(node.reserved.cpu_millicores),
        Millicores(node.allocatable.cpu_millicores),
        Bytes(node.used.memory_bytes),
        Bytes(node.reserved.memory_bytes),
        Bytes(node.allocatable.memory_bytes),
    );
    for finding in &state.findings {
        let _ = writeln!(out, "!     {finding}");
    }
    let _ = writeln!(out, "\n{}", services(state, daemon, style).render(style));
    for service in &state.services {
        let _ = writeln!(out, "{}: {}", service.name, service.reason);
        if let Some(order) = &service.order {
            let _ = writeln!(out, "  ordered: {order}");
        }
        if let Some(account) = &service.forecast_account {
            let _ = writeln!(out, "  forecast: {}", forecast_line(account));
        }
        for metric in &service.metrics {
            let _ = writeln!(out, "  {}", metric_line(metric));
        }
        for withheld in &service.withheld {
            let _ = writeln!(out, "  held back: {withheld}");
        }
    }
    if state.services.iter().any(|service| !service.replicas.is_empty()) {
        let _ = writeln!(out, "\n{}", replicas(state).render(style));
    }
    if !state.jobs.is_empty() {
        let _ = writeln!(out, "\n{}", jobs(state).render(style));
    }
    out
}

fn metric_line(metric: &MetricView) -> String {
    let feeds = if metric.feeds == "metric" { String::new() } else { format!(" ({})", metric.feeds) };
    let figure = match (metric.value_milli, metric.age_ms) {
        (Some(value), Some(age)) => {
            let stale = if age > metric.age_max_ms { ", too old to remove replicas" } else { "" };
            format!("{} {} ago{stale}", value as f64 / 1_000.0, Millis(age))
        }
        _ => "no figure yet".to_owned(),
    };
    let fault = metric.fault.as_ref().map(|why| format!("; {} of {} failed: {why}", metric.failures, metric.asked));
    format!("metric {}{feeds}: {figure}{}", metric.name, fault.unwrap_or_default())
}

fn forecast_line(account: &ForecastAccount) -> String {
    let experts: Vec<String> =
        account.experts.iter().take(3).map(|expert| format!("{} {}", expert.expert, expert.weight)).collect();
    let trust = if account.is_trusted { "" } else { "; not relied on at present" };
    format!(
        "{}; the {} quantile covered {} of the last {}{trust}",
        experts.join(" + "),
        account.wanted,
        account.covered,
        account.scored
    )
}

fn services(state: &StateView, daemon: &Daemon, style: &Style) -> Table {
    let mut table = Table::new([
        Column::left("service", "SERVICE"),
        Column::right("ready", "READY"),
        Column::right("target", "TARGET"),
        Column::right("rate", "RATE"),
        Column::right("p50", "P50"),
        Column::right("p99", "P99"),
        Column::right("failed", "FAILED"),
        Column::left("load", "LOAD"),
    ]);
    for service in &state.services {
        let traffic = service.traffic;
        table.row([
            Cell::of(&service.name),
            Cell::of(service.ready),
            Cell::of(service.target),
            Cell::maybe(traffic.map(|traffic| MilliRps(traffic.rate_milli_rps).to_string())),
            Cell::maybe(traffic.map(|traffic| Micros(traffic.latency_p50_us).to_string())),
            Cell::maybe(traffic.map(|traffic| Micros(traffic.latency_p99_us).to_string())),
            Cell::maybe(traffic.map(|traffic| traffic.failed)),
            Cell::of(spark(service, state, daemon, style)),
        ]);
    }
    table
}

/// The load of the last hundred ticks or so, as the history has it.
fn spark(service: &ServiceView, state: &StateView, daemon: &Daemon, style: &Style) -> String {
    let series = format!("service/{}/rate_milli_rps", service.name);
    let from = state.trace_time_ms.saturating_sub(state.uptime_ms.cast_signed().saturating_mul(i64::from(state.speed)));
    let path =
        format!("/v1/history?series={series}&from_ms={from}&to_ms={}&points={SPARK_COLUMNS}", state.trace_time_ms);
    let Ok(history) = daemon.get::<serde_json::Value>(&path) else { return String::new() };
    let rows = history["series"][&series].as_array().cloned().unwrap_or_default();
    let values: Vec<_> = rows.iter().map(|row| row[1].as_f64()).collect();
    sparkline(&values, SPARK_COLUMNS, None, style)
}

fn replicas(state: &StateView) -> Table {
    let mut table = Table::new([
        Column::left("replica", "REPLICA"),
        Column::left("phase", "PHASE"),
        Column::right("age", "AGE"),
        Column::right("cpu", "CPU"),
        Column::right("memory", "MEMORY"),
        Column::right("throttled", "THROTTLED"),
        Column::right("in_flight", "IN FLIGHT"),
        Column::left("endpoint", "ENDPOINT"),
    ]);
    for replica in state.services.iter().flat_map(|service| &service.replicas) {
        let phase = serde_json::to_value(replica.phase)
            .ok()
            .and_then(|phase| phase.as_str().map(str::to_owned))
            .unwrap_or_default();
        let phase = replica.ejected.as_ref().map_or(phase, |why| format!("ejected ({why})"));
        table.row([
            Cell::of(&replica.id),
            Cell::of(phase),
            Cell::of(Millis(replica.since_ms / 1_000 * 1_000).to_string()),
            Cell::maybe(
                replica
                    .cpu_millicores
                    .map(|cpu| format!("{} of {}", Millicores(cpu), Millicores(replica.requests.cpu_millicores))),
            ),
            Cell::maybe(replica.memory_bytes.map(|memory| Bytes(memory).to_string())),
            Cell::maybe(replica.throttled_permille.map(|share| Permille(share).to_string())),
            Cell::maybe(replica.in_flight),
            Cell::maybe(replica.endpoint.clone()),
        ]);
    }
    table
}

fn jobs(state: &StateView) -> Table {
    let mut table = Table::new([
        Column::left("job", "JOB"),
        Column::left("phase", "PHASE"),
        Column::wrapping("verdict", "LAST VERDICT"),
    ]);
    for job in &state.jobs {
        table.row([Cell::of(&job.name), Cell::of(&job.phase), Cell::of(&job.verdict)]);
    }
    table
}
