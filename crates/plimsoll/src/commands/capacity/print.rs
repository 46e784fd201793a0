//! The outlook as text, JSON and a picture.

use super::outlook::{INTERVAL, Outlook, PoolOutlook, ResourceOutlook};
use crate::args::Capacity;
use crate::commands::pool_file::PoolFile;
use anyhow::{Context, bail};
use plimsoll_autoscale::pools::Cover;
use plimsoll_model::{Bytes, Timestamp};
use plimsoll_report::{Cell, Chart, Column, Kind, Page, Series, Style, Table, number, svg_file};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Hours of a month, for prices: 8,760 / 12.
const HOURS_PER_MONTH: f64 = 730.0;

fn day(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "not in sight".to_owned(), |at| at.to_string().chars().take(10).collect())
}

fn amount(resource: &ResourceOutlook, value: f64) -> String {
    if resource.name() == "memory" { Bytes(value as u64).to_string() } else { format!("{value:.1}") }
}

fn monthly(cover: &Cover) -> f64 {
    cover.price_micros_per_hour as f64 / 1e6 * HOURS_PER_MONTH
}

fn nodes(file: &PoolFile, pool: &PoolOutlook, cover: &Cover) -> String {
    let named = pool.shapes.iter().zip(&cover.nodes).filter(|(_, many)| **many > 0);
    let parts: Vec<String> = named.map(|(shape, many)| format!("{many} × {}", file.shapes[*shape].name)).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(" + ") }
}

/// For people.
pub fn text(typed: &Capacity, file: &PoolFile, outlook: &Outlook) -> String {
    let style = Style::of_stdout();
    let mut out = format!(
        "Peaks of days, {} days ahead by {}; {} % of a pool may be used, bought for the {} quantile.\n",
        outlook.days,
        typed.model,
        typed.usable * 100.0,
        typed.quantile
    );
    for pool in &outlook.pools {
        let title = if pool.name.is_empty() { "pool".to_owned() } else { format!("pool {}", pool.name) };
        let _ = writeln!(out, "\n{title}: {} now, {:.2} a month", nodes(file, pool, &pool.now), monthly(&pool.now));
        let _ = write!(out, "{}", resources(pool).render(&style));
        let _ = writeln!(out, "{}", headline(pool));
        let _ = write!(out, "\n{}", prices(file, pool).render(&style));
        if pool.alternatives.is_empty() {
            let _ =
                writeln!(out, "No shape of this pool covers the need within its bounds: raise a `max` or add a shape.");
        }
    }
    out
}

/// The first resource that runs short speaks for the pool.
fn headline(pool: &PoolOutlook) -> String {
    let first = pool.resources.iter().min_by_key(|it| it.short.map_or(i64::MAX, |at| at.0));
    match first.filter(|it| it.short.is_some() || it.earliest.is_some()) {
        Some(it) => format!(
            "runs short of {} on {} (between {} and {}, {} % of cases)",
            it.name(),
            day(it.short),
            day(it.earliest),
            day(it.latest),
            (INTERVAL.1 - INTERVAL.0) * 100.0
        ),
        None => "does not run short within the horizon".to_owned(),
    }
}

fn resources(pool: &PoolOutlook) -> Table {
    let mut table = Table::new([
        Column::left("resource", "resource"),
        Column::right("has", "has"),
        Column::right("usable", "usable"),
        Column::right("peak_now", "last peak"),
        Column::right("peak_median", "peak ahead, median"),
        Column::right("peak_high", "peak ahead, 95 %"),
        Column::right("short", "runs short"),
        Column::right("earliest", "earliest"),
        Column::right("latest", "latest"),
    ]);
    for it in &pool.resources {
        let most = |of: fn(&(Timestamp, f64, f64, f64, f64)) -> f64| it.ahead.iter().map(of).fold(0.0, f64::max);
        let last = it.past.iter().rev().map(|(_, value)| *value).find(|value| value.is_finite()).unwrap_or(0.0);
        let row = [
            it.name().to_owned(),
            amount(it, it.has),
            amount(it, it.usable),
            amount(it, last),
            amount(it, most(|day| day.2)),
            amount(it, most(|day| day.3)),
            day(it.short),
            day(it.earliest),
            day(it.latest),
        ];
        table.row(row.map(Cell::of));
    }
    table
}

