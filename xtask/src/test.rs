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
//! It must not install anything nor choose tests: plain `cargo test` runs the same ones.

use crate::step::{cargo, typed};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

/// What the suites said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    suites: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
    /// For want of something that can be had.
    missing: BTreeSet<String>,
    /// Because this machine does not allow it.
    not_here: BTreeSet<String>,
    /// Lines of single tests since the last suite's result: passed and failed.
    unclaimed: (u64, u64),
    /// Inside the part of a suite's output that repeats what passing tests printed.
    in_successes: bool,
}

impl Tally {
    /// Takes one line of output; true when it is worth showing.
    fn take(&mut self, line: &str) -> bool {
        self.take_skipped(line);
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.suites += 1;
            self.unclaimed = (0, 0);
            self.passed += count(result, "passed");
            self.failed += count(result, "failed");
            self.ignored += count(result, "ignored");
            return true;
        }
        if line.starts_with("running ") {
            self.claim();
        } else if line.starts_with("test ") && !self.in_successes {
            self.unclaimed.0 += u64::from(line.ends_with(" ... ok"));
            self.unclaimed.1 += u64::from(line.ends_with(" ... FAILED"));
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ => {}
        }
        !self.in_successes
    }
}

impl Tally {
    /// What no result claimed belongs to a suite without one.
    fn claim(&mut self) {
        let (passed, failed) = std::mem::take(&mut self.unclaimed);
        self.suites += u64::from(passed + failed > 0);
        self.passed += passed;
        self.failed += failed;
    }

    /// Tests that did not run, each counted once however many things it misses.
    fn skipped(&self) -> usize {
        let names = self.missing.iter().chain(&self.not_here).map(|line| line.split(':').next());
        names.collect::<BTreeSet<_>>().len()
    }

    fn take_skipped(&mut self, line: &str) {
        let line = line.trim();
        if let Some(what) = line.strip_prefix("did not run: ").or_else(|| line.strip_prefix("DID NOT RUN ")) {
            self.missing.insert(what.to_owned());
        } else if line.contains(" did not run") && line.contains(": ") {
            self.not_here.insert(line.to_owned());
        }
    }
}

/// The number before `word` in `ok. 5 passed; 0 failed; …`.
fn count(result: &str, word: &str) -> u64 {
    let mut words = result.split([' ', ';']).filter(|part| !part.is_empty());
    let mut last = "";
    words
        .find_map(|part| {
            if part == word {
                last.parse().ok()
            } else {
                last = part;
                None
            }
        })
        .unwrap_or(0)
}

/// Runs the tests; `args` replace `--workspace`.
///
/// # Errors
/// When a test failed, a suite died, or something did not run that had to.
pub fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    let skip_log = workspace.root.join("target").join("did-not-run.log");
    if skip_log.exists() {
        std::fs::remove_file(&skip_log).context("cannot remove the list of the last run")?;
    }
    let (tally, status) = run_suites(workspace, args, &skip_log)?;
    let failed = tally.failed.max(u64::from(!status.success()));
    tally.missing.iter().for_each(|what| println!("did not run: {what}"));
    tally.not_here.iter().for_each(|what| println!("not on this machine: {what}"));
    if tally.ignored > 0 {
        println!("{} ignored", tally.ignored);
    }
    println!("{} suites, {} tests did not run", tally.suites, tally.skipped());
    println!("{} passed, {failed} failed", tally.passed);
    if !status.success() {
        bail!("tests failed ({status})");
    }
    if std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_some_and(|value| value == "1") && !tally.missing.is_empty() {
        bail!("something is missing that can be had, and PLIMSOLL_REQUIRE_ALL=1 asks for all of it");
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "test of_a_suite_with_its_own_main ... ok

running 2 tests
test reads_the_day ... ok
test adds ... ok

successes:

---- reads_the_day stdout ----
did not run: reads_the_day: needs web-traffic
DID NOT RUN world_cup_98: data set \"web-traffic\" is not here
test fills_a_disk did not run: nobody may mount a tmpfs here

successes:
    adds
    reads_the_day

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

running 1 test
test breaks ... FAILED

failures:

---- breaks stdout ----
boom

test result: FAILED. 10 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    #[test]
    fn suites_are_summed_and_skips_are_collected() {
        let mut tally = Tally::default();
        OUTPUT.lines().for_each(|line| {
            tally.take(line);
        });
        assert_eq!((tally.suites, tally.passed, tally.failed, tally.ignored), (3, 13, 1, 3));
        let missing = ["reads_the_day: needs web-traffic", "world_cup_98: data set \"web-traffic\" is not here"];
        assert_eq!(tally.missing, BTreeSet::from(missing.map(str::to_owned)));
        let not_here = "test fills_a_disk did not run: nobody may mount a tmpfs here";
        assert_eq!(tally.not_here, BTreeSet::from([not_here.to_owned()]));
    }

    #[test]
    fn what_passing_tests_print_is_hidden_and_what_failing_ones_print_is_not() {
        let mut tally = Tally::default();
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| tally.take(line)).collect();
        assert!(shown.contains(&"boom"));
        assert!(shown.contains(&"test adds ... ok"));
        assert!(!shown.iter().any(|line| line.contains("---- reads_the_day")));
    }
}
