//! Forecasts as a table, CSV or JSON.

use super::{Outcome, Task};
use crate::args::{Forecast, ForecastOutput};
use plimsoll_forecast::features::CovariateEffect;
use plimsoll_forecast::{FitError, Forecaster as _, Levels};
use plimsoll_report::{Cell, Column, Style, Table, sparkline};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

/// Columns of a sparkline.
const SPARK: usize = 60;
/// Columns of a sparkline in a table of many series.
const SPARK_SMALL: usize = 24;

/// Prints all of them as typed.
pub fn outcomes(
    typed: &Forecast,
    tasks: &[Task],
    outcomes: &[Result<Outcome, FitError>],
    levels: &Levels,
) -> anyhow::Result<()> {
    match typed.output {
        ForecastOutput::Table => print!("{}", text(typed, tasks, outcomes, levels, &Style::of_stdout())),
        ForecastOutput::Csv => csv(tasks, outcomes, levels)?,
        ForecastOutput::Json => print!("{}", plimsoll_report::pretty(&as_json(tasks, outcomes))?),
    }
    Ok(())
}

fn text(
    typed: &Forecast,
    tasks: &[Task],
    outcomes: &[Result<Outcome, FitError>],
    levels: &Levels,
    style: &Style,
) -> String {
    if let ([task], [Ok(outcome)]) = (tasks, outcomes) {
        return detailed(typed, task, outcome, levels, style);
    }
    let columns =
        [Column::left("series", "series"), Column::right("steps", "steps"), Column::left("seasons", "seasons")];
    let quantiles = levels
        .as_slice()
        .iter()
        .map(|level| Column::right(&quantile_name(*level), &format!("highest {}", quantile_name(*level))));
    let columns = columns.into_iter().chain([Column::right("point", "mean point")]).chain(quantiles);
    let mut table = Table::new(columns.chain([Column::left("spark", "past and forecast")]));
    for (task, outcome) in tasks.iter().zip(outcomes) {
        let mut row = vec![Cell::of(&task.recorded.name), Cell::of(task.horizon), Cell::of(seasons(task))];
        if let Ok(outcome) = outcome {
            let points = outcome.said.points();
            row.push(figure(points.iter().sum::<f64>() / points.len().max(1) as f64));
            let highest = |index: usize| {
                let rows = outcome.said.values().chunks(levels.len());
                rows.filter_map(|row| row.get(index).copied()).fold(f64::MIN, f64::max)
            };
            row.extend((0..levels.len()).map(|index| figure(highest(index))));
            row.push(Cell::of(spark(task, outcome, SPARK_SMALL, style)));
        }
        table.row(row);
    }
    table.render(style)
}

fn detailed(typed: &Forecast, task: &Task, outcome: &Outcome, levels: &Levels, style: &Style) -> String {
    let mut out = format!(
        "{}: {} values every {}, seasons {} ({})\n{}\n\n",
        task.recorded.name,
        task.recorded.values.len(),
        task.recorded.step,
        seasons(task),
        task.seasons_why,
        spark(task, outcome, SPARK, style)
    );
    let quantiles = levels.as_slice().iter().map(|level| Column::right(&quantile_name(*level), &quantile_name(*level)));
    let mut table =
        Table::new([Column::left("at", "at"), Column::right("point", "point")].into_iter().chain(quantiles));
    for (step, point) in outcome.said.points().iter().enumerate() {
        let row = outcome.said.quantiles(step).unwrap_or_default();
        let at = task.series().at(task.recorded.values.len() + step);
        table.row([Cell::of(at), figure(*point)].into_iter().chain(row.iter().map(|value| figure(*value))));
    }
    out.push_str(&table.render(style));
    for effect in &outcome.effects {
        let name = effect.name.as_deref().unwrap_or("all covariates together");
        let verdict = if effect.helped() { "helped" } else { "did not help" };
        let (ratio, count) = (effect.ratio(), effect.forecasts);
        let _ = writeln!(
            out,
            "{name} {verdict}: a linear model's loss with it was {ratio:.3} of without ({count} forecasts)"
        );
    }
    if typed.explain {
        out.push('\n');
        out.push_str(&outcome.fitted.explain().to_string());
    }
    out
}

