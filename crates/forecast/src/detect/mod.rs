//! What a series is like: its seasons, the moments where it changed, and values that do not belong to it.
//!
//! Everything here looks and reports; nothing alters a series. What is refused is refused with a typed reason, so that
//! whoever asked can say why.

mod fft;
mod periods;
mod repeats;
mod spectrum;

pub use periods::{Candidate, Periods, Refusal, Verdict, periods};
