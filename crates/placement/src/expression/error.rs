//! Why the text of a policy file is no policy.

use plimsoll_expr::{CompileError, PolicyError};

/// Why the text of a policy file is no policy. Every message begins with the file.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyFileError {
    /// The header or the formula cannot be read; the message names line and key.
    #[error("{file}: {problem}")]
    Text {
        /// The file, as the caller calls it.
        file: String,
        /// What is wrong.
        problem: PolicyError,
    },
    /// The formula names an input that there is not, or its units do not fit; the message names them.
    #[error("{file}: {problem}")]
    Formula {
        /// The file.
        file: String,
        /// What is wrong.
        problem: CompileError,
    },
    /// A queue order where a node score is wanted, or the other way round.
    #[error("{file}: `kind: {found}`, and `{wanted}` is wanted here")]
    Kind {
        /// The file.
        file: String,
        /// As written.
        found: &'static str,
        /// What is wanted.
        wanted: &'static str,
    },
}
