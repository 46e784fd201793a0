//! A run of questions against an endpoint: how many answers hold, how long they take, what they cost.
//!
//! The questions are given; whoever asks takes those of the scenarios that everybody may look at. An answer that holds is
//! valid by schema and cites only what was shown. Whether it is *right* is another question, which the evaluation asks.

use crate::ModelError;
use crate::model::{Asked, Model};
use plimsoll_analyst::Cause;
use plimsoll_analyst::history::History;
use plimsoll_analyst::prompt::Prompt;
use serde::Serialize;
use std::future::Future;
use std::time::Instant;

/// Whatever can be asked: a model behind an endpoint, or one in the process.
pub trait Answers {
    /// Asks one question; `history` is what its pack was made of.
    ///
    /// # Errors
    /// [`ModelError`]; nothing of the answer is taken then.
    fn ask(&mut self, prompt: &Prompt, history: &History) -> impl Future<Output = Result<Asked, ModelError>>;

    /// What holds it to the schema.
    fn held_by(&self) -> &'static str;
}

impl Answers for Model {
    fn ask(&mut self, prompt: &Prompt, history: &History) -> impl Future<Output = Result<Asked, ModelError>> {
        Self::ask(self, prompt, history)
    }

    fn held_by(&self) -> &'static str {
        self.quirks().format.name()
    }
}

/// One question of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// The hash of the question.
    pub prompt_hash: String,
    /// It holds.
    pub is_valid: bool,
    /// It holds only after a repair.
    pub is_repaired: bool,
    /// What it names.
    pub causes: Vec<Cause>,
    /// Why it does not hold; empty where it does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wrong: String,
    /// From the question to the answer, ms.
    pub took_ms: u64,
    /// Tokens read by the model.
    pub tokens_read: u64,
    /// Tokens written by it.
    pub tokens_written: u64,
    /// Requests sent.
    pub requests: u32,
}

/// What a run comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Each question, in order.
    pub trials: Vec<Trial>,
    /// Answers that hold.
    pub valid: u32,
    /// Of those, after a repair.
    pub repaired: u32,
    /// How the model was held to the schema: `json_schema`, `json_object` or `words`; `grammar` in the process.
    pub format: &'static str,
    /// Median time of an answer, ms.
    pub median_ms: u64,
    /// Longest, ms.
    pub longest_ms: u64,
    /// Tokens read.
    pub tokens_read: u64,
    /// Tokens written.
    pub tokens_written: u64,
    /// The run ended early: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Asks one question after the other; `done` is called after each. It ends early when the budget is spent or the endpoint has to
/// be left alone.
pub async fn run(model: &mut impl Answers, questions: &[(Prompt, History)], mut done: impl FnMut(&Trial)) -> Run {
    let (mut trials, mut ended) = (Vec::new(), None);
    for (prompt, history) in questions {
        let began = Instant::now();
        let result = model.ask(prompt, history).await;
        if let Err(error @ (ModelError::Budget(_) | ModelError::Open { .. })) = &result {
            ended = Some(error.to_string());
            break;
        }
        let trial = trial(prompt, result, began);
        done(&trial);
        trials.push(trial);
    }
    summary(trials, ended, model.held_by())
}

fn trial(prompt: &Prompt, result: Result<Asked, ModelError>, began: Instant) -> Trial {
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut trial = Trial {
        prompt_hash: prompt.hash.clone(),
        is_valid: false,
        is_repaired: false,
        causes: Vec::new(),
        wrong: String::new(),
        took_ms,
        tokens_read: 0,
        tokens_written: 0,
        requests: 0,
    };
    match result {
        Ok(asked) => {
            (trial.is_valid, trial.is_repaired) = (true, asked.is_repaired);
            trial.causes = asked.reading.hypotheses.iter().map(|hypothesis| hypothesis.cause).collect();
            (trial.tokens_read, trial.tokens_written) = (asked.tokens.read, asked.tokens.written);
            trial.requests = asked.requests;
        }
        Err(error) => trial.wrong = error.to_string(),
    }
    trial
}

fn summary(trials: Vec<Trial>, ended: Option<String>, format: &'static str) -> Run {
    let count = |holds: fn(&Trial) -> bool| trials.iter().filter(|trial| holds(trial)).count() as u32;
    let mut times: Vec<u64> = trials.iter().map(|trial| trial.took_ms).collect();
    times.sort_unstable();
    Run {
        valid: count(|trial| trial.is_valid),
        repaired: count(|trial| trial.is_repaired),
        format,
        median_ms: times.get(times.len() / 2).copied().unwrap_or(0),
        longest_ms: times.last().copied().unwrap_or(0),
        tokens_read: trials.iter().map(|trial| trial.tokens_read).sum(),
        tokens_written: trials.iter().map(|trial| trial.tokens_written).sum(),
        trials,
        ended,
    }
}
