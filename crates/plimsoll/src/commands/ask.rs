//! `plimsoll ask`: a question in plain words, an answer in which every number has a source.

use crate::Verdict;
use crate::args::{Ask, Output};
use crate::commands::analyst::input;
use anyhow::{Context, anyhow, bail};
use plimsoll_analyst::ask::{ASKABLE, Answer, Question, answer, parse, what_if};
use plimsoll_analyst::{History, scenario};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use std::path::Path;

/// Answers.
pub fn run(typed: &Ask) -> anyhow::Result<Verdict> {
    let Some(question) = parse(&typed.question) else {
        bail!("this question is not understood; what can be asked, for example:\n  {}", ASKABLE.join("\n  "));
    };
    let history = input::history(&typed.of)?;
    let answer = match &question {
        Question::WhatIf(scenario) => {
            let (spec, service) = spec_of(typed, &history)?;
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

/// What the controller runs under: the spec that is named, or the scenario's own.
fn spec_of(typed: &Ask, history: &History) -> anyhow::Result<(Spec, ServiceName)> {
    let loaded = match (typed.of.scenario, &typed.of.spec) {
        (Some(number), _) => plimsoll_config::parse(&scenario::spec(number)?, Path::new("scenario.toml")),
        (None, Some(path)) => plimsoll_config::load(path),
        (None, None) => bail!("another load is run in the twin, and for that the spec is needed: --spec FILE"),
    };
    let spec = loaded.map_err(|report| anyhow!("{report}"))?.spec;
    let wanted = typed.of.service.as_deref().unwrap_or(&history.service);
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
