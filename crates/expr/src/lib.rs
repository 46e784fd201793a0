//! The typed policy expression: parse, unit check, interval bounds, monotonicity, canonical form and hash, columnar evaluation.
//!
//! `0.6*cpu_free/cpu_cap + 0.4*min(mem_free/mem_cap, gpu_frag)` is a policy that a person can read, a program can change, and
//! a proof can be made about. A general language gives none of these. The language is total: no loop, no recursion, no
//! failure; its limits are [`Limits`]. `docs/expressions.md` is the page for users.
//!
//! # Arithmetic
//! Values are IEEE 754 binary64, and only operations that the standard defines to the last bit are used: `+ - * /`, `sqrt`,
//! comparisons and selections. Each is written once, in [`op`], and no compiler of Rust contracts or reorders them, so the
//! bits are the same on any CPU. `log2` and `exp` come from the `libm` crate, which is made of the same operations. Fixed-point
//! `i64` was rejected: a division of 128 bits costs 20 to 40 ns, and fixed scales lose either small ratios or large areas.
//! There is no NaN and no infinity: `x/0`, `sqrt` of a negative and `log2` of nothing are 0, and what overflows stays at the largest
//! finite number. Zeros of both signs are one value. What leaves a compiled expression is an `i64` ([`Output`]), and what enters
//! is an `i64` too, so a crate that decides never names a float.
//!
//! This crate must never know a service, node or queue: names, units and intervals of the inputs come from a [`Schema`].
//!
//! # Source
//! Rounding is monotone (IEEE 754-2019, 4.3), so bounds computed with the very operations of the evaluation hold for it
//! without outward rounding. Interval arithmetic: Moore, Kearfott, Cloud, "Introduction to Interval Analysis", 2009.

mod arena;
mod bounds;
mod build;
mod canonical;
mod check;
mod columns;
mod compile;
mod diff;
mod expr;
mod fingerprint;
mod interval;
mod kernel;
mod lex;
mod lower;
mod monotone;
mod node;
pub mod op;
mod output;
mod parse;
mod policy;
mod print;
mod schema;
mod simplify;
mod text;
mod unit;
mod walk;

pub use arena::{BuildError, Limits};
pub use check::{UnitError, UnitProblem};
pub use columns::{Columns, ColumnsError};
pub use compile::{CompileError, Compiled, Options};
pub use expr::Expr;
pub use fingerprint::Fingerprint;
pub use interval::Interval;
pub use kernel::{EvalError, Scratch};
pub use lex::Place;
pub use monotone::Direction;
pub use node::{BinaryOp, Literal, Name, Node, NodeId, UnaryOp};
pub use output::Output;
pub use parse::{ParseError, ParseProblem};
pub use policy::{PolicyError, PolicyFile, PolicyKind, Ties};
pub use schema::{Input, InputId, Schema, SchemaError, Shape};
pub use unit::{Dimension, Measure, Suffix, Unit};
pub use walk::WalkError;
