//! `plimsoll ask`: a question in plain words, an answer in which every number has a source.

use crate::Verdict;
use crate::args::{Ask, HistoryOf, Output};
use crate::commands::analyst::input;
use crate::commands::reach::Daemon;
use anyhow::{Context, anyhow, bail};
use plimsoll_analyst::ask::{ASKABLE, Answer, Question, answer, parse, what_if};
use plimsoll_analyst::{History, scenario};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Answers.
pub fn run(typed: &Ask) -> anyhow::Result<Verdict> {
    let Some(question) = parse(&typed.question) else {
        bail!("this question is not understood; what can be asked, for example:\n  {}", ASKABLE.join("\n  "));
    };
    let Some(of) = typed.of() else { return of_daemon(typed) };
    let history = input::history(&of)?;
    let answer = match &question {
        Question::WhatIf(scenario) => {
            let (spec, service) = spec_of(&of, &history)?;
            what_if(&history, *scenario, &spec, &service)?
        }
        other => answer(&history, other)?,
    };
    // The template passes its own check; a fault in it must not reach a person as a number.
    if let Some(problem) = answer.problems(&answer.text()).first() {
        return Err(problem.clone()).context("the answer does not rest on its facts; this is a fault of plimsoll");
    }
    match typed.output {
        Output::Text => print!("{}", text(&answer, typed.facts)),
        Output::Json => print!("{}", plimsoll_report::pretty(&answer)?),
    }
    Ok(Verdict::Done)
}

/// Longest wait for a daemon's answer: its own patience, and some more for the way.
const WAIT: Duration = Duration::from_secs(45);

/// Asks the running installation, which checks its answer before it gives it.
fn of_daemon(typed: &Ask) -> anyhow::Result<Verdict> {
    let mut body = json!({ "question": typed.question });
    if let Some(service) = &typed.service {
        body["service"] = json!(service);
    }
    let told: Value = Daemon::find(&typed.installation)?.question("/v1/ask", &body, WAIT)?;
    match typed.output {
        Output::Json => print!("{}", plimsoll_report::pretty(&told)?),
        Output::Text => {
            println!("{}", told["text"].as_str().context("the daemon's answer has no text")?);
            if typed.facts {
                print!("\n{}", facts(&told));
            }
        }
    }
    Ok(Verdict::Done)
}

fn facts(told: &Value) -> String {
    let mut text = String::new();
    for fact in told["facts"].as_array().into_iter().flatten() {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let figure = |it: &Value| format!(" {}={}{}", word(&it["name"]), it["value"], word(&it["unit"]));
        let figures: String = fact["figures"].as_array().into_iter().flatten().map(figure).collect();
        text.push_str(&format!("{} {}:{figures}\n", word(&fact["id"]), word(&fact["name"])));
    }
    text
}

/// What the controller runs under: the spec that is named, or the scenario's own.
fn spec_of(of: &HistoryOf, history: &History) -> anyhow::Result<(Spec, ServiceName)> {
    let loaded = match (of.scenario, &of.spec) {
        (Some(number), _) => plimsoll_config::parse(&scenario::spec(number)?, Path::new("scenario.toml")),
        (None, Some(path)) => plimsoll_config::load(path),
        (None, None) => bail!("another load is run in the twin, and for that the spec is needed: --spec FILE"),
    };
    let spec = loaded.map_err(|report| anyhow!("{report}"))?.spec;
    let wanted = of.service.as_deref().unwrap_or(&history.service);
    let mut names = spec.services.keys();
    let only = if spec.services.len() == 1 { names.next().cloned() } else { None };
    let named = spec.services.keys().find(|name| name.as_str() == wanted).cloned();
    let service =
        named.or(only).with_context(|| format!("the spec has no service {wanted:?}; --service says which is meant"))?;
    Ok((spec, service))
}

fn text(answer: &Answer, with_facts: bool) -> String {
    let mut text = format!("{}\n", answer.text());
    if with_facts {
        text.push('\n');
        for fact in &answer.facts {
            let figures = fact.figures.iter().map(|figure| format!(" {}={}{}", figure.name, figure.value, figure.unit));
            text.push_str(&format!("{} {}:{}\n", fact.id, fact.name, figures.collect::<String>()));
        }
    }
    text
}
