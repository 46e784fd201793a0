//! The search itself: islands, episodes, and what came of them.

use super::archive::{Archive, Elite};
use super::arms::{self, Arm};
use super::grammar::Grammar;
use super::learner::Learner;
use super::{constants, vary};
use plimsoll_expr::Expr;
use plimsoll_stats::Random;
use plimsoll_stats::random::mix;
use serde::{Deserialize, Serialize};

/// Candidates of an episode of trees.
const BATCH: usize = 8;
/// Quick looks of an episode that fits numbers.
const FIT_LOOKS: usize = 24;
/// Episodes after which the islands' best meet.
const MIGRATION: u64 = 40;
/// Failures that a writer is told of.
const FAILURES: usize = 6;
/// Points that the curve keeps.
const CURVE_MAX: usize = 2_000;

const MUTATE: usize = 0;
const CROSS: usize = 1;
const FIT: usize = 2;
const LEARN: usize = 3;
const ARMS: [&str; 4] = ["mutation", "crossing", "cma-es", "learning"];

/// What a look gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Judged {
    /// The value of each; more is better, none for one that is no policy.
    Values(Vec<Option<f64>>),
    /// There is no time left: the episode is given up.
    Stop,
}

/// Whoever judges candidates by running them.
pub trait Judge {
    /// A quick look at each.
    fn quick(&mut self, candidates: &[Expr]) -> Judged;
    /// A full look at each.
    fn full(&mut self, candidates: &[Expr]) -> Judged;
    /// What a full look costs, in quick ones.
    fn full_cost(&self) -> f64;
}

/// Whoever writes candidates as text, such as a language model. What it writes is judged like anything else.
pub trait Writer {
    /// New formulas, from some that are good and the reasons why earlier ones were refused.
    fn write(&mut self, parents: &[Elite], failures: &[String]) -> Vec<String>;
}

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The same seed gives the same search.
    pub seed: u64,
    /// Islands.
    pub islands: u32,
}

/// The best at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Work until then, in quick looks.
    pub work: f64,
    /// The best value.
    pub best: f64,
}

/// Everything between two episodes, for a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// Layout of this file.
    pub version: u32,
    /// What it was a search for, so that another one is not taken up by mistake.
    pub task: String,
    options: Options,
    nodes_max: u64,
    islands: Vec<Archive>,
    learners: Vec<Learner>,
    arms: Vec<Arm>,
    failures: Vec<String>,
    episode: u64,
    work: f64,
    judged: u64,
    refused: u64,
    curve: Vec<Point>,
}

/// Version of [`Saved`].
const VERSION: u32 = 1;

/// Why there is no search.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EvolveError {
    /// The formula to start from is none.
    #[error(
        "the formula to start from, `{text}`, is no candidate: {unit} over the inputs given, of at most {most} nodes"
    )]
    Start {
        /// The formula.
        text: String,
        /// What is wanted.
        unit: String,
        /// The most nodes.
        most: u64,
    },
    /// Nothing could be judged at the start.
    #[error("no formula to start from could be judged")]
    NoStart,
    /// A saved search that does not fit.
    #[error("the saved search is one for {field} {saved}, and this is {given}")]
    Saved {
        /// What differs.
        field: &'static str,
        /// As saved.
        saved: String,
        /// As given.
        given: String,
    },
}

/// What one episode did.
#[derive(Debug, Clone, PartialEq)]
pub struct EpisodeReport {
    /// The arm.
    pub arm: String,
    /// Candidates that were kept.
    pub kept: u64,
    /// Whether the best of all is a new one.
    pub is_better: bool,
}

/// A search between two episodes.
#[derive(Debug, Clone)]
pub struct Evolution {
    grammar: Grammar,
    state: Saved,
}

/// No time is left.
struct Over;

