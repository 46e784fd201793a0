//! The course of the first seed as a picture: GPUs given out over what has been asked for, or use and queue over time.

use super::{Experiment, Results, Run, print};
use anyhow::{Context, bail};
use plimsoll_report::{Chart, Kind, Page, Series, XAxis, number, svg_file};
use plimsoll_twin::cluster::{GPU, Point, RESOURCES};
use std::path::Path;

/// Writes `path`: `.svg` with one chart, `.html` with all of them and the table.
pub fn write(path: &Path, experiment: &Experiment, results: &Results) -> anyhow::Result<()> {
    let charts = charts(experiment, results);
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => svg_file(charts.first().context("--plot: nothing was simulated")?),
        Some("html") => page(experiment, results, &charts),
        _ => bail!("--plot {}: the name must end in .svg or .html", path.display()),
    };
    std::fs::write(path, text).with_context(|| format!("--plot {}", path.display()))
}

fn page(experiment: &Experiment, results: &Results, charts: &[Chart]) -> String {
    let mut page = Page::new(&format!("Simulation of {}", experiment.name)).paragraph(&experiment.title());
    for note in &experiment.notes {
        page = page.paragraph(note);
    }
    let table = print::side_by_side(results, &print::figures_of(results));
    charts.iter().fold(page.table(&table), Page::chart).finish()
}

fn charts(experiment: &Experiment, results: &Results) -> Vec<Chart> {
    let first: Vec<(&str, &Run)> =
        results.contestants.iter().filter_map(|(it, runs)| Some((it.label.as_str(), runs.first()?))).collect();
    if experiment.is_open() {
        return vec![allocation(&first)];
    }
    let capacity = first.first().map(|(_, run)| run.course.iter().map(|point| point.capacity.0).collect::<Vec<_>>());
    let has = |resource: usize| capacity.as_ref().is_some_and(|all| all.iter().any(|amounts| amounts[resource] > 0));
    let by_use = (0..RESOURCES.len()).filter(|resource| has(*resource)).map(|resource| usage(&first, resource));
    // The first chart is what an SVG file shows: the queue says most about a policy.
    [queue(&first)].into_iter().chain(by_use).collect()
}

fn over_time(title: &str, runs: &[(&str, &Run)], kind: Kind, value: impl Fn(&Point) -> Option<f64>) -> Chart {
    runs.iter().fold(Chart::over_time(title, number), |chart, (label, run)| {
        let points = run.course.iter().map(|point| (point.at.get() as f64, value(point)));
        chart.with(Series::new(label, kind, points))
    })
}

fn queue(runs: &[(&str, &Run)]) -> Chart {
    over_time("Tasks waiting", runs, Kind::Step, |point| Some(point.waiting as f64))
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

fn usage(runs: &[(&str, &Run)], resource: usize) -> Chart {
    let title = format!("{} in use, %", RESOURCES[resource]);
    over_time(&title, runs, Kind::Step, |point| share(point.used.0[resource], point.capacity.0[resource]))
}

fn allocation(runs: &[(&str, &Run)]) -> Chart {
    let mut chart = Chart::over_time("GPUs given out, %, over demand that arrived, %", number);
    chart.x = XAxis::Number(number);
    for (label, run) in runs {
        let points = run.course.iter().filter_map(|point| {
            let capacity = point.capacity.0[GPU];
            Some((share(point.arrived_gpu_milli, capacity)?, share(point.used.0[GPU], capacity)))
        });
        chart = chart.with(Series::new(label, Kind::Line, points));
    }
    chart
}
