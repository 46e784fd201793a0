//! Need, supply and optimum over time as a picture.

use super::{Results, Row, print};
use crate::args::Backtest;
use anyhow::{Context, bail};
use plimsoll_report::{Chart, Kind, Page, Series, Span, number, svg_file};
use plimsoll_twin::backtest::{Course, Held};
use std::path::Path;

/// Most loads on one page.
const CHARTS_MAX: usize = 60;

/// Writes `path`: `.svg` with the first load, `.html` with all of them and the tables.
pub fn write(path: &Path, typed: &Backtest, results: &Results) -> anyhow::Result<()> {
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => {
            let row = results.tables.first().and_then(|table| table.rows.first());
            svg_file(&chart(typed, results, row.context("--plot: nothing was run")?))
        }
        Some("html") => page(typed, results),
        _ => bail!("--plot {}: the name must end in .svg or .html", path.display()),
    };
    std::fs::write(path, text).with_context(|| format!("--plot {}", path.display()))
}

fn page(typed: &Backtest, results: &Results) -> String {
    let mut page = Page::new("Backtest")
        .paragraph(&format!("Protocol: {}.", results.terms.told()))
        .paragraph(&format!("Twin: {}.", results.terms.twin.told()));
    for note in &results.notes {
        page = page.paragraph(note);
    }
    for table in &results.tables {
        page = page.section(&print::title(results, table));
        for (heading, printed, note) in print::tables(typed, results, table) {
            if !heading.is_empty() {
                page = page.paragraph(&heading);
            }
            page = page.table(&printed);
            if !note.is_empty() {
                page = page.paragraph(&note);
            }
        }
        for row in table.rows.iter().take(CHARTS_MAX) {
            page = page.chart(&chart(typed, results, row));
        }
    }
    page.finish()
}

fn chart(typed: &Backtest, results: &Results, row: &Row) -> Chart {
    let course = &row.course;
    let tick = course.protocol().tick;
    let x = |index: usize| course.start().plus(tick.saturating_mul(index as u64)).get() as f64;
    let (first, last) = shown(typed, course);
    let line = |name: &str, values: &[u32]| {
        let values = values.iter().enumerate().filter(|(index, _)| (first..last).contains(index));
        Series::new(name, Kind::Step, values.map(|(index, value)| (x(index), Some(f64::from(*value)))))
    };
    let capacity = course.protocol().usable_capacity().0.max(1) as f64;
    let load = course.load().iter().enumerate().filter(|(index, _)| (first..last).contains(index));
    let load = load.map(|(index, rate)| (x(index), rate.map(|rate| rate.0 as f64 / capacity)));
    let mut chart =
        Chart::over_time(&format!("{}: replicas, start-up {}", row.name, course.protocol().startup), number)
            .with(Series::new("load / usable capacity", Kind::Area, load))
            .with(line("optimum", &course.optimum().supply));
    for (contestant, run) in results.contestants.iter().zip(&row.runs) {
        if let Some(supply) = run.supply.as_ref().filter(|_| contestant.name != "optimum") {
            chart = chart.with(line(&contestant.name, &supply.ready));
            let place = chart.series.len() - 1;
            chart = with_held(chart, &run.held, (x(first), x(last)), place);
        }
    }
    if let Some(at) = typed.explain.as_deref().and_then(|text| super::input::moment(text).ok()) {
        chart = chart.mark(at.get() as f64, "explained");
    }
    chart
}

/// The scored ticks that are drawn.
fn shown(typed: &Backtest, course: &Course) -> (usize, usize) {
    let all = (0, course.need().len());
    let Some(Ok((from, length))) = typed.plot_span.as_deref().map(super::input::stretch) else { return all };
    let tick = course.protocol().tick.0.max(1);
    let first = usize::try_from(from.since(course.start()).0 / tick).unwrap_or(usize::MAX);
    let ticks = usize::try_from(length.0.div_ceil(tick)).unwrap_or(usize::MAX);
    let last = first.saturating_add(ticks).min(all.1);
    // A stretch that this load does not have is the whole of it.
    if first < last { (first, last) } else { all }
}

/// Events and windows once, whichever policy they are in; what a policy held back in its own lane.
fn with_held(mut chart: Chart, held: &[Held], (first, last): (f64, f64), place: usize) -> Chart {
    for held in held {
        let (from, to) = (held.from.get() as f64, held.to.get() as f64);
        let (from, to) = (from.max(first), to.min(last));
        let is_known =
            |span: &Span| span.series.is_none() && (span.from, span.to) == (from, to) && span.label == held.what;
        match held.is_withheld {
            true => chart = chart.span_of((from, to), &held.what, Some(place)),
            false if chart.spans.iter().any(is_known) => {}
            false => chart = chart.span_of((from, to), &held.what, None),
        }
    }
    chart
}
