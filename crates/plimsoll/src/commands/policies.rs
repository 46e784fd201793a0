//! `plimsoll policies`: what there is to choose from.

use crate::Verdict;
use crate::args::{Output, Policies};
use plimsoll_placement::order;
use plimsoll_placement::policy::{Cost, Family, TextPolicy, catalogue, from_file_text, shipped};
use plimsoll_report::{Cell, Column, Style, Table};
use serde_json::json;

/// Name and source of every backfill.
const BACKFILLS: &[(&str, &str, &str, &str)] = &[
    ("none", "who does not fit lets nobody pass", "one look at the head", "folklore"),
    ("greedy", "whatever fits goes, nothing is kept for the head", "one look at each waiting task", "folklore"),
    (
        "easy",
        "whatever does not delay the head, in order of submission",
        "one reservation and one look at each waiting task",
        "Lifka, JSSPP 1995; Mu'alem and Feitelson, TPDS 2001",
    ),
    (
        "easy-ORDER",
        "the same with candidates in any queue order; easy-sjbf takes the shortest first",
        "as easy",
        "Tsafrir et al., TPDS 2007",
    ),
    (
        "conservative",
        "whatever delays nobody: every waiting task has a reservation",
        "one reservation for each waiting task",
        "Mu'alem and Feitelson, TPDS 2001",
    ),
    (
        "rls",
        "the head keeps its turn; others end strictly before it, in order of submission",
        "as easy",
        "RLScheduler's code, SC 2020",
    ),
    ("rls-none", "the head keeps its turn, whatever arrives", "one look at the head", "RLScheduler's code, SC 2020"),
];

/// Whole policies of the queue: name, what they go by, inputs, source.
const WHOLE: &[(&str, &str, &str, &str)] = &[(
    "patient-saf",
    "smallest predicted area first, also for backfill (easy), within a patience that follows the work ahead",
    "submitted, estimate, requests, past run times of the user",
    "found by search, docs/queues.md",
)];

/// Lists them.
pub fn run(typed: &Policies) -> anyhow::Result<Verdict> {
    let (nodes, orders, backfills) = (nodes(), orders(), backfills());
    match typed.output {
        Output::Text => {
            let style = Style::of_stdout();
            println!("Node choice (--policy)\n{}", nodes.render(&style));
            println!("Queue order (--order)\n{}", orders.render(&style));
            print!("Backfill (--backfill)\n{}", backfills.render(&style));
        }
        Output::Json => {
            let all = json!({ "node": nodes.to_json(), "order": orders.to_json(), "backfill": backfills.to_json() });
            print!("{}", plimsoll_report::pretty(&all)?);
        }
    }
    Ok(Verdict::Done)
}

fn columns(middle: &[(&str, &str)]) -> Table {
    let fixed = [Column::left("name", "name"), Column::left("kind", "kind"), Column::left("family", "family")];
    let middle = middle.iter().map(|(key, title)| Column::wrapping(key, title));
    Table::new(fixed.into_iter().chain(middle))
}

const fn kind(is_static: bool) -> &'static str {
    if is_static { "static" } else { "dynamic" }
}

fn nodes() -> Table {
    let titles = [("about", "takes"), ("inputs", "looks at"), ("cost", "cost"), ("source", "source")];
    let mut table = columns(&titles);
    for it in catalogue() {
        let family = match it.family {
            Family::Greedy => "greedy",
            Family::Index => "index",
            Family::Optimising => "optimising",
        };
        let cost = match it.cost {
            Cost::Ordered => "log nodes, by an ordered index",
            Cost::Blocks => "changed blocks of nodes",
            Cost::States => "changed states of nodes, remembered scores",
            Cost::Scan => "every node",
        };
        let texts = [it.name, kind(it.is_static), family, it.about, it.inputs, cost, it.source];
        table.row(texts.map(Cell::of));
    }
    for (name, about, inputs, source) in expressions() {
        let cost = "changed states of nodes, remembered scores";
        let texts = [name, "static", "index", about.as_str(), inputs.as_str(), cost, source.as_str()];
        table.row(texts.map(Cell::of));
    }
    table
}

/// Node scores that ship as expressions: name, what they take, inputs, source.
fn expressions() -> Vec<(&'static str, String, String, String)> {
    let read = |shipped: &plimsoll_placement::policy::ShippedPolicy| {
        let Ok(TextPolicy::Node(policy)) = from_file_text(shipped.name, shipped.text) else { return None };
        let expression = policy.expression?;
        let file = expression.file();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let compiled = expression.compiled();
        let names = compiled.inputs().iter().map(|id| compiled.schema().input(*id).name.as_ref());
        Some((shipped.name, text(&file.about), names.collect::<Vec<_>>().join(", "), text(&file.source)))
    };
    shipped().iter().filter_map(read).collect()
}

fn orders() -> Table {
    let titles = [("formula", "goes by"), ("inputs", "looks at"), ("cost", "cost of an event"), ("source", "source")];
    let mut table = columns(&titles);
    for it in order::catalogue() {
        let inputs = it.inputs.join(", ");
        let texts = [it.name, kind(!it.dynamic), "index", it.formula, inputs.as_str(), it.cost, it.source];
        table.row(texts.map(Cell::of));
    }
    for (name, formula, inputs, source) in WHOLE {
        table.row([*name, "dynamic", "optimising", *formula, *inputs, "as easy", *source].map(Cell::of));
    }
    table
}

fn backfills() -> Table {
    let titles = [("about", "may start before its turn"), ("cost", "cost"), ("source", "source")];
    let mut table = columns(&titles);
    for (name, about, cost, source) in BACKFILLS {
        let family = if matches!(*name, "none" | "greedy" | "rls-none") { "greedy" } else { "optimising" };
        table.row([*name, "dynamic", family, *about, *cost, *source].map(Cell::of));
    }
    table
}
