//! The forecast as a picture: the recent past, the point and the band, in an SVG file or a page of its own.

use super::{Outcome, Task};
use anyhow::{Context, bail};
use plimsoll_forecast::FitError;
use plimsoll_report::{Chart, Kind, Page, Series, number, svg_file};
use std::path::Path;

/// Past values shown for each one forecast.
const PAST_PER_STEP: usize = 4;
/// Fewest past values shown.
const PAST_MIN: usize = 48;
/// Most series on one page.
const CHARTS_MAX: usize = 100;

/// Writes `path`: `.svg` for one series, `.html` for any number.
pub fn write(path: &Path, tasks: &[Task], outcomes: &[Result<Outcome, FitError>], model: &str) -> anyhow::Result<()> {
    let charts: Vec<Chart> = tasks
        .iter()
        .zip(outcomes)
        .filter_map(|(task, outcome)| Some(chart(task, outcome.as_ref().ok()?, model)))
        .take(CHARTS_MAX)
        .collect();
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => match charts.as_slice() {
            [chart] => svg_file(chart),
            _ => bail!(
                "--plot {}: an SVG file shows one series and there are {}; choose one with --series, or write .html",
                path.display(),
                tasks.len()
            ),
        },
        Some("html") => charts.iter().fold(Page::new("Forecast"), Page::chart).finish(),
        _ => bail!("--plot {}: the name must end in .svg or .html", path.display()),
    };
    std::fs::write(path, text).with_context(|| format!("--plot {}", path.display()))
}

fn chart(task: &Task, outcome: &Outcome, model: &str) -> Chart {
    let series = task.series();
    let len = series.values.len();
    let shown = (task.horizon * PAST_PER_STEP).max(PAST_MIN).min(len);
    let x = |index: usize| series.at(index).get() as f64;
    let past = (len - shown..len).map(|index| (x(index), Some(series.values[index]).filter(|value| value.is_finite())));
    let said = &outcome.said;
    let band = (0..said.horizon()).map(|step| {
        let row = said.quantiles(step).unwrap_or_default();
        (x(len + step), row.first().copied().zip(row.last().copied()))
    });
    let points = said.points().iter().enumerate().map(|(step, point)| (x(len + step), Some(*point)));
    let levels = said.levels().as_slice();
    let (low, high) = (levels.first().copied().unwrap_or(0.0), levels.last().copied().unwrap_or(1.0));
    Chart::over_time(&format!("{}: {model}", task.recorded.name), number)
        .with(Series::band(&format!("{low} to {high}"), band))
        .with(Series::new("measured", Kind::Line, past))
        .with(Series::new("forecast", Kind::Line, points))
}
