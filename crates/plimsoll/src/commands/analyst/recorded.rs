//! The rows of `plimsoll analyst eval` for recorded series that people marked: the Numenta Anomaly Benchmark, Microsoft's cloud.

use super::eval::cell;
use crate::commands::work;
use plimsoll_analyst::evaluation::recorded::{Row, Stretch, row, stretches};
use plimsoll_analyst::evaluation::rungs::{Way, named};
use plimsoll_analyst::ladder::Ladder;
use plimsoll_analyst::retrieval::{self, Index, Memory};
use plimsoll_analyst::{Features, Rung, classifier, diagnose};
use plimsoll_report::{Cell, Column, Style, Table};
use plimsoll_traces::sets::{Labelled, Measure, SetError, microsoft_labelled, nab_labelled};
use serde::Serialize;

/// Reads a set.
type Read = fn() -> Result<Vec<Labelled>, SetError>;
/// The sets.
const SETS: [(&str, Read); 2] = [("NAB", nab_labelled), ("Microsoft", microsoft_labelled)];
/// What each row is called.
const WAYS: [(&str, Way); 4] = [
    ("rules", Way::Alone(Rung::Rules)),
    ("classifier", Way::Alone(Rung::Classifier)),
    ("retrieval", Way::Alone(Rung::Retrieval)),
    ("what two of the three name", Way::TwoAgree),
];

/// A row on a set.
#[derive(Debug, Serialize)]
struct Named {
    set: &'static str,
    series: usize,
    rungs: &'static str,
    #[serde(flatten)]
    row: Row,
}

/// All rows.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Recorded {
    rows: Vec<Named>,
}

impl Recorded {
    /// Scores the rungs on both sets; retrieval remembers `memory`.
    ///
    /// # Errors
    /// A set that is not there or cannot be read.
    pub fn new(memory: &Memory, quiet: bool) -> Result<Self, SetError> {
        let index = Index::new(memory);
        let mut rows = Vec::new();
        for (set, read) in SETS {
            let series = read()?;
            let cut = |one: &Labelled| {
                let Labelled { series, marks, measure } = one;
                stretches(
                    &series.name,
                    series.start.0,
                    series.step.0,
                    &series.values,
                    marks,
                    *measure == Measure::Latency,
                )
            };
            let all: Vec<Stretch> = series.iter().flat_map(cut).collect();
            let bar = work::bar(all.len() as u64, "stretches", quiet);
            let ladders: Vec<Ladder> = all
                .iter()
                .map(|stretch| {
                    bar.inc(1);
                    climbed(stretch, &index)
                })
                .collect();
            bar.finish_and_clear();
            rows.extend(WAYS.map(|(rungs, way)| {
                let said: Vec<_> = ladders.iter().map(|ladder| named(ladder, way).0).collect();
                let beside = all.iter().map(|stretch| stretch.is_marked).zip(said.iter().map(Vec::as_slice));
                Named { set, series: series.len(), rungs, row: row(beside) }
            }));
        }
        Ok(Self { rows })
    }

    /// As a table.
    pub fn text(&self) -> String {
        let mut table = Table::new([
            Column::left("set", "recorded"),
            Column::right("series", "series"),
            Column::left("rungs", "named by"),
            Column::right("marked", "marked"),
            Column::right("found", "a change named"),
            Column::right("unmarked", "unmarked"),
            Column::right("alarms", "a change named"),
        ]);
        let mut before = "";
        for Named { set, series, rungs, row } in &self.rows {
            let (first, count) = if *set == before { ("", String::new()) } else { (*set, series.to_string()) };
            table.row([
                Cell::of(first),
                Cell::of(count),
                Cell::of(*rungs),
                Cell::of(row.found.of),
                cell(row.found),
                Cell::of(row.false_alarms.of),
                cell(row.false_alarms),
            ]);
            before = set;
        }
        let mut out = table.render(&Style::of_stdout());
        out.push_str("\nstretches of four days (of coarse series ten) of series that people marked; no rule was written by them\n");
        out
    }
}

fn climbed(stretch: &Stretch, index: &Index<'_>) -> Ladder {
    let features = Features::of(&stretch.history);
    let mut ladder = Ladder::new(&diagnose(&features), Vec::new());
    let known = |_: &str| true;
    ladder.climb(classifier::opinion(&features), known);
    ladder.climb(retrieval::opinion(index, &features, None), known);
    ladder
}
