//! Facts with ids, and the pack of them that fits a budget.
mod code;
mod facts;
pub use code::{Code, Source, Trust};
pub use facts::Figure;
