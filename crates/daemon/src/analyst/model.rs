//! The model's rung: asked on a thread of its own, after the rules and beside them, never waited for.
//!
//! Its queue holds one question; what does not fit is counted and left out, because the next look asks about newer facts
//! anyway. Its findings are put on top of the rules' ([`Ladder`]), which removes none; its proposals take the same road through
//! the gate as any others. What was asked, what was answered and what became of it comes back as a value for the journal.

use super::worker::{Job, Look, NICE, Proved};
use crate::state_dir::StateDir;
use plimsoll_analyst::ladder::{Opinion, Rung};
use plimsoll_analyst::prompt::{Prompt, Reading};
use plimsoll_analyst::{Ladder, Pack};
use plimsoll_llm::budget::{Spent, Tokens};
use plimsoll_llm::{Asked, ModelError, Voice, VoiceFigures};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// The file that a day's spending is kept in.
pub const SPENT_FILE: &str = "model-spent.json";
/// Most proposals of one answer that are proved.
const PROPOSALS_MAX: usize = 3;

/// What became of one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consulted {
    /// Who was asked.
    pub by: String,
    /// The hash of the question; none where nothing may be shown.
    pub prompt_hash: Option<String>,
    /// What of the answer holds; none where none did.
    pub answer: Option<Reading>,
    /// Why there is none.
    pub error: Option<String>,
    /// It was answered before, and nothing was sent.
    pub is_cached: bool,
    /// It took a repair.
    pub is_repaired: bool,
    /// What it took.
    pub tokens: Tokens,
    /// Requests that were sent.
    pub requests: u32,
}

/// What `/metrics` and the state say of the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelFigures {
    /// Who is asked.
    pub name: String,
    /// Questions by outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// What it has cost and whether it is asked at all; none before the first look at it.
    pub voice: Option<VoiceFigures>,
}

/// Every outcome, in the order in which metrics list them.
pub const OUTCOMES: [&str; 6] = ["answered", "repaired", "cached", "failed", "not_asked", "skipped"];

/// Spending, as it outlives the daemon.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Kept {
    /// Wall clock at which the window began, ms.
    began_ms: i64,
    spent: Spent,
}

/// What was spent in the window that still counts, with its age.
pub fn spent(dir: &StateDir, wall_ms: i64) -> Option<(Spent, u64)> {
    let kept: Kept = dir.read_json(SPENT_FILE)?;
    // A clock that was set back makes the window younger, and buys nothing.
    Some((kept.spent, u64::try_from(wall_ms.saturating_sub(kept.began_ms)).unwrap_or(0)))
}

/// Takes questions.
#[derive(Debug)]
pub struct Consultant {
    jobs: SyncSender<Job>,
    figures: Arc<Mutex<ModelFigures>>,
}

impl Consultant {
    /// Starts the thread; it ends with this value, after the question that is under way.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(voice: Box<dyn Voice>, dir: StateDir, done: mpsc::Sender<Proved>) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(1);
        let figures = ModelFigures { name: voice.name(), voice: Some(voice.figures()), ..ModelFigures::default() };
        let figures = Arc::new(Mutex::new(figures));
        let desk = Bench { voice, dir, done, figures: Arc::clone(&figures) };
        std::thread::Builder::new().name("model".to_owned()).spawn(move || desk.work(&waiting))?;
        Ok(Self { jobs, figures })
    }

    /// Hands a question over without waiting; where one is under way and one waits, it is left out and counted.
    pub fn carry_out(&self, job: Job) {
        if self.jobs.try_send(job).is_err() {
            count(&self.figures, "skipped");
        }
    }

    /// What there is to say of it.
    pub fn figures(&self) -> ModelFigures {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn count(figures: &Mutex<ModelFigures>, outcome: &'static str) {
    *figures.lock().unwrap_or_else(PoisonError::into_inner).outcomes.entry(outcome).or_default() += 1;
}

struct Bench {
    voice: Box<dyn Voice>,
    dir: StateDir,
    done: mpsc::Sender<Proved>,
    figures: Arc<Mutex<ModelFigures>>,
}

impl Bench {
    fn work(mut self, waiting: &Receiver<Job>) {
        let _ = rustix::process::nice(NICE);
        for job in waiting {
            let (proved, outcome) = consult(&job, &mut *self.voice);
            count(&self.figures, outcome);
            self.keep();
            if self.done.blocking_send(proved).is_err() {
                return;
            }
        }
    }

    /// What was spent is on disk before anybody hears the answer.
    fn keep(&self) {
        let now = self.voice.figures();
        let age = i64::try_from(now.window_age_ms).unwrap_or(i64::MAX);
        let kept = Kept { began_ms: crate::clock::wall_ms().saturating_sub(age), spent: now.spent };
        let _ = self.dir.write_json(SPENT_FILE, &kept);
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).voice = Some(now);
    }
}

