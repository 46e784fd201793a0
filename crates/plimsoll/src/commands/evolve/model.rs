//! A language model as an arm of the search: asked within its bounds, or its answers read from an earlier search.
//!
//! Nothing of an answer is used but texts, and a text is a candidate like any other. That no answer came costs the search the
//! asking and nothing else. The time that a model is waited for is not time of the search; it is bounded by as much as the
//! search may compute. What it answered is kept with the search, so that `--answers` makes the same search again without it.

use super::cpu_seconds;
use crate::args::Evolve;
use crate::commands::analyst::model::{Any, model, wait};
use anyhow::{Context, bail};
use plimsoll_analyst::PackOptions;
use plimsoll_analyst::evidence::text;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::prompt::formulas::{self, Topic};
#[cfg(feature = "local-llm")]
use plimsoll_llm::ModelError;
use plimsoll_llm::Taken;
use plimsoll_search::evolve::{Answer, Arm, Brief, Evolution, Writer};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

/// Most bytes of a file of answers.
const FILE_SIZE_MAX: u64 = 64 << 20;
/// Longest reason that is kept, characters.
const REASON_MAX: usize = 300;

/// What an earlier search's proof or checkpoint has of answers; all else that stands there is left.
#[derive(Deserialize)]
struct Recorded {
    #[serde(default)]
    answers: Vec<Answer>,
}

enum Source {
    /// Asked.
    Live(Box<Any>, PackOptions),
    /// Read; questions are made with so many tokens.
    Read(VecDeque<Answer>, u32),
}

/// The arm.
pub struct ModelArm<'a> {
    source: Source,
    name: String,
    topic: Topic,
    /// CPU seconds that went to a model in this process, which are not the search's.
    spared: &'a Cell<f64>,
    waited: Duration,
    wait_max: Duration,
    taken: Taken,
    repaired: u32,
    /// Why recorded answers do not fit this search.
    fault: Option<String>,
}

impl<'a> ModelArm<'a> {
    /// The arm that was typed, if any. `wait_max` is the longest that it may be waited for in all.
    pub fn open(
        typed: &Evolve,
        topic: Topic,
        wait_max: Duration,
        spared: &'a Cell<f64>,
    ) -> anyhow::Result<Option<Self>> {
        let (name, source) = match (&typed.answers, &typed.of.endpoint) {
            (Some(path), _) => (path.display().to_string(), Source::Read(read(path)?, typed.of.tokens)),
            (None, Some(_)) => {
                let model = model(&typed.of)?;
                let (name, options) = match &model {
                    Any::Remote(model) => (text::name(&model.settings().model), model.settings().pack_options()),
                    #[cfg(feature = "local-llm")]
                    Any::Local(model) => (typed.of.endpoint.clone().unwrap_or_default(), model.pack_options()),
                };
                (name, Source::Live(Box::new(model), options))
            }
            (None, None) => return Ok(None),
        };
        let (waited, taken, repaired, fault) = (Duration::ZERO, Taken::default(), 0, None);
        Ok(Some(Self { source, name, topic, spared, waited, wait_max, taken, repaired, fault }))
    }

    /// Passes over the answers that a search that goes on has had already.
    pub fn skip(&mut self, search: &Evolution) -> anyhow::Result<()> {
        let Source::Read(answers, _) = &mut self.source else { return Ok(()) };
        for known in search.answers() {
            if answers.pop_front().as_ref() != Some(known) {
                bail!("--answers {}: the checkpoint has other answers than this file", self.name);
            }
        }
        Ok(())
    }

    /// # Errors
    /// Where recorded answers do not fit this search.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.fault.take().map_or(Ok(()), |fault| bail!("--answers {}: {fault}", self.name))
    }
}

impl Writer for ModelArm<'_> {
    fn write(&mut self, brief: &Brief<'_>) -> Answer {
        match &mut self.source {
            Source::Read(answers, tokens) => {
                let (answer, tokens) = (answers.pop_front(), *tokens);
                self.recorded(answer, tokens, brief)
            }
            Source::Live(_, options) => match formulas::ask(self.topic, brief, options) {
                Some(prompt) => self.asked(&prompt, brief),
                None => {
                    let why = "nothing may be shown to the model, or the question has no room in --tokens";
                    Answer { error: Some(why.to_owned()), ..Answer::default() }
                }
            },
        }
    }
}

