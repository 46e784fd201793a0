//! Results as tables for people.

use super::fail::Failed;
use super::figures::{FIGURES, Figure, Over, Part, by_key, hours, of_policy};
use super::{Results, Row, Table, halves, resources, returns};
use crate::args::Backtest;
use plimsoll_controller::explain_service;
use plimsoll_report::{Cell, Column, Style, Table as Printed};
use std::fmt::Write as _;

/// For people.
pub fn text(typed: &Backtest, results: &Results, failed: &[Failed], style: &Style) -> String {
    let mut out = format!("Protocol: {}.\nTwin: {}.\n", results.terms.told(), results.terms.twin.told());
    for note in &results.notes {
        let _ = writeln!(out, "note: {note}");
    }
    for table in &results.tables {
        let _ = write!(out, "\n{}\n", title(results, table));
        for (heading, printed, note) in tables(typed, results, table) {
            let heading = if heading.is_empty() { String::new() } else { format!("{heading}\n") };
            let _ = write!(out, "{heading}{}", printed.render(style));
            out.push_str(&if note.is_empty() { "\n".to_owned() } else { format!("{note}\n\n") });
        }
        if let Some(line) = soft_told(table) {
            let _ = writeln!(out, "{line}");
        }
        for row in &table.rows {
            out.push_str(&explained(results, row));
        }
    }
    for failed in failed {
        let Failed { condition, policy, startup, found, bound } = failed;
        let _ = writeln!(out, "\nfails: {condition}: {policy} at {startup} has {found:.4}, compared with {bound:.4}");
    }
    out
}

/// Everything that one start-up time has to say: heading, table, what to know about it.
pub fn tables(typed: &Backtest, results: &Results, table: &Table) -> Vec<(String, Printed, String)> {
    let none = String::new;
    let mut all = vec![
        (none(), summary(results, table), none()),
        ("Elasticity".to_owned(), elasticity(results, table), none()),
        ("Utilisation".to_owned(), resources::printed(results, table), none()),
    ];
    match resources::sharing(results, table) {
        Some(shared) => all.push(("Sharing, with Jain's index of fairness".to_owned(), shared, none())),
        None => {
            if let Some(last) = all.last_mut() {
                last.2 = "every load ran alone and shared nothing (--together)".to_owned();
            }
        }
    }
    if let Some(against) = results.against {
        let heading = format!("Return, against {}", results.contestants[against].name);
        all.push((heading, returns::printed(results, table), returns::told(results, table)));
    }
    if typed.halves && table.rows.len() > 1 {
        all.push(("Halves".to_owned(), halves::printed(results, table), halves::told(table)));
    }
    if typed.each && table.rows.len() > 1 {
        all.push(("By load".to_owned(), by_load(results, table), none()));
    }
    all
}

/// How near the soft optimum that was printed is to one that can be had.
fn soft_told(table: &Table) -> Option<String> {
    let found: Vec<_> = table.rows.iter().flat_map(|row| &row.runs).filter_map(|run| run.soft).collect();
    let first = found.first()?;
    let gap = found.iter().filter_map(|soft| soft.gap_pct).fold(0.0, f64::max);
    let allowed = if found.iter().all(|it| it.allowed_pct == first.allowed_pct) {
        format!("{} %", first.allowed_pct)
    } else {
        "each policy's own share".to_owned()
    };
    Some(format!(
        "soft: under need for at most {allowed}; COST/SOFT divides by a lower bound, and supplies that keep it cost at most {gap:.2} % more than the bound"
    ))
}

/// What a table is of.
pub fn title(results: &Results, table: &Table) -> String {
    let loads = match table.rows.as_slice() {
        [one] => one.name.clone(),
        several => format!("{} loads", several.len()),
    };
    format!("{loads}, {:.0} h scored, start-up {}", hours(results, table), table.startup)
}

/// A figure as it is printed.
pub fn cell(figure: &Figure, value: Option<f64>) -> Cell {
    let text = |value: f64| {
        // A sum of nothing is minus zero.
        let number = format!("{:.*}", figure.digits, value + 0.0);
        if figure.is_percent() { format!("{number} %") } else { number }
    };
    Cell::maybe(value.map(text))
}

