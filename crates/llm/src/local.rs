//! A model in the process, asked as one behind an endpoint is: cache, breaker, budget, reading.
//!
//! Its file is looked at when it is set up and loaded when the first question is asked, on the thread that asks: whoever sets it
//! up waits for nothing, and what is never asked takes no memory.
//!
//!
//! What a grammar holds to the schema is valid by it, and is read again all the same: a schema cannot say that the fewest
//! replicas are at most the most. There is no repair: a model that is small enough to be here is not helped by words about its
//! mistake, and another minute of a processor is worth more. Nothing leaves the process, so everything may be shown to it.

use crate::breaker::{self, Breaker};
use crate::budget::{Budget, Spent, Tokens};
use crate::cache::Cache;
use crate::conformance::Answers;
use crate::model::Asked;
use crate::voice::{Voice, VoiceFigures};
use crate::{ModelError, budget};
use plimsoll_analyst::PackOptions;
use plimsoll_analyst::evidence::DataClass;
use plimsoll_analyst::evidence::tokens::estimate;
use plimsoll_analyst::history::History;
use plimsoll_analyst::ladder::{Opinion, Rung};
use plimsoll_analyst::prompt::Prompt;
use plimsoll_local_llm::matrix::Level;
use plimsoll_local_llm::{Answer, Engine, Head, Limits, LocalError, Question};
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
    /// What it is called; `None` is what it calls itself.
    pub name: Option<String>,
    /// Bounds of the model and of each answer.
    pub limits: Limits,
    /// Most tokens of the evidence pack.
    pub pack_tokens_max: u32,
    /// The most that may be shown to it; `None` is everything.
    pub show: Option<DataClass>,
    /// Names are shown as pseudonyms; `None` is not.
    pub pseudonyms: Option<bool>,
    /// What it may read and write in all. Prices are not asked about.
    pub budget: Budget,
    /// Failures in a row after which it is left alone.
    pub failures: u32,
    /// For so long at first.
    pub pause: Duration,
}

impl LocalSettings {
    /// With the bounds of a small model: 256 tokens of evidence, and what [`Limits::default`] says.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            name: None,
            limits: Limits::default(),
            pack_tokens_max: 256,
            show: None,
            pseudonyms: None,
            budget: Budget::default(),
            failures: breaker::FAILURES,
            pause: Duration::from_millis(breaker::PAUSE_MS),
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
    /// From the first byte of the file to the first question, ms; 0 before that.
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
    head: Head,
    /// None before the first question.
    engine: Option<Engine>,
    load_ms: u64,
    since: Instant,
    /// What has passed of the budget's window before `since`, ms.
    before_ms: u64,
    breaker: Breaker,
    spent: Spent,
    cache: Cache,
    work: Work,
    cancelled: Arc<AtomicBool>,
}

impl LocalModel {
    /// Looks at the head of its file; it is loaded when it is asked.
    ///
    /// # Errors
    /// [`ModelError::Local`] for a file that is missing, not what it has to be, or too large.
    pub fn prepare(settings: LocalSettings) -> Result<Self, ModelError> {
        let head = Head::read(open(&settings.path)?, &settings.path.display().to_string(), &settings.limits)?;
        let pause_ms = u64::try_from(settings.pause.as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            breaker: Breaker::new(settings.failures, pause_ms),
            settings,
            head,
            engine: None,
            load_ms: 0,
            since: Instant::now(),
            before_ms: 0,
            spent: Spent::default(),
            cache: Cache::default(),
            work: Work::default(),
            cancelled: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Loads it at once.
    ///
    /// # Errors
    /// As [`Self::prepare`], and for weights that are not what they have to be.
    pub fn open(settings: LocalSettings) -> Result<Self, ModelError> {
        let mut model = Self::prepare(settings)?;
        model.load()?;
        Ok(model)
    }

    /// Takes over what an earlier process spent in a window that began `age_ms` ago, so that ending a process buys nothing.
    #[must_use]
    pub const fn having_spent(mut self, spent: Spent, age_ms: u64) -> Self {
        self.spent = Spent { since_ms: 0, ..spent };
        self.before_ms = age_ms;
        self
    }

    fn load(&mut self) -> Result<&mut Engine, ModelError> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let (began, path) = (Instant::now(), &self.settings.path);
                let engine = Engine::load(open(path)?, &path.display().to_string(), self.settings.limits)?;
                self.load_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                engine
            }
        };
        Ok(self.engine.insert(engine))
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
        let pseudonyms = self.settings.pseudonyms.unwrap_or(base.pseudonyms);
        PackOptions { tokens_max: self.settings.pack_tokens_max, class, pseudonyms, ..base }
    }

    /// What its file is. Reads all of it for the hash.
    ///
    /// # Errors
    /// [`ModelError::Local`] where it cannot be read any more.
    pub fn card(&self) -> Result<Card, ModelError> {
        let (file_bytes, sha256) = hash(&self.settings.path)?;
        let Head { name, config, context } = &self.head;
        Ok(Card {
            name: name.clone(),
            file: self.settings.path.display().to_string(),
            file_bytes,
            sha256,
            layers: config.layers,
            width: config.width,
            vocabulary: config.vocabulary,
            context: *context,
            memory_bytes: config.bytes(*context),
            load_ms: self.load_ms,
            instructions: Level::best().name(),
        })
    }

    /// The opinion of this rung, whatever happens: a failure is one, too.
    pub fn opinion(&mut self, prompt: Option<&Prompt>, history: &History) -> Opinion {
        let by = self.name();
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
        if let Some(wait_ms) = self.breaker.wait_ms(self.now_ms()) {
            return Err(ModelError::Open { wait_ms });
        }
        let answered = self.answer(prompt);
        match &answered {
            Err(error) if error.is_failure() => self.breaker.failed(self.now_ms()),
            Ok(_) => self.breaker.succeeded(),
            Err(_) => {}
        }
        let answer = answered?;
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
        let now_ms = self.now_ms();
        let reserved: budget::Reserved = self.settings.budget.reserve(&mut self.spent, most, now_ms)?;
        let question = Question { system: &prompt.system, user: &prompt.user };
        let cancelled = Arc::clone(&self.cancelled);
        let answered = self.load().and_then(|engine| Ok(engine.answer(question, &prompt.schema, &cancelled)?));
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => {
                // What was written until then is not known exactly, so the reservation stands.
                let _ = self.settings.budget.settle(&mut self.spent, reserved, None, 0, 0);
                return Err(error);
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

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(self.before_ms)
    }
}

impl Voice for LocalModel {
    fn name(&self) -> String {
        plimsoll_analyst::evidence::text::name(self.settings.name.as_deref().unwrap_or(&self.head.name))
    }

    fn pack_options(&self) -> PackOptions {
        Self::pack_options(self)
    }

    fn ask(&mut self, prompt: &Prompt, history: &History) -> Result<Asked, ModelError> {
        self.ask_now(prompt, history)
    }

    fn figures(&self) -> VoiceFigures {
        VoiceFigures {
            spent: self.spent,
            window_age_ms: self.now_ms().saturating_sub(self.spent.since_ms),
            budget: self.settings.budget,
            left_alone_ms: self.breaker.wait_ms(self.now_ms()).unwrap_or(0),
        }
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
