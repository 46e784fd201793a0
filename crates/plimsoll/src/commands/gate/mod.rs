//! `plimsoll analyst prove`, and the proposals of a running installation.

mod print;
mod schema;

pub use schema::{proposal as proposal_schema, verdict as verdict_schema};

use super::analyst::input;
use super::reach::Daemon;
use crate::Verdict;
use crate::args::{AnalystAnswer, AnalystProposals, AnalystProve, HistoryOf, Installation, Output};
use anyhow::{Context, anyhow, bail};
use plimsoll_analyst::gate::{self, Court, Terms};
use plimsoll_analyst::{Features, History, Proposal, diagnose, propose, scenario};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use serde_json::{Value, json};
use std::path::Path;

/// Share of a history that is diagnosed where nobody says what was seen, per cent; the gate's own.
const SEEN_PCT: u64 = 60;

/// Proves what was typed, or what rules propose.
pub fn prove(typed: &AnalystProve) -> anyhow::Result<Verdict> {
    let (spec, history) = case(typed)?;
    let service = service(&spec, typed.service.as_deref(), &history)?;
    let seen_until_ms = typed.seen_until.unwrap_or_else(|| {
        let seen = history.step_ms.saturating_mul(history.samples.len() as u64 * SEEN_PCT / 100);
        history.start_ms.saturating_add_unsigned(seen)
    });
    let terms = Terms {
        seen_until_ms: Some(seen_until_ms),
        asked: typed.asked,
        salt: typed.salt,
        steps_max: typed.steps_max,
        ..Terms::default()
    };
    let proposals = match &typed.proposal {
        Some(path) => vec![read(path)?],
        None => by_rules(&history, seen_until_ms),
    };
    let verdicts = judge(&proposals, &spec, &service, &history, &terms);
    let is_accepted = verdicts.iter().any(|verdict| verdict.accepted);
    match typed.output {
        Output::Json if typed.proposal.is_some() => print!("{}", plimsoll_report::pretty(&verdicts[0])?),
        Output::Json => {
            let both = proposals.iter().zip(&verdicts);
            let all: Vec<Value> =
                both.map(|(proposal, verdict)| json!({ "proposal": proposal, "verdict": verdict })).collect();
            print!("{}", plimsoll_report::pretty(&all)?);
        }
        Output::Text => {
            if proposals.is_empty() {
                println!("the rules find nothing to propose in what they may see");
            }
            for (proposal, verdict) in proposals.iter().zip(&verdicts) {
                print!("{}", print::verdict(proposal, verdict));
            }
        }
    }
    Ok(if is_accepted { Verdict::Done } else { Verdict::No })
}

/// The history is laid out once for all of them; a refusal to lay it out is everybody's.
fn judge(
    proposals: &[Proposal],
    spec: &Spec,
    service: &ServiceName,
    history: &History,
    terms: &Terms,
) -> Vec<gate::Verdict> {
    if let [one] = proposals {
        return vec![gate::prove(one, spec, service, history, terms)];
    }
    // Of several, each later one is asked to be surer, on the very same ground.
    let mut verdicts = Vec::with_capacity(proposals.len());
    for (index, proposal) in (0_u32..).zip(proposals) {
        let terms = Terms { asked: terms.asked.saturating_add(index), ..terms.clone() };
        verdicts.push(match Court::try_new(spec, service, history, &terms) {
            Ok(court) => court.prove(proposal),
            Err(_) => gate::prove(proposal, spec, service, history, &terms),
        });
    }
    verdicts
}

fn by_rules(history: &History, seen_until_ms: i64) -> Vec<Proposal> {
    let seen = history.before(seen_until_ms);
    let features = Features::of(&seen);
    propose(&seen, &features, &diagnose(&features))
}

fn case(typed: &AnalystProve) -> anyhow::Result<(Spec, History)> {
    let of = HistoryOf {
        file: typed.history.clone(),
        scenario: typed.scenario,
        spec: typed.spec.clone(),
        service: typed.service.clone(),
        live: None,
        installation: Installation::here(),
    };
    let history = input::history(&of)?;
    let loaded = match (typed.scenario, &typed.spec) {
        (Some(number), _) => plimsoll_config::parse(&scenario::spec(number)?, Path::new("scenario.toml")),
        (None, Some(path)) => plimsoll_config::load(path),
        (None, None) => bail!("--spec is needed"),
    };
    Ok((loaded.map_err(|report| anyhow!("{report}"))?.spec, history))
}

fn service(spec: &Spec, named: Option<&str>, history: &History) -> anyhow::Result<ServiceName> {
    let known = |name: &str| spec.services.keys().find(|service| service.as_str() == name).cloned();
    let name = match named {
        Some(name) => known(name).ok_or_else(|| anyhow!("--service {name}: the spec has no such service"))?,
        None if spec.services.len() == 1 => spec.services.keys().next().cloned().context("a service")?,
        None => known(&history.service)
            .ok_or_else(|| anyhow!("the spec has {} services; --service says which", spec.services.len()))?,
    };
    Ok(name)
}

fn read(path: &Path) -> anyhow::Result<Proposal> {
    let size = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
    if size > gate::BYTES_MAX as u64 {
        bail!("{}: {size} bytes, and a proposal has at most {}", path.display(), gate::BYTES_MAX);
    }
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    gate::read(&bytes).map_err(|refusal| anyhow!("{}: {refusal}", path.display()))
}

/// Lists proposals, or shows one.
pub fn proposals(typed: &AnalystProposals) -> anyhow::Result<Verdict> {
    let daemon = Daemon::find(&typed.installation)?;
    let found: Value = match &typed.id {
        Some(id) => daemon.get(&format!("/v1/proposals/{id}"))?,
        None => daemon.get("/v1/proposals")?,
    };
    match (typed.output, &typed.id) {
        (Output::Json, _) => print!("{}", plimsoll_report::pretty(&found)?),
        (Output::Text, Some(_)) => print!("{}", print::kept(&found)),
        (Output::Text, None) => print!("{}", print::list(&found)),
    }
    Ok(Verdict::Done)
}

/// Approves or rejects.
pub fn answer(typed: &AnalystAnswer, is_yes: bool) -> anyhow::Result<Verdict> {
    let by = typed.by.clone().or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "operator".to_owned());
    let what = if is_yes { "approve" } else { "reject" };
    let path = format!("/v1/proposals/{}/{what}", typed.id);
    let said = Daemon::find(&typed.installation)?.post_json(&path, &json!({ "by": by }))?;
    match typed.output {
        Output::Text => println!("{said}"),
        Output::Json => println!("{}", json!({ "message": said })),
    }
    Ok(Verdict::Done)
}
