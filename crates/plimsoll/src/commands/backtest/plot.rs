//! Need, supply and optimum over time as a picture.

use super::{Results, Row, print};
use crate::args::Backtest;
use anyhow::{Context, bail};
use plimsoll_report::{Chart, Kind, Page, Series, number, svg_file};
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
    let mut page = Page::new("Backtest").paragraph(&format!("Protocol: {}.", results.terms.told()));
    for note in &results.notes {
        page = page.paragraph(note);
    }
    for table in &results.tables {
        page = page.section(&print::title(results, table)).table(&print::summary(results, table));
        page = page.table(&print::resources(results, table));
        if results.against.is_some() {
            page = page.table(&print::returns(results, table));
        }
        page = page.table(&print::by_load(results, table));
        for row in table.rows.iter().take(CHARTS_MAX) {
            page = page.chart(&chart(typed, results, row));
        }
    }
    page.finish()
}

fn chart(typed: &Backtest, results: &Results, row: &Row) -> Chart {
    let tick = row.course.protocol().tick;
    let start = row.course.start();
    let x = |index: usize| start.plus(tick.saturating_mul(index as u64)).get() as f64;
    let line = |name: &str, values: &[u32]| {
        let points = values.iter().enumerate().map(|(index, value)| (x(index), Some(f64::from(*value))));
        Series::new(name, Kind::Step, points)
    };
    let capacity = row.course.protocol().usable_capacity().0.max(1) as f64;
    let load = row.course.load().iter().enumerate();
    let load = load.map(|(index, rate)| (x(index), rate.map(|rate| rate.0 as f64 / capacity)));
    let mut chart =
        Chart::over_time(&format!("{}: replicas, start-up {}", row.name, row.course.protocol().startup), number)
            .with(Series::new("load / usable capacity", Kind::Line, load))
            .with(line("optimum", &row.course.optimum().supply));
    for (contestant, run) in results.contestants.iter().zip(&row.runs) {
        if let Some(supply) = &run.supply {
            chart = chart.with(line(&contestant.name, &supply.ready));
        }
    }
    if let Some(at) = typed.explain.as_deref().and_then(|text| super::input::moment(text).ok()) {
        chart = chart.mark(at.get() as f64, "explained");
    }
    chart
}
