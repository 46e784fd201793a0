//! Searches the parameters of a scaling policy: which numbers of a policy file may move and how far ([`space`]), what is
//! asked of a run ([`goal`]), which series are learnt from and which only judged ([`halves`]), the search itself
//! ([`hunt`]) and the points that nothing beats ([`front`]).
//!
//! The policy is text and stays text: a candidate is the file with other numbers in it, read and checked by `config` like
//! any other ([`policy`]), so that what is found can be written down, read back and run as it stands. Who evaluates is the
//! caller's affair: it runs each candidate through [`plimsoll_twin::backtest`], on as many threads as it has.
//!
//! What is searched as a formula instead of as numbers is in [`evolve`].
//!
//! Nothing here reads a clock, a file or entropy: the same policy, goal, seed and answers give the same search. Nothing here
//! sees a test series: an evaluation is asked for by point, and only training answers come back.
//!
//! # Source
//! Covariance matrix adaptation (N. Hansen, "The CMA Evolution Strategy: A Tutorial", 2016), from the library `basin`;
//! feasibility before price as in K. Deb, "An efficient constraint handling method for genetic algorithms" (2000).

pub mod evolve;
pub mod front;
pub mod goal;
pub mod halves;
pub mod hunt;
pub mod policy;
pub mod space;
