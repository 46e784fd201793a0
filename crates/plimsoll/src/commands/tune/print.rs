//! What was found, as tables or as JSON.

use super::Outcome;
use crate::args::Tune;
use plimsoll_report::{Cell, Column, Style, Table};
use plimsoll_search::front::front;
use plimsoll_search::goal::{FIGURES, Figure, Hold, Measured, Over, by_startup};
use plimsoll_search::hunt::{Ended, Tried};
use plimsoll_search::space::Parameter;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Most points of the front that are printed for people; JSON has all.
const FRONT_MAX: usize = 16;

/// For people.
pub fn text(typed: &Tune, outcome: &Outcome, style: &Style) -> String {
    let mut out = format!("Protocol: {}.\n", outcome.protocol);
    for (half, names) in [("Training", &outcome.training), ("Test", &outcome.test)] {
        let _ = writeln!(out, "{half} ({}): {}", names.len(), names.join(", "));
    }
    let goal = &outcome.objective;
    let held = outcome.holds.iter().map(|hold| hold.text.as_str()).collect::<Vec<_>>().join("; ");
    let way = if goal.is_gain { "most" } else { "least" };
    let _ = writeln!(out, "Goal: {way} {} {}, held: {held}", goal.over, goal.figure.key);
    let _ = writeln!(out, "{}", ended(typed, outcome));
    let _ = write!(out, "\n{}", searched(outcome).render(style));
    let _ = write!(
        out,
        "\nFront on the training series; * is what was chosen:\n{}",
        front_of(outcome, FRONT_MAX).render(style)
    );
    let _ =
        write!(out, "\nPresent and found policy, {} of the series:\n{}", goal.over, compared(outcome).render(style));
    let best = &outcome.found.tried[outcome.found.best];
    if best.violation > 0.0 {
        out.push_str(
            "\nNothing that was tried holds what is to be held on the training series; this breaks it least.\n",
        );
    }
    if !outcome.holds_on_test {
        out.push_str("\nWhat is held on the training series is not held on the test series.\n");
    }
    let path = typed.out.display();
    let _ = writeln!(out, "\nWritten to {path}, read back and run again on the training series: the same figures.");
    out
}

fn ended(typed: &Tune, outcome: &Outcome) -> String {
    let why = match outcome.found.ended {
        Ended::Evaluations => "as many as were allowed",
        Ended::Stopped => "--time is over; this is the best so far",
        Ended::Exhausted => "nothing is left to try",
    };
    let refused = match outcome.found.refused {
        0 => String::new(),
        refused => format!(", {refused} more were no policy"),
    };
    format!("Policies run: {}{refused} ({why}), seed {}", outcome.found.tried.len(), typed.seed)
}

fn searched(outcome: &Outcome) -> Table {
    let mut table = Table::new([
        Column::left("parameter", "PARAMETER"),
        Column::right("low", "FROM"),
        Column::right("high", "TO"),
        Column::right("present", "PRESENT"),
        Column::right("found", "FOUND"),
    ]);
    let best = &outcome.found.tried[outcome.found.best];
    for (of, found) in outcome.parameters.iter().zip(&best.point) {
        let text = |value: i64| Cell::of(of.unit.print(value));
        table.row([Cell::of(of.path.as_str()), text(of.low), text(of.high), text(of.start), text(*found)]);
    }
    for (of, value) in &outcome.fixed {
        let value = of.unit.print(*value);
        let none = || Cell::of("fixed");
        table.row([Cell::of(of.path.as_str()), none(), none(), Cell::of(of.unit.print(of.start)), Cell::of(value)]);
    }
    table
}

fn number(figure: &Figure, value: f64) -> Cell {
    let text = if figure.is_percent { format!("{:.2} %", value + 0.0) } else { format!("{:.3}", value + 0.0) };
    Cell::of(text)
}

/// The points that nothing beats in the objective and in what is held.
fn front_of(outcome: &Outcome, most: usize) -> Table {
    let goal = &outcome.objective;
    let mut heads = vec![Column::left("chosen", ""), Column::right(goal.figure.key, goal.figure.key)];
    heads.extend(
        outcome.holds.iter().map(|hold| Column::right(hold.figure.key, &format!("{} {}", hold.over, hold.figure.key))),
    );
    heads.extend(outcome.parameters.iter().map(|of| Column::right(&of.path, of.path.trim_start_matches("scaling."))));
    let mut table = Table::new(heads);
    for index in shown(outcome, most) {
        let Tried { point, measured, .. } = &outcome.found.tried[index];
        let mut cells = vec![Cell::of(if index == outcome.found.best { "*" } else { "" })];
        cells.push(number(goal.figure, goal.value(measured)));
        cells.extend(outcome.holds.iter().map(|hold| number(hold.figure, hold.value(measured))));
        cells.extend(outcome.parameters.iter().zip(point).map(|(of, value)| Cell::of(of.unit.print(*value))));
        table.row(cells);
    }
    table
}

