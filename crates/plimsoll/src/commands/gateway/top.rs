//! `plimsoll gateway top`: what the running gateway does, from its reports.
//!
//! Rates are the growth of totals between two pictures; quantiles are of the last report before each picture.

use super::Running;
use crate::Verdict;
use crate::args::{GatewayTop, Output};
use plimsoll_gateway::FromGateway;
use plimsoll_gateway::control::{CircuitReport, CircuitState, EndpointReport, Report, ServiceReport};
use plimsoll_report::{Cell, Column, Style, Table};
use std::fmt::Write as _;

/// Shows pictures until it is interrupted, or one.
pub fn run(top: &GatewayTop) -> anyhow::Result<Verdict> {
    let mut running = Running::find(&top.file.config)?;
    let style = Style::of_stdout();
    // Never longer than a person would wait for the first.
    let interval_us = (top.interval.clamp(0.25, 3_600.0) * 1e6) as u64;
    let mut before: Option<Report> = None;
    loop {
        let FromGateway::Report(report) = running.hear()? else { continue };
        let due = before.as_ref().is_none_or(|before| report.at_unix_us >= before.at_unix_us + interval_us);
        if !due {
            continue;
        }
        if let Some(before) = &before {
            let shown = match top.output {
                Output::Json => plimsoll_report::line(&report)?,
                Output::Text => picture(&report, before, &style),
            };
            if top.once {
                println!("{}", shown.trim_end());
                return Ok(Verdict::Done);
            }
            match top.output {
                Output::Text => println!("\x1b[H\x1b[2J{shown}"),
                Output::Json => println!("{shown}"),
            }
        }
        before = Some(*report);
    }
}

fn per_second(now: u64, before: u64, elapsed_us: u64) -> String {
    let milli = now.saturating_sub(before).saturating_mul(1_000_000_000) / elapsed_us.max(1);
    format!("{}.{}", milli / 1_000, milli % 1_000 / 100)
}

fn picture(report: &Report, before: &Report, style: &Style) -> String {
    let elapsed_us = report.at_unix_us.saturating_sub(before.at_unix_us);
    let mut out = String::new();
    let accepted = per_second(report.connections_accepted, before.connections_accepted, elapsed_us);
    let _ = writeln!(
        out,
        "connections {} open, {accepted}/s new, {} refused   version {}",
        report.connections_open, report.connections_refused, report.snapshot_version
    );
    let refused: Vec<String> = report.refused.iter().map(|(word, count)| format!("{word} {count}")).collect();
    if !refused.is_empty() {
        let _ = writeln!(out, "refused     {}", refused.join(", "));
    }
    let columns = [
        Column::left("pool", "pool / endpoint"),
        Column::left("state", "state"),
        Column::right("rate", "req/s"),
        Column::right("in_flight", "in flight"),
        Column::right("waiting", "waiting"),
        Column::right("failed", "failed/s"),
        Column::right("p50", "p50 ms"),
        Column::right("p99", "p99 ms"),
    ];
    let mut table = Table::new(columns);
    for (name, service) in &report.services {
        let known = before.services.get(name);
        table.row(pool(name.as_str(), service, known, (report.at_unix_us, elapsed_us)));
        for endpoint in &service.endpoints {
            let known = known.and_then(|known| known.endpoints.iter().find(|known| known.id == endpoint.id));
            table.row(self::endpoint(endpoint, known, elapsed_us));
        }
    }
    out.push_str(&table.render(style));
    out.push('\n');
    out.push_str(&routes(report, before, elapsed_us).render(style));
    out
}

fn routes(report: &Report, before: &Report, elapsed_us: u64) -> Table {
    let mut table = Table::new([
        Column::left("route", "route"),
        Column::right("rate", "req/s"),
        Column::right("failed", "failed/s"),
        Column::right("rate_limited", "over rate/s"),
        Column::right("hedged", "hedged/s"),
    ]);
    for (name, now) in &report.routes {
        let known = before.routes.get(name).copied().unwrap_or_default();
        let growth = [
            (now.requests, known.requests),
            (now.failed, known.failed),
            (now.rate_limited, known.rate_limited),
            (now.hedged, known.hedged),
        ];
        let cells = growth.map(|(now, known)| Cell::of(per_second(now, known, elapsed_us)));
        table.row(std::iter::once(Cell::of(name)).chain(cells));
    }
    table
}

