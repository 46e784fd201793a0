//! Results as a table of policies side by side, or as JSON.

use super::figures::{Figure, figures};
use super::{Contestant, Experiment, Results, Run};
use plimsoll_report::{Cell, Column, Style, Table, Tone};
use plimsoll_stats::{DifferenceInterval, Moments, paired_difference};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Share of intervals that hold the true difference.
const CONFIDENCE: f64 = 0.95;
/// Resamples of an interval.
const RESAMPLES: u32 = 2_000;
/// Seed of the resampling: the same results give the same interval.
const RESAMPLE_SEED: u64 = 1;

/// For people.
pub fn text(experiment: &Experiment, results: &Results, style: &Style) -> String {
    let mut out = head(experiment, results);
    let figures = figures_of(results);
    let _ = write!(out, "\n{}", side_by_side(results, &figures).render(style));
    if let Some(table) = differences(results, &figures) {
        let first = &results.contestants[0].0.label;
        let seeds = results.seeds;
        let _ = write!(out, "\nDifference to {first}, {} % interval over {seeds} paired seeds\n", CONFIDENCE * 100.0);
        out.push_str(&table.render(style));
    }
    if experiment.with_classes {
        let _ = write!(out, "\n{}", classes(results).render(style));
    }
    out.push_str(&refusals(results));
    for (contestant, runs) in &results.contestants {
        for said in runs.iter().filter_map(|run| run.explained.as_ref()).take(1) {
            let _ = write!(out, "\n{}: {said}\n", contestant.label);
        }
    }
    out
}

/// What was simulated, and what was assumed or left out on the way.
fn head(experiment: &Experiment, results: &Results) -> String {
    let mut out = format!("{}\n", experiment.title());
    for note in &experiment.notes {
        let _ = writeln!(out, "note: {note}");
    }
    if results.seeds > 1 {
        let _ = writeln!(out, "Means over {} seeds.", results.seeds);
    }
    out
}

/// The figures that any run has.
pub fn figures_of(results: &Results) -> Vec<Figure> {
    let runs: Vec<&Run> = results.contestants.iter().flat_map(|(_, runs)| runs).collect();
    let is_open = runs.iter().any(|run| run.is_open);
    figures(&runs, is_open)
}

fn moments(runs: &[Run], figure: &Figure) -> Option<Moments> {
    let mut moments = Moments::default();
    runs.iter().filter_map(|run| (figure.value)(run)).for_each(|value| moments.add(value));
    (moments.count() > 0).then_some(moments)
}

/// A row per figure, a column per policy.
pub fn side_by_side(results: &Results, figures: &[Figure]) -> Table {
    let columns = results.contestants.iter().map(|(it, _)| Column::right(&it.label, &it.label));
    let mut table = Table::new([Column::wrapping("figure", "")].into_iter().chain(columns));
    for figure in figures {
        let cell = |runs: &[Run]| Cell::maybe(moments(runs, figure).map(|it| (figure.write)(it.mean())));
        let cells = results.contestants.iter().map(|(_, runs)| cell(runs));
        table.row([Cell::of(figure.title.as_str())].into_iter().chain(cells));
    }
    table
}

/// Over the seeds that both sides have; none with one seed, where there is nothing to resample.
fn interval(first: &[Run], other: &[Run], figure: &Figure) -> Option<DifferenceInterval> {
    let pair = |(first, other): (&Run, &Run)| Some(((figure.value)(other)?, (figure.value)(first)?));
    let pairs: Vec<(f64, f64)> = first.iter().zip(other).filter_map(pair).collect();
    if pairs.len() < 2 { None } else { paired_difference(&pairs, CONFIDENCE, RESAMPLES, RESAMPLE_SEED) }
}

fn signed(figure: &Figure, value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "+" };
    sign.to_owned() + &(figure.write)(value.abs())
}

fn differences(results: &Results, figures: &[Figure]) -> Option<Table> {
    let ((_, first), others) = results.contestants.split_first()?;
    if others.is_empty() || first.len() < 2 {
        return None;
    }
    let columns = others.iter().map(|(it, _)| Column::right(&it.label, &it.label));
    let mut table = Table::new([Column::wrapping("figure", "")].into_iter().chain(columns));
    for figure in figures.iter().filter(|figure| figure.is_compared) {
        let cell = |(_, runs): &(Contestant, Vec<Run>)| {
            interval(first, runs, figure).map_or_else(Cell::absent, |it| {
                let text =
                    format!("{} [{}, {}]", signed(figure, it.mean), signed(figure, it.low), signed(figure, it.high));
                let is_sure = it.low > 0.0 || it.high < 0.0;
                Cell::of(text).tone(if is_sure { Tone::Plain } else { Tone::Dim })
            })
        };
        let cells: Vec<Cell> = others.iter().map(cell).collect();
        table.row([Cell::of(figure.title.as_str())].into_iter().chain(cells));
    }
    Some(table)
}

