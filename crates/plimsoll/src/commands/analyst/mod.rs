//! `plimsoll analyst`: evidence, diagnosis by the rungs that are asked for, and their score.

mod climb;
mod eval;
pub mod input;
mod memory;
pub mod model;
pub(super) mod print;
mod recorded;
mod rungs;
mod schema;

pub use schema::history as history_schema;

use super::reach::{Daemon, escaped};
use crate::Verdict;
use crate::args::{
    Analyst, AnalystDiagnose, AnalystEvidence, AnalystFindings, AnalystScenario, AnalystVerb, HistoryFormat, Output,
    Shown,
};
use plimsoll_analyst::evidence::DataClass;
use plimsoll_analyst::history::csv;
use plimsoll_analyst::{Features, Pack, PackOptions, diagnose, propose, scenario};

/// Does what was typed.
pub fn run(typed: &Analyst) -> anyhow::Result<Verdict> {
    match &typed.verb {
        AnalystVerb::Evidence(typed) => evidence(typed),
        AnalystVerb::Diagnose(typed) => diagnosis(typed),
        AnalystVerb::Findings(typed) => findings(typed),
        AnalystVerb::Eval(typed) => eval::run(typed),
        AnalystVerb::Scenario(typed) => history(typed),
        AnalystVerb::Prove(typed) => super::gate::prove(typed),
        AnalystVerb::Proposals(typed) => super::gate::proposals(typed),
        AnalystVerb::Approve(typed) => super::gate::answer(typed, true),
        AnalystVerb::Reject(typed) => super::gate::answer(typed, false),
        AnalystVerb::Models(typed) => model::models(typed),
        AnalystVerb::Test(typed) => model::test(typed),
        AnalystVerb::Remember(typed) => memory::remember(typed),
    }
}

fn evidence(typed: &AnalystEvidence) -> anyhow::Result<Verdict> {
    let history = input::history(&typed.of)?;
    let features = Features::of(&history);
    let options = PackOptions {
        tokens_max: typed.tokens,
        pseudonyms: typed.pseudonyms,
        class: class(typed.show),
        names: typed.hide.clone(),
    };
    let pack = Pack::new(&history, &features, &diagnose(&features), &options);
    match typed.output {
        Output::Text => print!("{}", print::pack(&pack, &options)),
        Output::Json => print!("{}", plimsoll_report::pretty(&pack)?),
    }
    Ok(Verdict::Done)
}

fn diagnosis(typed: &AnalystDiagnose) -> anyhow::Result<Verdict> {
    let history = input::history(&typed.of)?;
    let features = Features::of(&history);
    let diagnosis = diagnose(&features);
    let proposals = propose(&history, &features, &diagnosis);
    let everything = PackOptions { tokens_max: u32::MAX, ..PackOptions::local() };
    let pack = Pack::new(&history, &features, &diagnosis, &everything);
    let ladder = climb::ladder(typed, &history, &features, (&diagnosis, &proposals), &pack)?;
    match typed.output {
        Output::Text => {
            print!("{}", print::diagnosis(&diagnosis, &proposals, &pack));
            if !typed.with.is_empty() {
                print!("\n{}", print::ladder(&ladder, &pack));
            }
        }
        Output::Json => {
            let facts = &pack.facts;
            let all = serde_json::json!({
                "diagnosis": diagnosis, "proposals": proposals, "facts": facts, "ladder": ladder,
            });
            print!("{}", plimsoll_report::pretty(&all)?);
        }
    }
    Ok(Verdict::Done)
}

/// What the analyst of a running installation last found.
fn findings(typed: &AnalystFindings) -> anyhow::Result<Verdict> {
    let path = format!("/v1/services/{}/diagnosis", escaped(&typed.service));
    let found: serde_json::Value = Daemon::find(&typed.installation)?.get(&path)?;
    match typed.output {
        Output::Text => print!("{}", print::findings(&found)),
        Output::Json => print!("{}", plimsoll_report::pretty(&found)?),
    }
    Ok(Verdict::Done)
}

fn history(typed: &AnalystScenario) -> anyhow::Result<Verdict> {
    let (_, history) = scenario::run(typed.number)?;
    match typed.format {
        HistoryFormat::Json => print!("{}", plimsoll_report::pretty(&history)?),
        HistoryFormat::Spec => print!("{}", scenario::spec(typed.number)?),
        HistoryFormat::Csv => print!("{}", csv::write(&history)),
    }
    Ok(Verdict::Done)
}

const fn class(shown: Shown) -> DataClass {
    match shown {
        Shown::Nothing => DataClass::Nothing,
        Shown::Figures => DataClass::Figures,
        Shown::Names => DataClass::Names,
        Shown::Words => DataClass::Words,
    }
}
