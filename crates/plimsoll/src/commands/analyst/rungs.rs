//! The rows of `plimsoll analyst eval` by rung of the ladder, and a model that is asked about a sample.

use super::eval::cell;
use super::model;
use crate::args::AnalystEval;
use crate::commands::work;
use plimsoll_analyst::Rung;
use plimsoll_analyst::evaluation::rungs::{Case, Row, Way, ladders, row};
use plimsoll_analyst::history::History;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::scenario::{COUNT, Half, Label};
use plimsoll_report::{Cell, Column, Style, Table};
use serde::Serialize;

/// Columns that the table takes.
const WIDTH_MIN: usize = 180;
/// Scenarios that a model is asked about.
const SAMPLE: u32 = 60;
/// Whether a scenario belongs to a part.
type Holds = fn(&Label) -> bool;

/// What each row is called.
const WAYS: [(&str, Way); 6] = [
    ("rules", Way::Alone(Rung::Rules)),
    ("classifier", Way::Alone(Rung::Classifier)),
    ("retrieval", Way::Alone(Rung::Retrieval)),
    ("rules and classifier", Way::UpTo(Rung::Classifier)),
    ("rules, classifier, retrieval", Way::UpTo(Rung::Retrieval)),
    ("what two of the three name", Way::TwoAgree),
];

/// The sample is fixed: spread evenly over all scenarios, whatever else is run.
const fn is_sampled(number: u32) -> bool {
    number.is_multiple_of(COUNT / SAMPLE)
}

/// A model to be asked, or none.
pub struct Asked {
    model: Option<model::Any>,
}

impl Asked {
    /// The model that was typed.
    pub fn new(typed: &AnalystEval) -> anyhow::Result<Self> {
        let model = typed.model.endpoint.is_some().then(|| model::model(&typed.model)).transpose()?;
        Ok(Self { model })
    }

    /// What it is asked about a scenario; none where it is not.
    pub fn question(&self, number: u32, history: History) -> Option<(Prompt, History)> {
        let model = self.model.as_ref().filter(|_| is_sampled(number))?;
        Some((model::question(model, &history)?, history))
    }

    /// Asks, one question after the other.
    pub fn ask(&mut self, ran: Vec<(Case, Option<(Prompt, History)>)>, quiet: bool) -> anyhow::Result<Vec<Case>> {
        let questions = ran.iter().filter(|(_, question)| question.is_some()).count();
        let bar = work::bar(questions as u64, "questions", quiet || questions == 0);
        let mut cases = Vec::with_capacity(ran.len());
        for (mut case, question) in ran {
            if let (Some(model), Some((prompt, history))) = (&mut self.model, question) {
                case.model = Some(model.opinion(Some(&prompt), &history)?);
                bar.inc(1);
            }
            cases.push(case);
        }
        bar.finish_and_clear();
        Ok(cases)
    }
}

/// A row on a part of the scenarios.
#[derive(Debug, Serialize)]
struct Named {
    part: &'static str,
    rungs: &'static str,
    #[serde(flatten)]
    row: Row,
}

/// All rows.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Rungs {
    rows: Vec<Named>,
}

impl Rungs {
    /// Scores every rung.
    pub fn new(cases: &[Case]) -> Self {
        let all = ladders(cases);
        let parts: [(&str, Holds); 3] = [
            ("seen half", |label| label.half == Half::Seen),
            ("unseen half", |label| label.half == Half::Unseen),
            ("without fault, unseen", |label| label.half != Half::Seen && label.causes.is_empty()),
        ];
        let mut rows = Vec::new();
        for (part, holds) in parts {
            rows.extend(WAYS.map(|(rungs, way)| Named { part, rungs, row: row(cases, &all, way, holds) }));
        }
        let (asked, theirs): (Vec<Case>, Vec<_>) =
            cases.iter().cloned().zip(all).filter(|(case, _)| case.model.is_some()).unzip();
        if !asked.is_empty() {
            let ways =
                [WAYS[0], WAYS[1], WAYS[2], ("model", Way::Alone(Rung::Model)), ("all four", Way::UpTo(Rung::Model))];
            rows.extend(ways.map(|(rungs, way)| Named {
                part: "sample of 60",
                rungs,
                row: row(&asked, &theirs, way, |_| true),
            }));
        }
        Self { rows }
    }

    /// As a table.
    pub fn text(&self) -> String {
        let mut table = Table::new([
            Column::left("part", "scenarios"),
            Column::left("rungs", "named by"),
            Column::right("count", "count"),
            Column::right("right", "right"),
            Column::right("found", "causes found"),
            Column::right("untrue", "untrue named"),
            Column::right("alarms", "false alarms"),
            Column::right("silent", "say nothing"),
        ]);
        let mut before = "";
        for Named { part, rungs, row } in &self.rows {
            let shares =
                [row.score.right, row.score.found, row.score.wrong, row.score.false_alarms, row.silent].map(cell);
            let first = if *part == before { "" } else { part };
            table.row([Cell::of(first), Cell::of(*rungs), Cell::of(row.score.right.of)].into_iter().chain(shares));
            before = part;
        }
        let style = Style::of_stdout();
        let style = Style { width: style.width.max(WIDTH_MIN), ..style };
        table.render(&style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_sixty_scenarios_of_all_parts() {
        let sampled: Vec<u32> = (0..COUNT).filter(|number| is_sampled(*number)).collect();
        assert_eq!((sampled.len(), sampled[0], sampled[1], sampled[59]), (60, 0, 12, 708));
    }
}
