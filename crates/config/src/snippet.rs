//! One problem as text: message, place, the line with a caret under what is wrong, help.
//!
//! # Source
//! The layout is that of rustc's diagnostics, which people of this field read daily.

use crate::report::Diagnostic;
use std::fmt::Write as _;
use std::ops::Range;

/// Characters of a source line that are shown; a longer line is cut around the place.
const LINE_LEN_MAX: usize = 120;

/// Line and column (in characters) of a byte, both from 1. A byte within a character is that character's.
#[must_use]
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let byte = floor(text, byte);
    let before = &text[..byte];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

fn floor(text: &str, byte: usize) -> usize {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

/// The problem as text, ending in a line feed.
#[must_use]
pub fn render(file: &str, text: &str, diagnostic: &Diagnostic) -> String {
    let problem = &diagnostic.problem;
    let mut out = format!("{}[{}]: {problem}\n", diagnostic.severity(), problem.code());
    let Some(span) = &diagnostic.span else {
        let _ = writeln!(out, " --> {file}");
        notes(&mut out, " ", diagnostic);
        return out;
    };
    let (line, column) = position(text, span.start);
    let related = diagnostic.related.as_ref();
    let width = related.map_or(line, |(span, _)| line.max(position(text, span.start).0)).to_string().len();
    let margin = " ".repeat(width);
    let _ = writeln!(out, "{margin}--> {file}:{line}:{column}");
    let _ = writeln!(out, "{margin} |");
    let mut parts = vec![(span.clone(), '^', problem.label())];
    parts.extend(related.map(|(span, label)| (span.clone(), '-', label.clone())));
    parts.sort_by_key(|(span, mark, _)| (position(text, span.start).0, *mark == '-'));
    let mut last = 0;
    for (span, mark, label) in parts {
        let number = position(text, span.start).0;
        if last != 0 && number > last + 1 {
            let _ = writeln!(out, "{margin}...");
        }
        underline(&mut out, text, &span, mark, &label, width, number != last);
        last = number;
    }
    notes(&mut out, &margin, diagnostic);
    out
}

fn notes(out: &mut String, margin: &str, diagnostic: &Diagnostic) {
    let help = diagnostic.problem.help();
    if diagnostic.field.is_empty() && help.is_empty() {
        return;
    }
    let _ = writeln!(out, "{margin} |");
    if !diagnostic.field.is_empty() {
        let _ = writeln!(out, "{margin} = field: {}", diagnostic.field);
    }
    for (index, line) in help.iter().enumerate() {
        let _ = writeln!(out, "{margin} {} {line}", if index == 0 { "= help:" } else { "       " });
    }
}

fn underline(
    out: &mut String,
    text: &str,
    span: &Range<usize>,
    mark: char,
    label: &str,
    width: usize,
    with_line: bool,
) {
    let (number, column) = position(text, span.start);
    let start = floor(text, span.start) - text[..floor(text, span.start)].rfind('\n').map_or(0, |at| at + 1);
    let from = floor(text, span.start) - start;
    let line = text[from..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let marked = text[floor(text, span.start)..floor(text, span.end).max(floor(text, span.start))]
        .split('\n')
        .next()
        .unwrap_or_default()
        .trim_end_matches('\r')
        .chars()
        .count();
    let skip = (column - 1).saturating_sub(LINE_LEN_MAX / 2);
    let skip = if line.chars().count() > LINE_LEN_MAX { skip } else { 0 };
    let shown: String = line.chars().skip(skip).take(LINE_LEN_MAX).map(printable).collect();
    let lead: String = line.chars().skip(skip).take(column - 1 - skip).map(blank).collect();
    let marks = mark.to_string().repeat(marked.clamp(1, LINE_LEN_MAX));
    if with_line {
        let _ = writeln!(out, "{number:>width$} | {shown}");
    }
    let _ = writeln!(out, "{:width$} | {lead}{}", "", format!("{marks} {label}").trim_end());
}

/// Control characters would let a spec file write to the terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => '\t',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// A tab stays a tab, so that the caret stands under its character.
fn blank(c: char) -> char {
    if c == '\t' { '\t' } else { ' ' }
}
