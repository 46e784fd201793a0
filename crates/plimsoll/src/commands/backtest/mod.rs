//! `plimsoll backtest`: what policies would have done on recorded load, beside the clairvoyant optimum.
//!
//! Loads, the loop and the figures are in their crates. This folder brings files, a server, threads and a progress bar, and
//! puts figures side by side.

mod event;
mod fail;
mod figures;
mod halves;
mod input;
mod json;
mod plot;
mod policies;
mod print;
mod prometheus;
mod recordings;
mod resources;
mod returns;
mod twin;

use crate::Verdict;
use crate::args::{Backtest, Output};
use crate::commands::work;
use anyhow::Context;
use indicatif::ProgressBar;
use input::{Laid, Soft as Wanted};
use plimsoll_model::{Event, Millis, Timestamp};
use plimsoll_report::Style;
use plimsoll_twin::backtest::{
    Card, Course, Explained, Held, Run as Ran, Sharing, Soft, Supply, Watch, run_together, sharing,
};
use policies::Contestant;
use recordings::Recording;
use returns::OwnPrices;
use rustix::time::{ClockId, clock_gettime};

pub use input::{Terms, factor, scaled, time};
pub use policies::{BUILT_IN, decided_by};
pub use recordings::named;

/// A policy's run over one load.
pub struct Run {
    /// The figures.
    pub card: Card,
    /// Replicas over time; kept only where a picture is drawn.
    pub supply: Option<Supply>,
    /// Events, windows and what was held back, where a picture is drawn.
    pub held: Vec<Held>,
    /// The moment that was asked about.
    pub explained: Option<Explained>,
    /// CPU time of Plimsoll for all its decisions; 0 where none were made.
    pub cpu_seconds: f64,
    /// Decisions made.
    pub decisions: usize,
    /// What the controller remembered at the end, as the journal writes it down, bytes.
    pub state_bytes: u64,
    /// The soft optimum that its price was compared with.
    pub soft: Option<Soft>,
}

/// A load under one start-up time, with every policy's run in the order typed.
pub struct Row {
    /// Which load.
    pub name: String,
    /// The load, its need and its optimum.
    pub course: Course,
    /// Thousandths per second of the course that one unit of the load became.
    pub factor: f64,
    /// Too little was recorded for the skip that the protocol asks for.
    pub is_short: bool,
    /// By policy.
    pub runs: Vec<Run>,
}

/// All rows of one start-up time.
pub struct Table {
    /// The start-up time.
    pub startup: Millis,
    /// By load.
    pub rows: Vec<Row>,
    /// By policy, where loads shared a node.
    pub sharing: Vec<Option<Sharing>>,
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
    /// What Plimsoll itself costs.
    pub own: OwnPrices,
    /// What was announced.
    pub events: Vec<Event>,
    /// What was assumed or left out.
    pub notes: Vec<String>,
}

/// What is looked at in every run.
#[derive(Clone, Copy)]
struct Look<'a> {
    terms: &'a Terms,
    explain: &'a [Timestamp],
    events: &'a [Event],
    /// Whether supplies and stretches are kept for a picture.
    keeps: bool,
    bar: &'a ProgressBar,
}

/// Runs and compares.
pub fn run(typed: &Backtest) -> anyhow::Result<Verdict> {
    let process_bytes = returns::resident_bytes();
    let own = OwnPrices { cpu: typed.price_cpu, memory: typed.price_memory, llm: typed.llm_spend, process_bytes };
    let conditions = typed.fail_if.iter().map(|text| fail::parse(text)).collect::<anyhow::Result<Vec<_>>>()?;
    let (contestants, against) = policies::contestants(typed)?;
    let terms = Terms::read(typed)?;
    fail::check(&conditions, against, &terms)?;
    let events = event::read(&typed.event)?;
    typed.plot_span.as_deref().map(input::stretch).transpose().context("--plot-span")?;
    let mut notes = Vec::new();
    let mut recordings = recordings::recordings(typed, &mut notes)?;
    if terms.is_together {
        recordings::align(&mut recordings, &mut notes)?;
    }
    let mut results = Results { terms, contestants, against, tables: Vec::new(), own, events, notes };
    results.lay(&recordings)?;
    results.run(typed)?;
    let failed = fail::failed(&conditions, &results);
    match typed.output {
        Output::Text => print!("{}", print::text(typed, &results, &failed, &Style::of_stdout())),
        Output::Json => print!("{}", plimsoll_report::pretty(&json::of(typed, &results, &failed))?),
    }
    if let Some(path) = &typed.plot {
        plot::write(path, typed, &results)?;
    }
    Ok(if failed.is_empty() { Verdict::Done } else { Verdict::No })
}

impl Results {
    /// Lays every load under every start-up time.
    fn lay(&mut self, recordings: &[Recording]) -> anyhow::Result<()> {
        for startup in &self.terms.startups {
            let mut rows = Vec::new();
            for recording in recordings {
                let (Laid { course, factor, is_short }, note) = self.terms.course(recording, *startup)?;
                self.notes.extend(note.filter(|note| !self.notes.contains(note)));
                rows.push(Row { name: recording.name.clone(), course, factor, is_short, runs: Vec::new() });
            }
            self.tables.push(Table { startup: *startup, rows, sharing: Vec::new() });
        }
        Ok(())
    }

