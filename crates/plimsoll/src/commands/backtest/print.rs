//! Results as tables, or as JSON.

use super::fail::Failed;
use super::figures::{FIGURES, Figure, Over, by_key, hours, of_policy, own_cost};
use super::{Results, Row, Run, Table};
use crate::args::Backtest;
use plimsoll_controller::explain_service;
use plimsoll_report::{Cell, Column, Style, Table as Printed, Tone};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// For people.
pub fn text(typed: &Backtest, results: &Results, failed: &[Failed], style: &Style) -> String {
    let mut out = format!("Protocol: {}.\n", results.terms.told());
    for note in &results.notes {
        let _ = writeln!(out, "note: {note}");
    }
    for table in &results.tables {
        let _ = write!(out, "\n{}\n", title(results, table));
        out.push_str(&summary(results, table).render(style));
        let _ = write!(out, "\n{}", resources(results, table).render(style));
        if results.against.is_some() {
            let _ = write!(out, "\n{}", returns(results, table).render(style));
        }
        if typed.each && table.rows.len() > 1 {
            let _ = write!(out, "\n{}", by_load(results, table).render(style));
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

/// What a table is of.
pub fn title(results: &Results, table: &Table) -> String {
    let loads = match table.rows.as_slice() {
        [one] => one.name.clone(),
        several => format!("{} loads", several.len()),
    };
    format!("{loads}, {:.0} h scored, start-up {}", hours(results, table), table.startup)
}

fn cell(figure: &Figure, value: Option<f64>) -> Cell {
    let text = |value: f64| {
        // A sum of nothing is minus zero.
        let number = format!("{:.*}", figure.digits, value + 0.0);
        if figure.is_percent { format!("{number} %") } else { number }
    };
    Cell::maybe(value.map(text))
}

/// A row per policy: the figures over all loads, and on which load it is worst.
pub fn summary(results: &Results, table: &Table) -> Printed {
    let several = table.rows.len() > 1;
    let columns = FIGURES.iter().map(|figure| Column::right(figure.key, figure.title));
    let mut heads: Vec<Column> = vec![Column::left("policy", "POLICY")];
    heads.extend(columns);
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
        cells.extend(FIGURES.iter().map(|figure| cell(figure, value(figure, figure.over))));
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

/// The load on which a policy is longest under need.
fn worst(table: &Table, policy: usize) -> Option<String> {
    let under = |row: &Row| row.runs.get(policy).map_or(0.0, |run| run.card.elasticity.under_time_pct);
    let worst = table.rows.iter().max_by(|one, other| under(one).total_cmp(&under(other)))?;
    Some(worst.name.clone())
}

/// What was used of what was paid for, of what there had to be room for; memory is in no record of a load.
pub fn resources(results: &Results, table: &Table) -> Printed {
    let mut printed = Printed::new([
        Column::left("policy", "POLICY"),
        Column::right("used", "CORES USED"),
        Column::right("allocated", "ALLOCATED"),
        Column::right("capacity", "CAPACITY"),
        Column::right("used_of_allocated", "USED / ALLOCATED"),
        Column::right("throughput", "THROUGHPUT"),
    ]);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        let cores = contestant.spec().map_or(1.0, super::policies::cores);
        let cards: Vec<_> = table.rows.iter().filter_map(|row| row.runs.get(policy)).map(|run| run.card).collect();
        let sum = |value: fn(&plimsoll_twin::backtest::Card) -> f64| cards.iter().map(value).sum::<f64>() * cores;
        let (used, allocated) = (sum(|card| card.busy_mean), sum(|card| card.billed_mean));
        let offered = sum(|card| card.load_mean);
        let share = |part: f64, of: f64| if of > 0.0 { 100.0 * part / of } else { 0.0 };
        printed.row([
            Cell::of(contestant.name.as_str()),
            Cell::of(format!("{used:.1}")),
            Cell::of(format!("{allocated:.1}")),
            Cell::of(format!("{:.0}", sum(|card| f64::from(card.billed_most)))),
            Cell::of(format!("{:.1} %", share(used, allocated))),
            Cell::of(format!("{:.2} % of the load", share(used, offered))),
        ]);
    }
    printed
}

/// What each policy saves against the present configuration, less what Plimsoll itself takes.
pub fn returns(results: &Results, table: &Table) -> Printed {
    let mut printed = Printed::new([
        Column::left("policy", "POLICY"),
        Column::right("price", "PRICE"),
        Column::right("saved", "SAVED"),
        Column::right("own", "OWN CPU"),
        Column::right("return", "RETURN"),
        Column::right("share", "OF PRESENT"),
    ]);
    let Some(price) = by_key("price") else { return printed };
    let of = |policy| of_policy(table, policy, price, Over::Sum, results.terms.price).unwrap_or(0.0);
    let present = results.against.map_or(0.0, of);
    for (policy, contestant) in results.contestants.iter().enumerate() {
        let saved = present - of(policy);
        // One replica is one core, unless the policy file says otherwise.
        let cores = contestant.spec().map_or(1.0, super::policies::cores);
        let own = own_cost(table, policy).0 / cores * results.terms.price;
        let share = if present > 0.0 { 100.0 * (saved - own) / present } else { 0.0 };
        let tone = if saved - own < 0.0 { Tone::Bad } else { Tone::Plain };
        printed.row([
            Cell::of(contestant.name.as_str()),
            Cell::of(format!("{:.0}", of(policy))),
            Cell::of(format!("{saved:.0}")),
            Cell::of(format!("{own:.4}")),
            Cell::of(format!("{:.0}", (saved - own).round() + 0.0)).tone(tone),
            Cell::of(format!("{:.1} %", (share * 10.0).round() / 10.0 + 0.0)),
        ]);
    }
    printed
}

/// A row per load and policy.
pub fn by_load(results: &Results, table: &Table) -> Printed {
    let mut heads = vec![Column::left("load", "LOAD"), Column::left("policy", "POLICY")];
    heads.extend(FIGURES.iter().map(|figure| Column::right(figure.key, figure.title)));
    let mut printed = Printed::new(heads);
    for row in &table.rows {
        for (contestant, run) in results.contestants.iter().zip(&row.runs) {
            let mut cells = vec![Cell::of(row.name.as_str()), Cell::of(contestant.name.as_str())];
            cells.extend(FIGURES.iter().map(|figure| cell(figure, (figure.value)(&run.card, results.terms.price))));
            printed.row(cells);
        }
    }
    printed
}

fn explained(results: &Results, row: &Row) -> String {
    let mut out = String::new();
    for (contestant, run) in results.contestants.iter().zip(&row.runs) {
        let (Some(it), Some(spec)) = (&run.explained, contestant.spec()) else { continue };
        let Some((service, _)) = spec.services.first_key_value() else { continue };
        let _ =
            writeln!(out, "\n{}, {} at {}: {} ready, {} needed", row.name, contestant.name, it.at, it.ready, it.need);
        for line in explain_service(service, &it.rationale) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

/// For machines.
pub fn as_json(results: &Results, failed: &[Failed]) -> Value {
    let run = |run: &Run| {
        let mut figures = Map::new();
        for figure in FIGURES {
            figures.insert(figure.key.to_owned(), json!((figure.value)(&run.card, results.terms.price)));
        }
        let explained = run.explained.as_ref().map(
            |it| json!({ "at": it.at.to_string(), "ready": it.ready, "need": it.need, "rationale": it.rationale }),
        );
        json!({
            "figures": figures, "card": run.card, "explained": explained,
            "measured": { "cpu_seconds": run.cpu_seconds, "decisions": run.decisions },
        })
    };
    let row = |row: &Row| {
        let policies = results.contestants.iter().zip(&row.runs).map(|(it, of)| (it.name.clone(), run(of)));
        json!({ "load": row.name, "policies": policies.collect::<Map<_, _>>() })
    };
    let table = |table: &Table| {
        json!({
            "startup_ms": table.startup.0, "hours": hours(results, table),
            "summary": summary(results, table).to_json(), "resources": resources(results, table).to_json(),
            "returns": results.against.map(|_| returns(results, table).to_json()),
            "loads": table.rows.iter().map(row).collect::<Vec<_>>(),
        })
    };
    let failed: Vec<Value> = failed
        .iter()
        .map(|it| json!({ "condition": it.condition, "policy": it.policy, "startup": it.startup, "found": it.found, "bound": it.bound }))
        .collect();
    json!({
        "protocol": results.terms.told(), "notes": results.notes, "failed": failed,
        "figures": FIGURES.iter().map(|figure| (figure.key.to_owned(), json!(figure.about))).collect::<Map<_, _>>(),
        "tables": results.tables.iter().map(table).collect::<Vec<_>>(),
    })
}
