//! Causes.
mod cause;
pub use cause::Cause;
