//! The report: who had how much for which price, over time, and why.

use super::judge::{Change, Judged, Terms};
use super::observed::Observed;
use crate::args::Watch;
use anyhow::{Context, bail};
use plimsoll_controller::explain_service;
use plimsoll_model::{Bytes, Timestamp};
use plimsoll_report::{Cell, Chart, Column, Kind, Page, Series, Style, Table, number, svg_file, terminal_chart};
use plimsoll_twin::backtest::{Card, Supply};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Rows of the picture in a terminal.
const ROWS: usize = 12;

/// Supplies by the name that the report gives them.
fn supplies<'a>(terms: &'a Terms, judged: &'a Judged) -> Vec<(&'a str, &'a Supply, &'a Card)> {
    let had = judged.had.iter().map(|(supply, card)| ("had", supply, card));
    let (would, best) = (&judged.would, &judged.best);
    had.chain([(terms.policy.as_str(), &would.0, &would.1), ("optimum", &best.0, &best.1)]).collect()
}

/// For people.
pub fn text(typed: &Watch, terms: &Terms, observed: &Observed, judged: &Judged, style: &Style) -> String {
    let mut out = String::new();
    let (from, to) = observed.span();
    let gaps = observed.load.values.len() - observed.load.measured();
    let _ = writeln!(
        out,
        "Watched: {}, {from} to {to} ({} values, {gaps} missing).",
        observed.source,
        observed.load.values.len()
    );
    let _ = writeln!(out, "Touched: nothing. {} GET requests were sent, and no other.", observed.gets);
    let _ = writeln!(out, "Terms: {}.", terms.told(&judged.capacity, observed.unit));
    for note in judged.capacity.note.iter().chain(&observed.notes) {
        let _ = writeln!(out, "note: {note}");
    }
    if let Some(memory) = memory_told(observed) {
        let _ = writeln!(out, "note: {memory}");
    }
    let _ = write!(out, "\n{}\n", table(terms, judged).render(style));
    let _ = writeln!(out, "{}\n", verdict(terms, judged));
    out.push_str(&terminal_chart(&chart(observed, judged), ROWS, style));
    let shown = judged.changes.len().min(typed.decisions);
    let all = judged.changes.len() + judged.more;
    let _ = writeln!(out, "\nDecisions that {} would have made: {all}, the first {shown} of them:", terms.policy);
    for change in judged.changes.iter().take(shown) {
        let _ = writeln!(out, "{}", line(change));
    }
    out
}

fn memory_told(observed: &Observed) -> Option<String> {
    let values: Vec<f64> = observed.memory.iter().flatten().copied().filter(|value| value.is_finite()).collect();
    let most = values.iter().copied().fold(0.0, f64::max);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (!values.is_empty()).then(|| format!("memory {} in the mean, {} at most", Bytes(mean as u64), Bytes(most as u64)))
}

fn table(terms: &Terms, judged: &Judged) -> Table {
    let mut table = Table::new([
        Column::left("who", "WHO"),
        Column::right("replica_hours", "REPLICA HOURS"),
        Column::right("price", "PRICE"),
        Column::right("under_time", "UNDER NEED"),
        Column::right("unserved", "OVER USABLE"),
        Column::right("mean", "MEAN"),
        Column::right("most", "MOST"),
        Column::right("changes_per_hour", "CHANGES/H"),
    ]);
    for (name, _, card) in supplies(terms, judged) {
        table.row([
            Cell::of(name),
            Cell::of(format!("{:.2}", card.replica_hours)),
            Cell::of(format!("{:.2}", card.replica_hours * terms.price)),
            Cell::of(format!("{:.2} %", card.elasticity.under_time_pct)),
            Cell::of(format!("{:.2} %", card.under_requests_pct)),
            Cell::of(format!("{:.1}", card.billed_mean)),
            Cell::of(card.billed_most),
            Cell::of(format!("{:.1}", card.actions_per_hour)),
        ]);
    }
    table
}

/// Both in one sentence.
fn verdict(terms: &Terms, judged: &Judged) -> String {
    let would = &judged.would.1;
    let Some((_, had)) = &judged.had else {
        return format!(
            "What there really was is not known (--replicas-query, --replicas); {} is beside the optimum.",
            terms.policy
        );
    };
    let share = if had.replica_hours > 0.0 { would.replica_hours / had.replica_hours - 1.0 } else { 0.0 };
    let word = if share <= 0.0 { "less" } else { "more" };
    let compare = match would.elasticity.under_time_pct.total_cmp(&had.elasticity.under_time_pct) {
        std::cmp::Ordering::Less => "less often",
        std::cmp::Ordering::Equal => "as often",
        std::cmp::Ordering::Greater => "more often",
    };
    format!(
        "{} would have cost {:.1} % {word} ({:.2} instead of {:.2}) and had been {compare} under need ({:.2} % instead of {:.2} % of the time).",
        terms.policy,
        share.abs() * 100.0,
        would.replica_hours * terms.price,
        had.replica_hours * terms.price,
        would.elasticity.under_time_pct,
        had.elasticity.under_time_pct,
    )
}

