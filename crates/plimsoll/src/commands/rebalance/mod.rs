//! `plimsoll rebalance`: an instance is read, searched for a time, and the result printed term by term.
//!
//! The search is pure and knows neither time nor threads; this folder brings both, and files.

mod input;
mod print;
mod work;

use crate::Verdict;
use crate::args::{Output, Rebalance};
use anyhow::Context;
use plimsoll_placement::rebalance::{Budget, Plan, plan};
use std::fmt::Write as _;
use std::path::Path;

/// Reads, searches, plans and prints.
pub fn run(typed: &Rebalance) -> anyhow::Result<Verdict> {
    let instance = input::read(typed)?;
    let problem = &instance.problem;
    problem.check(problem.initial()).context("the present assignment cannot be improved before it is feasible")?;
    let found = work::search(problem, typed, instance.start.as_deref())?;
    // The search is judged by code that shares nothing with it.
    problem.check(&found.assignment).context("the search returned an assignment that breaks a constraint")?;
    let planned = match (&typed.plan, typed.moves) {
        (None, None) => None,
        (_, moves_max) => Some(plan(problem, &found.assignment, Budget { moves_max })?),
    };
    if let (Some(path), Some(planned)) = (&typed.plan, &planned) {
        std::fs::write(path, csv(planned)).with_context(|| format!("--plan {}", path.display()))?;
    }
    if let Some(path) = &typed.save {
        let saved = planned.as_ref().map_or(&found.assignment, |planned| &planned.assignment);
        save(path, saved).with_context(|| format!("--save {}", path.display()))?;
    }
    let report = print::Report::new(&instance, &found, planned.as_ref());
    match typed.output {
        Output::Json => println!("{}", plimsoll_report::pretty(&report.as_json())?),
        Output::Text => print!("{}", report.text(planned.as_ref())),
    }
    Ok(Verdict::Done)
}

fn save(path: &Path, assignment: &[u32]) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    plimsoll_traces::roadef::write_assignment(&mut bytes, assignment)?;
    std::fs::write(path, bytes)
}

fn csv(planned: &Plan) -> String {
    let mut text = String::from("step,process,from,to,gain,move_cost,cost_after,detour\n");
    for (step, it) in planned.moves.iter().enumerate() {
        let (step, detour) = (step + 1, u8::from(it.is_detour));
        let _ = writeln!(
            text,
            "{step},{},{},{},{},{},{},{detour}",
            it.process, it.from, it.to, it.gain, it.move_cost, it.cost_after
        );
    }
    text
}