    /// Runs every policy over every load, on all cores.
    fn run(&mut self, typed: &Backtest) -> anyhow::Result<()> {
        let explain = typed.explain.as_deref().map(input::moment).transpose().context("--explain")?;
        let explain: Vec<Timestamp> = explain.into_iter().collect();
        let decided = self.contestants.iter().filter(|it| it.spec().is_some()).count();
        let ticks: usize = self.tables.iter().flat_map(|table| &table.rows).map(|row| row.course.ticks()).sum();
        let hidden = typed.quiet || typed.output == Output::Json;
        let bar = work::bar((ticks * decided) as u64, "decisions", hidden);
        let (terms, events) = (&self.terms, self.events.as_slice());
        let look = Look { terms, explain: &explain, events, keeps: typed.plot.is_some(), bar: &bar };
        let (contestants, tables) = (&self.contestants, &self.tables);
        // A piece of work is a policy on one load, or on all of a table where they run together.
        let pieces: Vec<(usize, Vec<usize>, usize)> = (0..tables.len())
            .flat_map(|table| {
                let all: Vec<usize> = (0..tables[table].rows.len()).collect();
                let groups = if terms.is_together { vec![all] } else { all.into_iter().map(|row| vec![row]).collect() };
                groups.into_iter().flat_map(move |rows| (0..contestants.len()).map(move |it| (table, rows.clone(), it)))
            })
            .collect();
        let done = work::on_all_cores(&pieces, typed.threads, |(table, rows, contestant)| {
            let rows: Vec<&Row> = rows.iter().map(|row| &tables[*table].rows[*row]).collect();
            let contestant = &contestants[*contestant];
            several(&rows, contestant, look).with_context(|| format!("{} on {}", contestant.name, rows[0].name))
        });
        bar.finish_and_clear();
        for ((table, rows, _), done) in pieces.into_iter().zip(done) {
            let (runs, sharing) = done?;
            let table = &mut self.tables[table];
            rows.into_iter().zip(runs).for_each(|(row, run)| table.rows[row].runs.push(run));
            if self.terms.is_together {
                table.sharing.push(sharing);
            }
        }
        Ok(())
    }
}

/// One policy on loads that run at once; one load is alone. The runs are in the order of the rows.
fn several(rows: &[&Row], contestant: &Contestant, look: Look<'_>) -> anyhow::Result<(Vec<Run>, Option<Sharing>)> {
    let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let Some((spec, order)) = contestant.together(&names)? else {
        let held = |row: &&Row| {
            let supply = contestant.supply(&row.course);
            let (card, soft) = soft(row.course.judge(&supply), row, look.terms);
            Run { soft, supply: look.keeps.then_some(supply), ..Run::undecided(card) }
        };
        return Ok((rows.iter().map(held).collect(), None));
    };
    let began = cpu_seconds();
    let courses: Vec<&Course> = order.iter().map(|row| &rows[*row].course).collect();
    let events = event::scaled(look.events, rows[order[0]].factor);
    let watch = Watch { explain: look.explain, events: &events, held: look.keeps, ..Watch::default() };
    let done = run_together(&courses, &spec, look.terms.room, &watch, |ticks| {
        look.bar.inc((ticks * order.len()) as u64);
    })?;
    let taken = (cpu_seconds() - began) / order.len() as f64;
    let state = done.first().map_or(0, |run| state_bytes(run) / order.len() as u64);
    let shared = look.terms.is_together.then(|| {
        let specs: Vec<_> = spec.services.values().collect();
        let room = look.terms.room.unwrap_or(plimsoll_twin::backtest::NODE);
        let mut shared = sharing(&courses, &done, &specs, room);
        shared.services = in_order_of_rows(&order, shared.services);
        shared
    });
    let finish = |(place, run): (usize, Ran)| {
        let row = rows[order[place]];
        let (card, soft) = soft(run.card, row, look.terms);
        Run {
            card,
            soft,
            supply: look.keeps.then_some(run.supply),
            held: run.held,
            explained: run.explained.into_iter().next(),
            cpu_seconds: taken,
            decisions: row.course.ticks(),
            state_bytes: state,
        }
    };
    let runs: Vec<Run> = done.into_iter().enumerate().map(finish).collect();
    Ok((in_order_of_rows(&order, runs), shared))
}

/// What stands in the order of services, in that of the rows: `order` has the row of each service.
fn in_order_of_rows<T>(order: &[usize], of_services: Vec<T>) -> Vec<T> {
    let mut numbered: Vec<(usize, T)> = order.iter().copied().zip(of_services).collect();
    numbered.sort_by_key(|(row, _)| *row);
    numbered.into_iter().map(|(_, it)| it).collect()
}

impl Run {
    /// Of a supply that no controller decided.
    fn undecided(card: Card) -> Self {
        Self {
            card,
            supply: None,
            held: Vec::new(),
            explained: None,
            cpu_seconds: 0.0,
            decisions: 0,
            state_bytes: 0,
            soft: None,
        }
    }
}

/// Compares with the soft optimum, where one was asked for.
fn soft(mut card: Card, row: &Row, terms: &Terms) -> (Card, Option<Soft>) {
    let Some((wanted, of)) = terms.soft else { return (card, None) };
    let own = match of {
        plimsoll_twin::backtest::Allowed::Time => card.elasticity.under_time_pct,
        plimsoll_twin::backtest::Allowed::Requests => card.under_requests_pct,
    };
    let found = match wanted {
        Wanted::Percent(percent) => row.course.soft(of, percent),
        Wanted::Own => row.course.soft(of, own),
    };
    card.over_soft = (found.replica_hours > 0.0).then(|| card.replica_hours / found.replica_hours);
    (card, Some(found))
}

/// The controller's memory as the journal writes it down.
fn state_bytes(run: &Ran) -> u64 {
    serde_json::to_vec(&run.state).map_or(0, |bytes| bytes.len() as u64)
}

/// CPU time of this thread: a machine shared with others has no other honest clock.
fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
