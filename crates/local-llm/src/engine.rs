//! A model from a file, and answers of it within hard limits.

use crate::LocalError;
use crate::chat::Chat;
use crate::gguf::{Gguf, Source};
use crate::matrix::Level;
use crate::network::{Config, Network};
use crate::tokenizer::Tokenizer;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bounds of a model and of each of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most tokens that a question and its answer have together; fewer where the model was trained with fewer.
    pub context: usize,
    /// Most tokens of an answer.
    pub answer_tokens_max: u32,
    /// Longest time of an answer.
    pub deadline: Duration,
    /// Most bytes that weights and past tokens take.
    pub memory_bytes_max: u64,
}

impl Default for Limits {
    /// 8,192 tokens, of which 1,024 are an answer; five minutes; 1 GiB.
    fn default() -> Self {
        Self { context: 8_192, answer_tokens_max: 1_024, deadline: Duration::from_secs(300), memory_bytes_max: 1 << 30 }
    }
}

/// What a model was told to answer.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who it is and how it answers.
    pub system: &'a str,
    /// What is asked.
    pub user: &'a str,
}

/// An answer, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Its words.
    pub text: String,
    /// Tokens of the question.
    pub read: u32,
    /// Of those, tokens that were still known from the question before.
    pub known: u32,
    /// Tokens of the answer.
    pub written: u32,
    /// Of those, tokens that the schema left no choice about.
    pub forced: u32,
    /// The bound on tokens ended it, or made it end early.
    pub is_short: bool,
    /// CPU time of this thread until the question was read.
    pub reading: Duration,
    /// And from then on.
    pub writing: Duration,
}

/// A loaded model.
#[derive(Debug)]
pub struct Engine {
    name: String,
    network: Network,
    tokenizer: Arc<Tokenizer>,
    chat: Chat,
    limits: Limits,
    #[cfg(feature = "grammar")]
    grammars: crate::grammar::Grammars,
}

/// CPU time of this thread.
#[cfg(feature = "grammar")]
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// When an answer has to stop.
struct Stop<'a> {
    began: Instant,
    limit: Duration,
    cancelled: &'a AtomicBool,
    written: u32,
}

impl Stop<'_> {
    fn check(&self) -> Result<(), LocalError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(LocalError::Cancelled { written: self.written });
        }
        if self.began.elapsed() > self.limit {
            let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
            return Err(LocalError::Deadline { limit_ms, written: self.written });
        }
        Ok(())
    }
}

/// What the header of a file says, before any weight is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// What the file calls itself.
    pub name: String,
    /// Its sizes.
    pub config: Config,
    /// Tokens of context in use.
    pub context: usize,
}

impl Head {
    /// Reads it, and holds it against the limits.
    ///
    /// # Errors
    /// [`LocalError`] for a file that is not what it has to be, needs more memory than it may have, or could never hold an
    /// answer of the longest length.
    pub fn read<S: Source>(source: S, file: &str, limits: &Limits) -> Result<Self, LocalError> {
        let head = Self::of(&Gguf::open(source, file)?, limits)?;
        if limits.answer_tokens_max as usize >= head.context {
            let (needed, most) = (u64::from(limits.answer_tokens_max) + 1, head.context as u64);
            return Err(LocalError::Limit { what: "question and answer in tokens", needed, most });
        }
        Ok(head)
    }

    fn of<S: Source>(gguf: &Gguf<S>, limits: &Limits) -> Result<Self, LocalError> {
        let config = Config::of(gguf)?;
        let context = limits.context.min(config.context);
        let needed = config.bytes(context);
        if needed > limits.memory_bytes_max {
            return Err(LocalError::Limit { what: "the model in bytes", needed, most: limits.memory_bytes_max });
        }
        let name = gguf.text("general.name").unwrap_or("unnamed");
        Ok(Self { name: name.chars().filter(|c| !c.is_control()).take(80).collect(), config, context })
    }
}

impl Engine {
    /// Loads a file of this name.
    ///
    /// # Errors
    /// [`LocalError`] for a file that is not what it has to be, or needs more memory than it may have.
    pub fn load<S: Source>(source: S, file: &str, limits: Limits) -> Result<Self, LocalError> {
        Self::load_with(source, file, limits, Level::best())
    }