impl Evolution {
    /// Begins from these formulas.
    ///
    /// # Errors
    /// [`EvolveError::Start`] for one that the grammar does not allow; [`EvolveError::NoStart`] where none could be judged.
    pub fn start(
        task: &str,
        grammar: Grammar,
        from: &[Expr],
        options: Options,
        judge: &mut dyn Judge,
    ) -> Result<Self, EvolveError> {
        if let Some(wrong) = from.iter().find(|expr| !grammar.allows(expr)) {
            return Err(EvolveError::Start {
                text: wrong.to_string(),
                unit: grammar.wanted(),
                most: grammar.nodes_max(),
            });
        }
        let islands = options.islands.max(1) as usize;
        let state = Saved {
            version: VERSION,
            task: task.to_owned(),
            options,
            nodes_max: grammar.nodes_max(),
            islands: vec![Archive::default(); islands],
            learners: vec![Learner::default(); islands],
            arms: ARMS.map(Arm::new).into(),
            failures: Vec::new(),
            episode: 0,
            work: 0.0,
            judged: 0,
            refused: 0,
            curve: Vec::new(),
        };
        let mut search = Self { grammar, state };
        for island in 0..islands {
            search.admit(island, "start", from.to_vec(), judge).map_err(|Over| EvolveError::NoStart)?;
        }
        search.note_curve();
        if search.best().is_none() { Err(EvolveError::NoStart) } else { Ok(search) }
    }

    /// Takes up a saved search.
    ///
    /// # Errors
    /// [`EvolveError::Saved`] where it was another one.
    pub fn resume(task: &str, grammar: Grammar, saved: Saved) -> Result<Self, EvolveError> {
        let differs = |field, saved: &dyn ToString, given: &dyn ToString| {
            Err(EvolveError::Saved { field, saved: saved.to_string(), given: given.to_string() })
        };
        if saved.version != VERSION {
            return differs("layout", &saved.version, &VERSION);
        }
        if saved.task != task {
            return differs("task", &saved.task, &task);
        }
        if saved.nodes_max != grammar.nodes_max() {
            return differs("nodes", &saved.nodes_max, &grammar.nodes_max());
        }
        Ok(Self { grammar, state: saved })
    }

    /// What to write down.
    #[must_use]
    pub const fn saved(&self) -> &Saved {
        &self.state
    }

