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
    /// Temperature at the beginning, in units of cost: worsenings of about this size are accepted. If absent, a part of
    /// the time goes into finding out which suits the problem.
    pub hot: Option<u64>,
    /// Temperature at the end.
    pub cold: u64,
}

impl Options {
    /// For a search that starts from where everything runs.
    #[must_use]
    pub fn suited_to(problem: &Problem) -> Self {
        Self { hot: None, cold: coldest(problem) }
    }

    /// For a search that goes on from an assignment that is good already.
    #[must_use]
    pub fn to_refine(problem: &Problem) -> Self {
        Self { hot: Some(typical_change(problem) >> PROBES[0]), cold: coldest(problem) }
    }
}

/// Temperatures that are tried first: the typical change of cost by a move, shifted right so many bits. The lowest suits
/// large problems that have little time, the highest small ones full of obstacles.
const PROBES: [u32; 4] = [7, 4, 1, 0];
/// Millionths of the search that each of them is tried for.
const PROBE: u64 = 60_000;
const PROBED: u64 = PROBE * PROBES.len() as u64;
/// The highest temperature; times a logarithm in fixed point it stays below 2^62.
const HOTTEST: u64 = 1 << 40;

/// Binary magnitudes of temperatures.
const MAGNITUDES: usize = 41;
/// Where fewer than one of so many moves tried is made, the state is frozen: time is better spent above.
const FROZEN: u64 = 20_000;
/// Millionths of the search that are left, at its end, for the temperatures at which it was seen to freeze.
const QUENCH: u64 = 40_000;

/// What a process adds to a machine that is above its safety capacities, on the average.
fn typical_change(problem: &Problem) -> u64 {
    let weights = || problem.resources.iter().map(|resource| u128::from(resource.load_weight));
    let of = |needs: &[u64]| weights().zip(needs).map(|(weight, needed)| weight * u128::from(*needed)).sum::<u128>();
    let sum: u128 = problem.processes.iter().map(|process| of(&process.requirement)).sum();
    let mean = sum / (problem.processes.len() as u128).max(1);
    u64::try_from(mean).unwrap_or(HOTTEST).clamp(1, HOTTEST)
}

/// A fraction of what a move to any machine costs by itself: below it, nothing is left to be weighed.
fn coldest(problem: &Problem) -> u64 {
    let mean = |sum: u128, count: usize| sum / (count as u128).max(1);
    let own: u128 = problem.processes.iter().map(|process| u128::from(process.move_cost)).sum();
    let between: u128 = problem.machine_move_cost.iter().map(|cost| u128::from(*cost)).sum();
    let weights = problem.move_weights;
    let one = u128::from(weights.process) * mean(own, problem.processes.len())
        + u128::from(weights.machine) * mean(between, problem.machine_move_cost.len());
    u64::try_from(one / 12).unwrap_or(HOTTEST).clamp(1, HOTTEST)
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
    /// The temperature to try next, and the best so far with the cost that it led to.
    probe: usize,
    chosen: Option<Chosen>,
    /// Moves tried and made by the binary magnitude of the temperature, of the probe that runs.
    tried: [(u64, u64); MAGNITUDES],
}

/// The temperature tried that led furthest.
#[derive(Debug, Clone, Copy)]
struct Chosen {
    cost: i64,
    hot: u64,
    /// Below this temperature next to nothing moved.
    frozen: u64,
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
        Ok(Self { problem, options, engine, probe: 0, chosen: None, tried: [(0, 0); MAGNITUDES] })
    }

    /// Tries `evaluations` moves, when `spent` millionths of the whole search lie behind it.
    pub fn run(&mut self, evaluations: u64, spent: u64) -> Progress {
        if self.problem.processes.is_empty() {
            return Progress { cost: 0, best: 0, evaluations: 0, allowed: 0, made: 0, temperature: 0 };
        }
        let temperature = self.temperature(spent.min(WHOLE));
        let counts = self.engine.run(evaluations, temperature);
        let magnitude = temperature.max(1).ilog2() as usize;
        self.tried[magnitude].0 += evaluations;
        self.tried[magnitude].1 += counts.made;
        let (cost, best) = self.engine.costs();
        Progress { cost, best, evaluations, allowed: counts.allowed, made: counts.made, temperature }
    }

    fn temperature(&mut self, spent: u64) -> i64 {
        let cold = self.options.cold;
        let (hot, cold, part, whole) = match self.options.hot {
            Some(hot) => (hot, cold, spent, WHOLE),
            None if spent < PROBED => (self.probed(spent), cold, spent % PROBE, PROBE),
            None => self.settled(spent),
        };
        let hot = hot.clamp(cold, HOTTEST);
        i64::try_from(geometric(hot, cold.min(HOTTEST), part, whole)).unwrap_or(1 << 40)
    }

    /// The temperature that is being tried. Each starts from where everything runs.
    fn probed(&mut self, spent: u64) -> u64 {
        let probe = usize::try_from(spent / PROBE).unwrap_or(0);
        if probe != self.probe {
            self.judge();
            self.engine.adopt(&self.problem.initial);
            self.probe = probe;
        }
        typical_change(self.problem) >> PROBES[probe.min(PROBES.len() - 1)]
    }

    /// Remembers the temperature that was tried last, if it led further than the others.
    fn judge(&mut self) {
        let hot = typical_change(self.problem) >> PROBES[self.probe.min(PROBES.len() - 1)];
        let cost = self.engine.costs().0;
        if self.chosen.is_none_or(|best| cost < best.cost) {
            let moves = |&(tried, made): &(u64, u64)| tried > 0 && made.saturating_mul(FROZEN) >= tried;
            let lowest = self.tried.iter().position(moves).unwrap_or(0);
            self.chosen = Some(Chosen { cost, hot, frozen: 1 << lowest });
        }
        self.tried = [(0, 0); MAGNITUDES];
    }

    /// How the rest of the search cools: from the best temperature tried, and a little more, since there is more time, to
    /// where that one froze; then quickly to the end. It begins with the best assignment so far.
    fn settled(&mut self, spent: u64) -> (u64, u64, u64, u64) {
        if self.probe < PROBES.len() {
            self.judge();
            let best = self.engine.best().to_vec();
            self.engine.adopt(&best);
            self.probe = PROBES.len();
        }
        let cold = self.options.cold;
        let (hot, frozen) = self.chosen.map_or((cold, cold), |it| (it.hot.saturating_mul(2), it.frozen.max(cold)));
        if frozen <= cold.saturating_mul(2) {
            (hot, cold, spent - PROBED, WHOLE - PROBED)
        } else if spent < WHOLE - QUENCH {
            (hot.max(frozen), frozen, spent - PROBED, WHOLE - QUENCH - PROBED)
        } else {
            (frozen, cold, spent - (WHOLE - QUENCH), QUENCH)
        }
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
