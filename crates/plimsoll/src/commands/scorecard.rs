//! The end of `up --load`: what the load got and what it cost, as text or JSON.

use super::load;
use plimsoll_daemon::ledger::Ledger;
use plimsoll_daemon::scorecard::{self, RunCard};
use plimsoll_loadgen::LoadReport;
use plimsoll_model::{MilliRps, Permille, Spec};
use plimsoll_report::{Cell, Column, Style, Table, sparkline};
use serde::Serialize;
use std::fmt::Write as _;

/// Columns of the demand and supply lines.
const SPARK_COLUMNS: usize = 72;

/// Both sides of a run.
#[derive(Debug, Serialize)]
pub struct Scorecard<'a> {
    /// What the clients saw.
    pub load: &'a LoadReport,
    /// What it cost.
    pub run: RunCard,
}

/// The scorecard of a run.
pub fn of<'a>(report: &'a LoadReport, ledger: &Ledger, spec: &Spec) -> Scorecard<'a> {
    Scorecard { load: report, run: scorecard::of(ledger, spec) }
}

/// The scorecard for people.
pub fn text(card: &Scorecard<'_>, report: &LoadReport) -> String {
    let style = Style::of_stdout();
    let mut out = format!("{}\n", load::text(report));
    for (name, service) in &card.run.services {
        let top = f64::from(service.need.iter().chain(&service.supply).copied().max().unwrap_or(1));
        let line = |values: &[u32]| {
            let values: Vec<_> = values.iter().map(|value| Some(f64::from(*value))).collect();
            sparkline(&values, SPARK_COLUMNS, Some(top), &style)
        };
        let _ = writeln!(out, "\n{name}: {} to {} replicas", service.replicas_lowest, service.replicas_highest);
        let _ = writeln!(out, "  needed  {}", line(&service.need));
        let _ = writeln!(out, "  ready   {}", line(&service.supply));
        if let Some(utilization) = service.cpu_utilization_permille {
            let _ = writeln!(out, "  CPU used / reserved: {}", Permille(utilization));
        }
        let Some(yardstick) = &service.yardstick else { continue };
        let mut table = Table::new([
            Column::left("supply", "SUPPLY"),
            Column::right("replica_s", "REPLICA-SECONDS"),
            Column::right("ratio", "PLIMSOLL / THIS"),
        ]);
        let row = |name: &str, seconds: f64| {
            let ratio =
                if seconds > 0.0 { format!("{:.2}", yardstick.policy_replica_s / seconds) } else { "-".to_owned() };
            [Cell::of(name), Cell::of(format!("{seconds:.0}")), Cell::of(ratio)]
        };
        table.row(row("plimsoll", yardstick.policy_replica_s));
        table.row(row("constant peak", yardstick.constant_peak_replica_s));
        table.row(row("clairvoyant fewest", yardstick.optimum_replica_s));
        let _ = writeln!(out, "{}", table.render(&style));
        let elasticity = &yardstick.elasticity;
        let _ = writeln!(
            out,
            "  under need {:.1} % of the time (by {:.1} %), over need {:.1} % (by {:.1} %); one replica carries {} ({})",
            elasticity.under_time_pct,
            elasticity.under_accuracy_pct.abs(),
            elasticity.over_time_pct,
            elasticity.over_accuracy_pct,
            MilliRps(service.capacity_milli_rps),
            service.capacity_from,
        );
    }
    let _ = write!(
        out,
        "\n{} of {} starts and stops explained; ask with `plimsoll explain SERVICE --changes`",
        card.run.actions_explained, card.run.actions
    );
    out
}
