//! `plimsoll analyst eval`: runs scenarios, diagnoses them and scores the answers.

use super::{recorded, rungs};
use crate::Verdict;
use crate::args::{AnalystEval, Output};
use crate::commands::work;
use plimsoll_analyst::evaluation::rungs::{Case, memory};
use plimsoll_analyst::evaluation::{Answer, CauseScore, Part, Score, Share, by_cause, score};
use plimsoll_analyst::history::History;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::scenario::{self, COUNT, Half, SEED};
use plimsoll_analyst::{Features, diagnose};
use plimsoll_report::{Cell, Column, Style, Table};
use serde_json::{Value, json};

/// Columns that the first table takes.
const WIDTH_MIN: usize = 136;

/// Rows of the first table, with what they are called.
const PARTS: [(&str, Part); 6] = [
    ("seen half", Part::Half(Half::Seen)),
    ("unseen half", Part::Half(Half::Unseen)),
    ("- one cause", Part::UnseenSingle),
    ("- pairs, all new", Part::UnseenPairs),
    ("- loads of new shape", Part::Novel),
    ("further without fault", Part::Half(Half::Controls)),
];

/// Runs, scores and prints.
pub fn run(typed: &AnalystEval) -> anyhow::Result<Verdict> {
    let numbers = numbers(typed.limit);
    let bar = work::bar(numbers.len() as u64, "scenarios", typed.quiet || typed.output == Output::Json);
    let mut asked = rungs::Asked::new(typed)?;
    let ran: Vec<(Case, Option<(Prompt, History)>)> =
        work::on_all_cores(&numbers, typed.threads.map(usize::from), |number| {
            let (label, history) = scenario::run(*number)?;
            let features = Features::of(&history);
            let diagnosis = diagnose(&features);
            bar.inc(1);
            let question = asked.question(*number, history);
            Ok((Case { label, features, diagnosis, model: None }, question))
        })
        .into_iter()
        .collect::<Result<_, scenario::ScenarioError>>()?;
    bar.finish_and_clear();
    let cases = asked.ask(ran, typed.quiet || typed.output == Output::Json)?;
    let answers: Vec<Answer> =
        cases.iter().map(|case| Answer { label: case.label.clone(), named: case.diagnosis.causes() }).collect();
    let misses: Vec<&Answer> = match typed.misses {
        true => answers.iter().filter(|answer| answer.label.half == Half::Seen && !answer.is_right()).collect(),
        false => Vec::new(),
    };
    let rungs = rungs::Rungs::new(&cases);
    let recorded = match typed.recorded {
        true => Some(recorded::Recorded::new(&memory(&cases), typed.quiet || typed.output == Output::Json)?),
        false => None,
    };
    match typed.output {
        Output::Text => {
            let recorded = recorded.map(|rows| format!("\n{}", rows.text())).unwrap_or_default();
            print!("{}\n{}{recorded}", text(&answers, &misses), rungs.text());
        }
        Output::Json => {
            let mut all = as_json(&answers, &misses);
            all["rungs"] = serde_json::to_value(&rungs)?;
            if let Some(rows) = &recorded {
                all["recorded"] = serde_json::to_value(rows)?;
            }
            print!("{}", plimsoll_report::pretty(&all)?);
        }
    }
    Ok(Verdict::Done)
}

/// Numbers of scenarios, at most so many, evenly spread.
fn numbers(limit: Option<u32>) -> Vec<u32> {
    let wanted = limit.unwrap_or(COUNT).min(COUNT);
    (0..wanted).map(|place| (u64::from(place) * u64::from(COUNT) / u64::from(wanted)) as u32).collect()
}

fn of(answers: &[Answer], part: Part) -> impl Iterator<Item = &Answer> + Clone {
    answers.iter().filter(move |answer| part.has(&answer.label))
}

pub(super) fn cell(share: Share) -> Cell {
    let percent = |share: f64| format!("{:.1}", share * 100.0);
    let text = match share.of {
        0 => "-".to_owned(),
        _ => format!("{} % ({}-{})", percent(share.share), percent(share.low), percent(share.high)),
    };
    Cell::of(text)
}

fn text(answers: &[Answer], misses: &[&Answer]) -> String {
    // Narrower, the first column would not say which scenarios a row is about.
    let style = Style::of_stdout();
    let style = Style { width: style.width.max(WIDTH_MIN), ..style };
    let mut out = parts(answers).render(&style);
    out.push_str("\nright: every true cause named and no other; in brackets 95 % intervals (Wilson)\n\n");
    out.push_str(&causes(answers).render(&style));
    for answer in misses {
        let names = |causes: &[plimsoll_analyst::Cause]| match causes {
            [] => "no fault".to_owned(),
            causes => causes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let (truth, named) = (names(&answer.label.causes), names(&answer.named));
        out.push_str(&format!("scenario {} of the seen half: {truth}; named {named}\n", answer.label.number));
    }
    out
}

fn parts(answers: &[Answer]) -> Table {
    let mut table = Table::new([
        Column::left("part", "scenarios"),
        Column::right("count", "count"),
        Column::right("right", "right"),
        Column::right("first", "surest is true"),
        Column::right("found", "causes found"),
        Column::right("untrue", "untrue named"),
        Column::right("alarms", "false alarms"),
    ]);
    for (name, part) in PARTS {
        let Score { right, first_right, found, wrong, false_alarms } = score(of(answers, part));
        let shares = [right, first_right, found, wrong, false_alarms].map(cell);
        table.row([Cell::of(name), Cell::of(right.of)].into_iter().chain(shares));
    }
    table
}

fn causes(answers: &[Answer]) -> Table {
    let mut table = Table::new([
        Column::left("cause", "cause"),
        Column::right("seen", "seen"),
        Column::right("seen_found", "found"),
        Column::right("unseen", "unseen"),
        Column::right("unseen_found", "found"),
        Column::right("unseen_untrue", "untrue of those named"),
    ]);
    let halves = [Half::Seen, Half::Unseen].map(|half| by_cause(of(answers, Part::Half(half))));
    let [seen, unseen] = halves;
    for (seen, unseen) in seen.into_iter().zip(unseen) {
        let name = seen.cause.map_or("no fault".to_owned(), |cause| cause.to_string());
        table.row([
            Cell::of(name),
            Cell::of(seen.found.of),
            cell(seen.found),
            Cell::of(unseen.found.of),
            cell(unseen.found),
            cell(unseen.untrue),
        ]);
    }
    table
}

fn as_json(answers: &[Answer], misses: &[&Answer]) -> Value {
    let part = |(name, part): (&str, Part)| json!({ "part": name, "score": score(of(answers, part)) });
    let causes = |half| -> Vec<CauseScore> { by_cause(of(answers, Part::Half(half))) };
    json!({
        "seed": SEED,
        "scenarios": answers.len(),
        "parts": PARTS.map(part),
        "causes": { "seen": causes(Half::Seen), "unseen": causes(Half::Unseen) },
        "misses": misses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_spread_over_both_halves() {
        assert_eq!(numbers(Some(4)), [0, 180, 360, 540]);
        assert_eq!((numbers(None).len(), numbers(Some(u32::MAX)).len()), (COUNT as usize, COUNT as usize));
    }
}
