//! One command of a longer run, with its time and how it ended.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A `cargo` command in `root`, through the cargo that runs this program. What that cargo told this program of its own package is kept
/// from it: build scripts that look at such variables (of `ring`, below most of the workspace) would run again, and all above them be
/// built again, each time that a plain `cargo` and a `cargo xtask` take turns.
pub fn cargo<S: AsRef<OsStr>>(root: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(args);
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_a_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Whether cargo tells a program of its package by this variable.
fn is_of_a_package(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

/// The command as one would type it.
pub fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let args = command.get_args().map(OsStr::to_string_lossy);
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

/// Runs a command with its output on the terminal.
///
/// # Errors
/// When it cannot start or ends with a failure.
pub fn run(command: &mut Command) -> Result<()> {
    let typed = typed(command);
    eprintln!("$ {typed}");
    let status = command.status().with_context(|| format!("cannot start `{typed}`"))?;
    if !status.success() {
        bail!("`{typed}` failed ({status})");
    }
    Ok(())
}

/// How one step of a run ended.
#[derive(Debug)]
pub struct Step {
    /// What it is called in the summary.
    pub name: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl Step {
    /// Does the work and takes its time.
    pub fn time(name: &'static str, work: impl FnOnce() -> Result<()>) -> Self {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let error = work().err().map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            eprintln!("{error}");
        }
        Self { name, took: start.elapsed(), error }
    }
}

/// The steps as lines of text, one per step.
pub fn summary(steps: &[Step]) -> String {
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    let line = |step: &Step| {
        let verdict = step.error.as_deref().map_or("ok", |_| "FAILED");
        format!("{:<width$}  {:>8.1} s  {verdict}\n", step.name, step.took.as_secs_f64())
    };
    steps.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_one_aligned_line_per_step() {
        let steps = [
            Step { name: "tidy", took: Duration::from_millis(1500), error: None },
            Step { name: "clippy", took: Duration::from_secs(120), error: Some("warnings".into()) },
        ];
        assert_eq!(summary(&steps), "tidy         1.5 s  ok\nclippy     120.0 s  FAILED\n");
    }

    #[test]
    fn cargo_is_not_told_of_the_package_that_calls_it() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "cargo test tells it");
        let command = cargo(Path::new("."), ["build"]);
        let removed = |wanted: &str| command.get_envs().any(|(name, value)| name == wanted && value.is_none());
        assert!(removed("CARGO_PKG_NAME") && removed("CARGO_MANIFEST_DIR"));
        assert!(!removed("CARGO") && !removed("CARGO_HOME") && !removed("CARGO_PROFILE_DEV_LTO"));
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        assert_eq!(typed(Command::new("/usr/bin/cargo").args(["fmt", "--check"])), "cargo fmt --check");
    }
}
