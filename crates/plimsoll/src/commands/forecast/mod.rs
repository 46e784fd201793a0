//! `plimsoll forecast`: series from a file or standard input, a forecast of each, or a comparison of models on their past.
//!
//! The models are the ones that the daemon uses. This folder brings what they may not have: files, threads, a progress bar.

mod backtest;
mod input;
mod plot;
mod print;
pub mod season;
mod train;
mod trained;

use crate::Verdict;
use crate::args::{Forecast, ForecastOutput};
use crate::commands::work;
use anyhow::{Context, bail};
use plimsoll_forecast::features::{CovariateEffect, covariates_help};
use plimsoll_forecast::{Ahead, Covariate, Data, Events, Fit, Fitted, Forecaster, Levels, Prediction, Series, zoo};
use plimsoll_report::{Cell, Column, Style, Table};
use plimsoll_traces::Recorded;

pub use train::run as train;

/// One series to be forecast, with what is known of it.
pub struct Task {
    /// As it was recorded.
    pub recorded: Recorded,
    /// Other series of the same moments that models may look at.
    pub covariates: Vec<Recorded>,
    /// Lengths of its seasons in steps, shortest first.
    pub seasons: Vec<usize>,
    /// How the seasons came about, for people.
    pub seasons_why: String,
    /// Steps to forecast.
    pub horizon: usize,
}

impl Task {
    fn series(&self) -> Series<'_> {
        Series { start: self.recorded.start, step: self.recorded.step, values: &self.recorded.values }
    }

    /// The covariates' first `len` values.
    fn covariates(&self, len: usize) -> Vec<Covariate<'_>> {
        let first = |series: &Recorded| series.values.len().min(len);
        self.covariates.iter().map(|it| Covariate { name: &it.name, values: &it.values[..first(it)] }).collect()
    }

    /// Everything that a model may look at when `len` values are known.
    fn data<'a>(&'a self, len: usize, covariates: &'a [Covariate<'a>], events: &'a Events) -> Data<'a> {
        Data { covariates, events, ..Data::alone(self.series().head(len), &self.seasons) }
    }

    /// A quantity that was never negative is never forecast to be.
    fn floored(&self, said: Prediction) -> Prediction {
        if self.series().observed().any(|value| value < 0.0) { said } else { said.at_least(0.0) }
    }
}

/// A forecast and what made it.
pub struct Outcome {
    /// What the model says.
    pub said: Prediction,
    /// The model as it was fitted.
    pub fitted: Fitted,
    /// What the covariates did for a linear model on the past of the series; none without any, or where it is too short.
    pub effects: Vec<CovariateEffect>,
}

/// Forecasts, or compares models.
pub fn run(typed: &Forecast) -> anyhow::Result<Verdict> {
    if typed.list {
        print!("{}", models_table().render(&Style::of_stdout()));
        return Ok(Verdict::Done);
    }
    let levels = levels(&typed.quantiles)?;
    let models = models(typed)?;
    let events = input::events(typed.events.as_deref())?;
    let tasks = input::tasks(typed)?;
    if typed.backtest {
        return backtest::run(typed, &tasks, &models, &levels, &events);
    }
    let [model] = models.as_slice() else {
        bail!("--model names {} models; a forecast takes one, a comparison needs --backtest", models.len());
    };
    let outcomes = work::each(&tasks, typed.threads, typed.is_quiet(), |task| {
        one(task, model.as_ref(), typed.seed, &levels, &events)
    });
    print::outcomes(typed, &tasks, &outcomes, &levels)?;
    if let Some(path) = &typed.plot {
        plot::write(path, &tasks, &outcomes, model.name())?;
    }
    let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    for (task, why) in tasks.iter().zip(&outcomes).filter_map(|(task, outcome)| Some((task, outcome.as_ref().err()?))) {
        eprintln!("{}: {why}", task.recorded.name);
    }
    if failed == tasks.len() {
        bail!("no series could be forecast");
    }
    Ok(Verdict::Done)
}

fn one(
    task: &Task,
    model: &dyn Fit,
    seed: u64,
    levels: &Levels,
    events: &Events,
) -> Result<Outcome, plimsoll_forecast::FitError> {
    let len = task.recorded.values.len();
    let fitted = model.fit(&task.data(len, &task.covariates(len), events), seed)?;
    let said = fitted.predict(&Ahead { horizon: task.horizon, events }, levels);
    let effects = if task.covariates.is_empty() {
        Vec::new()
    } else {
        covariates_help(&task.data(len, &task.covariates(len), events), task.horizon).unwrap_or_default()
    };
    Ok(Outcome { said: task.floored(said), fitted, effects })
}

fn levels(typed: &[f64]) -> anyhow::Result<Levels> {
    let mut levels = typed.to_vec();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    Levels::try_new(levels).context("--quantiles")
}

fn models(typed: &Forecast) -> anyhow::Result<Vec<Box<dyn Fit>>> {
    let names = &typed.model;
    if let Some(path) = &typed.weights {
        return Ok(vec![trained::load(path, names)?]);
    }
    let known = || zoo::ZOO.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    if let [name] = names.as_slice()
        && name == "all"
    {
        return Ok(zoo::ZOO.iter().map(|entry| (entry.model)()).collect());
    }
    let model =
        |name: &String| zoo::by_name(name).with_context(|| format!("--model {name}: there is {}, and all", known()));
    names.iter().map(model).collect()
}

fn models_table() -> Table {
    let mut table = Table::new([Column::left("model", "model"), Column::wrapping("about", "what it is")]);
    for entry in zoo::ZOO {
        table.row([Cell::of(entry.name), Cell::of(entry.about)]);
    }
    table
}

impl Forecast {
    fn is_quiet(&self) -> bool {
        self.quiet || self.output != ForecastOutput::Table
    }
}
