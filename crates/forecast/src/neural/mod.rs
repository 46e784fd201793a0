//! Networks: what they are made of (dense arithmetic, an optimiser, a file format), and recurrent ones.
//!
//! Everything is `f32` where a network runs and the same on any CPU: no fused multiply-add, no run-time dispatch, and
//! every sum in an order that the source fixes, written so that the compiler can use vectors.

pub mod adam;
pub mod matrix;
pub mod recurrent;
pub mod weights;
