//! Questions in plain words, and answers in which every number has a source.
//!
//! A question becomes a typed one ([`parse`]) or none: what is not understood is said, never guessed at. An answer is put
//! together from facts ([`answer`]); no sentence has a number that is not a figure of a fact it cites, and [`check`], which
//! shares no code with that, reads the finished text again. Whoever rephrases an answer, a model included, has to pass the same
//! check, or the template stands.
//!
//! Nothing here asks a model, reads a clock or changes anything.

pub mod answer;
pub mod check;
pub mod parse;
mod prose;
mod time;

pub use answer::{Answer, AskError, answer, what_if};
pub use check::{Problem, check};
pub use parse::{ASKABLE, BYTES_MAX, Day, Question, Scenario, parse};
pub use prose::Sentence;
pub use time::TimeOfDay;
