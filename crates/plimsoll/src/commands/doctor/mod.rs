//! `plimsoll doctor`: what can be enforced on this machine and what cannot, each with what was tried and the remedy.
//!
//! Nothing is concluded from a file or a version alone where it can be done instead: each rung of the isolation is put on a
//! child process, which then runs into it; the state directory is written; ports are listened on; a virtual machine is made.
//! What was made for that is removed.

mod machine;
mod place;
mod rungs;

use crate::Verdict;
use crate::args::{Doctor, Output};
use anyhow::{Context, bail};
use plimsoll_model::Spec;
use plimsoll_report::{Cell, Column, Style, Table};
use serde::Serialize;
use serde_json::json;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// It works, and less well than it could.
    Weak,
    /// Not there; nothing that was asked for needs it.
    Absent,
    /// It stops `plimsoll up`.
    Problem,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Absent => "absent",
            Self::Problem => "PROBLEM",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was tried, and what came of it.
    pub evidence: String,
    /// What follows from it; empty where all is well.
    pub meaning: String,
    /// A command that mends it; empty where there is nothing to mend.
    pub remedy: String,
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, evidence: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, evidence: evidence.into(), meaning: String::new(), remedy: String::new() }
    }

    /// Not all is well.
    pub fn not(name: &'static str, status: Status, evidence: impl Into<String>) -> Self {
        Self { status, ..Self::ok(name, evidence) }
    }

    /// What follows, and what mends it.
    pub fn so(self, meaning: &str, remedy: &str) -> Self {
        Self { meaning: meaning.to_owned(), remedy: remedy.to_owned(), ..self }
    }
}

/// Looks at everything.
pub fn run(typed: &Doctor) -> anyhow::Result<Verdict> {
    if let (Some(attempt), Some(scratch)) = (typed.attempt, &typed.scratch) {
        return rungs::in_this_process(attempt, scratch);
    }
    let spec = typed.spec.as_deref().map(|path| {
        let refused = |report: plimsoll_config::Report| anyhow::anyhow!("{}", report.lines().join("\n"));
        plimsoll_config::load(path).map(|loaded| loaded.spec).map_err(refused)
    });
    let spec = spec.transpose().context("the spec cannot be used; `plimsoll check` says more")?;
    let checks = checks(typed, spec.as_ref());
    let problems = checks.iter().filter(|check| check.status == Status::Problem).count();
    match typed.output {
        Output::Text => print!("{}", text(&checks, &Style::of_stdout())),
        Output::Json => {
            let all = json!({ "can_run": problems == 0, "problems": problems, "checks": checks });
            print!("{}", plimsoll_report::pretty(&all)?);
        }
    }
    if problems > 0 {
        bail!("{problems} of {} checks stop `plimsoll up` here", checks.len());
    }
    Ok(Verdict::Done)
}

fn checks(typed: &Doctor, spec: Option<&Spec>) -> Vec<Check> {
    let mut all = vec![machine::kernel()];
    all.extend(rungs::all(spec));
    all.extend([machine::descriptors(), machine::clock()]);
    all.push(place::state(typed, spec));
    all.extend(place::ports(spec));
    all.extend([machine::kvm(), machine::gpus()]);
    all
}

fn text(checks: &[Check], style: &Style) -> String {
    let mut table = Table::new([
        Column::left("check", "CHECK"),
        Column::left("status", "STATUS"),
        Column::wrapping("evidence", "WHAT WAS TRIED"),
    ]);
    for check in checks {
        table.row([Cell::of(check.name), Cell::of(check.status.word()), Cell::of(&check.evidence)]);
    }
    let mut out = table.render(style);
    for check in checks.iter().filter(|check| !check.meaning.is_empty()) {
        out.push_str(&format!("\n{}: {}\n", check.name, check.meaning));
        if !check.remedy.is_empty() {
            out.push_str(&format!("  {}\n", check.remedy));
        }
    }
    out
}
