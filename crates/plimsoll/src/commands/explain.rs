//! `plimsoll explain`: why, with the numbers and what would have changed it.

use super::reach::state_dir;
use crate::Verdict;
use crate::args::{Explain, Output};
use anyhow::{anyhow, bail};
use plimsoll_controller::{concerns_job, concerns_service, explain, explain_job};
use plimsoll_daemon::past;
use plimsoll_model::{Decision, JobName, ServiceName, Timestamp};

/// Explains.
pub fn run(command: &Explain) -> anyhow::Result<Verdict> {
    let journal = state_dir(&command.installation)?.join("journal");
    let at = command.at.as_deref().map(moment).transpose()?;
    let service: ServiceName = command.service.parse()?;
    let job: JobName = command.service.parse()?;
    let about = |decision: &Decision| {
        decision.rationale.services.contains_key(&service) || decision.rationale.jobs.contains_key(&job)
    };
    let found = if command.changes {
        let changed = |decision: &Decision| concerns_service(decision, &service) || concerns_job(decision, &job);
        past::decisions(&journal, changed)?
    } else {
        past::decision_at(&journal, at, about)?.into_iter().collect()
    };
    if found.is_empty() && !command.changes {
        let known = past::decision_at(&journal, at, |decision| !decision.rationale.services.is_empty())?;
        let names = known
            .iter()
            .flat_map(|decision| decision.rationale.services.keys())
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        bail!(
            "no decision about {} is recorded{}; known services: {}",
            command.service,
            at.map_or_else(String::new, |at| format!(" up to {at}")),
            names.join(", ")
        );
    }
    match command.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&found)?),
        Output::Text => {
            for decision in &found {
                print(decision, &service, &job);
            }
        }
    }
    Ok(Verdict::Done)
}

fn print(decision: &Decision, service: &ServiceName, job: &JobName) {
    for line in explain(decision, service).into_iter().chain(explain_job(decision, job)) {
        println!("{line}");
    }
}

/// A moment as people type it: a date and time, or milliseconds since the epoch.
pub fn moment(text: &str) -> anyhow::Result<Timestamp> {
    text.parse::<i64>().ok().or_else(|| plimsoll_config::moment::parse(text)).map(Timestamp).ok_or_else(|| {
        anyhow!("--at {text}: neither a time like 2018-01-07T13:05:00Z nor milliseconds since the epoch")
    })
}
