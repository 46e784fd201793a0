//! How good a node is for a task: terms between 0 and [`ONE`], higher is better, integers throughout.
//!
//! A [`Scorer`] is a formula by name. [`Scoring`] is a policy's scorers made ready for one fleet: reciprocals of
//! capacities taken, expected tasks grouped, so that scoring a node divides by nothing. It is made anew whenever the
//! fleet has new kinds of nodes or other expected tasks, and never remembers a node.
//!
//! Terms are rounded upwards where they cannot be exact (by less than a part in 10^8), so that a score which peers cut
//! to an integer 0..100 is cut at the same place here.
//!
//! It must not choose, and must not look at a node that the filters refused: scores of such nodes mean nothing.

mod fgd;
mod gpu;
mod linear;
mod local;
mod place;
mod scorer;
mod scoring;
mod sigmoid;

pub use fgd::{Fragmentation, GpuState, typical_tasks};
pub use linear::{Linear, LinearKind};
pub use place::price as price_per_hour;
pub use scorer::{Scorer, Weights};
pub use scoring::{Scoring, TERMS_MAX, gpu_state};

/// What a term of 1 is, in the fixed point that scores are counted in.
pub const ONE: i64 = 1 << 40;

/// What each unwelcoming taint takes off a score: more than all terms together, so that such a node is chosen only
/// where nothing else will do.
pub const UNWELCOME: i64 = 1 << 52;

/// `level` of `levels` as a term, rounded so that cutting it to that many levels gives `level` again.
#[must_use]
pub const fn level(level: i64, levels: i64) -> i64 {
    (level * ONE + levels - 1).div_euclid(levels)
}

/// The integer that a term is cut to.
#[must_use]
pub const fn cut(term: i64, levels: u32) -> i64 {
    (term * levels as i64).div_euclid(ONE)
}
