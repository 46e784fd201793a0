//! Answers questions of people, on a thread of its own at idle priority: one at a time, a few waiting, none for ever.
//!
//! What is asked about is handed over as a value; where the history at hand does not reach back to the moment in question, the
//! journal does. An answer passes the checker before anybody hears it.

use crate::past::{self, PastError};
use plimsoll_analyst::ask::{Answer, AskError, Question, answer, what_if};
use plimsoll_analyst::history::{Configured, History};
use plimsoll_model::Spec;
use plimsoll_model::id::ServiceName;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Questions that may wait.
const WAITING_MAX: usize = 4;
/// From the question to the answer; whoever waits longer is told so.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Of that, the most that reading the journal may take.
const READING: Duration = Duration::from_secs(20);
/// Samples that the twin runs another load over, the newest: some seconds of CPU.
const WHAT_IF_SAMPLES: usize = 2_000;
/// Samples that are read back from the journal.
const JOURNAL_SAMPLES: usize = 8_000;
/// Fewest samples that a question can be answered from.
const SAMPLES_MIN: usize = 24;

/// A question with what it is about.
#[derive(Debug)]
pub struct Asking {
    /// What.
    pub question: Question,
    /// About which service.
    pub service: ServiceName,
    /// The spec with the operator's own policy.
    pub spec: Spec,
    /// What is known of it; none where it is not looked at.
    pub history: Option<History>,
    /// Where the rest is.
    pub journal: PathBuf,
    /// When it was asked.
    pub since: Instant,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Answer, Unanswered>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The history does not have it.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The journal cannot be read.
    #[error(transparent)]
    Past(#[from] PastError),
    /// Too little is known.
    #[error(
        "{samples} samples of {service} are recorded, and {SAMPLES_MIN} are needed; ask again when it has run for longer"
    )]
    TooLittle {
        /// The service.
        service: ServiceName,
        /// What there is.
        samples: usize,
    },
    /// The answer does not rest on its facts.
    #[error("the answer does not rest on its facts; this is a fault of plimsoll: {0}")]
    Unchecked(String),
}

/// Takes questions.
#[derive(Debug)]
pub struct Asker {
    questions: SyncSender<Asking>,
}

impl Asker {
    /// Starts the thread; it ends with this value.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start() -> std::io::Result<Self> {
        let (questions, waiting) = sync_channel(WAITING_MAX);
        std::thread::Builder::new().name("asker".to_owned()).spawn(move || work(&waiting))?;
        Ok(Self { questions })
    }

    /// Hands a question over without waiting; false where too many wait.
    #[must_use]
    pub fn ask(&self, asking: Asking) -> bool {
        self.questions.try_send(asking).is_ok()
    }
}

fn work(waiting: &Receiver<Asking>) {
    let _ = rustix::process::nice(super::worker::NICE);
    for asking in waiting {
        // Nobody waits for it any more.
        if asking.reply.is_closed() || asking.since.elapsed() > PATIENCE {
            continue;
        }
        let answered = answered(&asking);
        let _ = asking.reply.send(answered);
    }
}

fn answered(asking: &Asking) -> Result<Answer, Unanswered> {
    let at_hand = asking.history.as_ref().filter(|history| history.samples.len() >= SAMPLES_MIN);
    let told = match at_hand {
        Some(history) => match about(asking, history) {
            // It may have happened before what is at hand begins.
            Err(error @ Unanswered::Ask(AskError::NoDecision { .. } | AskError::NoSuchDecision { .. })) => {
                match read_back(asking) {
                    Ok(history) if history.samples.len() >= SAMPLES_MIN => about(asking, &history),
                    _ => Err(error),
                }
            }
            other => other,
        },
        None => about(asking, &read_back(asking)?),
    }?;
    match told.problems(&told.text()).first() {
        Some(problem) => Err(Unanswered::Unchecked(problem.to_string())),
        None => Ok(told),
    }
}

fn about(asking: &Asking, history: &History) -> Result<Answer, Unanswered> {
    let samples = history.samples.len();
    if samples < SAMPLES_MIN {
        return Err(Unanswered::TooLittle { service: asking.service.clone(), samples });
    }
    Ok(match &asking.question {
        Question::WhatIf(scenario) => {
            let history = newest(history, WHAT_IF_SAMPLES);
            what_if(&history, *scenario, &asking.spec, &asking.service)?
        }
        question => answer(history, question)?,
    })
}

fn read_back(asking: &Asking) -> Result<History, Unanswered> {
    let Asking { service, spec, journal, .. } = asking;
    let configured = spec.services.get(service).map(|service| Configured::of(service, spec.node.cpu));
    let wanted = (service, spec.tick.0, configured.unwrap_or_default());
    let bounds = (JOURNAL_SAMPLES, Instant::now() + READING);
    Ok(past::history(Path::new(journal), wanted, bounds)?)
}

/// The newest samples, with what happened since.
fn newest(history: &History, samples: usize) -> History {
    let over = history.samples.len().saturating_sub(samples);
    let mut kept = history.clone();
    kept.samples.drain(..over);
    kept.start_ms = history.start_ms.saturating_add_unsigned(history.step_ms.saturating_mul(over as u64));
    kept.events.retain(|event| event.at_ms >= kept.start_ms);
    kept.decisions.retain(|decision| decision.at_ms >= kept.start_ms);
    kept.forecasts.retain(|forecast| forecast.for_ms >= kept.start_ms);
    kept
}
