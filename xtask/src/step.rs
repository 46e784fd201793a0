//! One command of a longer run, with its time and how it ended.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A `cargo` command in `root`, through the cargo that runs this program.
pub fn cargo<S: AsRef<OsStr>>(root: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).args(args);
    command
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
    fn a_command_is_shown_as_typed() {
        assert_eq!(typed(Command::new("/usr/bin/cargo").args(["fmt", "--check"])), "cargo fmt --check");
    }
}