impl ModelArm<'_> {
    /// The next recorded answer, if it is to this very question, whether names were told in it or not.
    fn recorded(&mut self, answer: Option<Answer>, tokens_max: u32, brief: &Brief<'_>) -> Answer {
        let fault = match answer {
            Some(answer) => {
                let is_of = |options: PackOptions| {
                    let asked = formulas::ask(self.topic, brief, &PackOptions { tokens_max, ..options });
                    asked.is_some_and(|prompt| prompt.hash == answer.question)
                };
                if answer.question.is_empty() || is_of(PackOptions::local()) || is_of(PackOptions::remote()) {
                    return answer;
                }
                let Answer { episode, question, .. } = answer;
                format!(
                    "the answer of episode {episode} is to another question ({question}) than is asked here; task, sets, seed and \
                     options have to be those of the search that it comes from"
                )
            }
            None => "there are no more answers; --episodes ends this search where the other one ended".to_owned(),
        };
        self.fault = Some(fault.clone());
        Answer { error: Some(fault), ..Answer::default() }
    }

    fn asked(&mut self, prompt: &Prompt, brief: &Brief<'_>) -> Answer {
        let question = prompt.hash.clone();
        let silent = |why: String| Answer {
            question: question.clone(),
            error: Some(why.chars().take(REASON_MAX).collect()),
            ..Answer::default()
        };
        let left = self.wait_max.saturating_sub(self.waited);
        if left.is_zero() {
            let most = self.wait_max.as_secs();
            return silent(format!(
                "not asked: it was waited for {most} s in all, which is as long as the search may compute"
            ));
        }
        let (began, cpu) = (Instant::now(), cpu_seconds());
        let said = self.say(prompt, brief, left);
        self.waited += began.elapsed();
        self.spared.set(self.spared.get() + cpu_seconds() - cpu);
        match said {
            Ok(texts) => Answer { question, texts, ..Answer::default() },
            Err(error) => silent(format!("{error}")),
        }
    }

    fn say(&mut self, prompt: &Prompt, brief: &Brief<'_>, left: Duration) -> anyhow::Result<Vec<String>> {
        let Source::Live(model, _) = &mut self.source else { bail!("nobody is asked") };
        let read = |said: &str| formulas::read(brief, said);
        match &mut **model {
            Any::Remote(model) => {
                let taken = &mut self.taken;
                let asked = async { tokio::time::timeout(left, model.ask_for(prompt, read, taken)).await };
                let (texts, is_repaired) =
                    wait(asked)?.context("it was waited for as long as the search may compute")??;
                self.repaired += u32::from(is_repaired);
                Ok(texts)
            }
            #[cfg(feature = "local-llm")]
            Any::Local(model) => {
                let answer = model.answer(prompt)?;
                self.taken.tokens.read += u64::from(answer.read);
                self.taken.tokens.written += u64::from(answer.written);
                Ok(read(&answer.text).map_err(ModelError::from)?)
            }
        }
    }

    /// What there is to say of it when the search is over.
    pub fn told(&self, search: &Evolution) -> ModelTold {
        let answers = search.answers();
        let gain = |arm: &Arm| (arm.gain, arm.kept);
        let (gain, kept) = search.arms().iter().find(|arm| arm.name == "model").map(gain).unwrap_or_default();
        ModelTold {
            name: self.name.clone(),
            is_read: matches!(self.source, Source::Read(..)),
            questions: answers.len(),
            answered: answers.iter().filter(|answer| answer.error.is_none()).count(),
            formulas: answers.iter().map(|answer| answer.texts.len()).sum(),
            first_error: answers.iter().find_map(|answer| answer.error.clone()),
            last_error: answers.iter().rev().find_map(|answer| answer.error.clone()),
            repaired: self.repaired,
            taken: self.taken,
            waited: self.waited,
            gain,
            kept,
        }
    }
}

/// What came of the arm.
pub struct ModelTold {
    name: String,
    is_read: bool,
    questions: usize,
    answered: usize,
    formulas: usize,
    first_error: Option<String>,
    last_error: Option<String>,
    repaired: u32,
    taken: Taken,
    waited: Duration,
    gain: f64,
    kept: u64,
}

impl ModelTold {
    /// For machines.
    pub fn as_json(&self) -> Value {
        json!({
            "name": self.name,
            "is_read": self.is_read,
            "questions": self.questions,
            "answered": self.answered,
            "formulas": self.formulas,
            "first_error": self.first_error,
            "last_error": self.last_error,
            "repaired": self.repaired,
            "tokens": self.taken.tokens,
            "requests": self.taken.requests,
            "waited_seconds": self.waited.as_secs_f64(),
            "gain": self.gain,
            "kept": self.kept,
        })
    }
}

impl std::fmt::Display for ModelTold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, questions, answered, formulas, kept, .. } = self;
        write!(
            f,
            "model {name}: {answered} of {questions} questions answered, {formulas} formulas written, {kept} kept"
        )?;
        if self.is_read {
            write!(f, "; answers of an earlier search")?;
        } else {
            let Taken { tokens, requests } = self.taken;
            let waited = self.waited.as_secs_f64();
            write!(
                f,
                "; waited {waited:.1} s, {requests} requests, {} tokens read, {} written",
                tokens.read, tokens.written
            )?;
        }
        // The first says why; those after it often say only that nothing was asked.
        match &self.first_error {
            Some(error) => write!(f, "; first failure: {error}"),
            None => Ok(()),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<VecDeque<Answer>> {
    let told = || format!("--answers {}", path.display());
    let size = std::fs::metadata(path).with_context(told)?.len();
    anyhow::ensure!(size <= FILE_SIZE_MAX, "{} has {size} bytes; such a file has at most {FILE_SIZE_MAX}", told());
    let recorded: Recorded = serde_json::from_slice(&std::fs::read(path).with_context(told)?).with_context(told)?;
    anyhow::ensure!(!recorded.answers.is_empty(), "{} has no answers of a model", told());
    Ok(recorded.answers.into())
}
