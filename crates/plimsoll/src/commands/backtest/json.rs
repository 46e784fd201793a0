//! Results for machines: every figure as a number, with its unit beside its meaning.

use super::fail::Failed;
use super::figures::{FIGURES, Figure, Over, hours, of_policy, of_rows};
use super::{Results, Row, Run, Table, halves, resources, returns};
use crate::args::Backtest;
use plimsoll_twin::backtest::Explained;
use serde_json::{Map, Value, json};

/// Everything.
pub fn of(typed: &Backtest, results: &Results, failed: &[Failed]) -> Value {
    let failed: Vec<Value> = failed
        .iter()
        .map(|it| json!({ "condition": it.condition, "policy": it.policy, "startup": it.startup, "found": it.found, "bound": it.bound }))
        .collect();
    let figure = |figure: &Figure| {
        let about = json!({
            "about": figure.about, "unit": figure.unit, "over_loads": over(figure.over), "by_the_twin": figure.is_twin,
        });
        (figure.key.to_owned(), about)
    };
    let twin = &results.terms.twin;
    json!({
        "protocol": results.terms.told(),
        "twin": {
            "told": twin.told(), "model": twin.model, "error": twin.errors,
            "may_judge": twin.verdict().is_ok(), "refused_because": twin.verdict().err().map(|why| format!("{why:#}")),
        },
        "notes": results.notes, "failed": failed, "events": results.events,
        "figures": FIGURES.iter().map(figure).collect::<Map<_, _>>(),
        "tables": results.tables.iter().map(|it| table(typed, results, it)).collect::<Vec<_>>(),
    })
}

const fn over(over: Over) -> &'static str {
    match over {
        Over::Sum => "sum",
        Over::Mean => "mean",
        Over::Median => "median",
        Over::Worst => "worst",
    }
}

fn table(typed: &Backtest, results: &Results, table: &Table) -> Value {
    let price = results.terms.price;
    let names = || results.contestants.iter().map(|it| it.name.clone()).enumerate();
    let summary = names().map(|(policy, name)| {
        let of = |over| {
            let value =
                move |figure: &Figure| (figure.key.to_owned(), json!(of_policy(table, policy, figure, over, price)));
            FIGURES.iter().map(value).collect::<Map<_, _>>()
        };
        let usual = FIGURES.iter().map(|it| (it.key.to_owned(), json!(of_policy(table, policy, it, it.over, price))));
        let usual: Map<String, Value> = usual.collect();
        (name, json!({ "figures": usual, "median": of(Over::Median), "worst": of(Over::Worst) }))
    });
    let returns = results.against.map(|_| {
        let of = names().map(|(policy, name)| (name, json!(returns::of(results, table, policy))));
        of.collect::<Map<_, _>>()
    });
    let sharing = results.terms.is_together.then(|| {
        let of = results.contestants.iter().zip(&table.sharing).filter_map(|(it, shared)| {
            let shared = shared.as_ref()?;
            let services = table.rows.iter().zip(&shared.services).map(|(row, it)| (row.name.clone(), json!(it)));
            let services: Map<String, Value> = services.collect();
            Some((it.name.clone(), json!({ "jain": shared.jain, "short_pct": shared.short_pct, "services": services })))
        });
        of.collect::<Map<_, _>>()
    });
    json!({
        "startup_ms": table.startup.0, "hours": hours(results, table),
        "summary": summary.collect::<Map<_, _>>(), "resources": resources::as_json(results, table),
        "returns": returns, "sharing": sharing,
        "halves": typed.halves.then(|| by_half(results, table)),
        "loads": table.rows.iter().map(|it| row(results, it)).collect::<Vec<_>>(),
    })
}

fn by_half(results: &Results, table: &Table) -> Value {
    let half = |(name, rows): (&str, Vec<&Row>)| {
        let medians = results.contestants.iter().enumerate().map(|(policy, it)| {
            let value = |figure: &Figure| {
                let median = of_rows(&rows, policy, figure, Over::Median, results.terms.price);
                (figure.key.to_owned(), json!(median))
            };
            (it.name.clone(), json!(FIGURES.iter().map(value).collect::<Map<_, _>>()))
        });
        let medians: Map<String, Value> = medians.collect();
        let loads: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        (name.to_owned(), json!({ "loads": loads, "median": medians }))
    };
    json!(halves::halves(table).into_iter().map(half).collect::<Map<_, _>>())
}

fn row(results: &Results, row: &Row) -> Value {
    let policies = results.contestants.iter().zip(&row.runs).map(|(it, of)| (it.name.clone(), run(results, of)));
    json!({ "load": row.name, "policies": policies.collect::<Map<_, _>>() })
}

fn run(results: &Results, run: &Run) -> Value {
    let value = |figure: &Figure| (figure.key.to_owned(), json!((figure.value)(&run.card, results.terms.price)));
    let explained = run.explained.as_ref().map(|it| {
        let Explained { at, ready, need, rationale, what_if } = it;
        json!({ "at": at.to_string(), "ready": ready, "need": need, "rationale": rationale, "what_if": what_if })
    });
    json!({
        "figures": FIGURES.iter().map(value).collect::<Map<_, _>>(), "card": run.card, "soft": run.soft,
        "explained": explained,
        "measured": {
            "cpu_seconds": run.cpu_seconds, "decisions": run.decisions, "state_bytes": run.state_bytes,
        },
    })
}
