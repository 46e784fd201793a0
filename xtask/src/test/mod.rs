//! `cargo xtask test`: every test of the workspace, with the real total and what did not run.
//!
//! Cargo prints one result per suite and no sum, and hides what passing tests print. This asks the suites to show
//! their output, keeps that noise off the terminal, sums the results, and lists what did not run. A test says so in a
//! line that it prints or appends to the file named by `PLIMSOLL_SKIP_LOG`:
//! - `did not run: NAME: needs DATASET` where something is missing that can be had. With `PLIMSOLL_REQUIRE_ALL=1`, as in
//!   CI, that is a failure.
//!   (`DID NOT RUN NAME: WHY` says the same.)
//! - `NAME did not run: WHY` where this kernel or this user may not do it; that is listed and no failure.
//!
//! A suite with a `main` of its own prints no result; its `test NAME ... ok` lines are counted instead.
//!
//! Many tests start real servers and a real browser on a machine that runs everything else beside them. So where at most
//! [`AGAIN_AT_MOST`] tests failed, they run once more, one at a time: what passes then is counted as passed and listed by name with
//! what it said the first time, because it is a fault of the test (or of what it tests) all the same. What fails twice has failed.
//!
//! It must not install anything nor choose tests: plain `cargo test` runs the same ones.

mod tally;

use crate::step::{cargo, typed};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use tally::Tally;

/// More failures than these are no accident.
const AGAIN_AT_MOST: usize = 3;

/// Runs the tests; `args` replace `--workspace`.
///
/// # Errors
/// When a test failed, a suite died, or something did not run that had to.
pub fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let skip_log = workspace.root.join("target").join("did-not-run.log");
    if skip_log.exists() {
        std::fs::remove_file(&skip_log).context("cannot remove the list of the last run")?;
    }
    let (mut tally, status) = run_suites(workspace, args, &skip_log)?;
    let forgiven = !status.success() && passes_alone(workspace, args, &skip_log, &mut tally)?;
    let failed = tally.failed.max(u64::from(!status.success() && !forgiven));
    tally.missing.iter().for_each(|what| println!("did not run: {what}"));
    tally.not_here.iter().for_each(|what| println!("not on this machine: {what}"));
    if tally.ignored > 0 {
        println!("{} ignored", tally.ignored);
    }
    println!("{} suites, {} tests did not run", tally.suites, tally.skipped());
    println!("{} passed, {failed} failed", tally.passed);
    if tally.died > 0 {
        println!("{} suites ended without a result", tally.died);
    }
    if failed > 0 {
        bail!("tests failed ({status})");
    }
    if std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_some_and(|value| value == "1") && !tally.missing.is_empty() {
        bail!("something is missing that can be had, and PLIMSOLL_REQUIRE_ALL=1 asks for all of it");
    }
    Ok(())
}

/// Runs what failed once more, alone; true when all of it passed then. Moves what passed from the failed to the passed.
fn passes_alone(workspace: &Workspace, args: &[String], skip_log: &Path, tally: &mut Tally) -> Result<bool> {
    // `.ci/run` says this once more at its end.
    println!("== what failed said");
    tally.said.iter().for_each(|line| println!("{line}"));
    println!("== end of what failed said");
    let failed = std::mem::take(&mut tally.failures);
    if tally.died > 0 || failed.is_empty() || failed.len() > AGAIN_AT_MOST || args.iter().any(|arg| arg == "--") {
        failed.iter().for_each(|name| println!("failed: {name}"));
        return Ok(false);
    }
    let mut args = args.to_vec();
    args.extend(["--", "--exact", "--test-threads=1"].map(str::to_owned));
    args.extend(failed.iter().cloned());
    let (second, status) = run_suites(workspace, &args, skip_log)?;
    for name in &failed {
        if second.successes.contains(name) && !second.failures.contains(name) {
            println!("failed beside the others and passed alone: {name}");
            tally.passed += 1;
            tally.failed = tally.failed.saturating_sub(1);
        } else {
            println!("failed twice: {name}");
        }
    }
    Ok(status.success() && tally.failed == 0)
}

fn run_suites(workspace: &Workspace, args: &[String], skip_log: &Path) -> Result<(Tally, std::process::ExitStatus)> {
    let split = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let (for_cargo, for_suites) = args.split_at(split);
    let mut command = cargo(&workspace.root, ["test", "--no-fail-fast"]);
    if for_cargo.is_empty() {
        command.arg("--workspace");
    }
    command.args(for_cargo).args(["--", "--show-output"]).args(for_suites.iter().skip(1));
    command.env("PLIMSOLL_SKIP_LOG", skip_log).stdout(Stdio::piped());
    if let Some(data) = data_folder(&workspace.root) {
        command.env("PLIMSOLL_DATA", data);
    }
    let typed = typed(&command);
    eprintln!("$ {typed}");
    let mut child = command.spawn().with_context(|| format!("cannot start `{typed}`"))?;
    let stdout = child.stdout.take().context("invariant: stdout is piped")?;
    let mut tally = Tally::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.with_context(|| format!("cannot read what `{typed}` prints"))?;
        let line = String::from_utf8_lossy(&line);
        if tally.take(&line) {
            println!("{line}");
        }
    }
    tally.claim();
    let status = child.wait().with_context(|| format!("cannot wait for `{typed}`"))?;
    for line in std::fs::read_to_string(skip_log).unwrap_or_default().lines() {
        tally.take_skipped(line);
    }
    Ok((tally, status))
}

/// The recorded data sets beside the checkout, unless the caller already named a folder.
fn data_folder(root: &Path) -> Option<std::path::PathBuf> {
    if std::env::var_os("PLIMSOLL_DATA").is_some() {
        return None;
    }
    let beside = root.parent()?.join("shared").join("data");
    beside.is_dir().then_some(beside)
}
