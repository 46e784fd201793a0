//! What is read: series, events, and how far ahead they go.

use super::{Task, season};
use crate::args::Forecast;
use anyhow::{Context, bail};
use plimsoll_forecast::Events;
use plimsoll_traces::{Recorded, table};
use std::path::Path;

/// Most steps ahead: a year of hours.
const HORIZON_MAX: usize = 10_000;

/// The series to forecast.
pub fn tasks(typed: &Forecast) -> anyhow::Result<Vec<Task>> {
    let all = read(typed.file.as_deref())?;
    let names: Vec<String> = all.iter().map(|series| series.name.clone()).collect();
    for wanted in &typed.series {
        if !names.contains(wanted) {
            bail!("--series {wanted}: there is {}", names.join(", "));
        }
    }
    let chosen = all.into_iter().filter(|series| typed.series.is_empty() || typed.series.contains(&series.name));
    chosen.map(|recorded| task(typed, recorded)).collect()
}

fn task(typed: &Forecast, recorded: Recorded) -> anyhow::Result<Task> {
    let horizon = typed.horizon.steps(recorded.step).with_context(|| format!("--horizon for {}", recorded.name))?;
    if !(1..=HORIZON_MAX).contains(&horizon) {
        bail!("--horizon of {horizon} steps: allowed are 1 to {HORIZON_MAX}");
    }
    let (seasons, seasons_why) = season::of(&recorded, &typed.season)?;
    Ok(Task { recorded, seasons, seasons_why, horizon })
}

fn read(file: Option<&Path>) -> anyhow::Result<Vec<Recorded>> {
    let series = match file {
        Some(path) if path != Path::new("-") => table::read(&path.to_string_lossy())?,
        _ => table::read_from("standard input", &mut std::io::stdin().lock())?,
    };
    if series.is_empty() {
        bail!("there is no series in it");
    }
    Ok(series)
}

/// What is known in advance: a CSV file of `event,from,to[,value]`.
pub fn events(path: Option<&Path>) -> anyhow::Result<Events> {
    path.map_or_else(|| Ok(Events::default()), |path| table::read_events(&path.to_string_lossy()).with_context(|| "--events"))
}