    /// As [`Self::load`], with these instructions.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with<S: Source>(source: S, file: &str, limits: Limits, level: Level) -> Result<Self, LocalError> {
        let gguf = Gguf::open(source, file)?;
        let Head { name, config, context } = Head::of(&gguf, &limits)?;
        let tokenizer = Arc::new(Tokenizer::of(&gguf)?);
        let chat = Chat::of(&gguf, &tokenizer)?;
        Ok(Self {
            name,
            network: Network::load(&gguf, config, context, level)?,
            #[cfg(feature = "grammar")]
            grammars: crate::grammar::Grammars::new(Arc::clone(&tokenizer))?,
            tokenizer,
            chat,
            limits,
        })
    }

    /// What the file calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its sizes.
    #[must_use]
    pub const fn config(&self) -> &Config {
        self.network.config()
    }

    /// The instructions that it uses.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.network.level()
    }

    /// Its vocabulary.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Tokens of a question, up to where the answer begins.
    #[must_use]
    pub fn tokens(&self, question: Question<'_>) -> Vec<u32> {
        self.chat.tokens(&self.tokenizer, question.system, question.user)
    }

    /// Reads tokens from the beginning, what is known of them excepted; the scores of every next token.
    ///
    /// # Errors
    /// [`LocalError::Limit`] where there is no room for them, or none are given.
    pub fn scores(&mut self, tokens: &[u32]) -> Result<Vec<f32>, LocalError> {
        let cancelled = AtomicBool::new(false);
        let stop = Stop { began: Instant::now(), limit: Duration::MAX, cancelled: &cancelled, written: 0 };
        self.read(tokens, 0, &stop)?;
        let mut scores = Vec::new();
        self.network.scores(&mut scores, |_| true);
        Ok(scores)
    }

    /// Writes greedily what comes to the model after these tokens: no grammar, until its turn ends.
    ///
    /// # Errors
    /// [`LocalError`].
    pub fn free(&mut self, tokens: &[u32], most: usize) -> Result<Vec<u32>, LocalError> {
        let mut all = tokens.to_vec();
        while all.len() < tokens.len() + most {
            let scores = self.scores(&all)?;
            let best = scores
                .iter()
                .enumerate()
                .fold((0, f32::NEG_INFINITY), |best, (i, score)| if *score > best.1 { (i, *score) } else { best });
            let token = best.0 as u32;
            if token == self.chat.end() || token == self.tokenizer.end() {
                break;
            }
            all.push(token);
        }
        Ok(all.split_off(tokens.len()))
    }

    /// Forgets everything that it was asked.
    pub fn forget(&mut self) {
        self.network.keep(0);
    }

    /// Reads tokens from the beginning; those that were read before in the same order are still known. How many are.
    fn read(&mut self, tokens: &[u32], answer: usize, stop: &Stop<'_>) -> Result<usize, LocalError> {
        let needed = (tokens.len() + answer) as u64;
        let most = self.network.context() as u64;
        if needed > most || tokens.is_empty() {
            return Err(LocalError::Limit { what: "question and answer in tokens", needed, most });
        }
        let is_same = |(one, other): &(&u32, &u32)| one == other;
        // The last token is read again in any case: its scores are wanted.
        let known = self.network.seen().iter().zip(&tokens[..tokens.len() - 1]).take_while(is_same).count();
        self.network.keep(known);
        self.network.read(&tokens[known..], || stop.check())?;
        Ok(known)
    }
}

#[cfg(feature = "grammar")]
mod answering {
    use super::{Answer, AtomicBool, Engine, Instant, LocalError, Question, Stop};
    use crate::grammar::Next;
    use serde_json::Value;

    /// Tokens before the bound from which on an answer is brought to its end.
    const ENDING: u32 = 96;

    impl Engine {
        /// An answer that is valid by the schema, or an error. It stops when `cancelled` is set, by another thread.
        ///
        /// # Errors
        /// [`LocalError`]; after one the model can be asked again.
        pub fn answer(
            &mut self,
            question: Question<'_>,
            schema: &Value,
            cancelled: &AtomicBool,
        ) -> Result<Answer, LocalError> {
            let (began, worked) = (Instant::now(), super::worked());
            let mut stop = Stop { began, limit: self.limits.deadline, cancelled, written: 0 };
            let mut held = self.grammars.of(schema)?;
            let asked = self.tokens(question);
            let most = self.limits.answer_tokens_max;
            let known = self.read(&asked, most as usize, &stop)? as u32;
            let reading = super::worked().saturating_sub(worked);
            let (mut written, mut unread, mut scores): (Vec<u32>, Vec<u32>, _) = (Vec::new(), Vec::new(), Vec::new());
            let (mut forced, mut is_short) = (0, false);
            loop {
                stop.written = written.len() as u32;
                is_short |= stop.written + ENDING > most;
                let token = match held.next(is_short)? {
                    Next::End => break,
                    Next::Forced(tokens) => {
                        forced += tokens.len() as u32;
                        unread.extend(&tokens);
                        written.extend(tokens);
                        within(written.len(), most)?;
                        continue;
                    }
                    Next::Choice(allowed) => {
                        self.network.read(&std::mem::take(&mut unread), || stop.check())?;
                        self.network.scores(&mut scores, |tokens| allowed.has_any(tokens));
                        allowed
                            .best(&scores)
                            .ok_or_else(|| LocalError::Grammar { why: "no token may come next".into() })?
                    }
                };
                held.take(token)?;
                unread.push(token);
                written.push(token);
                within(written.len(), most)?;
            }
            let text = self.tokenizer.decode(&written);
            let (read, count) = (asked.len() as u32, written.len() as u32);
            let writing = super::worked().saturating_sub(worked + reading);
            Ok(Answer { text, read, known, written: count, forced, is_short, reading, writing })
        }
    }

    fn within(written: usize, most: u32) -> Result<(), LocalError> {
        if written as u64 <= u64::from(most) {
            return Ok(());
        }
        Err(LocalError::Limit { what: "the answer in tokens", needed: written as u64, most: most.into() })
    }
}
