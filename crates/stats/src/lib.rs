//! Seeded random numbers, quantiles, moving averages and intervals: the arithmetic every crate shares.
//!
//! Everything is a pure function of its arguments: seeds and times are handed in, transcendental functions come from
//! `libm`, and sums run in the order of the slice, so the same input gives the same bits on any CPU.
//!
//! This crate must never know the domain: nothing here says service, request or node.

pub mod bootstrap;
pub mod boxes;
mod distribution;
pub mod ewma;
pub mod fixed;
pub mod kmeans;
pub mod moments;
pub mod normal;
pub mod quantile;
pub mod random;

pub use bootstrap::{DifferenceInterval, RatioInterval, paired_difference, paired_ratio};
pub use ewma::Ewma;
pub use moments::Moments;
pub use quantile::{nearest_rank_sorted, quantile_sorted};
pub use random::Random;