fn prices(file: &PoolFile, pool: &PoolOutlook) -> Table {
    let mut table = Table::new([
        Column::left("alternative", "to have at the end"),
        Column::left("nodes", "nodes"),
        Column::right("hour", "per hour"),
        Column::right("month", "per month"),
        Column::right("difference", "against now"),
    ]);
    for (name, cover) in &pool.alternatives {
        let row = [
            name.clone(),
            nodes(file, pool, cover),
            format!("{:.3}", cover.price_micros_per_hour as f64 / 1e6),
            format!("{:.2}", monthly(cover)),
            format!("{:+.2}", monthly(cover) - monthly(&pool.now)),
        ];
        table.row(row.map(Cell::of));
    }
    table
}

/// For programs.
pub fn as_json(typed: &Capacity, file: &PoolFile, outlook: &Outlook) -> Value {
    let date = |at: Option<Timestamp>| at.map(|at| day(Some(at)));
    let resource = |it: &ResourceOutlook| {
        let ahead: Vec<Value> = it
            .ahead
            .iter()
            .map(|(at, low, median, high, bought)| json!({ "day": day(Some(*at)), "low": low, "median": median, "high": high, "bought_for": bought }))
            .collect();
        json!({ "resource": it.name(), "has": it.has, "usable": it.usable, "runs_short": date(it.short),
                "earliest": date(it.earliest), "latest": date(it.latest), "ahead": ahead })
    };
    let alternative = |pool: &PoolOutlook, name: &str, cover: &Cover| {
        let nodes: serde_json::Map<String, Value> = pool
            .shapes
            .iter()
            .zip(&cover.nodes)
            .map(|(shape, many)| (file.shapes[*shape].name.clone(), json!(many)))
            .collect();
        json!({ "alternative": name, "nodes": nodes, "price_per_hour": cover.price_micros_per_hour as f64 / 1e6, "price_per_month": monthly(cover) })
    };
    let pools: Vec<Value> = outlook
        .pools
        .iter()
        .map(|pool| {
            json!({
                "pool": pool.name,
                "now": alternative(pool, "now", &pool.now),
                "resources": pool.resources.iter().map(resource).collect::<Vec<_>>(),
                "alternatives": pool.alternatives.iter().map(|(name, cover)| alternative(pool, name, cover)).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "days": outlook.days, "model": typed.model, "usable": typed.usable, "quantile": typed.quantile,
            "interval": [INTERVAL.0, INTERVAL.1], "pools": pools })
}

/// Writes `path`: `.html`, or `.svg` for one series.
pub fn plot(path: &Path, typed: &Capacity, outlook: &Outlook) -> anyhow::Result<()> {
    let all = outlook.pools.iter().flat_map(|pool| pool.resources.iter().map(move |it| (pool, it)));
    let charts: Vec<Chart> = all.map(|(pool, it)| chart(typed, pool, it)).collect();
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => match charts.as_slice() {
            [chart] => svg_file(chart),
            _ => bail!(
                "--plot {}: an SVG file shows one series and there are {}; write .html",
                path.display(),
                charts.len()
            ),
        },
        Some("html") => charts.iter().fold(Page::new("Capacity"), Page::chart).finish(),
        _ => bail!("--plot {}: the name must end in .svg or .html", path.display()),
    };
    std::fs::write(path, text).with_context(|| format!("--plot {}", path.display()))
}

fn chart(typed: &Capacity, pool: &PoolOutlook, it: &ResourceOutlook) -> Chart {
    let x = |at: Timestamp| at.get() as f64;
    let past = it.past.iter().map(|(at, value)| (x(*at), Some(*value).filter(|value| value.is_finite())));
    let band = it.ahead.iter().map(|day| (x(day.0), Some((day.1, day.3))));
    let median = it.ahead.iter().map(|day| (x(day.0), Some(day.2)));
    let span = it.past.first().map(|(at, _)| *at).into_iter().chain(it.ahead.last().map(|day| day.0));
    let usable = span.map(|at| (x(at), Some(it.usable)));
    let title = format!("{} {} by {}", pool.name, it.name(), typed.model);
    let mut chart = Chart::over_time(title.trim(), number)
        .with(Series::band(&format!("{} to {}", INTERVAL.0, INTERVAL.1), band))
        .with(Series::new("peak of the day", Kind::Line, past))
        .with(Series::new("forecast", Kind::Line, median))
        .with(Series::new("usable", Kind::Line, usable));
    if let Some(at) = it.short {
        chart = chart.mark(x(at), "runs short");
    }
    chart
}