fn pool(
    name: &str,
    now: &ServiceReport,
    before: Option<&ServiceReport>,
    (at_unix_us, elapsed_us): (u64, u64),
) -> Vec<Cell> {
    let in_flight = format!("{}.{}", now.in_flight_milli / 1_000, now.in_flight_milli % 1_000 / 100);
    vec![
        Cell::of(name),
        now.circuit.map_or_else(Cell::absent, |circuit| Cell::of(self::circuit(circuit, at_unix_us))),
        Cell::of(per_second(now.finished, before.map_or(0, |before| before.finished), elapsed_us)),
        Cell::of(in_flight),
        Cell::of(now.waiting.to_string()),
        Cell::of(per_second(now.failed, before.map_or(0, |before| before.failed), elapsed_us)),
        Cell::of(quantile(&now.latency, 500)),
        Cell::of(quantile(&now.latency, 990)),
    ]
}

/// What a circuit does, and since it matters then, what it has refused.
fn circuit(now: CircuitReport, at_unix_us: u64) -> String {
    match now.state {
        CircuitState::Closed => "circuit closed".to_owned(),
        CircuitState::HalfOpen => format!("circuit half-open, {} refused", now.refused),
        CircuitState::Open { until_unix_us } => {
            let left_ms = until_unix_us.saturating_sub(at_unix_us) / 1_000;
            format!("circuit open for {}.{} s, {} refused", left_ms / 1_000, left_ms % 1_000 / 100, now.refused)
        }
    }
}

fn endpoint(now: &EndpointReport, before: Option<&EndpointReport>, elapsed_us: u64) -> Vec<Cell> {
    let state = match &now.ejected {
        Some(ejected) => format!("ejected: {}", ejected.reason),
        None if now.draining => "out".to_owned(),
        None => String::new(),
    };
    let address = now.address.map_or_else(|| now.id.to_string(), |address| address.to_string());
    vec![
        Cell::of(format!("  {address}")),
        Cell::of(state),
        Cell::of(per_second(now.finished, before.map_or(0, |before| before.finished), elapsed_us)),
        Cell::of(now.in_flight.to_string()),
        Cell::absent(),
        Cell::of(per_second(now.failed, before.map_or(0, |before| before.failed), elapsed_us)),
        Cell::of(milliseconds(now.latency_p50_us)),
        Cell::of(milliseconds(now.latency_p99_us)),
    ]
}

fn milliseconds(us: u64) -> String {
    if us == 0 { String::new() } else { format!("{}.{:02}", us / 1_000, us % 1_000 / 10) }
}

/// A quantile, in thousandths, of buckets as a report has them.
fn quantile(buckets: &[(u64, u64)], permille: u64) -> String {
    let whole: u64 = buckets.iter().map(|(_, count)| count).sum();
    let rank = (whole * permille).div_ceil(1_000).max(1);
    let mut below = 0;
    let found = buckets.iter().find(|(_, count)| {
        below += count;
        below >= rank
    });
    found.map(|(us, _)| milliseconds(*us)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_says_for_how_long_it_is_open() {
        let said = |state| circuit(CircuitReport { state, opened: 1, refused: 7 }, 1_000_000);
        assert_eq!(said(CircuitState::Open { until_unix_us: 3_590_000 }), "circuit open for 2.5 s, 7 refused");
        assert_eq!(said(CircuitState::HalfOpen), "circuit half-open, 7 refused");
        assert_eq!(said(CircuitState::Closed), "circuit closed");
    }

    #[test]
    fn quantiles_are_the_bucket_that_holds_the_rank() {
        let buckets = [(1_000, 98), (20_000, 1), (300_000, 1)];
        assert_eq!([500, 990, 1_000].map(|at| quantile(&buckets, at)), ["1.00", "20.00", "300.00"]);
        assert_eq!(quantile(&[], 500), "");
    }
}