    /// One episode of one arm on one island. None when the judge has no time left; then nothing of it is kept.
    pub fn episode(&mut self, judge: &mut dyn Judge, writer: Option<&mut (dyn Writer + '_)>) -> Option<EpisodeReport> {
        if writer.is_some() && self.state.arms.len() == ARMS.len() {
            self.state.arms.push(Arm::new("model"));
        }
        let before = self.state.clone();
        let report = self.try_episode(judge, writer).ok();
        if report.is_none() {
            self.state = before;
        }
        report
    }

    fn try_episode(
        &mut self,
        judge: &mut dyn Judge,
        writer: Option<&mut (dyn Writer + '_)>,
    ) -> Result<EpisodeReport, Over> {
        let state = &mut self.state;
        state.episode += 1;
        let mut random = Random::new(mix(state.options.seed).wrapping_add(mix(state.episode)));
        let open = if writer.is_some() { state.arms.len() } else { ARMS.len() };
        let arm = arms::choose(&state.arms[..open], &mut random);
        let island = (state.episode % state.islands.len() as u64) as usize;
        let (work, best) = (state.work, self.best_value());
        let (gain, kept) = match arm {
            MUTATE => self.trees(island, &mut random, judge, false)?,
            CROSS => self.trees(island, &mut random, judge, true)?,
            FIT => self.fit(island, &mut random, judge)?,
            LEARN => self.learn(island, &mut random, judge)?,
            _ => self.write(island, &mut random, judge, writer)?,
        };
        let is_better = self.best_value() > best;
        let state = &mut self.state;
        state.arms.iter_mut().for_each(Arm::fade);
        // A new best counts in full, a better elite of some cell a tenth: it may become a parent.
        let new_best = if is_better { self.best().map_or(0.0, |elite| elite.value) - best } else { 0.0 };
        let state = &mut self.state;
        state.arms[arm].note(state.work - work, new_best + 0.1 * gain.min(1.0), kept);
        if state.episode.is_multiple_of(MIGRATION) {
            self.migrate();
        }
        self.note_curve();
        Ok(EpisodeReport { arm: self.state.arms[arm].name.clone(), kept, is_better })
    }

    fn trees(
        &mut self,
        island: usize,
        random: &mut Random,
        judge: &mut dyn Judge,
        is_crossing: bool,
    ) -> Result<(f64, u64), Over> {
        let archive = &self.state.islands[island];
        let mut children = Vec::with_capacity(BATCH);
        for _ in 0..BATCH {
            let Some(parent) = archive.draw(random).and_then(|elite| Expr::parse(&elite.text).ok()) else { continue };
            let child = if is_crossing {
                let other = archive.draw(random).and_then(|elite| Expr::parse(&elite.text).ok());
                other.and_then(|other| vary::cross(&self.grammar, &parent, &other, random))
            } else {
                vary::mutate(&self.grammar, &parent, random)
            };
            children.extend(child);
        }
        self.admit(island, ARMS[usize::from(is_crossing)], children, judge)
    }

    fn fit(&mut self, island: usize, random: &mut Random, judge: &mut dyn Judge) -> Result<(f64, u64), Over> {
        let drawn = self.state.islands[island].draw(random).and_then(|elite| Expr::parse(&elite.text).ok());
        let Some(parent) = drawn else { return Ok((0.0, 0)) };
        let mut looks = 0_u32;
        let found = constants::fit(&parent, FIT_LOOKS, random.bits(), &mut |expr: &Expr| {
            looks += 1;
            match judge.quick(std::slice::from_ref(expr)) {
                Judged::Stop => Err(Over),
                Judged::Values(values) => Ok(values.first().copied().flatten()),
            }
        })?;
        self.state.work += f64::from(looks);
        self.state.judged += u64::from(looks);
        let children = found.map(|(expr, _)| expr.simplify()).filter(|expr| self.grammar.allows(expr));
        self.admit(island, ARMS[FIT], children.into_iter().collect(), judge)
    }

    fn learn(&mut self, island: usize, random: &mut Random, judge: &mut dyn Judge) -> Result<(f64, u64), Over> {
        let elites: Vec<Expr> =
            self.state.islands[island].elites().filter_map(|(_, elite)| Expr::parse(&elite.text).ok()).collect();
        let mut learner = self.state.learners[island].clone();
        learner.prepare(&self.grammar, &elites, random);
        let trial = learner.trial(random);
        let Judged::Values(values) = judge.quick(&trial.policies) else { return Err(Over) };
        self.state.work += trial.policies.len() as f64;
        self.state.judged += trial.policies.len() as u64;
        learner.learn(&trial, &values);
        let child = learner.readable(&self.grammar);
        self.state.learners[island] = learner;
        self.admit(island, ARMS[LEARN], child.into_iter().collect(), judge)
    }

    fn write(
        &mut self,
        island: usize,
        random: &mut Random,
        judge: &mut dyn Judge,
        writer: Option<&mut (dyn Writer + '_)>,
    ) -> Result<(f64, u64), Over> {
        let Some(writer) = writer else { return Ok((0.0, 0)) };
        let archive = &self.state.islands[island];
        let parents: Vec<Elite> = (0..3).filter_map(|_| archive.draw(random).cloned()).collect();
        let written = writer.write(&parents, &self.state.failures);
        let mut children = Vec::new();
        for text in written.iter().take(BATCH) {
            match Expr::parse(text) {
                Ok(expr) if self.grammar.allows(&expr.simplify()) => children.push(expr.simplify()),
                Ok(expr) => self.fail(expr.unit(self.grammar.schema()).err().map_or_else(
                    || {
                        let (unit, most) = (self.grammar.wanted(), self.grammar.nodes_max());
                        format!("`{expr}`: {unit} of at most {most} nodes is wanted, with its proof")
                    },
                    |error| error.to_string(),
                )),
                Err(error) => self.fail(error.to_string()),
            }
        }
        // A text costs something even where it is no formula.
        self.state.work += 1.0;
        self.admit(island, "model", children, judge)
    }

    fn fail(&mut self, reason: String) {
        let failures = &mut self.state.failures;
        failures.push(reason.chars().take(200).collect());
        let over = failures.len().saturating_sub(FAILURES);
        failures.drain(..over);
    }

    /// Judges quickly, then in full what is worth it, and keeps what is best in its cell. Gains over what was there, and how
    /// many were kept.
    fn admit(
        &mut self,
        island: usize,
        arm: &str,
        children: Vec<Expr>,
        judge: &mut dyn Judge,
    ) -> Result<(f64, u64), Over> {
        if children.is_empty() {
            return Ok((0.0, 0));
        }
        let Judged::Values(quick) = judge.quick(&children) else { return Err(Over) };
        self.state.work += children.len() as f64;
        self.state.judged += children.len() as u64;
        self.state.refused += quick.iter().filter(|value| value.is_none()).count() as u64;
        let mut promising: Vec<(Expr, u32, f64)> = Vec::new();
        for (child, value) in children.into_iter().zip(quick) {
            let Some(value) = value else { continue };
            let cell = Archive::cell(&self.grammar, &child);
            // Of several of one cell only the best is looked at in full.
            match promising.iter_mut().find(|(_, other, _)| *other == cell) {
                Some(other) if value > other.2 => *other = (child, cell, value),
                Some(_) => {}
                None if self.state.islands[island].is_promising(cell, value) => promising.push((child, cell, value)),
                None => {}
            }
        }
        let expressions: Vec<Expr> = promising.iter().map(|(expr, _, _)| expr.clone()).collect();
        let Judged::Values(full) = judge.full(&expressions) else { return Err(Over) };
        self.state.work += expressions.len() as f64 * judge.full_cost();
        let (mut gain, mut kept) = (0.0, 0);
        for ((expr, cell, quick), value) in promising.into_iter().zip(full) {
            let Some(value) = value else { continue };
            let elite = Elite {
                text: expr.to_string(),
                quick,
                value,
                nodes: expr.occurrences(),
                arm: arm.to_owned(),
                episode: self.state.episode,
            };
            if let Some(gained) = self.state.islands[island].keep(cell, elite) {
                gain += gained;
                kept += 1;
            }
        }
        Ok((gain, kept))
    }

    /// The best of each island goes to the next.
    fn migrate(&mut self) {
        let best: Vec<Option<Elite>> = self.state.islands.iter().map(|island| island.best().cloned()).collect();
        let count = self.state.islands.len();
        for (place, elite) in best.into_iter().enumerate() {
            let Some(elite) = elite else { continue };
            let Ok(expr) = Expr::parse(&elite.text) else { continue };
            self.state.islands[(place + 1) % count].keep(Archive::cell(&self.grammar, &expr), elite);
        }
    }

    fn note_curve(&mut self) {
        let Some(best) = self.best().map(|elite| elite.value) else { return };
        let point = Point { work: self.state.work, best };
        let curve = &mut self.state.curve;
        let count = curve.len();
        // Along a plateau only its ends are kept.
        let is_flat = count > 1 && curve[count - 1].best == best && curve[count - 2].best == best;
        if is_flat || count == CURVE_MAX {
            curve[count - 1] = point;
        } else {
            curve.push(point);
        }
    }

    fn best_value(&self) -> f64 {
        self.best().map_or(f64::NEG_INFINITY, |elite| elite.value)
    }

    /// The best of all islands.
    #[must_use]
    pub fn best(&self) -> Option<&Elite> {
        let best = self.state.islands.iter().filter_map(Archive::best);
        best.reduce(|a, b| if b.value > a.value { b } else { a })
    }

    /// All elites, each formula once, the best first.
    #[must_use]
    pub fn elites(&self) -> Vec<&Elite> {
        let mut all: Vec<&Elite> =
            self.state.islands.iter().flat_map(|island| island.elites().map(|(_, it)| it)).collect();
        all.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.text.cmp(&b.text)));
        all.dedup_by(|a, b| a.text == b.text);
        all
    }

    /// What it is a search over.
    #[must_use]
    pub const fn grammar(&self) -> &Grammar {
        &self.grammar
    }

    /// The arms, with what each gained and cost.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.state.arms
    }

    /// The share of the next episodes that each arm has.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        arms::shares(&self.state.arms)
    }

    /// The best by work done.
    #[must_use]
    pub fn curve(&self) -> &[Point] {
        &self.state.curve
    }

    /// Episodes so far.
    #[must_use]
    pub const fn episodes(&self) -> u64 {
        self.state.episode
    }

    /// Candidates that were looked at, and those that were no policy.
    #[must_use]
    pub const fn judged(&self) -> (u64, u64) {
        (self.state.judged, self.state.refused)
    }
}
