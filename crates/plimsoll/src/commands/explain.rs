//! `plimsoll explain`: why, with the numbers and what would have changed it.

use super::reach::state_dir;
use crate::Verdict;
use crate::args::{Explain, Output};
use anyhow::{anyhow, bail};
use plimsoll_controller::{
    ProposalState, State, concerns_job, concerns_service, explain, explain_job, explain_service,
};
use plimsoll_daemon::past;
use plimsoll_model::{Decision, JobName, ServiceName, Timestamp};
use serde_json::json;
use std::path::Path;

/// Explains.
pub fn run(command: &Explain) -> anyhow::Result<Verdict> {
    let journal = state_dir(&command.installation)?.join("journal");
    let subject = Subject { service: command.service.parse()?, job: command.service.parse()? };
    if command.changes {
        let found = past::decisions(&journal, |decision| subject.is_changed_by(decision))?;
        match command.output {
            Output::Json => println!("{}", plimsoll_report::pretty(&found)?),
            Output::Text => found.iter().for_each(|decision| subject.print(decision)),
        }
        return Ok(Verdict::Done);
    }
    let at = command.at.as_deref().map(moment).transpose()?;
    let state = past::state_at(&journal, at)?;
    let last = past::decision_at(&journal, at, |decision| subject.is_changed_by(decision))?;
    if !subject.is_known(&state) && last.is_none() {
        bail!("{}", unknown(&command.service, at, &state));
    }
    match command.output {
        Output::Json => println!("{}", plimsoll_report::pretty(&subject.value(&state, last.as_ref()))?),
        Output::Text => subject.tell(&state, last.as_ref(), &journal),
    }
    Ok(Verdict::Done)
}

/// Names share one form, so what was typed may be a service or a job.
struct Subject {
    service: ServiceName,
    job: JobName,
}

impl Subject {
    fn is_known(&self, state: &State) -> bool {
        state.services.contains_key(&self.service) || state.jobs.contains_key(&self.job)
    }

    /// Something was done about it, or happened to it.
    fn is_changed_by(&self, decision: &Decision) -> bool {
        concerns_service(decision, &self.service) || concerns_job(decision, &self.job)
    }

    fn print(&self, decision: &Decision) {
        for line in explain(decision, &self.service).into_iter().chain(explain_job(decision, &self.job)) {
            println!("{line}");
        }
    }

    /// The complete reasons at the moment, then the last change before it.
    fn tell(&self, state: &State, last: Option<&Decision>, journal: &Path) {
        let rationale = state.services.get(&self.service).and_then(|service| service.rationale.as_ref());
        if let (Some(rationale), Some(at)) = (rationale, state.at) {
            println!("{at} step {}", state.step);
            for line in explain_service(&self.service, rationale) {
                println!("{line}");
            }
        }
        let proposal = state.services.get(&self.service).and_then(|service| service.proposal.as_deref());
        if let Some(ProposalState { standing, since, is_promoted, .. }) = proposal {
            let how = if *is_promoted { "in force" } else { "on trial" };
            println!(
                "  by policy of proposal {}, {how}: let by {} at {since}, until {} at most; evidence {}, verdict {}",
                standing.id, standing.by, standing.until, standing.evidence, standing.verdict
            );
        }
        match last {
            Some(decision) => {
                println!("\nlast change:");
                self.print(decision);
            }
            None => println!("\nnothing was ever done about it (journal {})", journal.display()),
        }
    }

    fn value(&self, state: &State, last: Option<&Decision>) -> serde_json::Value {
        let service = state.services.get(&self.service);
        json!({
            "at_ms": state.at,
            "step": state.step,
            "rationale": service.and_then(|service| service.rationale.as_ref()),
            "forecast": service.and_then(|service| service.forecast.as_ref()),
            "proposal": service.and_then(|service| service.proposal.as_ref()),
            "last_change": last,
        })
    }
}

fn unknown(name: &str, at: Option<Timestamp>, state: &State) -> String {
    let until = at.map_or_else(String::new, |at| format!(" up to {at}"));
    let known: Vec<&str> =
        state.services.keys().map(ServiceName::as_str).chain(state.jobs.keys().map(JobName::as_str)).collect();
    if known.is_empty() {
        return format!("nothing was decided{until}: the journal has no step yet");
    }
    format!("no service or job {name} is recorded{until}; there are {}", known.join(", "))
}

/// A moment as people type it: a date and time, or milliseconds since the epoch.
pub fn moment(text: &str) -> anyhow::Result<Timestamp> {
    text.parse::<i64>().ok().or_else(|| plimsoll_config::moment::parse(text)).map(Timestamp).ok_or_else(|| {
        anyhow!("--at {text}: neither a time like 2018-01-07T13:05:00Z nor milliseconds since the epoch")
    })
}
