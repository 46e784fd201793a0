//! `cargo xtask ci`: everything a change has to pass, in the order that fails soonest, with a table of times.

use crate::step::{Step, cargo, run as run_command, summary};
use crate::workspace::Workspace;
use crate::{test, tidy};
use anyhow::{Result, bail};

/// Runs every step, also behind a failed one, so that one run shows everything there is to mend.
///
/// # Errors
/// When any step failed.
pub fn run(workspace: &Workspace) -> Result<()> {
    let root = &workspace.root;
    let steps = [
        Step::time("tidy", || tidy::run_rules(workspace)),
        Step::time("fmt", || run_command(&mut cargo(root, ["fmt", "--all", "--check"]))),
        Step::time("clippy", || {
            run_command(&mut cargo(root, ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-Dwarnings"]))
        }),
        Step::time("test", || test::run(workspace, &[])),
    ];
    print!("\n{}", summary(&steps));
    match steps.iter().filter(|step| step.error.is_some()).count() {
        0 => Ok(()),
        failed => bail!("{failed} of {} steps failed", steps.len()),
    }
}
