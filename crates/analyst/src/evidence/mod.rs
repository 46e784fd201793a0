//! Facts with ids, and the pack of them that fits a budget and may be shown.

mod code;
mod facts;
mod pack;
mod pseudonym;
pub mod secrets;
pub mod text;
pub mod tokens;

pub use code::{Code, Source, Trust};
pub use facts::Figure;
pub use pack::{DataClass, Fact, Pack, PackOptions};
pub use pseudonym::Pseudonyms;

pub(crate) use facts::rounded;