/// Asks, puts what holds on top of what the rules say, and proves what it proposes.
pub fn consult(job: &Job, voice: &mut dyn Voice) -> (Proved, &'static str) {
    let mut look = Look::by_rules(job);
    let mut options = voice.pack_options();
    // Everybody else's name is as good a hint as the service's own.
    options.names = job.spec.services.keys().map(ToString::to_string).collect();
    options.names.extend(job.spec.jobs.keys().map(ToString::to_string));
    let seen = &look.seen;
    let pack = Pack::new(&seen.history, &seen.features, &seen.diagnosis, &options);
    let prompt = Prompt::new(&pack);
    let asked = prompt.as_ref().map(|prompt| voice.ask(prompt, &seen.history));
    let by = voice.name();
    let (consulted, opinion, outcome) = told(&by, prompt.as_ref(), asked);
    look.ladder.climb(opinion, |id| pack.fact(id).is_some());
    look.facts = look.cited();
    let mut proposals = of_model(&look.ladder);
    proposals.truncate(PROPOSALS_MAX);
    let found = job.prove_all(proposals, look.seen.until_ms);
    let proved = Proved {
        service: job.service.clone(),
        look,
        found,
        followed: Vec::new(),
        consulted: Some(Box::new(consulted)),
        told: None,
    };
    (proved, outcome)
}

fn of_model(ladder: &Ladder) -> Vec<plimsoll_analyst::Proposal> {
    let opinion = ladder.opinions.iter().find(|opinion| opinion.rung == Rung::Model);
    opinion.map(|opinion| opinion.proposals.clone()).unwrap_or_default()
}

fn told(
    by: &str,
    prompt: Option<&Prompt>,
    asked: Option<Result<Asked, ModelError>>,
) -> (Consulted, Opinion, &'static str) {
    let mut consulted = Consulted {
        by: by.to_owned(),
        prompt_hash: prompt.map(|prompt| prompt.hash.clone()),
        answer: None,
        error: None,
        is_cached: false,
        is_repaired: false,
        tokens: Tokens::default(),
        requests: 0,
    };
    let (opinion, outcome) = match asked {
        None => {
            let why = "no fact may be shown to it, or none had room; it was not asked";
            consulted.error = Some(why.to_owned());
            (Opinion::abstained(Rung::Model, by, why), "not_asked")
        }
        Some(Err(error)) => {
            consulted.error = Some(error.to_string());
            let outcome = match error {
                ModelError::Open { .. } | ModelError::Budget(_) => "not_asked",
                _ => "failed",
            };
            (Opinion::failed(Rung::Model, by, &error.to_string()), outcome)
        }
        Some(Ok(asked)) => {
            let outcome = match (asked.is_cached, asked.is_repaired) {
                (true, _) => "cached",
                (false, true) => "repaired",
                (false, false) => "answered",
            };
            consulted.answer = Some(asked.reading.clone());
            (consulted.is_cached, consulted.is_repaired) = (asked.is_cached, asked.is_repaired);
            (consulted.tokens, consulted.requests) = (asked.tokens, asked.requests);
            (asked.reading.into_opinion(by), outcome)
        }
    };
    (consulted, opinion, outcome)
}
