//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy can check.
//!
//! Each rule is one file, a function from the workspace's files to violations; a new rule is a new file and one line
//! in [`RULES`]. A violation names file, line and rule, and says how to mend it. An exception is written where it is
//! made, with its reason: `tidy: allow(RULE): why` in a comment on the line, or on the line above; for a rule about a
//! whole file, anywhere in it.

mod dead;
mod length;
mod links;
mod module_docs;
mod pages;
mod places;
mod pure;
mod rooms;
mod source;

use crate::step::{cargo, run as run_command};
use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The file, relative to the root.
    pub path: PathBuf,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// The rule's name, as in `allow(RULE)`.
    pub rule: &'static str,
    /// What is wrong, with the numbers.
    pub wrong: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, wrong, mend } = self;
        write!(f, "{}:{}: {rule}: {wrong}\n    mend: {mend}", path.display(), (*line).max(1))
    }
}

type Rule = fn(&Workspace) -> Result<Vec<Violation>>;

const RULES: &[Rule] = &[
    rooms::check,
    pure::check,
    module_docs::check,
    length::check,
    dead::check,
    places::check,
    links::check,
    pages::check,
];

/// Checks every rule and the formatting.
///
/// # Errors
/// When anything is wrong; the violations are printed.
pub fn run(workspace: &Workspace) -> Result<()> {
    let rules = run_rules(workspace);
    let format = run_command(&mut cargo(&workspace.root, ["fmt", "--all", "--check"]));
    rules.and(format)
}

/// Checks every rule but the formatting.
///
/// # Errors
/// When a rule is broken; the violations are printed.
pub fn run_rules(workspace: &Workspace) -> Result<()> {
    let mut broken = Vec::new();
    for rule in RULES {
        broken.extend(rule(workspace)?);
    }
    broken.sort();
    broken.dedup();
    let (allowed, broken) = split_allowed(workspace, broken)?;
    broken.iter().for_each(|violation| println!("{violation}"));
    length::print_longest(workspace)?;
    println!("tidy: {} files, {} violations, {} allowed with a reason", workspace.files.len(), broken.len(), allowed);
    if broken.is_empty() { Ok(()) } else { bail!("{} house rules are broken", broken.len()) }
}

fn split_allowed(workspace: &Workspace, all: Vec<Violation>) -> Result<(usize, Vec<Violation>)> {
    let total = all.len();
    let mut broken = Vec::new();
    for violation in all {
        let text = workspace.text(&violation.path)?.unwrap_or_default();
        if !is_allowed(&text, &violation) {
            broken.push(violation);
        }
    }
    Ok((total - broken.len(), broken))
}

/// Whether the file carries the exception, with a reason, where it has to be.
fn is_allowed(text: &str, violation: &Violation) -> bool {
    let marker = format!("tidy: allow({}): ", violation.rule);
    let has = |line: &str| line.split_once(&marker).is_some_and(|(_, reason)| reason.trim().len() > 3);
    if violation.line == 0 {
        return text.lines().any(has);
    }
    let above = violation.line.saturating_sub(2);
    text.lines().skip(above).take(violation.line - above).any(has)
}

/// The crates of the pure core: values in, values out.
const PURE: &[&str] =
    &["model", "stats", "expr", "forecast", "autoscale", "placement", "balance", "controller", "analyst"];

/// Whether a file is of a pure crate's `src`, or of the twin's yardstick.
fn is_pure(path: &Path) -> bool {
    let path = path.to_string_lossy();
    path.starts_with("crates/twin/src/yardstick") || PURE.iter().any(|c| path.starts_with(&format!("crates/{c}/src/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A workspace of these files, in a repository of its own.
    pub fn fixture(files: &[(&str, &str)]) -> (tempfile::TempDir, Workspace) {
        let dir = tempfile::tempdir().unwrap();
        assert!(Command::new("git").args(["init", "-q"]).arg(dir.path()).status().unwrap().success());
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let workspace = Workspace::at(dir.path()).unwrap();
        (dir, workspace)
    }

    /// `path:line rule` of every violation that `rule` finds in these files.
    pub fn found(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
        let (_dir, workspace) = fixture(files);
        let mut all = rule(&workspace).unwrap();
        all.sort();
        let all = split_allowed(&workspace, all).unwrap().1;
        all.iter().map(|v| format!("{}:{}", v.path.display(), v.line)).collect()
    }

    #[test]
    fn an_exception_holds_on_its_line_or_the_line_above_and_needs_a_reason() {
        let at = |line| Violation { path: "a".into(), line, rule: "links", wrong: String::new(), mend: String::new() };
        let text = "one\n// tidy: allow(links): made at release\nthree\nfour\n// tidy: allow(links): \nsix\n";
        assert!(is_allowed(text, &at(2)));
        assert!(is_allowed(text, &at(3)));
        assert!(!is_allowed(text, &at(4)));
        assert!(!is_allowed(text, &at(6)), "no reason given");
        assert!(is_allowed(text, &at(0)), "a rule about the file");
        assert!(!is_allowed("// tidy: allow(length): it is a table\n", &at(0)), "another rule");
    }

    #[test]
    fn a_violation_says_where_what_and_how_to_mend_it() {
        let violation = Violation {
            path: "crates/model/src/lib.rs".into(),
            line: 7,
            rule: "pure",
            wrong: "names `tokio`".into(),
            mend: "hand the value in".into(),
        };
        let text = "crates/model/src/lib.rs:7: pure: names `tokio`\n    mend: hand the value in";
        assert_eq!(violation.to_string(), text);
    }
}
