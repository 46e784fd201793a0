//! Why there is no model, or no answer of it. Every error names the file or the limit, what stands there, and what may.

use std::io;

/// Why there is no model or no answer.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The file cannot be read.
    #[error("{file} cannot be read")]
    Read {
        /// Which.
        file: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something in the file is not what it has to be.
    #[error("{file}: {field} is {found}, and must be {allowed}")]
    Field {
        /// Which file.
        file: String,
        /// Which field, tensor or place.
        field: String,
        /// What stands there.
        found: String,
        /// What may.
        allowed: String,
    },
    /// It would take more than it may.
    #[error("{what} would be {needed}, and at most {most} may be")]
    Limit {
        /// Of what, with its unit.
        what: &'static str,
        /// So much.
        needed: u64,
        /// The most.
        most: u64,
    },
    /// The time is over.
    #[error("the model did not end within {limit_ms} ms; it had written {written} tokens")]
    Deadline {
        /// The limit.
        limit_ms: u64,
        /// Tokens written until then.
        written: u32,
    },
    /// Somebody wants no answer any more.
    #[error("the model was told to stop after {written} tokens")]
    Cancelled {
        /// Tokens written until then.
        written: u32,
    },
    /// The schema cannot be made a grammar, or the grammar came to an end that it must not.
    #[error("the answer cannot be held to the schema: {why}")]
    Grammar {
        /// Why.
        why: String,
    },
}