/// The figures of the main table: those that nobody asked for are left out.
fn main_figures(results: &Results) -> impl Iterator<Item = &'static Figure> + '_ {
    let is_shown = |figure: &&Figure| figure.key != "cost_soft" || results.terms.soft.is_some();
    FIGURES.iter().filter(|figure| figure.part == Part::Main).filter(is_shown)
}

/// A row per policy: the figures over all loads, and on which load it is worst.
pub fn summary(results: &Results, table: &Table) -> Printed {
    let several = table.rows.len() > 1;
    let mut heads: Vec<Column> = vec![Column::left("policy", "POLICY")];
    heads.extend(main_figures(results).map(|figure| Column::right(figure.key, figure.title)));
    if several {
        for (key, title) in [
            ("median_under_time", "UNDER median"),
            ("worst_cost_ratio", "COST/OPT worst"),
            ("worst_under_time", "UNDER worst"),
            ("worst_load", "on"),
        ] {
            heads.push(Column::left(key, title));
        }
    }
    let mut printed = Printed::new(heads);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        let value = |figure: &Figure, over| of_policy(table, policy, figure, over, results.terms.price);
        let mut cells = vec![Cell::of(contestant.name.as_str())];
        cells.extend(main_figures(results).map(|figure| cell(figure, value(figure, figure.over))));
        if several {
            for (key, over) in [("under_time", Over::Median), ("cost_ratio", Over::Worst), ("under_time", Over::Worst)]
            {
                cells.push(by_key(key).map_or_else(Cell::absent, |figure| cell(figure, value(figure, over))));
            }
            cells.push(Cell::maybe(worst(table, policy)));
        }
        printed.row(cells);
    }
    printed
}

/// A row per policy: how closely supply followed the need.
fn elasticity(results: &Results, table: &Table) -> Printed {
    let under = by_key("under_time").map(|figure| (figure, "τU")).into_iter();
    let figures: Vec<(&Figure, &str)> =
        under.chain(FIGURES.iter().filter(|it| it.part == Part::Elastic).map(|it| (it, it.title))).collect();
    let mut heads = vec![Column::left("policy", "POLICY")];
    heads.extend(figures.iter().map(|(figure, title)| Column::right(figure.key, title)));
    let mut printed = Printed::new(heads);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        let value = |figure: &Figure| of_policy(table, policy, figure, figure.over, results.terms.price);
        let mut cells = vec![Cell::of(contestant.name.as_str())];
        cells.extend(figures.iter().map(|(figure, _)| cell(figure, value(figure))));
        printed.row(cells);
    }
    printed
}

/// The load on which a policy is longest under need.
fn worst(table: &Table, policy: usize) -> Option<String> {
    let under = |row: &Row| row.runs.get(policy).map_or(0.0, |run| run.card.elasticity.under_time_pct);
    let worst = table.rows.iter().max_by(|one, other| under(one).total_cmp(&under(other)))?;
    Some(worst.name.clone())
}

/// A row per load and policy.
pub fn by_load(results: &Results, table: &Table) -> Printed {
    let mut heads = vec![Column::left("load", "LOAD"), Column::left("policy", "POLICY")];
    heads.extend(main_figures(results).map(|figure| Column::right(figure.key, figure.title)));
    let mut printed = Printed::new(heads);
    for row in &table.rows {
        for (contestant, run) in results.contestants.iter().zip(&row.runs) {
            let mut cells = vec![Cell::of(row.name.as_str()), Cell::of(contestant.name.as_str())];
            cells.extend(
                main_figures(results).map(|figure| cell(figure, (figure.value)(&run.card, results.terms.price))),
            );
            printed.row(cells);
        }
    }
    printed
}

fn explained(results: &Results, row: &Row) -> String {
    let mut out = String::new();
    for (contestant, run) in results.contestants.iter().zip(&row.runs) {
        let (Some(it), Some(spec)) = (&run.explained, contestant.spec()) else { continue };
        let Some(service) = spec.services.keys().next() else { continue };
        let _ =
            writeln!(out, "\n{}, {} at {}: {} ready, {} needed", row.name, contestant.name, it.at, it.ready, it.need);
        for line in explain_service(service, &it.rationale) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}
