//! All problems of one file, for people and for programs.
//!
//! A file is never refused for its first error only: everything that is wrong is found in one go and listed by line.

use crate::problem::{Problem, Severity};
use crate::snippet;
use serde_json::{Value, json};
use std::fmt;
use std::ops::Range;

/// One problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub problem: Problem,
    /// The field, `services.shop.replicas.min`; empty where it is the whole file.
    pub field: String,
    /// The bytes of the file that it is about; none where there is no text.
    pub span: Option<Range<usize>>,
    /// Other bytes that have to do with it, and how.
    pub related: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    /// Whether it stops the spec.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.problem.severity()
    }
}

/// The problems of one file, sorted by where they are. As an error, at least one of them is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file, as it was named.
    pub file: String,
    /// Its text, as far as it could be read.
    pub text: String,
    /// The problems.
    pub diagnostics: Vec<Diagnostic>,
    /// Further problems that were not kept, because there are too many.
    pub omitted: usize,
}

/// Problems shown to people; programs get all that were kept.
const SHOWN_MAX: usize = 50;

impl Report {
    /// A report of these problems, sorted by place, errors first at the same place.
    #[must_use]
    pub fn new(file: &str, text: &str, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| {
            let start = diagnostic.span.as_ref().map_or(usize::MAX, |span| span.start);
            (start, diagnostic.severity(), diagnostic.problem.to_string(), diagnostic.field.clone())
        });
        diagnostics.dedup();
        Self { file: file.to_owned(), text: text.to_owned(), diagnostics, omitted: 0 }
    }

    /// The same, with this many more that were not kept.
    #[must_use]
    pub fn with_omitted(self, omitted: usize) -> Self {
        Self { omitted, ..self }
    }

    /// Whether there is nothing to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Whether any problem stops the spec.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
    }

    /// Line and column (in characters) of a byte, both from 1.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        snippet::position(&self.text, byte)
    }

    /// The report for programs: `{file, errors, warnings, omitted, problems: [{severity, code, field, line, column, end_line,
    /// end_column, found, expected, message, help}]}`. Line and column are from 1 and null where there is no text.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let count = |severity| self.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == severity).count();
        json!({
            "file": self.file,
            "errors": count(Severity::Error),
            "warnings": count(Severity::Warning),
            "omitted": self.omitted,
            "problems": self.diagnostics.iter().map(|diagnostic| self.one_json(diagnostic)).collect::<Vec<_>>(),
        })
    }

    fn one_json(&self, diagnostic: &Diagnostic) -> Value {
        let start = diagnostic.span.as_ref().map(|span| self.position(span.start));
        let end = diagnostic.span.as_ref().map(|span| self.position(span.end));
        let problem = &diagnostic.problem;
        let mut help = problem.help();
        if matches!(problem, Problem::UnknownField { .. } | Problem::UnknownService { .. }) {
            help.insert(0, problem.label());
        }
        json!({
            "severity": diagnostic.severity(),
            "code": problem.code(),
            "field": diagnostic.field,
            "line": start.map(|place| place.0),
            "column": start.map(|place| place.1),
            "end_line": end.map(|place| place.0),
            "end_column": end.map(|place| place.1),
            "found": problem.found(),
            "expected": problem.expected(),
            "message": problem.to_string(),
            "help": help,
        })
    }

    /// Each problem as one line: `shop.toml:7:11: warning: …`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |diagnostic: &Diagnostic| {
            let place = diagnostic.span.as_ref().map(|span| self.position(span.start));
            let place = place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            let field = &diagnostic.field;
            let field = if field.is_empty() { String::new() } else { format!(" ({field})") };
            format!("{}{place}: {}: {}{field}", self.file, diagnostic.severity(), diagnostic.problem)
        };
        self.diagnostics.iter().map(line).collect()
    }

    /// `2 errors, 1 warning`.
    #[must_use]
    pub fn summary(&self) -> String {
        let plural = |severity, word: &str| {
            let count = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == severity).count();
            (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        };
        let parts: Vec<String> =
            [plural(Severity::Error, "error"), plural(Severity::Warning, "warning")].into_iter().flatten().collect();
        match (parts.is_empty(), self.omitted) {
            (true, _) => "no problems".to_owned(),
            (false, 0) => parts.join(", "),
            (false, omitted) => format!("{} and {omitted} more problems", parts.join(", ")),
        }
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Report {
    /// Every problem with its line and a caret under what it is about, then the count and a line feed. Nothing where
    /// there is nothing to report.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.diagnostics.iter().take(SHOWN_MAX) {
            writeln!(f, "{}", snippet::render(&self.file, &self.text, diagnostic))?;
        }
        let more = self.diagnostics.len().saturating_sub(SHOWN_MAX) + self.omitted;
        match more {
            _ if self.is_empty() => Ok(()),
            0 => writeln!(f, "{}: {}", self.file, self.summary()),
            _ => {
                let shown = self.diagnostics.len().min(SHOWN_MAX);
                writeln!(f, "{}: {}, of which {shown} are shown", self.file, self.summary())
            }
        }
    }
}
