//! Episodes of a writer: when it is asked, what of its answer is judged, and what it is told of the rest.
//!
//! A writer that gives nothing that can be judged costs the search nothing but the asking: the episode is another arm's, with
//! the draws that it would have had without the writer. It is left alone for longer each time.

use super::{ARMS, EpisodeReport, Evolution, Judge, MODEL, Over};
use crate::evolve::archive::Elite;
use crate::evolve::arms;
use crate::evolve::writer::{self, ANSWERS_MAX, Brief, FAILURES, Failure, Refusal, TEXTS_MAX, Writer};
use plimsoll_expr::Expr;
use plimsoll_stats::Random;

/// Parents that a writer is shown.
const PARENTS: usize = 3;
/// Episodes after which a writer that gave nothing is asked again; twice as many each time,
const QUIET: u64 = 4;
/// up to so many doublings.
const QUIET_DOUBLINGS: u32 = 8;

impl Evolution {
    /// Whether the writer's share comes up: after the first episode of each other arm, and not while it is left alone.
    pub(super) fn is_writers_turn(&self, random: &mut Random) -> bool {
        let state = &self.state;
        let draw = random.unit();
        let is_open = state.episode > state.quiet_until && state.answers.len() < ANSWERS_MAX;
        let all_began = state.arms[..ARMS.len()].iter().all(|arm| arm.episodes > 0);
        let share = arms::shares(&state.arms).get(ARMS.len()).copied().unwrap_or(0.0);
        is_open && all_began && (state.arms[ARMS.len()].episodes == 0 || draw < share)
    }

    /// The writer's episode; none where it gave nothing that could be judged. Then the episode is somebody else's, as if nobody
    /// had asked it.
    pub(super) fn write(
        &mut self,
        island: usize,
        random: &mut Random,
        judge: &mut dyn Judge,
        writer: &mut dyn Writer,
    ) -> Result<Option<EpisodeReport>, Over> {
        let archive = &self.state.islands[island];
        let mut parents: Vec<Elite> = archive.best().cloned().into_iter().collect();
        for _ in 0..2 * PARENTS {
            let drawn = archive.draw(random).filter(|drawn| parents.iter().all(|known| known.text != drawn.text));
            parents.extend(drawn.cloned().filter(|_| parents.len() < PARENTS));
        }
        parents.sort_by(|a, b| b.value.total_cmp(&a.value));
        let brief = Brief { grammar: &self.grammar, parents: &parents, failures: &self.state.failures };
        let mut answer = writer.write(&brief);
        answer.episode = self.state.episode;
        answer.texts.truncate(TEXTS_MAX);
        let is_silent = answer.error.is_some();
        let mut children: Vec<(String, Expr)> = Vec::new();
        for text in &answer.texts {
            match self.readable(island, text, &children) {
                Ok(child) => children.push((text.clone(), child)),
                Err(why) => self.fail(text, why),
            }
        }
        self.state.answers.push(answer);
        if children.is_empty() {
            let state = &mut self.state;
            let quiet = QUIET << state.in_vain.min(QUIET_DOUBLINGS);
            (state.in_vain, state.quiet_until) = (state.in_vain.saturating_add(1), state.episode + quiet);
            if !is_silent {
                // A text costs something even where it is no formula.
                state.arms[ARMS.len()].note(1.0, 0.0, 0);
            }
            return Ok(None);
        }
        (self.state.in_vain, self.state.quiet_until) = (0, 0);
        let before = self.standing();
        let (texts, exprs): (Vec<String>, Vec<Expr>) = children.into_iter().unzip();
        let best = parents.first().map_or(f64::NEG_INFINITY, |parent| parent.quick);
        let admitted = self.judge(island, MODEL, exprs.clone(), judge)?;
        for ((text, expr), quick) in texts.iter().zip(&exprs).zip(admitted.quick) {
            match quick {
                None => self.fail(text, Refusal::NotRun),
                Some(_) if self.has(island, expr) => {}
                Some(value) => self.fail(text, Refusal::Worse { value, best }),
            }
        }
        Ok(Some(self.end(ARMS.len(), before, (admitted.gain, admitted.kept), 1.0)))
    }

    /// A text as a candidate that is not there yet.
    fn readable(&self, island: usize, text: &str, others: &[(String, Expr)]) -> Result<Expr, Refusal> {
        let expr = writer::read(&self.grammar, text)?;
        let is_twice = others.iter().any(|(_, other)| other.fingerprint() == expr.fingerprint());
        if is_twice || self.has(island, &expr) { Err(Refusal::Known) } else { Ok(expr) }
    }

    fn has(&self, island: usize, expr: &Expr) -> bool {
        let text = expr.to_string();
        self.state.islands[island].elites().any(|(_, elite)| elite.text == text)
    }

    fn fail(&mut self, text: &str, why: Refusal) {
        let failures = &mut self.state.failures;
        failures.push(Failure::new(text, why));
        let over = failures.len().saturating_sub(FAILURES);
        failures.drain(..over);
    }
}
