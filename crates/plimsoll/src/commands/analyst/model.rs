//! A language model from what was typed: settings, its list of models, a run of questions.

use crate::Verdict;
use crate::args::{AnalystModels, AnalystTest, ModelOf, Output};
use crate::commands::work as progress;
#[cfg(not(feature = "local-llm"))]
use anyhow::bail;
use anyhow::{Context, anyhow};
use plimsoll_analyst::history::History;
use plimsoll_analyst::ladder::Opinion;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::{Features, Pack, PackOptions, diagnose, scenario};
use plimsoll_llm::budget::Budget;
use plimsoll_llm::conformance::{self, Run};
use plimsoll_llm::{Key, Model, Settings};
use plimsoll_model::analyst::LOCAL;
use plimsoll_report::{Cell, Column, Style, Table};
use std::future::Future;
use std::path::Path;
use std::time::Duration;

/// A model behind an endpoint, or in this process.
pub enum Any {
    /// Behind an endpoint.
    Remote(Box<Model>),
    /// In this process.
    #[cfg(feature = "local-llm")]
    Local(Box<plimsoll_llm::LocalModel>),
}

impl Any {
    fn pack_options(&self) -> PackOptions {
        match self {
            Self::Remote(model) => model.settings().pack_options(),
            #[cfg(feature = "local-llm")]
            Self::Local(model) => model.pack_options(),
        }
    }

    /// Its opinion, whatever happens.
    pub fn opinion(&mut self, prompt: Option<&Prompt>, history: &History) -> anyhow::Result<Opinion> {
        match self {
            Self::Remote(model) => wait(model.opinion(prompt, history)),
            #[cfg(feature = "local-llm")]
            Self::Local(model) => Ok(model.opinion(prompt, history)),
        }
    }
}

/// The model that was typed.
pub fn model(of: &ModelOf) -> anyhow::Result<Any> {
    let endpoint = of.endpoint.as_deref().ok_or_else(|| anyhow!("a model needs --endpoint URL or local:FILE"))?;
    match endpoint.strip_prefix(LOCAL) {
        Some(path) => local(of, Path::new(path)),
        None => Ok(Any::Remote(Box::new(remote(of, endpoint)?))),
    }
}

#[cfg(not(feature = "local-llm"))]
fn local(_: &ModelOf, path: &Path) -> anyhow::Result<Any> {
    bail!(
        "--endpoint {LOCAL}{}: this plimsoll was built without a model of its own; build it with `cargo build --release --features local-llm`, \
         or give the URL of a server",
        path.display()
    )
}

#[cfg(feature = "local-llm")]
fn local(of: &ModelOf, path: &Path) -> anyhow::Result<Any> {
    use plimsoll_llm::{LocalModel, LocalSettings};
    let mut settings = LocalSettings::new(path);
    settings.limits.deadline = Duration::from_secs(of.deadline);
    settings.limits.answer_tokens_max = of.answer_tokens;
    settings.pack_tokens_max = of.tokens;
    settings.show = of.show_model.map(super::class);
    settings.budget = Budget { tokens_max: of.tokens_max, requests_max: 100_000, ..Budget::default() };
    Ok(Any::Local(Box::new(LocalModel::open(settings)?)))
}

fn remote(of: &ModelOf, endpoint: &str) -> anyhow::Result<Model> {
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
pub fn question(model: &Any, history: &History) -> Option<Prompt> {
    let features = Features::of(history);
    Prompt::new(&Pack::new(history, &features, &diagnose(&features), &model.pack_options()))
}

/// `plimsoll analyst models`.
pub fn models(typed: &AnalystModels) -> anyhow::Result<Verdict> {
    let names = match model(&typed.of)? {
        Any::Remote(model) => wait(model.list())??,
        #[cfg(feature = "local-llm")]
        Any::Local(model) => return card(&model.card()?, typed.output),
    };
    match typed.output {
        Output::Text => names.iter().for_each(|name| println!("{name}")),
        Output::Json => print!("{}", plimsoll_report::pretty(&serde_json::json!({ "models": names }))?),
    }
    Ok(Verdict::Done)
}

/// What a model's file is.
#[cfg(feature = "local-llm")]
fn card(card: &plimsoll_llm::local::Card, output: Output) -> anyhow::Result<Verdict> {
    match output {
        Output::Text => {
            println!("{}", card.name);
            println!("file {}, {} bytes, SHA-256 {}", card.file, card.file_bytes, card.sha256);
            println!(
                "llama: {} layers of {} values, {} tokens; context {} tokens, {} bytes of memory when it is full; loaded in {} ms; {}",
                card.layers,
                card.width,
                card.vocabulary,
                card.context,
                card.memory_bytes,
                card.load_ms,
                card.instructions
            );
        }
        Output::Json => {
            print!("{}", plimsoll_report::pretty(&serde_json::json!({ "models": [card.name], "file": card }))?)
        }
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
    let bar = progress::bar(questions.len() as u64, "questions", typed.quiet || typed.output == Output::Json);
    let run = match &mut model {
        Any::Remote(model) => wait(conformance::run(&mut **model, &questions, |_| bar.inc(1)))?,
        #[cfg(feature = "local-llm")]
        Any::Local(model) => wait(conformance::run(&mut **model, &questions, |_| bar.inc(1)))?,
    };
    bar.finish_and_clear();
    match typed.output {
        Output::Text => print!("{}", text(&run)),
        Output::Json => print!("{}", plimsoll_report::pretty(&run)?),
    }
    #[cfg(feature = "local-llm")]
    if let (Any::Local(model), Output::Text) = (&model, typed.output) {
        print!("{}", work(model.work()));
    }
    Ok(if run.ended.is_none() && run.valid as usize == run.trials.len() { Verdict::Done } else { Verdict::No })
}

/// How fast a model in this process was.
#[cfg(feature = "local-llm")]
fn work(work: plimsoll_llm::local::Work) -> String {
    let per_s = |tokens: u64, time: Duration| tokens as f64 / time.as_secs_f64().max(1e-9);
    format!(
        "{} tokens read anew, {:.0} per CPU second; {} written, {} of them forced by the schema, {:.0} per CPU second\n",
        work.read,
        per_s(work.read, work.reading),
        work.written,
        work.forced,
        per_s(work.written, work.writing)
    )
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
