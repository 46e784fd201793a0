//! `plimsoll up` on what runs already: the plan is shown, somebody agrees, and the daemon takes the spec over.

use super::{Plan, plan, print, read, running};
use crate::Verdict;
use crate::args::{Installation, Output, Up};
use crate::commands::agree;
use anyhow::{Context, bail};

/// Plans, asks and reloads; none where nothing runs, so that `up` starts it. With `--dry-run` it ends after the plan either
/// way.
pub fn apply(up: &Up) -> anyhow::Result<Option<Verdict>> {
    let Ok(spec) = read(&up.spec) else {
        bail!("{} does not hold; nothing was started", up.spec.display());
    };
    let state_dir = up.state_dir.clone().filter(|path| path.is_dir());
    let installation = Installation { state_dir, ..Installation::here() };
    let is_new = up.state_dir.as_ref().is_some_and(|path| !path.is_dir());
    let present = if is_new { None } else { running(&installation, &spec)? };
    if present.is_none() && !up.dry_run {
        return Ok(None);
    }
    let hidden = up.quiet || up.output == Output::Json;
    let plan = plan(&spec, present.as_ref(), &up.foresight(), hidden)?;
    print(&plan, up.output)?;
    let Some(present) = present.filter(|_| !up.dry_run && !plan.changes.is_empty()) else {
        return Ok(Some(Verdict::Done));
    };
    if up.load.is_some() || up.fresh {
        bail!("{} runs already: --load and --fresh are for a start; take it down first (`plimsoll down`)", spec.name);
    }
    if let Some(why) = &plan.refused {
        bail!("{why}");
    }
    if !up.yes && !agreed(&plan)? {
        bail!("nothing was changed");
    }
    let daemon = present.daemon.context("invariant: what runs has a daemon")?;
    let said = if daemon.reads(&up.spec) {
        daemon.post("/v1/reload")?
    } else {
        let text = std::fs::read_to_string(&up.spec).with_context(|| up.spec.display().to_string())?;
        daemon.put_text("/v1/policy", text)?
    };
    if up.output == Output::Text {
        println!("\nTaken over:\n{}", said.trim_end());
    }
    Ok(Some(Verdict::Done))
}

fn agreed(plan: &Plan) -> anyhow::Result<bool> {
    let alone = format!(
        "it runs already, and nobody can be asked here: `--yes` takes these {} changes over, `--dry-run` only shows them",
        plan.changes.len()
    );
    agree::agreed("\nTake this over? [y/N] ", &alone)
}
