//! The search for a better assignment, in steps that the caller times.
//!
//! The search is told how many moves to try and which share of the whole time has been spent; the clock and the threads
//! belong to the caller. The same seed and the same calls give the same assignment on any CPU. Several searches with
//! different seeds may run in parallel and exchange what they found through [`Search::adopt`].
//!
//! What is kept as best is feasible at any moment, and never costs more than what runs now.

use super::anneal::{Annealing, Engine, Mix};
use super::chance::geometric;
use super::check::Violation;
use super::problem::Problem;

/// A whole search, in the unit of [`Search::run`]'s `spent`.
pub const WHOLE: u64 = 1_000_000;

/// How the search goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Temperature at the beginning, in units of cost: worsenings of about this size are accepted.
    pub hot: u64,
    /// Temperature at the end.
    pub cold: u64,
}

impl Options {
    /// What suits `problem`.
    #[must_use]
    pub fn suited_to(problem: &Problem) -> Self {
        // TODO calibrate
        let _ = problem;
        Self { hot: 10_000_000, cold: 10 }
    }
}

/// Where a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Cost of the assignment looked at now.
    pub cost: i64,
    /// Lowest cost so far.
    pub best: i64,
    /// Moves tried by this call.
    pub evaluations: u64,
    /// Of these, allowed by every constraint.
    pub allowed: u64,
    /// Of these, made.
    pub made: u64,
    /// The temperature they were tried at.
    pub temperature: i64,
}

/// A search for a better assignment.
pub struct Search<'a> {
    problem: &'a Problem,
    options: Options,
    engine: Box<dyn Engine + 'a>,
}

impl<'a> Search<'a> {
    /// A search that starts from where everything runs now.
    ///
    /// # Errors
    /// [`Violation`], when that is not feasible: what is broken has to be mended before it can be improved.
    pub fn new(problem: &'a Problem, seed: u64, options: Options) -> Result<Self, Violation> {
        problem.check(&problem.initial)?;
        let mix = Mix { swap: 400, home: 100, onward: 100, relieve: 100, exchange_home: 50 };
        let engine: Box<dyn Engine> = match problem.resources.len() {
            0..=4 => Box::new(Annealing::<4>::new(problem, seed, mix)),
            5..=8 => Box::new(Annealing::<8>::new(problem, seed, mix)),
            9..=12 => Box::new(Annealing::<12>::new(problem, seed, mix)),
            13..=16 => Box::new(Annealing::<16>::new(problem, seed, mix)),
            _ => Box::new(Annealing::<{ super::limits::RESOURCES_MAX }>::new(problem, seed, mix)),
        };
        Ok(Self { problem, options, engine })
    }

    /// Tries `evaluations` moves, when `spent` millionths of the whole search lie behind it.
    pub fn run(&mut self, evaluations: u64, spent: u64) -> Progress {
        if self.problem.processes.is_empty() {
            return Progress { cost: 0, best: 0, evaluations: 0, allowed: 0, made: 0, temperature: 0 };
        }
        let Options { hot, cold } = self.options;
        let temperature = i64::try_from(geometric(hot, cold, spent, WHOLE)).unwrap_or(i64::MAX >> 24);
        let counts = self.engine.run(evaluations, temperature);
        let (cost, best) = self.engine.costs();
        Progress { cost, best, evaluations, allowed: counts.allowed, made: counts.made, temperature }
    }

    /// The best assignment so far.
    #[must_use]
    pub fn best(&self) -> &[u32] {
        self.engine.best()
    }

    /// The assignment looked at now, feasible too.
    #[must_use]
    pub fn current(&self) -> &[u32] {
        self.engine.current()
    }

    /// What the best assignment so far costs.
    #[must_use]
    pub fn best_cost(&self) -> i64 {
        self.engine.costs().1
    }

    /// Goes on from `assignment`.
    ///
    /// # Errors
    /// [`Violation`], when it is not feasible; the search stays where it was.
    pub fn adopt(&mut self, assignment: &[u32]) -> Result<(), Violation> {
        self.problem.check(assignment)?;
        self.engine.adopt(assignment);
        Ok(())
    }
}
