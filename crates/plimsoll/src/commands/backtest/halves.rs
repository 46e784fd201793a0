//! Every second load by name: what was chosen on one half is reported on the other.
//!
//! Loads are sorted by name and numbered from 1; the odd half is the first, third and so on. A load too short for the
//! protocol's skip is in neither, because it is scored on other terms.

use super::figures::{Figure, Over, by_key, of_rows};
use super::print::cell;
use super::{Results, Row, Table};
use plimsoll_report::{Cell, Column, Table as Printed};

/// The two halves, odd first, each in the order of names.
pub fn halves(table: &Table) -> [(&'static str, Vec<&Row>); 2] {
    let mut rows: Vec<&Row> = table.rows.iter().filter(|row| !row.is_short).collect();
    // The halves of docs/default-policy.md: there the Microsoft series have their names without the set's.
    let bare = |row: &Row| row.name.strip_prefix("ms-").unwrap_or(&row.name).to_owned();
    rows.sort_by_key(|row| bare(row));
    let half = |first: usize| rows.iter().skip(first).step_by(2).copied().collect();
    [("odd", half(0)), ("even", half(1))]
}

/// Columns of a half: key, title, figure and how loads are taken together.
const COLUMNS: [(&str, &str, &str, Over); 8] = [
    ("cost_ratio_median", "COST/OPT median", "cost_ratio", Over::Median),
    ("cost_ratio_worst", "worst", "cost_ratio", Over::Worst),
    ("under_time_median", "UNDER median", "under_time", Over::Median),
    ("under_time_worst", "worst", "under_time", Over::Worst),
    ("under_requests_median", "REQ UNDER median", "under_requests", Over::Median),
    ("p99_median", "P99 ms median", "p99", Over::Median),
    ("served_mean", "SERVED mean", "served", Over::Mean),
    ("cost_soft_median", "COST/SOFT median", "cost_soft", Over::Median),
];

/// A row per half and policy.
pub fn printed(results: &Results, table: &Table) -> Printed {
    let columns = columns(results);
    let mut heads =
        vec![Column::left("half", "HALF"), Column::right("loads", "LOADS"), Column::left("policy", "POLICY")];
    heads.extend(columns.iter().map(|(key, title, ..)| Column::right(key, title)));
    let mut printed = Printed::new(heads);
    for (half, rows) in halves(table) {
        for (policy, contestant) in results.contestants.iter().enumerate() {
            let mut cells = vec![Cell::of(half), Cell::of(rows.len()), Cell::of(contestant.name.as_str())];
            cells.extend(
                columns.iter().map(|(_, _, figure, over)| {
                    cell(figure, of_rows(&rows, policy, figure, *over, results.terms.price))
                }),
            );
            printed.row(cells);
        }
    }
    printed
}

/// Which loads are in which half.
pub fn told(table: &Table) -> String {
    let names = |rows: &[&Row]| rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(", ");
    let halves = halves(table).map(|(half, rows)| format!("{half}: {}", names(&rows)));
    let left_out: Vec<&Row> = table.rows.iter().filter(|row| row.is_short).collect();
    let neither =
        if left_out.is_empty() { String::new() } else { format!("; too short for either: {}", names(&left_out)) };
    format!("{}{neither}", halves.join("; "))
}

fn columns(results: &Results) -> Vec<(&'static str, &'static str, &'static Figure, Over)> {
    let known = COLUMNS.iter().filter_map(|(key, title, figure, over)| Some((*key, *title, by_key(figure)?, *over)));
    known.filter(|(_, _, figure, _)| figure.key != "cost_soft" || results.terms.soft.is_some()).collect()
}