fn csv(tasks: &[Task], outcomes: &[Result<Outcome, FitError>], levels: &Levels) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let names: Vec<String> = levels.as_slice().iter().map(|level| quantile_name(*level)).collect();
    writeln!(out, "series,timestamp,step,point,{}", names.join(","))?;
    for (task, outcome) in tasks.iter().zip(outcomes) {
        let Ok(outcome) = outcome else { continue };
        let name = quoted(&task.recorded.name);
        for (step, point) in outcome.said.points().iter().enumerate() {
            let at = task.series().at(task.recorded.values.len() + step);
            write!(out, "{name},{at},{},{point}", step + 1)?;
            for value in outcome.said.quantiles(step).unwrap_or_default() {
                write!(out, ",{value}")?;
            }
            writeln!(out)?;
        }
    }
    out.flush()
}

fn as_json(tasks: &[Task], outcomes: &[Result<Outcome, FitError>]) -> Value {
    let each = tasks.iter().zip(outcomes).map(|(task, outcome)| match outcome {
        Err(error) => json!({ "series": task.recorded.name, "error": error.to_string() }),
        Ok(outcome) => {
            let steps = outcome.said.points().iter().enumerate().map(|(step, point)| {
                json!({
                    "at": task.series().at(task.recorded.values.len() + step).to_string(),
                    "point": point,
                    "quantiles": outcome.said.quantiles(step).unwrap_or_default(),
                })
            });
            json!({
                "series": task.recorded.name,
                "step_ms": task.recorded.step.get(),
                "seasons": task.seasons,
                "levels": outcome.said.levels().as_slice(),
                "covariates": outcome.effects.iter().map(effect_json).collect::<Vec<_>>(),
                "explained": outcome.fitted.explain(),
                "forecast": steps.collect::<Vec<_>>(),
            })
        }
    });
    json!({ "forecasts": each.collect::<Vec<_>>() })
}

fn effect_json(effect: &CovariateEffect) -> Value {
    json!({ "name": effect.name, "loss_ratio": effect.ratio(), "helped": effect.helped(), "forecasts": effect.forecasts })
}

fn spark(task: &Task, outcome: &Outcome, columns: usize, style: &Style) -> String {
    let values = &task.recorded.values;
    let past = &values[values.len().saturating_sub(task.horizon.max(columns / 2))..];
    let finite = |value: &f64| Some(*value).filter(|value| value.is_finite());
    let top = past.iter().chain(outcome.said.points()).copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let draw = |values: Vec<Option<f64>>| sparkline(&values, columns / 2, Some(top), style);
    let forecast = draw(outcome.said.points().iter().map(finite).collect());
    format!("{}│{forecast}", draw(past.iter().map(finite).collect()))
}

fn seasons(task: &Task) -> String {
    if task.seasons.is_empty() {
        return "none".to_owned();
    }
    task.seasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Six significant digits to a person; a program gets the number.
pub(super) fn figure(value: f64) -> Cell {
    Cell::of(Figure(value))
}

#[derive(serde::Serialize)]
#[serde(transparent)]
struct Figure(f64);

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.abs();
        match size {
            _ if size >= 1e15 || (size > 0.0 && size < 1e-4) => write!(f, "{:.4e}", self.0),
            _ if size >= 1_000.0 => write!(f, "{:.0}", self.0),
            _ if size >= 10.0 => write!(f, "{:.2}", self.0),
            _ => write!(f, "{:.4}", self.0),
        }
    }
}

fn quantile_name(level: f64) -> String {
    format!("q{level}")
}

/// A field of a CSV file.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_what_a_person_can_use_and_names_with_commas_are_quoted() {
        let text = |value: f64| Figure(value).to_string();
        assert_eq!(
            [1e20, 123_456.7, 99.128, 0.5, 0.0, 1e-9].map(text),
            ["1.0000e20", "123457", "99.13", "0.5000", "0.0000", "1.0000e-9"]
        );
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
