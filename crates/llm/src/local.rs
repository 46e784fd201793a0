//! A model in the process, asked as one behind an endpoint is: budget, cache, reading.
//!
//! What a grammar holds to the schema is valid by it, and is read again all the same: a schema cannot say that the fewest
//! replicas are at most the most. There is no repair: a model that is small enough to be here is not helped by words about its
//! mistake, and another minute of a processor is worth more. Nothing leaves the process, so everything may be shown to it.

use crate::budget::{Budget, Spent, Tokens};
use crate::cache::Cache;
use crate::conformance::Answers;
use crate::model::Asked;
use crate::{ModelError, budget};
use plimsoll_analyst::PackOptions;
use plimsoll_analyst::evidence::DataClass;
use plimsoll_analyst::evidence::tokens::estimate;
use plimsoll_analyst::history::History;
use plimsoll_analyst::ladder::{Opinion, Rung};
use plimsoll_analyst::prompt::Prompt;
use plimsoll_local_llm::{Answer, Engine, Limits, LocalError, Question};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Settings of a model in the process.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// The GGUF file.
    pub path: PathBuf,
    /// Bounds of the model and of each answer.
    pub limits: Limits,
    /// Most tokens of the evidence pack.
    pub pack_tokens_max: u32,
    /// The most that may be shown to it; `None` is everything.
    pub show: Option<DataClass>,
    /// What it may read and write in all. Prices are not asked about.
    pub budget: Budget,
}

impl LocalSettings {
    /// With the bounds of a small model: 256 tokens of evidence, and what [`Limits::default`] says.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            limits: Limits::default(),
            pack_tokens_max: 256,
            show: None,
            budget: Budget::default(),
        }
    }
}

/// What a model file is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// What it calls itself.
    pub name: String,
    /// The file.
    pub file: String,
    /// Its size.
    pub file_bytes: u64,
    /// Of all its bytes, hexadecimal.
    pub sha256: String,
    /// Layers, values between them, heads, heads of keys.
    pub layers: usize,
    /// Values of a token between layers.
    pub width: usize,
    /// Tokens that there are.
    pub vocabulary: usize,
    /// Tokens of context in use.
    pub context: usize,
    /// Weights and past tokens when the context is full.
    pub memory_bytes: u64,
    /// From the first byte of the file to the first question, ms.
    pub load_ms: u64,
    /// The instructions that it uses.
    pub instructions: &'static str,
}

/// What the questions so far took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Work {
    /// Tokens of questions that were read; those still known from the question before excepted.
    pub read: u64,
    /// Tokens of answers.
    pub written: u64,
    /// Of those, tokens that the schema left no choice about.
    pub forced: u64,
    /// CPU time of reading.
    pub reading: Duration,
    /// CPU time of writing.
    pub writing: Duration,
}

/// A model in the process, and what is remembered of it.
#[derive(Debug)]
pub struct LocalModel {
    settings: LocalSettings,
    engine: Engine,
    load_ms: u64,
    since: Instant,
    spent: Spent,
    cache: Cache,
    work: Work,
    cancelled: Arc<AtomicBool>,
}

