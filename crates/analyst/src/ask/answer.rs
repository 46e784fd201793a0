//! Answers, put together from facts.

mod limits;
mod what_if;
mod why;

pub use what_if::what_if;

use super::check::{Problem, check};
use super::parse::Question;
use super::prose::{Draft, Sentence};
use super::time::TimeOfDay;
use crate::evidence::{DataClass, Fact, Figure, PackOptions, Source, Trust, secrets, text};
use crate::{Diagnosis, Features, History, Pack, diagnose};
use serde::Serialize;

/// Longest words of somebody else that are quoted, characters.
const QUOTE_MAX: usize = 400;

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The question as it was understood.
    pub question: Question,
    /// The service it is about, as it is written.
    pub service: String,
    /// The sentences, in order.
    pub sentences: Vec<Sentence>,
    /// Every fact that a sentence rests on.
    pub facts: Vec<Fact>,
    /// What may have digits beside figures: the service's name, times of day of the question.
    pub names: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The history has no change of the target.
    #[error("the history of {service} has no change of its number of replicas, so there is nothing to explain")]
    NoDecision {
        /// The service.
        service: String,
    },
    /// None that was asked about.
    #[error("{service} was never {asked} in this history; it was taken to {known}")]
    NoSuchDecision {
        /// The service.
        service: String,
        /// What was asked about.
        asked: String,
        /// What it was.
        known: String,
    },
    /// The twin cannot run it.
    #[error("the twin cannot run this: {why}")]
    Twin {
        /// Why.
        why: String,
    },
    /// Needs the twin.
    #[error("another load has to be run in the twin, and for that the spec of {service} is needed")]
    NeedsSpec {
        /// The service.
        service: String,
    },
}

impl Answer {
    /// The answer as text, a sentence a line.
    #[must_use]
    pub fn text(&self) -> String {
        self.sentences.iter().map(|sentence| sentence.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// What is wrong with a text that claims to say the same, by whomever it was written.
    #[must_use]
    pub fn problems(&self, text: &str) -> Vec<Problem> {
        check(text, &self.facts, &self.names.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Answers a question about a history; [`what_if`] answers one about another load.
///
/// # Errors
/// [`AskError`] where the history does not have what was asked about.
pub fn answer(history: &History, question: &Question) -> Result<Answer, AskError> {
    let ground = Ground::of(history);
    let sentences = match question {
        Question::Why { replicas, at, day } => why::sentences(&ground, *replicas, *at, *day)?,
        Question::Limits => limits::sentences(&ground),
        Question::Better => limits::better(&ground),
        Question::WhatIf(_) => return Err(AskError::NeedsSpec { service: ground.service }),
    };
    Ok(ground.finish(question, sentences))
}

/// What every answer is made from.
struct Ground<'a> {
    history: &'a History,
    features: Features,
    diagnosis: Diagnosis,
    service: String,
    pack: Pack,
}

/// Sentences with the facts that are not in the pack.
type Told = Vec<(Draft, Vec<Fact>)>;

impl<'a> Ground<'a> {
    fn of(history: &'a History) -> Self {
        let features = Features::of(history);
        let diagnosis = diagnose(&features);
        let options = PackOptions { tokens_max: u32::MAX, class: DataClass::Names, ..PackOptions::local() };
        let pack = Pack::new(history, &features, &diagnosis, &options);
        Self { history, features, diagnosis, service: text::name(&secrets::cut(&history.service)), pack }
    }

    fn finish(self, question: &Question, told: Told) -> Answer {
        let mut facts: Vec<Fact> = Vec::new();
        let mut sentences = Vec::with_capacity(told.len());
        for (draft, own) in told {
            let sentence = draft.finish();
            let of_pack = self.pack.facts.iter().filter(|fact| sentence.cites.contains(&fact.id));
            for fact in own.iter().chain(of_pack) {
                if !facts.iter().any(|known| known.id == fact.id) {
                    facts.push(fact.clone());
                }
            }
            sentences.push(sentence);
        }
        let names = vec![self.service.clone()];
        Answer { question: question.clone(), service: self.service, sentences, facts, names }
    }

    /// A fact of this answer alone.
    fn fact(&self, id: String, name: &'static str, figures: Vec<Figure>, at_ms: i64) -> Fact {
        Fact {
            id,
            name,
            figures,
            words: String::new(),
            from_ms: at_ms,
            to_ms: at_ms,
            source: Source::Controller,
            trust: Trust::Decided,
            rank: 0,
        }
    }
}

/// Somebody's words as they can stand between quotes: one line, no quotes or brackets of their own, secrets cut.
fn quotable(words: &str) -> String {
    let plain = secrets::cut(words);
    let safe = plain.chars().map(|c| match c {
        '"' => '\'',
        '[' => '(',
        ']' => ')',
        c if c.is_control() => ' ',
        c => c,
    });
    let short: String = safe.take(QUOTE_MAX).collect();
    short.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `9:30` as it is asked for.
fn clock(at: TimeOfDay) -> String {
    format!("{:02}:{:02}", at.hour, at.minute)
}