/// One change in one line.
pub fn line(change: &Change) -> String {
    let had = change.had.map(|had| format!(" (had {had})")).unwrap_or_default();
    let rationale = &change.explained.rationale;
    let because = rationale.terms.get(rationale.winner).map(ToString::to_string).unwrap_or_default();
    let bounds: Vec<String> = rationale.bounds.iter().map(|bound| format!("; then {bound}")).collect();
    let held: Vec<String> = rationale.withheld.iter().map(|held| format!("; held back: {held}")).collect();
    format!(
        "{}  {} → {}{had}: {because}{}{}",
        change.explained.at,
        change.from,
        change.to,
        bounds.concat(),
        held.concat()
    )
}

/// One change for machines: the typed reasons as they are.
pub fn change(change: &Change) -> Value {
    let name = plimsoll_model::ServiceName::try_new("watched").ok();
    json!({
        "at_ms": change.explained.at.get(),
        "at": change.explained.at.to_string(),
        "from": change.from,
        "to": change.to,
        "had": change.had,
        "needed": change.explained.need,
        "rationale": change.explained.rationale,
        "lines": name.map(|name| explain_service(&name, &change.explained.rationale)),
    })
}

/// For machines.
pub fn json(typed: &Watch, terms: &Terms, observed: &Observed, judged: &Judged) -> Value {
    let (from, to) = observed.span();
    let figures = supplies(terms, judged).into_iter().map(|(name, supply, card)| {
        let figures = json!({
            "replica_hours": card.replica_hours,
            "price": card.replica_hours * terms.price,
            "under_time_pct": card.elasticity.under_time_pct,
            "under_requests_pct": card.under_requests_pct,
            "replicas_mean": card.billed_mean,
            "replicas_most": card.billed_most,
            "changes_per_hour": card.actions_per_hour,
            "ready": supply.ready,
            "billed": supply.billed,
        });
        (name.to_owned(), figures)
    });
    let rates: Vec<Option<f64>> =
        judged.course.load().iter().map(|rate| rate.map(|rate| rate.get() as f64 / 1_000.0)).collect();
    json!({
        "source": observed.source,
        "unit": observed.unit,
        "from_ms": from.get(),
        "to_ms": to.get(),
        "values": observed.load.values.len(),
        "missing": observed.load.values.len() - observed.load.measured(),
        "sent": { "GET": observed.gets },
        "policy": terms.policy,
        "capacity": judged.capacity.full,
        "price_per_replica_hour": terms.price,
        "notes": judged.capacity.note.iter().chain(&observed.notes).collect::<Vec<_>>(),
        "start_ms": judged.course.start().get(),
        "tick_ms": judged.course.protocol().tick.get(),
        "load": rates,
        "need": judged.course.need(),
        "supplies": figures.collect::<serde_json::Map<String, Value>>(),
        "verdict": verdict(terms, judged),
        "decisions": judged.changes.iter().take(typed.decisions).map(change).collect::<Vec<_>>(),
        "decisions_all": judged.changes.len() + judged.more,
    })
}

fn chart(observed: &Observed, judged: &Judged) -> Chart {
    let course = &judged.course;
    let tick = course.protocol().tick;
    let x = |index: usize| {
        let at: Timestamp = course.start().plus(tick.saturating_mul(index as u64));
        at.get() as f64
    };
    let step = |name: &str, values: &[u32]| {
        let points = values.iter().enumerate().map(|(index, value)| (x(index), Some(f64::from(*value))));
        Series::new(name, Kind::Step, points.collect::<Vec<_>>())
    };
    let usable = course.protocol().usable_capacity().0.max(1) as f64;
    let load =
        course.load().iter().enumerate().map(|(index, rate)| (x(index), rate.map(|rate| rate.0 as f64 / usable)));
    let title = format!("{}: replicas", observed.source);
    let mut chart = Chart::over_time(&title, number).with(Series::new("load / usable capacity", Kind::Area, load));
    if let Some((had, _)) = &judged.had {
        chart = chart.with(step("had", &had.ready));
    }
    chart.with(step("would have had", &judged.would.0.ready))
}

/// Whether a picture can be written under that name; asked before anything is watched.
pub fn check_plot(path: &Path) -> anyhow::Result<()> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg" | "html") => Ok(()),
        _ => bail!("--plot {}: the name must end in .svg or .html", path.display()),
    }
}

/// Writes the picture.
pub fn plot(path: &Path, observed: &Observed, judged: &Judged) -> anyhow::Result<()> {
    let chart = chart(observed, judged);
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => Page::new("Watch").paragraph(&observed.source).chart(&chart).finish(),
        _ => svg_file(&chart),
    };
    std::fs::write(path, text).with_context(|| format!("--plot {}", path.display()))
}
