//! `plimsoll plan`: what a spec would change in what runs, and what the twin predicts of it.
//!
//! Nothing is touched: the running spec, the state and the recorded load are read from the daemon, and everything else is
//! computed here. `plimsoll up` on a running installation shows the same plan before it takes the spec over.
//!
//! Exit codes follow what people know from Terraform: with `--detailed-exitcode` 0 is "nothing to do", 1 an error and 2
//! "there are changes"; without it a plan that could be made is 0.

mod apply;
mod changes;
mod effect;
mod load;
mod past;
mod print;

use super::reach::{Daemon, state_dir};
use crate::Verdict;
use crate::args::{Foresight, Installation, Output, Plan as Typed};
use anyhow::{Context, bail};
use changes::Change;
use effect::Prediction;
use plimsoll_daemon::StateDir;
use plimsoll_daemon::view::StateView;
use plimsoll_model::Spec;
use plimsoll_report::Style;
use serde::Serialize;
use std::path::Path;

pub use apply::apply;

/// What a spec would change.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// With what the spec was compared.
    pub against: String,
    /// What differs, in the order of the file.
    pub changes: Vec<Change>,
    /// Why a reload would refuse it, if it would.
    pub refused: Option<String>,
    /// What the twin predicts; none where nothing was asked or nothing differs.
    pub prediction: Option<Prediction>,
}

/// What a spec is compared with.
struct Present {
    /// In words.
    what: String,
    spec: Spec,
    state: Option<StateView>,
    daemon: Option<Daemon>,
}

/// Plans.
pub fn run(typed: &Typed) -> anyhow::Result<Verdict> {
    let spec = read(&typed.spec)?;
    let present = match &typed.against {
        Some(file) => Some(Present { what: file.display().to_string(), spec: read(file)?, state: None, daemon: None }),
        None => running(&typed.installation, &spec)?,
    };
    let hidden = typed.quiet || typed.output == Output::Json;
    let plan = plan(&spec, present.as_ref(), &typed.foresight, hidden)?;
    print(&plan, typed.output)?;
    Ok(match plan.changes.is_empty() {
        false if typed.detailed_exitcode => Verdict::Changes,
        _ => Verdict::Done,
    })
}

/// Prints a plan.
fn print(plan: &Plan, output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => println!("{}", plimsoll_report::pretty(plan)?),
        Output::Text => print!("{}", print::text(plan, &Style::of_stdout())),
    }
    Ok(())
}

/// The spec of a file; a report on standard error where it does not hold.
fn read(path: &Path) -> anyhow::Result<Spec> {
    match plimsoll_config::load(path) {
        Ok(loaded) => {
            eprint!("{}", loaded.warnings);
            Ok(loaded.spec)
        }
        Err(report) => {
            eprint!("{report}");
            bail!("{} does not hold", path.display())
        }
    }
}

/// What runs under that name or in that directory; none where no daemon does.
fn running(installation: &Installation, spec: &Spec) -> anyhow::Result<Option<Present>> {
    let own = StateDir::default_path(&spec.name);
    let by_name = Installation { state_dir: Some(own.clone()), ..Installation::here() };
    let installation = match installation {
        Installation { name: None, state_dir: None, server: None, .. } if !own.is_dir() => return Ok(None),
        Installation { name: None, state_dir: None, server: None, .. } => &by_name,
        named => named,
    };
    if installation.server.is_none() && !StateDir::open(&state_dir(installation)?)?.has_daemon() {
        return Ok(None);
    }
    let daemon = Daemon::find(installation)?;
    let spec = daemon.get("/v1/policy").context("the spec that runs")?;
    let state: StateView = daemon.get("/v1/state")?;
    let what = format!("what runs as {} (step {})", state.name, state.steps);
    Ok(Some(Present { what, spec, state: Some(state), daemon: Some(daemon) }))
}

/// Compares, and predicts where that is asked for.
fn plan(spec: &Spec, present: Option<&Present>, foresight: &Foresight, hidden: bool) -> anyhow::Result<Plan> {
    let Some(present) = present else {
        let changes = changes::all_new(spec);
        return Ok(Plan { against: "nothing: no daemon runs".to_owned(), changes, refused: None, prediction: None });
    };
    let diff = plimsoll_config::diff(&present.spec, spec);
    let changes = changes::of(&diff, &present.spec, spec, present.state.as_ref());
    let refused = present.state.as_ref().and_then(|_| plimsoll_daemon::reload_refusal(&present.spec, spec));
    let is_scaling = diff.services.values().any(|change| matches!(change, plimsoll_config::Change::Changed(_)));
    let has_load = present.daemon.is_some() || foresight.recorded.is_some();
    let prediction = if foresight.no_effect || !is_scaling || !has_load {
        None
    } else {
        Some(effect::predict(spec, present, foresight, hidden)?)
    };
    Ok(Plan { against: present.what.clone(), changes, refused, prediction })
}
