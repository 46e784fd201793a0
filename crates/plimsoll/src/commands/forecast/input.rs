//! What is read: series, events, and how far ahead they go.

use super::{Task, season};
use crate::args::Forecast;
use anyhow::{Context, bail};
use plimsoll_forecast::Events;
use plimsoll_forecast::events::{Column, Window};
use plimsoll_traces::{KnownEvent, Recorded, read_events, table};
use std::path::Path;

/// Most steps ahead: a year of hours.
const HORIZON_MAX: usize = 10_000;

/// The series to forecast.
pub fn tasks(typed: &Forecast) -> anyhow::Result<Vec<Task>> {
    let step = typed
        .step
        .as_deref()
        .map(|text| plimsoll_config::unit::duration(text).with_context(|| format!("--step {text}")));
    let path = typed.file.as_deref().unwrap_or(Path::new("-")).to_string_lossy();
    let all = table::read(&path, table::Options { step: step.transpose()? })?;
    let names: Vec<String> = all.iter().map(|series| series.name.clone()).collect();
    for (flag, wanted) in
        typed.series.iter().map(|it| ("--series", it)).chain(typed.covariates.iter().map(|it| ("--covariates", it)))
    {
        if !names.contains(wanted) {
            bail!("{flag} {wanted}: there is {}", names.join(", "));
        }
    }
    let (covariates, others): (Vec<Recorded>, Vec<Recorded>) =
        all.into_iter().partition(|series| typed.covariates.contains(&series.name));
    let chosen = others.into_iter().filter(|series| typed.series.is_empty() || typed.series.contains(&series.name));
    let tasks: Vec<Task> = chosen.map(|recorded| task(typed, recorded, &covariates)).collect::<anyhow::Result<_>>()?;
    if tasks.is_empty() {
        bail!("every series is a covariate; none is left to forecast");
    }
    Ok(tasks)
}

fn task(typed: &Forecast, recorded: Recorded, covariates: &[Recorded]) -> anyhow::Result<Task> {
    for other in covariates {
        let moments = |series: &Recorded| (series.start, series.step, series.values.len());
        if moments(other) != moments(&recorded) {
            bail!(
                "--covariates {}: its moments are not those of {}; a table with both as columns has the same",
                other.name,
                recorded.name
            );
        }
    }
    let covariates = covariates.to_vec();
    let horizon = typed.horizon.steps(recorded.step).with_context(|| format!("--horizon for {}", recorded.name))?;
    if !(1..=HORIZON_MAX).contains(&horizon) {
        bail!("--horizon of {horizon} steps: allowed are 1 to {HORIZON_MAX}");
    }
    let (seasons, seasons_why) = season::of(&recorded, &typed.season)?;
    Ok(Task { recorded, covariates, seasons, seasons_why, horizon })
}

/// What is known in advance: a CSV file of `event,from,to[,value]`.
pub fn events(path: Option<&Path>) -> anyhow::Result<Events> {
    let Some(path) = path else { return Ok(Events::default()) };
    let mut events = Events::default();
    for KnownEvent { name, from, to, value } in read_events(&path.to_string_lossy()).context("--events")? {
        let window = Window { from, to, value };
        match events.columns.iter_mut().find(|column| column.name == name) {
            Some(column) => column.windows.push(window),
            None => events.columns.push(Column { name, windows: vec![window] }),
        }
    }
    Ok(events)
}