/// Indices of the front's points, at most so many, evenly; the best is always among them.
fn shown(outcome: &Outcome, most: usize) -> Vec<usize> {
    let losses = |it: &Tried| {
        let held = outcome.holds.iter().map(|hold| hold.loss(&it.measured));
        std::iter::once(it.loss).chain(held).collect::<Vec<f64>>()
    };
    let points: Vec<Vec<f64>> = outcome.found.tried.iter().map(losses).collect();
    let all = front(&points);
    let count = all.len();
    if count <= most {
        return all;
    }
    let step = |place: usize| all[place * (count - 1) / (most - 1)];
    let mut kept: Vec<usize> = (0..most).map(step).collect();
    if all.contains(&outcome.found.best) && !kept.contains(&outcome.found.best) {
        let place = all.iter().position(|index| *index == outcome.found.best).unwrap_or(0);
        kept[place * (most - 1) / (count - 1)] = outcome.found.best;
    }
    kept
}

/// Both policies on both halves, a row per start-up time.
fn compared(outcome: &Outcome) -> Table {
    let mut heads =
        vec![Column::left("half", "HALF"), Column::right("startup", "START-UP"), Column::left("policy", "POLICY")];
    heads.extend(FIGURES.iter().map(|figure| Column::right(figure.key, figure.key)));
    let over = outcome.objective.over;
    if over != Over::Median {
        heads.push(Column::right("median_price", "median price"));
        heads.push(Column::right("median_under_time", "median under_time"));
    }
    let mut table = Table::new(heads);
    let best = &outcome.found.tried[outcome.found.best].measured;
    let halves: [(&str, [&Measured; 2]); 2] =
        [("training", [&outcome.found.tried[0].measured, best]), ("test", [&outcome.judged[0], &outcome.judged[1]])];
    for (half, both) in halves {
        for (at, startup) in outcome.startups.iter().enumerate() {
            for (policy, measured) in ["present", "found"].iter().zip(both) {
                let value =
                    |figure: &Figure, over| by_startup(figure, over, measured).get(at).copied().unwrap_or(f64::NAN);
                let mut cells = vec![Cell::of(half), Cell::of(startup.to_string()), Cell::of(*policy)];
                cells.extend(FIGURES.iter().map(|figure| number(figure, value(figure, over))));
                if over != Over::Median {
                    let median = |key: &str| FIGURES.iter().find(|figure| figure.key == key);
                    for figure in ["price", "under_time"].iter().filter_map(|key| median(key)) {
                        cells.push(number(figure, value(figure, Over::Median)));
                    }
                }
                table.row(cells);
            }
        }
    }
    table
}

/// For programs: numbers as they are, shares in percent.
pub fn as_json(typed: &Tune, outcome: &Outcome) -> Value {
    let found = &outcome.found;
    let best = &found.tried[found.best];
    let ended = match found.ended {
        Ended::Evaluations => "evaluations",
        Ended::Stopped => "time",
        Ended::Exhausted => "exhausted",
    };
    let goal = &outcome.objective;
    let held = |hold: &Hold| {
        json!({
            "condition": hold.text, "bound": hold.bound(&found.tried[0].measured),
            "training": hold.value(&best.measured), "test": hold.value(&outcome.judged[1]),
        })
    };
    let parameter = |(of, value): (&Parameter, &i64)| {
        let text = |value: i64| of.unit.print(value);
        json!({ "path": of.path, "low": text(of.low), "high": text(of.high), "present": text(of.start), "found": text(*value) })
    };
    let fixed = |(of, value): &(Parameter, i64)| json!({ "path": of.path, "value": of.unit.print(*value) });
    let point = |index: usize| {
        let tried = &found.tried[index];
        let values = outcome.parameters.iter().zip(&tried.point);
        json!({
            "chosen": index == found.best, "objective": goal.value(&tried.measured),
            "held": outcome.holds.iter().map(|hold| hold.value(&tried.measured)).collect::<Vec<_>>(),
            "values": values.map(|(of, value)| (of.path.clone(), json!(of.unit.print(*value)))).collect::<Map<_, _>>(),
        })
    };
    let figures = |measured: &Measured| {
        let of_startup = |at: usize| {
            let of = |over: Over| {
                let value = |figure: &Figure| by_startup(figure, over, measured).get(at).copied();
                FIGURES.iter().map(|figure| (figure.key.to_owned(), json!(value(figure)))).collect::<Map<_, _>>()
            };
            json!({ "startup_ms": outcome.startups[at].0, "mean": of(Over::Mean), "median": of(Over::Median), "worst": of(Over::Worst) })
        };
        (0..measured.len()).map(of_startup).collect::<Vec<_>>()
    };
    json!({
        "protocol": outcome.protocol,
        "objective": { "figure": goal.figure.key, "over": goal.over.to_string() },
        "held": outcome.holds.iter().map(held).collect::<Vec<_>>(),
        "holds_on_training": best.violation <= 0.0, "holds_on_test": outcome.holds_on_test,
        "evaluations": found.tried.len(), "refused": found.refused, "ended": ended, "seed": typed.seed,
        "parameters": outcome.parameters.iter().zip(&best.point).map(parameter).collect::<Vec<_>>(),
        "fixed": outcome.fixed.iter().map(fixed).collect::<Vec<_>>(),
        "front": shown(outcome, usize::MAX).into_iter().map(point).collect::<Vec<_>>(),
        "training": { "series": outcome.training, "present": figures(&found.tried[0].measured), "found": figures(&best.measured) },
        "test": { "series": outcome.test, "present": figures(&outcome.judged[0]), "found": figures(&outcome.judged[1]) },
        "written": typed.out,
    })
}
