//! A plan for people.

use super::Plan;
use super::changes::{Change, Effect};
use super::effect::{Figures, Prediction, Stretch};
use plimsoll_model::{Millis, Timestamp};
use plimsoll_report::{Cell, Column, Style, Table};
use std::fmt::Write as _;

/// The whole plan.
pub fn text(plan: &Plan, style: &Style) -> String {
    if plan.changes.is_empty() {
        return format!("Nothing to do: {} has this spec already.\n", plan.against);
    }
    let mut out = format!("Against {}:\n\n", plan.against);
    for change in &plan.changes {
        let _ = writeln!(out, "  {change}");
    }
    let _ = writeln!(out, "\nPlan: {}.", sum(&plan.changes));
    if let Some(why) = &plan.refused {
        let _ = writeln!(out, "A reload refuses this: {why}");
    }
    if let Some(prediction) = &plan.prediction {
        out.push_str(&predicted(prediction, style));
    }
    out
}

/// How many of what.
fn sum(changes: &[Change]) -> String {
    let count = |effect: Effect| changes.iter().filter(|change| change.effect == effect).count();
    let (new, gone) = (count(Effect::Starts), count(Effect::Stops));
    let mut text = format!("{new} to add, {} to change, {gone} to remove", changes.len() - new - gone);
    // Several fields of one service replace its replicas once.
    let mut services: Vec<(&str, u32)> = changes
        .iter()
        .filter(|change| change.effect == Effect::Replaces)
        .filter_map(|change| Some((change.field.split('.').nth(1)?, change.replicas?)))
        .collect();
    services.dedup_by_key(|(name, _)| *name);
    let replaced: u32 = services.iter().map(|(_, replicas)| replicas).sum();
    if replaced > 0 {
        let _ =
            write!(text, "; {replaced} running {} replaced", if replaced == 1 { "replica is" } else { "replicas are" });
    }
    if count(Effect::NewDaemon) > 0 {
        let _ = write!(text, "; {} only by a new daemon", count(Effect::NewDaemon));
    }
    text
}

fn predicted(prediction: &Prediction, style: &Style) -> String {
    let mut out = String::new();
    if !prediction.stretches.is_empty() {
        let _ = writeln!(out, "\nPredicted by the twin:\n\n{}", table(prediction).render(style).trim_end());
    }
    if !prediction.notes.is_empty() {
        out.push('\n');
    }
    for note in &prediction.notes {
        let _ = writeln!(out, "{note}");
    }
    out
}

fn table(prediction: &Prediction) -> Table {
    let has_price = prediction.stretches.iter().any(|it| it.running.price.is_some());
    let mut columns = vec![
        Column::left("service", "SERVICE"),
        Column::left("over", "OVER"),
        Column::left("spec", "SPEC"),
        Column::right("replicas", "REPLICAS"),
        Column::right("most", "MOST"),
        Column::right("core_hours", "CORE·H"),
        Column::right("memory_gib_hours", "GIB·H"),
    ];
    columns.extend(has_price.then(|| Column::right("price", "PRICE")));
    columns.extend([
        Column::right("under_time_pct", "UNDER NEED"),
        Column::right("under_requests_pct", "REQUESTS"),
        Column::right("starts", "STARTS"),
    ]);
    let mut table = Table::new(columns);
    for stretch in &prediction.stretches {
        table.row(row(stretch, "runs", &stretch.running));
        table.row(row(stretch, "planned", &stretch.planned));
    }
    table
}

fn row(stretch: &Stretch, spec: &str, figures: &Figures) -> Vec<Cell> {
    let span = Millis(stretch.span_ms);
    let over =
        if stretch.is_ahead { format!("next {span}") } else { format!("{span} from {}", Timestamp(stretch.from_ms)) };
    let mut cells = vec![
        Cell::of(&stretch.service),
        Cell::of(over),
        Cell::of(spec),
        Cell::of(format!("{:.1}", figures.replicas_mean)),
        Cell::of(figures.replicas_most),
        Cell::of(format!("{:.2}", figures.core_hours)),
        Cell::of(format!("{:.2}", figures.memory_gib_hours)),
    ];
    cells.extend(figures.price.map(|price| Cell::of(format!("{price:.2}"))));
    cells.extend([
        Cell::of(format!("{:.2} %", figures.under_time_pct)),
        Cell::of(format!("{:.2} %", figures.under_requests_pct)),
        Cell::of(figures.starts),
    ]);
    cells
}
