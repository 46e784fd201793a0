//! `plimsoll man`: a page per command in the words of `--help`, so that neither can say what the other does not.
//!
//! The pages are plain man(7) macros written here: a name, a synopsis, a description and the options in their order. A crate
//! for this exists and brings its own layout of sub-commands; a hundred lines keep the text the one of `--help`.

use crate::Verdict;
use crate::args::{Cli, Man};
use anyhow::Context as _;
use clap::builder::PossibleValue;
use clap::{Arg, Command, CommandFactory as _};
use std::fmt::Write as _;
use std::io::Write as _;

/// Writes the pages.
pub fn run(man: &Man) -> anyhow::Result<Verdict> {
    let mut root = Cli::command();
    root.build();
    let Some(folder) = &man.out else {
        std::io::stdout().write_all(page(&root, "plimsoll").as_bytes())?;
        return Ok(Verdict::Done);
    };
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut written = 0;
    for (name, text) in pages(&root) {
        let path = folder.join(format!("{name}.1"));
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        written += 1;
    }
    println!("{written} pages in {}", folder.display());
    Ok(Verdict::Done)
}

/// Every command that is shown, with its page, by name (`plimsoll-job-run`).
fn pages(root: &Command) -> Vec<(String, String)> {
    let mut all = Vec::new();
    collect(root, "plimsoll", &mut all);
    all
}

fn collect(command: &Command, name: &str, into: &mut Vec<(String, String)>) {
    into.push((name.to_owned(), page(command, name)));
    for inner in shown(command) {
        collect(inner, &format!("{name}-{}", inner.get_name()), into);
    }
}

/// Sub-commands that are shown; `help` is `--help` over again.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
}

fn page(command: &Command, name: &str) -> String {
    let typed = name.replacen('-', " ", name.matches('-').count());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut out = format!(
        ".TH {} 1 \"\" \"plimsoll {}\" \"Plimsoll\"\n.SH NAME\n{} \\- {}\n",
        quoted(&name.to_uppercase()),
        env!("CARGO_PKG_VERSION"),
        escaped(name),
        escaped(about.trim_end_matches('.')),
    );
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    let _ = write!(out, ".SH SYNOPSIS\n.nf\n{}\n.fi\n", escaped(usage));
    let long = command.get_long_about().map_or(about, ToString::to_string);
    let _ = write!(out, ".SH DESCRIPTION\n{}\n", paragraphs(&long));
    arguments(&mut out, "ARGUMENTS", command.get_positionals());
    let options = command.get_arguments().filter(|arg| !arg.is_positional());
    arguments(&mut out, "OPTIONS", options);
    let mut inner = shown(command).peekable();
    if inner.peek().is_some() {
        out.push_str(".SH COMMANDS\n");
        for inner in inner {
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = write!(
                out,
                ".TP\n\\fB{}\\fR\n{}\n",
                escaped(&format!("{typed} {}", inner.get_name())),
                escaped(&about)
            );
        }
    }
    if let Some(after) = command.get_after_help() {
        let _ = write!(out, ".SH NOTES\n{}\n", paragraphs(&after.to_string()));
    }
    if name != "plimsoll" {
        out.push_str(".SH SEE ALSO\n\\fBplimsoll\\fR(1)\n");
    }
    out
}

fn arguments<'a>(out: &mut String, title: &str, all: impl Iterator<Item = &'a Arg>) {
    let mut all = all.filter(|arg| !arg.is_hide_set()).peekable();
    if all.peek().is_none() {
        return;
    }
    let _ = writeln!(out, ".SH {title}");
    for arg in all {
        let _ = write!(out, ".TP\n{}\n{}\n", head(arg), body(arg));
    }
}

/// `-q, --quiet`, `--name NAME`.
fn head(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("\\fB\\-{short}\\fR"));
    let long = arg.get_long().map(|long| format!("\\fB{}\\fR", escaped(&format!("--{long}"))));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let takes = arg.get_action().takes_values();
    let values: Vec<String> = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let value = if takes { format!("\\fI{}\\fR", escaped(&values.join(" "))) } else { String::new() };
    [flags.join(", "), value].iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

/// What it means, the values that can be chosen, the default and the variable of the environment.
fn body(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut text = paragraphs(&help);
    let possible = arg.get_possible_values();
    if arg.get_action().takes_values() && !arg.is_hide_possible_values_set() && !possible.is_empty() {
        let names: Vec<&str> = possible.iter().filter(|it| !it.is_hide_set()).map(PossibleValue::get_name).collect();
        let _ = write!(text, "\n.br\nPossible values: {}.", escaped(&names.join(", ")));
    }
    let defaults: Vec<String> = arg.get_default_values().iter().map(|it| it.to_string_lossy().into_owned()).collect();
    if arg.get_action().takes_values() && !defaults.is_empty() && !arg.is_hide_default_value_set() {
        let _ = write!(text, "\n.br\nDefault: {}.", escaped(&defaults.join(", ")));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(text, "\n.br\nVariable: {}.", escaped(&variable.to_string_lossy()));
    }
    text
}

fn paragraphs(text: &str) -> String {
    let lines = text.trim().lines().map(|line| if line.trim().is_empty() { ".PP".to_owned() } else { escaped(line) });
    lines.collect::<Vec<_>>().join("\n")
}

/// Text in which nothing is a request or an escape; a hyphen stays one when it is copied from the page.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lead = |line: &str| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() };
    text.lines().map(lead).collect::<Vec<_>>().join("\n")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_has_a_page_with_its_options() {
        let mut root = Cli::command();
        root.build();
        let pages = pages(&root);
        let text = |name: &str| &pages.iter().find(|(page, _)| page == name).unwrap().1;
        assert!(text("plimsoll").contains("\\fBplimsoll up\\fR"));
        assert!(text("plimsoll-up").contains("\\fB\\-\\-dry\\-run\\fR"));
        assert!(text("plimsoll-job-run").contains("\\fIJOB\\fR"), "{}", text("plimsoll-job-run"));
        assert!(!pages.iter().any(|(name, _)| name.contains("shim") || name.ends_with("help")));
        for (name, text) in &pages {
            for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS"] {
                assert!(text.contains(section), "{name} has no {section}");
            }
        }
    }

    #[test]
    fn text_cannot_be_taken_for_a_request() {
        assert_eq!(escaped(".TH\n'a \\fB--x"), "\\&.TH\n\\&'a \\efB\\-\\-x");
    }
}
