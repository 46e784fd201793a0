//! Typed reasons as lines of text, for `plimsoll explain` and the decision feed.
//!
//! Every number in a line comes from the decision; nothing is computed again, so the text cannot disagree with what was
//! done.

use plimsoll_model::id::{JobName, ServiceName, WorkloadId};
use plimsoll_model::{Action, ActionKind, Decision, Finding, ServiceRationale};

/// What a decision did about one service and why: a headline, the winning reason, the other votes, what bound the
/// target, what would have changed it, what was held back, the actions, and findings about its replicas. Empty when the
/// decision says nothing about it.
#[must_use]
pub fn explain(decision: &Decision, service: &ServiceName) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(rationale) = decision.rationale.services.get(service) {
        lines.extend(explain_service(service, rationale));
    }
    let actions = decision.actions.iter().filter(|action| action.service() == Some(service));
    lines.extend(actions.filter_map(explain_action).map(|line| format!("  does: {line}")));
    let findings = decision.rationale.findings.iter().filter(|finding| is_about_service(finding, service));
    lines.extend(findings.map(|finding| format!("  noticed: {finding}")));
    if !lines.is_empty() {
        lines.insert(0, format!("{} step {}", decision.at, decision.step));
    }
    lines
}

/// The reasons of one service, without actions and findings; also for the complete reasons that the state keeps.
#[must_use]
pub fn explain_service(service: &ServiceName, rationale: &ServiceRationale) -> Vec<String> {
    let ServiceRationale {
        current,
        ready,
        target,
        terms,
        winner,
        bounds,
        counterfactual,
        withheld,
        vertical,
        victims,
        sharing,
        order,
    } = rationale;
    let mut lines = vec![format!("{service}: {current} running or starting, {ready} ready, {target} wanted")];
    lines.extend(order.iter().map(|order| format!("  ordered: {order}")));
    if let Some(term) = terms.get(*winner) {
        lines.push(format!("  because {term}"));
    }
    let others = terms.iter().enumerate().filter(|(index, _)| index != winner);
    lines.extend(others.map(|(_, term)| format!("  also weighed: {term}")));
    lines.extend(bounds.iter().map(|bound| format!("  then {bound}")));
    lines.extend(counterfactual.iter().map(|would| format!("  otherwise: {would}")));
    lines.extend(withheld.iter().map(|held| format!("  held back: {held}")));
    lines.extend(victims.iter().map(|victim| format!("  stops: {victim}")));
    lines.extend(vertical.iter().map(|size| format!("  size: {size}")));
    lines.extend(sharing.iter().map(|share| format!("  shared: {share}")));
    lines
}

/// What a decision did about one job and why, and findings about its runs.
#[must_use]
pub fn explain_job(decision: &Decision, job: &JobName) -> Vec<String> {
    let happened = decision.rationale.jobs.get(job).into_iter().flatten();
    let mut lines: Vec<String> = happened.map(|what| format!("  {what}")).collect();
    let findings = decision.rationale.findings.iter().filter(|finding| is_about_job(finding, job));
    lines.extend(findings.map(|finding| format!("  noticed: {finding}")));
    if !lines.is_empty() {
        lines.insert(0, format!("{} step {}", decision.at, decision.step));
    }
    lines
}

/// Findings that are about no service in particular.
#[must_use]
pub fn explain_findings(decision: &Decision) -> Vec<String> {
    let general = |finding: &&Finding| {
        !matches!(
            finding,
            Finding::Failures { .. }
                | Finding::Exited { .. }
                | Finding::Throttled { .. }
                | Finding::OutOfMemory { .. }
                | Finding::Wheel { .. }
                | Finding::Proposal { .. }
        )
    };
    decision.rationale.findings.iter().filter(general).map(ToString::to_string).collect()
}

/// An action as one line; none for what only tidies up.
#[must_use]
pub fn explain_action(action: &Action) -> Option<String> {
    match &action.kind {
        ActionKind::StartReplica { replica, requests, .. } => Some(format!("start {replica} with {requests}")),
        ActionKind::Resize { replica, requests, .. } => Some(format!("resize {replica} to {requests}")),
        ActionKind::Stop { workload, reason, grace } => Some(format!("stop {workload} ({reason}), {grace} to finish")),
        ActionKind::StartTask { task, requests, .. } => Some(format!("start {task} with {requests}")),
        ActionKind::Forget { .. } | ActionKind::Fit { .. } => None,
    }
}

/// Whether something happened to a service's replicas in this step: an action, or a finding such as throttling.
#[must_use]
pub fn concerns_service(decision: &Decision, service: &ServiceName) -> bool {
    decision.actions.iter().any(|action| action.service() == Some(service))
        || decision.rationale.findings.iter().any(|finding| is_about_service(finding, service))
}

/// Whether something happened to a job in this step.
#[must_use]
pub fn concerns_job(decision: &Decision, job: &JobName) -> bool {
    decision.rationale.jobs.contains_key(job)
        || decision.rationale.findings.iter().any(|finding| is_about_job(finding, job))
}

fn is_about_service(finding: &Finding, service: &ServiceName) -> bool {
    match finding {
        Finding::Failures { service: of, .. }
        | Finding::Wheel { service: of, .. }
        | Finding::Proposal { service: of, .. } => of == service,
        _ => matches!(workload(finding), Some(WorkloadId::Replica(id)) if id.service == *service),
    }
}

fn is_about_job(finding: &Finding, job: &JobName) -> bool {
    matches!(workload(finding), Some(WorkloadId::Task(id)) if id.job == *job)
}

/// The one workload that a finding is about.
fn workload(finding: &Finding) -> Option<&WorkloadId> {
    match finding {
        Finding::Exited { workload, .. }
        | Finding::Throttled { workload, .. }
        | Finding::OutOfMemory { workload, .. } => Some(workload),
        _ => None,
    }
}
