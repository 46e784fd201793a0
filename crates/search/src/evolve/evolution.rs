//! The search itself: islands, episodes, and what came of them.

mod written;

use super::archive::{Archive, Elite};
use super::arms::{self, Arm};
use super::grammar::Grammar;
use super::learner::Learner;
use super::writer::{Answer, Failure, Writer};
use super::{SetWorth, constants, vary};
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
/// Points that the curve keeps.
const CURVE_MAX: usize = 2_000;

const MUTATE: usize = 0;
const CROSS: usize = 1;
const FIT: usize = 2;
const LEARN: usize = 3;
const ARMS: [&str; 4] = ["mutation", "crossing", "cma-es", "learning"];
/// The arm of a writer, after the others.
const MODEL: &str = "model";
/// Parts the draws about a writer from all others, so that a writer that gives nothing changes none of them.
const WRITER_SEED: u64 = 0x77_72_69_74_65;

/// What a full look says of one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Worth {
    /// More is better.
    pub value: f64,
    /// The same by set; empty where there is only one.
    pub by_set: Vec<SetWorth>,
}

/// What a look gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Judged<T = f64> {
    /// What each is worth; none for one that is no policy.
    Values(Vec<Option<T>>),
    /// There is no time left: the episode is given up.
    Stop,
}

/// Whoever judges candidates by running them.
pub trait Judge {
    /// A quick look at each; more is better.
    fn quick(&mut self, candidates: &[Expr]) -> Judged;
    /// A full look at each.
    fn full(&mut self, candidates: &[Expr]) -> Judged<Worth>;
    /// What a full look costs, in quick ones.
    fn full_cost(&self) -> f64;
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
    failures: Vec<Failure>,
    /// What a writer answered, oldest first.
    #[serde(default)]
    answers: Vec<Answer>,
    /// How often in a row it gave nothing,
    #[serde(default)]
    in_vain: u32,
    /// and until which episode it is left alone.
    #[serde(default)]
    quiet_until: u64,
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

/// What became of some candidates.
#[derive(Default)]
struct Admitted {
    /// Over what was there.
    gain: f64,
    /// How many were kept.
    kept: u64,
    /// The quick look at each.
    quick: Vec<Option<f64>>,
}

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
            answers: Vec::new(),
            in_vain: 0,
            quiet_until: 0,
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
            self.state.arms.push(Arm::new(MODEL));
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
        self.state.episode += 1;
        let seed = mix(self.state.options.seed).wrapping_add(mix(self.state.episode));
        let island = (self.state.episode % self.state.islands.len() as u64) as usize;
        if let Some(writer) = writer {
            let mut random = Random::new(mix(seed ^ WRITER_SEED));
            if self.is_writers_turn(&mut random)
                && let Some(report) = self.write(island, &mut random, judge, writer)?
            {
                return Ok(report);
            }
        }
        let mut random = Random::new(seed);
        let arm = arms::choose(&self.state.arms[..ARMS.len()], &mut random);
        let before = self.standing();
        let (gain, kept) = match arm {
            MUTATE => self.trees(island, &mut random, judge, false)?,
            CROSS => self.trees(island, &mut random, judge, true)?,
            FIT => self.fit(island, &mut random, judge)?,
            _ => self.learn(island, &mut random, judge)?,
        };
        Ok(self.end(arm, before, (gain, kept), 0.0))
    }

    /// Work so far and the best value.
    fn standing(&self) -> (f64, f64) {
        (self.state.work, self.best_value())
    }

    /// Notes what an arm did with an episode, `more` work besides looks.
    fn end(&mut self, arm: usize, (work, best): (f64, f64), (gain, kept): (f64, u64), more: f64) -> EpisodeReport {
        let is_better = self.best_value() > best;
        // A new best counts in full, a better elite of some cell a tenth: it may become a parent.
        let new_best = if is_better { self.best().map_or(0.0, |elite| elite.value) - best } else { 0.0 };
        let state = &mut self.state;
        state.arms.iter_mut().for_each(Arm::fade);
        state.arms[arm].note(state.work - work + more, new_best + 0.1 * gain.min(1.0), kept);
        if state.episode.is_multiple_of(MIGRATION) {
            self.migrate();
        }
        self.note_curve();
        EpisodeReport { arm: self.state.arms[arm].name.clone(), kept, is_better }
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

    /// Judges quickly, then in full what is worth it, and keeps what is best in its cell. Gains over what was there, and how
    /// many were kept.
    fn admit(
        &mut self,
        island: usize,
        arm: &str,
        children: Vec<Expr>,
        judge: &mut dyn Judge,
    ) -> Result<(f64, u64), Over> {
        let admitted = self.judge(island, arm, children, judge)?;
        Ok((admitted.gain, admitted.kept))
    }

    fn judge(
        &mut self,
        island: usize,
        arm: &str,
        children: Vec<Expr>,
        judge: &mut dyn Judge,
    ) -> Result<Admitted, Over> {
        if children.is_empty() {
            return Ok(Admitted::default());
        }
        let Judged::Values(quick) = judge.quick(&children) else { return Err(Over) };
        self.state.work += children.len() as f64;
        self.state.judged += children.len() as u64;
        self.state.refused += quick.iter().filter(|value| value.is_none()).count() as u64;
        let mut promising: Vec<(Expr, u32, f64)> = Vec::new();
        for (child, value) in children.into_iter().zip(quick.iter().copied()) {
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
        for ((expr, cell, looked), worth) in promising.into_iter().zip(full) {
            let Some(Worth { value, by_set }) = worth else { continue };
            let elite = Elite {
                text: expr.to_string(),
                quick: looked,
                value,
                by_set,
                nodes: expr.occurrences(),
                arm: arm.to_owned(),
                episode: self.state.episode,
            };
            if let Some(gained) = self.state.islands[island].keep(cell, elite) {
                gain += gained;
                kept += 1;
            }
        }
        Ok(Admitted { gain, kept, quick })
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

    /// What a writer answered, oldest first.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.state.answers
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
