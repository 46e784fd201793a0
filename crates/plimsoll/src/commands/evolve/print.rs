//! What was found, how, and what the judgement says.

use super::Outcome;
use super::model::ModelTold;
use crate::args::Evolve;
use anyhow::{Context, bail};
use plimsoll_report::{Cell, Chart, Column, Kind, Page, Series, Style, Table, XAxis, number, svg_file};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// For people.
pub fn text(typed: &Evolve, outcome: &Outcome, style: &Style) -> String {
    let mut text = String::new();
    let search = &outcome.search;
    let (judged, refused) = search.judged();
    let _ = writeln!(
        text,
        "{} episodes, {judged} candidates ({refused} no policy), {:.0} CPU s; best while learning {:+.3}, chosen {:+.3} on other seeds\n",
        search.episodes(),
        outcome.cpu_seconds,
        outcome.chosen.value,
        outcome.chosen_value,
    );
    let _ = writeln!(text, "{}", arms(outcome).render(style));
    if let Some(model) = &outcome.model {
        let _ = writeln!(text, "{model}\n");
    }
    let _ = writeln!(text, "{}", outcome.judgement.table.render(style));
    let _ = writeln!(text, "{}\n", outcome.judgement.said);
    let _ = writeln!(text, "{} ({} nodes, by {}):", typed.out.display(), outcome.chosen.nodes, outcome.chosen.arm);
    let _ = writeln!(text, "{}", outcome.chosen.text);
    text
}

/// What each arm gained and cost.
fn arms(outcome: &Outcome) -> Table {
    let mut table = Table::new([
        Column::left("arm", "arm"),
        Column::right("episodes", "episodes"),
        Column::right("work", "work"),
        Column::right("kept", "kept"),
        Column::right("gain", "gain"),
        Column::right("share", "share now"),
    ]);
    for (arm, share) in outcome.search.arms().iter().zip(outcome.search.shares()) {
        table.row([
            Cell::of(&arm.name),
            Cell::of(arm.episodes),
            Cell::of(arm.work.round()),
            Cell::of(arm.kept),
            Cell::of(number(arm.gain)),
            Cell::of(format!("{:.0} %", 100.0 * share)),
        ]);
    }
    table
}

/// For machines.
pub fn as_json(typed: &Evolve, outcome: &Outcome) -> Value {
    let search = &outcome.search;
    let (judged, refused) = search.judged();
    let elites: Vec<Value> = search.elites().into_iter().take(20).map(|elite| json!(elite)).collect();
    json!({
        "task": typed.task.name(),
        "seed": typed.seed,
        "episodes": search.episodes(),
        "candidates": judged,
        "refused": refused,
        "cpu_seconds": outcome.cpu_seconds,
        "chosen": outcome.chosen,
        "chosen_on_other_seeds": outcome.chosen_value,
        "holds": outcome.judgement.holds,
        "said": outcome.judgement.said,
        "judgement": outcome.judgement.table.to_json(),
        "arms": search.arms(),
        "elites": elites,
        "curve": search.curve(),
        "policy": outcome.text,
        "model": outcome.model.as_ref().map(ModelTold::as_json),
        "answers": search.answers(),
    })
}

/// The best by work, as a picture.
pub fn plot(path: &Path, typed: &Evolve, outcome: &Outcome) -> anyhow::Result<()> {
    let points = outcome.search.curve().iter().map(|point| (point.work, Some(point.best)));
    let title = format!("{}: the best by work, in quick looks", typed.task.name());
    let mut chart = Chart::over_time(&title, number).with(Series::new("best while learning", Kind::Step, points));
    chart.x = XAxis::Number(number);
    let text = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => svg_file(&chart),
        Some("html") => Page::new("Evolution")
            .paragraph(&outcome.judgement.said)
            .chart(&chart)
            .section("Judgement")
            .table(&outcome.judgement.table)
            .section("Arms")
            .table(&arms(outcome))
            .section("Policy")
            .verbatim(&outcome.text)
            .finish(),
        _ => bail!("--plot {}: the name must end in .svg or .html", path.display()),
    };
    std::fs::write(path, text).with_context(|| format!("--plot {}", path.display()))
}
