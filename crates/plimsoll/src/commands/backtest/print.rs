//! Results as tables for people.

use super::fail::Failed;
use super::figures::{FIGURES, Figure, Over, Part, by_key, hours, of_policy};
use super::input::Soft as Wanted;
use super::{Results, Row, Table, halves, resources, returns};
use crate::args::Backtest;
use plimsoll_controller::explain_service;
use plimsoll_report::{Cell, Column, Style, Table as Printed};
use plimsoll_twin::backtest::Allowed;
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
        if let Some(line) = soft_told(results, table) {
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
    let mut all = vec![(none(), summary(results, table), none())];
    if table.rows.len() > 1 {
        all.push(("Medians and worst cases".to_owned(), extremes(results, table), none()));
    }
    all.push(("Elasticity".to_owned(), elasticity(results, table), none()));
    all.push(("Utilisation".to_owned(), resources::printed(results, table), none()));
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
fn soft_told(results: &Results, table: &Table) -> Option<String> {
    let (wanted, of) = results.terms.soft?;
    let found = table.rows.iter().flat_map(|row| &row.runs).filter_map(|run| run.soft?.gap_pct);
    let gap = found.fold(0.0, f64::max);
    let allowed = match wanted {
        Wanted::Percent(percent) => format!("{percent} %"),
        Wanted::Own => "each policy's own share".to_owned(),
    };
    let of = match of {
        Allowed::Time => "time",
        Allowed::Requests => "requests",
    };
    Some(format!(
        "soft: under need for at most {allowed} of the {of}; COST/SOFT divides by a lower bound, and supplies that keep it cost at most {gap:.2} % more than the bound"
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

/// A row per policy: the figures over all loads.
pub fn summary(results: &Results, table: &Table) -> Printed {
    let mut heads: Vec<Column> = vec![Column::left("policy", "POLICY")];
    heads.extend(main_figures(results).map(|figure| Column::right(figure.key, figure.title)));
    let mut printed = Printed::new(heads);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        let value = |figure: &Figure| of_policy(table, policy, figure, figure.over, results.terms.price);
        let mut cells = vec![Cell::of(contestant.name.as_str())];
        cells.extend(main_figures(results).map(|figure| cell(figure, value(figure))));
        printed.row(cells);
    }
    printed
}

/// A row per policy: the middle load and the worst, for price and for need.
fn extremes(results: &Results, table: &Table) -> Printed {
    let mut printed = Printed::new([
        Column::left("policy", "POLICY"),
        Column::right("median_cost_ratio", "COST/OPT median"),
        Column::right("worst_cost_ratio", "worst"),
        Column::left("worst_cost_load", "on"),
        Column::right("median_under_time", "UNDER median"),
        Column::right("worst_under_time", "worst"),
        Column::left("worst_under_load", "on"),
    ]);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        let mut cells = vec![Cell::of(contestant.name.as_str())];
        for figure in ["cost_ratio", "under_time"].into_iter().filter_map(by_key) {
            let value = |over| of_policy(table, policy, figure, over, results.terms.price);
            cells.extend([cell(figure, value(Over::Median)), cell(figure, value(Over::Worst))]);
            cells.push(Cell::maybe(worst(table, policy, figure)));
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

/// The load on which a policy has the highest figure.
fn worst(table: &Table, policy: usize, figure: &Figure) -> Option<String> {
    // The price of a replica changes no order.
    let value = |row: &Row| row.runs.get(policy).and_then(|run| (figure.value)(&run.card, 1.0)).unwrap_or(0.0);
    let worst = table.rows.iter().max_by(|one, other| value(one).total_cmp(&value(other)))?;
    Some(worst.name.clone())
}

/// A row per load and policy.
pub fn by_load(results: &Results, table: &Table) -> Printed {
    // The middle ones of the response times are in the JSON.
    let figures = || main_figures(results).filter(|figure| !["p50", "p95"].contains(&figure.key));
    let mut heads = vec![Column::left("load", "LOAD"), Column::left("policy", "POLICY")];
    heads.extend(figures().map(|figure| Column::right(figure.key, figure.title)));
    let mut printed = Printed::new(heads);
    for row in &table.rows {
        for (contestant, run) in results.contestants.iter().zip(&row.runs) {
            let mut cells = vec![Cell::of(row.name.as_str()), Cell::of(contestant.name.as_str())];
            cells.extend(figures().map(|figure| cell(figure, (figure.value)(&run.card, results.terms.price))));
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
        if let Some(what_if) = &it.what_if {
            let _ = writeln!(out, "    another load: {what_if}");
        }
    }
    out
}
