//! A language model from what was typed: settings, its list of models, a run of questions.

use crate::Verdict;
use crate::args::{AnalystModels, AnalystTest, ModelOf, Output};
use crate::commands::work;
use anyhow::{Context, anyhow};
use plimsoll_analyst::history::History;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::{Features, Pack, diagnose, scenario};
use plimsoll_llm::budget::Budget;
use plimsoll_llm::conformance::{self, Run};
use plimsoll_llm::{Key, Model, Settings};
use plimsoll_report::{Cell, Column, Style, Table};
use std::future::Future;
use std::time::Duration;

/// The model that was typed.
pub fn model(of: &ModelOf) -> anyhow::Result<Model> {
    let endpoint = of.endpoint.as_deref().ok_or_else(|| anyhow!("a model needs --endpoint URL"))?;
    let endpoint = endpoint.parse().with_context(|| format!("--endpoint {endpoint}"))?;
    let key = match (&of.key_env, &of.key_file) {
        (Some(name), _) => Some(Key::from_env(name)?),
        (None, Some(path)) => Some(Key::from_file(path)?),
        (None, None) => None,
    };
    let micro = |sum: f64| (sum * 1e6).round() as u64;
    let budget = Budget {
        tokens_max: of.tokens_max,
        requests_max: 100_000,
        money_max_micro: of.money_max.map_or(0, micro),
        price_read_micro: micro(of.price_read),
        price_written_micro: micro(of.price_written),
        ..Budget::default()
    };
    let settings = Settings {
        key,
        deadline: Duration::from_secs(of.deadline),
        answer_tokens_max: of.answer_tokens,
        pack_tokens_max: of.tokens,
        show: of.show_model.map(super::class),
        budget,
        ..Settings::new(endpoint, &of.model)
    };
    Ok(Model::new(settings)?)
}

/// Waits for what a model says, on this thread.
pub fn wait<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(future))
}

/// The question about a history, as this model may see it; none where nothing may be shown.
pub fn question(model: &Model, history: &History) -> Option<Prompt> {
    let features = Features::of(history);
    Prompt::new(&Pack::new(history, &features, &diagnose(&features), &model.settings().pack_options()))
}

/// `plimsoll analyst models`.
pub fn models(typed: &AnalystModels) -> anyhow::Result<Verdict> {
    let model = model(&typed.of)?;
    let names = wait(model.list())??;
    match typed.output {
        Output::Text => names.iter().for_each(|name| println!("{name}")),
        Output::Json => print!("{}", plimsoll_report::pretty(&serde_json::json!({ "models": names }))?),
    }
    Ok(Verdict::Done)
}

/// `plimsoll analyst test`.
pub fn test(typed: &AnalystTest) -> anyhow::Result<Verdict> {
    let mut model = model(&typed.of)?;
    let mut questions = Vec::new();
    for place in 0..typed.questions {
        let number = place * scenario::HALF / typed.questions;
        let (_, history) = scenario::run(number)?;
        let prompt = question(&model, &history)
            .ok_or_else(|| anyhow!("nothing may be shown to the model, so there is nothing to ask"))?;
        questions.push((prompt, history));
    }
    let bar = work::bar(questions.len() as u64, "questions", typed.quiet || typed.output == Output::Json);
    let run = wait(conformance::run(&mut model, &questions, |_| bar.inc(1)))?;
    bar.finish_and_clear();
    match typed.output {
        Output::Text => print!("{}", text(&run)),
        Output::Json => print!("{}", plimsoll_report::pretty(&run)?),
    }
    Ok(if run.ended.is_none() && run.valid as usize == run.trials.len() { Verdict::Done } else { Verdict::No })
}

fn text(run: &Run) -> String {
    let mut table = Table::new([
        Column::right("question", "question"),
        Column::left("holds", "holds"),
        Column::right("took", "ms"),
        Column::right("read", "tokens read"),
        Column::right("written", "written"),
        Column::left("said", "said"),
    ]);
    for (index, trial) in run.trials.iter().enumerate() {
        let holds = match (trial.is_valid, trial.is_repaired) {
            (true, false) => "yes",
            (true, true) => "repaired",
            (false, _) => "no",
        };
        let names: Vec<&str> = trial.causes.iter().map(|cause| cause.name()).collect();
        let said = match (trial.is_valid, names.is_empty()) {
            (false, _) => trial.wrong.clone(),
            (true, true) => "nothing named".to_owned(),
            (true, false) => names.join(", "),
        };
        table.row([
            Cell::of(index + 1),
            Cell::of(holds),
            Cell::of(trial.took_ms),
            Cell::of(trial.tokens_read),
            Cell::of(trial.tokens_written),
            Cell::of(said),
        ]);
    }
    let mut out = table.render(&Style::of_stdout());
    out.push_str(&format!(
        "{} of {} answers hold, {} of them after a repair; held to the schema by {}; median {} ms, longest {} ms; {} tokens read, {} written\n",
        run.valid,
        run.trials.len(),
        run.repaired,
        run.format,
        run.median_ms,
        run.longest_ms,
        run.tokens_read,
        run.tokens_written
    ));
    if let Some(why) = &run.ended {
        out.push_str(&format!("ended early: {why}\n"));
    }
    out
}
