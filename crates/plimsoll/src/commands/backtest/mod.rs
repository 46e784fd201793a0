//! `plimsoll backtest`: what policies would have done on recorded load, beside the clairvoyant optimum.
//!
//! Loads, the loop and the figures are in their crates. This folder brings files, a server, threads and a progress bar, and
//! puts figures side by side.

mod fail;
mod figures;
mod input;
mod plot;
mod policies;
mod print;
mod prometheus;

use crate::Verdict;
use crate::args::{Backtest, Output};
use crate::commands::work;
use anyhow::Context;
use indicatif::ProgressBar;
use plimsoll_model::{Millis, Timestamp};
use plimsoll_report::Style;
use plimsoll_twin::backtest::{Card, Course, Explained, Supply};
use policies::Contestant;
use rustix::time::{ClockId, clock_gettime};

pub use input::{Recording, Terms};
pub use policies::BUILT_IN;

/// A policy's run over one load.
pub struct Run {
    /// The figures.
    pub card: Card,
    /// Replicas over time; kept only where a picture is drawn.
    pub supply: Option<Supply>,
    /// The moment that was asked about.
    pub explained: Option<Explained>,
    /// CPU time of Plimsoll for all its decisions; 0 where none were made.
    pub cpu_seconds: f64,
    /// Decisions made.
    pub decisions: usize,
}

/// A load under one start-up time, with every policy's run in the order typed.
pub struct Row {
    /// Which load.
    pub name: String,
    /// The load, its need and its optimum.
    pub course: Course,
    /// By policy.
    pub runs: Vec<Run>,
}

/// All rows of one start-up time.
pub struct Table {
    /// The start-up time.
    pub startup: Millis,
    /// By load.
    pub rows: Vec<Row>,
}

/// Everything that came out.
pub struct Results {
    /// The terms that all share.
    pub terms: Terms,
    /// Who was compared, in the order typed.
    pub contestants: Vec<Contestant>,
    /// Index of the present configuration among them.
    pub against: Option<usize>,
    /// By start-up time.
    pub tables: Vec<Table>,
    /// What was assumed or left out.
    pub notes: Vec<String>,
}

/// Runs and compares.
pub fn run(typed: &Backtest) -> anyhow::Result<Verdict> {
    let conditions = typed.fail_if.iter().map(|text| fail::parse(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let (contestants, against) = policies::contestants(typed)?;
    fail::check(&conditions, against)?;
    let terms = Terms::read(typed)?;
    let mut notes = Vec::new();
    let recordings = input::recordings(typed, &mut notes)?;
    let results = backtest(typed, terms, recordings, contestants, against, notes)?;
    let failed = fail::failed(&conditions, &results);
    match typed.output {
        Output::Text => print!("{}", print::text(typed, &results, &failed, &Style::of_stdout())),
        Output::Json => print!("{}", plimsoll_report::pretty(&print::as_json(&results, &failed))?),
    }
    if let Some(path) = &typed.plot {
        plot::write(path, typed, &results)?;
    }
    Ok(if failed.is_empty() { Verdict::Done } else { Verdict::No })
}

fn backtest(
    typed: &Backtest,
    terms: Terms,
    recordings: Vec<Recording>,
    contestants: Vec<Contestant>,
    against: Option<usize>,
    mut notes: Vec<String>,
) -> anyhow::Result<Results> {
    let mut tables = Vec::new();
    for startup in &terms.startups {
        let mut rows = Vec::new();
        for recording in &recordings {
            let (course, note) = terms.course(recording, *startup).with_context(|| recording.name.clone())?;
            notes.extend(note.filter(|note| !notes.contains(note)));
            rows.push(Row { name: recording.name.clone(), course, runs: Vec::new() });
        }
        tables.push(Table { startup: *startup, rows });
    }
    let explain = typed.explain.as_deref().map(input::moment).transpose().context("--explain")?;
    let items: Vec<(&Row, &Contestant)> = tables
        .iter()
        .flat_map(|table| &table.rows)
        .flat_map(|row| contestants.iter().map(move |contestant| (row, contestant)))
        .collect();
    let steps: usize = items.iter().filter(|(_, it)| it.spec().is_some()).map(|(row, _)| row.course.ticks()).sum();
    let bar = work::bar(steps as u64, "decisions", typed.quiet || typed.output == Output::Json);
    let keeps = typed.plot.is_some();
    let done = work::on_all_cores(&items, typed.threads, |(row, contestant)| {
        one(row, contestant, explain, keeps, &bar).with_context(|| format!("{} on {}", contestant.name, row.name))
    });
    bar.finish_and_clear();
    let mut done = done.into_iter();
    for row in tables.iter_mut().flat_map(|table| &mut table.rows) {
        row.runs = done.by_ref().take(contestants.len()).collect::<anyhow::Result<_>>()?;
    }
    Ok(Results { terms, contestants, against, tables, notes })
}

fn one(
    row: &Row,
    contestant: &Contestant,
    explain: Option<Timestamp>,
    keeps: bool,
    bar: &ProgressBar,
) -> anyhow::Result<Run> {
    let Some(spec) = contestant.spec() else {
        let supply = contestant.supply(&row.course);
        let card = row.course.judge(&supply);
        return Ok(Run { card, supply: keeps.then_some(supply), explained: None, cpu_seconds: 0.0, decisions: 0 });
    };
    let began = cpu_seconds();
    let moments: Vec<Timestamp> = explain.into_iter().collect();
    let run = row.course.run(spec, None, &moments, |ticks| bar.inc(ticks as u64))?;
    Ok(Run {
        card: run.card,
        supply: keeps.then_some(run.supply),
        explained: run.explained.into_iter().next(),
        cpu_seconds: cpu_seconds() - began,
        decisions: row.course.ticks(),
    })
}

/// CPU time of this thread: a machine shared with others has no other honest clock.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