impl LocalModel {
    /// Loads it.
    ///
    /// # Errors
    /// [`ModelError::Local`] for a file that is missing, not what it has to be, or too large.
    pub fn open(settings: LocalSettings) -> Result<Self, ModelError> {
        let began = Instant::now();
        let file = open(&settings.path)?;
        let engine = Engine::load(file, &settings.path.display().to_string(), settings.limits)?;
        let (spent, cache, cancelled) = (Spent::default(), Cache::default(), Arc::new(AtomicBool::new(false)));
        let load_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Self { settings, engine, load_ms, since: Instant::now(), spent, cache, work: Work::default(), cancelled })
    }

    /// Setting it stops the answer that is being written, and every further one until it is cleared.
    #[must_use]
    pub fn cancelled(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// What the questions so far took.
    #[must_use]
    pub const fn work(&self) -> Work {
        self.work
    }

    /// How evidence is packed for it.
    #[must_use]
    pub fn pack_options(&self) -> PackOptions {
        let base = PackOptions::local();
        let class = self.settings.show.unwrap_or(base.class);
        PackOptions { tokens_max: self.settings.pack_tokens_max, class, ..base }
    }

    /// What its file is. Reads all of it for the hash.
    ///
    /// # Errors
    /// [`ModelError::Local`] where it cannot be read any more.
    pub fn card(&self) -> Result<Card, ModelError> {
        let (file_bytes, sha256) = hash(&self.settings.path)?;
        let config = self.engine.config();
        let context = self.settings.limits.context.min(config.context);
        Ok(Card {
            name: self.engine.name().to_owned(),
            file: self.settings.path.display().to_string(),
            file_bytes,
            sha256,
            layers: config.layers,
            width: config.width,
            vocabulary: config.vocabulary,
            context,
            memory_bytes: config.bytes(context),
            load_ms: self.load_ms,
            instructions: self.engine.level().name(),
        })
    }

    /// The opinion of this rung, whatever happens: a failure is one, too.
    pub fn opinion(&mut self, prompt: Option<&Prompt>, history: &History) -> Opinion {
        let by = plimsoll_analyst::evidence::text::name(self.engine.name());
        let Some(prompt) = prompt else {
            return Opinion::abstained(
                Rung::Model,
                &by,
                "no fact may be shown to it, or none had room; it was not asked",
            );
        };
        match self.ask_now(prompt, history) {
            Ok(asked) => asked.reading.into_opinion(&by),
            Err(error) => Opinion::failed(Rung::Model, &by, &error.to_string()),
        }
    }

    /// Asks, on this thread.
    ///
    /// # Errors
    /// [`ModelError`]; nothing of the answer is taken then.
    pub fn ask_now(&mut self, prompt: &Prompt, history: &History) -> Result<Asked, ModelError> {
        if let Some(reading) = self.cache.get(&prompt.hash) {
            let (prompt_hash, reading) = (prompt.hash.clone(), reading.clone());
            let (is_repaired, tokens) = (false, Tokens::default());
            return Ok(Asked { reading, prompt_hash, is_cached: true, is_repaired, tokens, requests: 0 });
        }
        let answer = self.answer(prompt)?;
        let tokens = Tokens { read: answer.read.into(), written: answer.written.into() };
        let reading = prompt.read(&answer.text, history)?;
        self.cache.put(&prompt.hash, reading.clone());
        Ok(Asked {
            reading,
            prompt_hash: prompt.hash.clone(),
            is_cached: false,
            is_repaired: false,
            tokens,
            requests: 1,
        })
    }

    /// The words of an answer, before they are read.
    ///
    /// # Errors
    /// [`ModelError::Budget`] and [`ModelError::Local`].
    pub fn answer(&mut self, prompt: &Prompt) -> Result<Answer, ModelError> {
        let most = Tokens {
            read: u64::from(estimate(&prompt.system)) + u64::from(estimate(&prompt.user)),
            written: self.settings.limits.answer_tokens_max.into(),
        };
        let now_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let reserved: budget::Reserved = self.settings.budget.reserve(&mut self.spent, most, now_ms)?;
        let question = Question { system: &prompt.system, user: &prompt.user };
        let answer = match self.engine.answer(question, &prompt.schema, &self.cancelled) {
            Ok(answer) => answer,
            Err(error) => {
                // What was written until then is not known exactly, so the reservation stands.
                let _ = self.settings.budget.settle(&mut self.spent, reserved, None, 0, 0);
                return Err(error.into());
            }
        };
        let taken = Tokens { read: answer.read.into(), written: answer.written.into() };
        let _ = self.settings.budget.settle(&mut self.spent, reserved, Some(taken), 0, 0);
        self.work.read += u64::from(answer.read - answer.known);
        self.work.written += u64::from(answer.written);
        self.work.forced += u64::from(answer.forced);
        self.work.reading += answer.reading;
        self.work.writing += answer.writing;
        Ok(answer)
    }
}

impl Answers for LocalModel {
    async fn ask(&mut self, prompt: &Prompt, history: &History) -> Result<Asked, ModelError> {
        self.ask_now(prompt, history)
    }

    fn held_by(&self) -> &'static str {
        "grammar"
    }
}

fn unread(path: &Path, source: std::io::Error) -> ModelError {
    ModelError::Local(LocalError::Read { file: path.display().to_string(), source })
}

fn open(path: &Path) -> Result<File, ModelError> {
    File::open(path).map_err(|source| unread(path, source))
}

/// The file's size and SHA-256, hexadecimal.
fn hash(path: &Path) -> Result<(u64, String), ModelError> {
    let mut file = open(path)?;
    let (mut context, mut size) = (ring::digest::Context::new(&ring::digest::SHA256), 0);
    let mut chunk = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut chunk).map_err(|source| unread(path, source))?;
        if count == 0 {
            break;
        }
        size += count as u64;
        context.update(&chunk[..count]);
    }
    Ok((size, context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()))
}
