//! Whoever writes candidates as text, such as a language model: what it is shown, what of its answer is kept, and why a text
//! is no candidate or no better than what is there.
//!
//! A text is nothing until it has passed what every other candidate passes: reader, units, size, proof, judge. An answer is
//! kept beside the search, so that the search can be made again from its answers without whoever wrote them.

use super::Elite;
use super::grammar::Grammar;
use plimsoll_expr::Expr;
use serde::{Deserialize, Serialize};

/// Most texts of one answer that are read.
pub const TEXTS_MAX: usize = 8;
/// Longest text that is read, bytes.
pub const TEXT_MAX: usize = 2_000;
/// Failures that a writer is told of.
pub const FAILURES: usize = 6;
/// Most answers of one search; after them the writer is not asked any more.
pub const ANSWERS_MAX: usize = 2_000;
/// Characters of a text or a reason that are kept of a failure.
const TOLD_MAX: usize = 300;

/// What a writer is shown.
#[derive(Debug, Clone, Copy)]
pub struct Brief<'a> {
    /// What may be written.
    pub grammar: &'a Grammar,
    /// Some that are good, the best first.
    pub parents: &'a [Elite],
    /// What became of earlier texts of its, oldest first.
    pub failures: &'a [Failure],
}

/// Whoever writes.
pub trait Writer {
    /// New formulas, or why there are none.
    fn write(&mut self, brief: &Brief<'_>) -> Answer;
}

/// What a writer gave.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// In which episode; the search says it.
    #[serde(default)]
    pub episode: u64,
    /// Names the question: a hash of it.
    pub question: String,
    /// The formulas, as they were written.
    #[serde(default)]
    pub texts: Vec<String>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A text that came to nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The text, cut.
    pub text: String,
    /// Why.
    pub why: Refusal,
}

impl Failure {
    /// Cut to what is kept.
    pub(super) fn new(text: &str, why: Refusal) -> Self {
        Self { text: text.chars().take(TOLD_MAX).collect(), why }
    }
}

/// Why a text is no candidate, or no better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refused", rename_all = "snake_case")]
pub enum Refusal {
    /// Too long to be read.
    #[error("it has {bytes} bytes, and may have {most}")]
    Long {
        /// As written.
        bytes: usize,
        /// The most.
        most: usize,
    },
    /// It cannot be read.
    #[error("it cannot be read: {said}")]
    Text {
        /// What the reader says.
        said: String,
    },
    /// Units do not fit, or there is no such input.
    #[error("{said}")]
    Units {
        /// What the check says.
        said: String,
    },
    /// An input that is not to be used here.
    #[error("`{name}` is not among the inputs")]
    Input {
        /// Its name.
        name: String,
    },
    /// Something else than what is wanted.
    #[error("it is {found}, and {wanted} is wanted")]
    Kind {
        /// What it is.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// Too large.
    #[error("it has {nodes} nodes, and may have {most}")]
    Size {
        /// When written out.
        nodes: u64,
        /// The most.
        most: u64,
    },
    /// What has to be proved of it is not.
    #[error("{said}")]
    Proof {
        /// What is missing.
        said: String,
    },
    /// It is there already.
    #[error("it is known already")]
    Known,
    /// It could not be run.
    #[error("it could not be run")]
    NotRun,
    /// It was run.
    #[error("it is worth {value:+.4}, and the best so far {best:+.4}")]
    Worse {
        /// By a quick look.
        value: f64,
        /// What is there, by the same look.
        best: f64,
    },
}

/// A text as a candidate.
///
/// # Errors
/// [`Refusal`].
pub(super) fn read(grammar: &Grammar, text: &str) -> Result<Expr, Refusal> {
    if text.len() > TEXT_MAX {
        return Err(Refusal::Long { bytes: text.len(), most: TEXT_MAX });
    }
    let cut = |said: String| said.chars().take(TOLD_MAX).collect();
    let expr = Expr::parse(text).map_err(|error| Refusal::Text { said: cut(error.to_string()) })?;
    // What is wrong is told of the text as it stands; what counts is the simplified one.
    grammar.check(&expr.simplify()).map(|()| expr.simplify())
}