/// A row per policy and class, of the first seed.
fn classes(results: &Results) -> Table {
    let mut table = Table::new([
        Column::left("policy", "policy"),
        Column::left("class", "class"),
        Column::right("tasks", "tasks"),
        Column::right("ended", "ended"),
        Column::right("wait_mean", "wait, mean"),
        Column::right("wait_p95", "wait, 95 %"),
        Column::right("slowdown", "slowdown"),
        Column::right("evictions", "evictions"),
    ]);
    for (contestant, runs) in &results.contestants {
        for row in runs.iter().take(1).flat_map(|run| &run.metrics.classes) {
            let time = |ms: f64| plimsoll_model::Millis(ms.round() as u64);
            table.row([
                Cell::of(contestant.label.as_str()),
                Cell::of(if row.class.is_empty() { "(none)" } else { row.class.as_str() }),
                Cell::of(row.submitted),
                Cell::of(row.ended),
                Cell::maybe((row.wait.count > 0).then(|| time(row.wait.mean_ms))),
                Cell::maybe((row.wait.count > 0).then(|| time(row.wait.p95_ms as f64))),
                Cell::maybe(row.slowdown_mean.map(|mean| format!("{mean:.2}"))),
                Cell::of(row.evictions),
            ]);
        }
    }
    table
}

/// Why tasks were refused or dropped, of the first seed.
fn refusals(results: &Results) -> String {
    let mut out = String::new();
    for (contestant, runs) in &results.contestants {
        for (reason, refused) in runs.iter().take(1).flat_map(|run| &run.metrics.refusals) {
            let _ = write!(out, "{}: {} × {reason}", contestant.label, refused.count);
            let _ = if refused.first == *reason { writeln!(out) } else { writeln!(out, " ({})", refused.first) };
        }
    }
    if out.is_empty() { out } else { format!("\nRefused or dropped{}:\n{out}", of_first(results)) }
}

fn of_first(results: &Results) -> &'static str {
    if results.seeds > 1 { ", first seed" } else { "" }
}

/// For machines: everything of every run; what a clock measured stands apart under `measured`.
pub fn as_json(experiment: &Experiment, results: &Results) -> Value {
    let figures = figures_of(results);
    let first = results.contestants.first().map_or(&[][..], |(_, runs)| runs);
    let contestant = |(index, (contestant, runs)): (usize, &(Contestant, Vec<Run>))| {
        let means: Map<String, Value> = figures
            .iter()
            .filter(|figure| !figure.is_measured())
            .filter_map(|figure| {
                let moments = moments(runs, figure)?;
                Some((figure.key.clone(), json!({ "mean": moments.mean(), "sd": moments.deviation() })))
            })
            .collect();
        let compared: Map<String, Value> = figures
            .iter()
            .filter(|figure| figure.is_compared && index > 0)
            .filter_map(|figure| {
                let it = interval(first, runs, figure)?;
                Some((figure.key.clone(), json!({ "mean": it.mean, "low": it.low, "high": it.high })))
            })
            .collect();
        json!({
            "label": contestant.label,
            "node": contestant.node,
            "order": contestant.order,
            "backfill": contestant.backfill,
            "ties": contestant.ties,
            "elastic": contestant.elastic,
            "means": means,
            "difference_to_first": compared,
            "runs": runs.iter().map(run_json).collect::<Vec<_>>(),
        })
    };
    json!({
        "set": experiment.name,
        "protocol": if experiment.is_open() { "open_loop" } else { "replay" },
        "seeds": results.seeds,
        "notes": experiment.notes,
        "confidence": CONFIDENCE,
        "policies": results.contestants.iter().enumerate().map(contestant).collect::<Vec<_>>(),
    })
}

fn run_json(run: &Run) -> Value {
    json!({
        "seed": run.seed,
        "events": run.events,
        "metrics": run.metrics,
        "explained": run.explained,
        "measured": {
            "cpu_seconds": run.cpu_seconds,
            "placements_per_cpu_second": run.per_cpu_second(run.metrics.placements),
            "events_per_cpu_second": run.per_cpu_second(run.events),
        },
    })
}

impl Figure {
    /// Whether a clock had a part in it.
    fn is_measured(&self) -> bool {
        self.key.ends_with("_per_cpu_second")
    }
}
