//! Evolves a policy that is an expression: scores of nodes, orders of queues, numbers of replicas.
//!
//! What may be written is a [`Grammar`] over a schema; candidates come from several arms (random changes and crossings of
//! trees, a fit of the numbers by CMA-ES, a learner by evolution strategies, whoever else writes texts); islands keep an
//! archive each of what is best among formulas of its size and its inputs ([`archive`]); a bandit gives each arm its share
//! of the work by what it gained ([`arms`]). Whoever judges is the caller ([`Judge`]): it runs a candidate through the real
//! scheduler, quickly or in full.
//!
//! What somebody else writes, such as a language model, is text until it passed what all others pass; its answers are kept,
//! and the same answers give the same search ([`writer`]).
//!
//! What was found may hold parts that change nothing that matters: [`shrink`] says what could go.
//!
//! Nothing here reads a clock, a file or entropy: the same grammar, start, seed and answers give the same search, and a
//! search that was saved between two episodes and taken up again is the search that was never stopped.
//!
//! # Source
//! MAP-Elites: J.-B. Mouret, J. Clune, "Illuminating search spaces by mapping elites" (2015). Islands and a program that is
//! judged by running it: B. Romera-Paredes et al., "Mathematical discoveries from program search" (Nature 625, 2024).

pub mod archive;
pub mod arms;
mod constants;
mod evolution;
pub mod grammar;
mod learner;
pub mod shrink;
mod vary;
pub mod writer;

pub use archive::{Elite, SetWorth};
pub use arms::Arm;
pub use evolution::{EpisodeReport, Evolution, EvolveError, Judge, Judged, Options, Point, Saved, Worth};
pub use grammar::{Grammar, GrammarError};
pub use writer::{Answer, Brief, Failure, Refusal, Writer};
