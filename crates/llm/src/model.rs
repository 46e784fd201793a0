//! One question to a model: cache, breaker, budget, exchange, reading, one repair.
//!
//! Each step can end it with an error, and then there is no opinion; nothing is ever taken half. Time is counted from when
//! the model was set up, so that the breaker and the budget need no clock of their own.

use crate::ModelError;
use crate::breaker::Breaker;
use crate::budget::{Spent, Tokens};
use crate::cache::Cache;
use crate::quirks::Quirks;
use crate::settings::Settings;
use crate::wire::{self, Completion, Repair};
use plimsoll_analyst::evidence::tokens::estimate;
use plimsoll_analyst::history::History;
use plimsoll_analyst::ladder::{Opinion, Rung};
use plimsoll_analyst::prompt::{AnswerError, Prompt, Reading};
use plimsoll_http_client::{Answer, Ask, Budget as Bounds, exchange};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a server may need told apart from the words themselves, tokens.
const FRAME_TOKENS: u64 = 64;
/// Longest part of a failed answer that goes back for repair, characters.
const REPAIR_MAX: usize = 2_000;
/// Pause after a busy answer that names none, seconds.
const BUSY_S: u64 = 60;

/// A model, and what is remembered of it.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    since: Instant,
    /// What has passed of the budget's window before `since`, ms.
    before_ms: u64,
    quirks: Quirks,
    breaker: Breaker,
    spent: Spent,
    cache: Cache,
}

/// A question that was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// What holds.
    pub reading: Reading,
    /// The hash of the question.
    pub prompt_hash: String,
    /// It was answered before, and nothing was sent.
    pub is_cached: bool,
    /// It took a repair.
    pub is_repaired: bool,
    /// Tokens that were taken, by the server's report where there is one.
    pub tokens: Tokens,
    /// Requests that were sent.
    pub requests: u32,
}

/// What one question has taken so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Taken {
    /// Tokens, by the server's report where there is one.
    pub tokens: Tokens,
    /// Requests that were sent.
    pub requests: u32,
}

impl Model {
    /// With these settings; nothing is sent yet.
    ///
    /// # Errors
    /// [`ModelError::KeyInClear`] where a key would go to another host unencrypted.
    pub fn new(settings: Settings) -> Result<Self, ModelError> {
        if settings.key.is_some() && !settings.is_local() && !settings.is_encrypted() {
            return Err(ModelError::KeyInClear { host: settings.endpoint.authority() });
        }
        let pause_ms = u64::try_from(settings.pause.as_millis()).unwrap_or(u64::MAX);
        let breaker = Breaker::new(settings.failures, pause_ms);
        let (quirks, spent, cache) = (Quirks::default(), Spent::default(), Cache::default());
        Ok(Self { settings, since: Instant::now(), before_ms: 0, quirks, breaker, spent, cache })
    }

    /// Takes over what an earlier process spent in a window that began `age_ms` ago, so that ending a process buys nothing.
    #[must_use]
    pub const fn having_spent(mut self, spent: Spent, age_ms: u64) -> Self {
        self.spent = Spent { since_ms: 0, ..spent };
        self.before_ms = age_ms;
        self
    }

    /// How long ago the budget's window began, ms.
    #[must_use]
    pub fn window_age_ms(&self) -> u64 {
        self.now_ms().saturating_sub(self.spent.since_ms)
    }

    /// Milliseconds for which the endpoint is still left alone; 0 for not at all.
    #[must_use]
    pub fn left_alone_ms(&self) -> u64 {
        self.breaker.wait_ms(self.now_ms()).unwrap_or(0)
    }

    /// Its settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What was spent in the window so far.
    #[must_use]
    pub const fn spent(&self) -> Spent {
        self.spent
    }

    /// What the server takes, as far as it is known.
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        self.quirks
    }

    /// The opinion of this rung, whatever happens: a failure is one, too.
    pub async fn opinion(&mut self, prompt: Option<&Prompt>, history: &History) -> Opinion {
        let by = plimsoll_analyst::evidence::text::name(&self.settings.model);
        let Some(prompt) = prompt else {
            return Opinion::abstained(
                Rung::Model,
                &by,
                "no fact may be shown to it, or none had room; it was not asked",
            );
        };
        match self.ask(prompt, history).await {
            Ok(asked) => asked.reading.into_opinion(&by),
            Err(error) => Opinion::failed(Rung::Model, &by, &error.to_string()),
        }
    }

    /// Asks. `history` is what the prompt's pack was made of.
    ///
    /// # Errors
    /// [`ModelError`]; nothing of the answer is taken then.
    pub async fn ask(&mut self, prompt: &Prompt, history: &History) -> Result<Asked, ModelError> {
        if let Some(reading) = self.cache.get(&prompt.hash) {
            let (prompt_hash, reading) = (prompt.hash.clone(), reading.clone());
            let (is_repaired, tokens) = (false, Tokens::default());
            return Ok(Asked { reading, prompt_hash, is_cached: true, is_repaired, tokens, requests: 0 });
        }
        let mut taken = Taken::default();
        let read = |said: &str| prompt.read(said, history);
        let (reading, is_repaired) = self.ask_for(prompt, read, &mut taken).await?;
        self.cache.put(&prompt.hash, reading.clone());
        let Taken { tokens, requests } = taken;
        Ok(Asked { reading, prompt_hash: prompt.hash.clone(), is_cached: false, is_repaired, tokens, requests })
    }

    /// Asks anything, by the same breaker, budget and one repair, and nothing of it is cached: what `read` takes of the words, and
    /// whether it took a repair. `taken` grows by what was taken, whatever comes of it.
    ///
    /// # Errors
    /// [`ModelError`]; nothing of the answer is taken then.
    pub async fn ask_for<T>(
        &mut self,
        prompt: &Prompt,
        read: impl Fn(&str) -> Result<T, AnswerError>,
        taken: &mut Taken,
    ) -> Result<(T, bool), ModelError> {
        if let Some(wait_ms) = self.breaker.wait_ms(self.now_ms()) {
            return Err(ModelError::Open { wait_ms });
        }
        let result = self.ask_and_repair(prompt, &read, taken).await;
        match &result {
            Err(ModelError::Busy { wait_s, .. }) => {
                let wait_ms = wait_s.saturating_mul(1_000);
                self.breaker.asked_to_wait(self.now_ms(), wait_ms);
            }
            Err(error) if error.is_failure() => self.breaker.failed(self.now_ms()),
            Err(ModelError::Answer(_)) | Ok(_) => self.breaker.succeeded(),
            Err(_) => {}
        }
        result
    }

    async fn ask_and_repair<T>(
        &mut self,
        prompt: &Prompt,
        read: &impl Fn(&str) -> Result<T, AnswerError>,
        taken: &mut Taken,
    ) -> Result<(T, bool), ModelError> {
        let first = self.complete(prompt, None, taken).await?;
        let wrong = match whole(&first, read) {
            Ok(reading) => return Ok((reading, false)),
            Err(wrong) => wrong,
        };
        let repair = Repair { said: first.text.chars().take(REPAIR_MAX).collect(), wrong: wrong.to_string() };
        let second = self.complete(prompt, Some(&repair), taken).await?;
        Ok((whole(&second, read)?, true))
    }

    /// Sends, with as many further attempts as the server has quirks, and one after a pause that it asked for.
    async fn complete(
        &mut self,
        prompt: &Prompt,
        repair: Option<&Repair>,
        taken: &mut Taken,
    ) -> Result<Completion, ModelError> {
        let mut has_waited = false;
        loop {
            let body = wire::body(&self.settings.model, prompt, repair, self.quirks, self.settings.answer_tokens_max);
            let most = Tokens {
                read: u64::from(estimate(&body)) + FRAME_TOKENS,
                written: self.settings.answer_tokens_max.into(),
            };
            // Where no answer comes, the reservation stands: somebody may have worked for it.
            let now_ms = self.now_ms();
            let reserved = self.settings.budget.reserve(&mut self.spent, most, now_ms)?;
            taken.requests += 1;
            // A schema beside the messages is read by few servers as tokens.
            let sent = (prompt.system.len() + prompt.user.len()) as u64;
            let answer = self.send(body).await?;
            let status = answer.status.as_u16();
            if answer.status.is_success() {
                let content_type = answer.header("content-type").unwrap_or_default();
                let completion = wire::completion(content_type, &answer.body);
                let reported = completion.as_ref().ok().and_then(|completion| completion.tokens);
                let received = completion.as_ref().map_or(0, |completion| completion.text.len() as u64);
                let cost = self.settings.budget.settle(&mut self.spent, reserved, reported, sent, received);
                taken.tokens.read += cost.read;
                taken.tokens.written += cost.written;
                return completion.map_err(|why| ModelError::Shape { why });
            }
            self.settings.budget.give_back(&mut self.spent, reserved);
            if answer.status.is_redirection() {
                return Err(ModelError::Redirect { status });
            }
            if matches!(status, 429 | 503) {
                let wait_s = retry_after(&answer);
                if has_waited || wait_s.is_none_or(|wait| Duration::from_secs(wait) > self.settings.wait_max) {
                    return Err(ModelError::Busy { status, wait_s: wait_s.unwrap_or(BUSY_S) });
                }
                has_waited = true;
                tokio::time::sleep(Duration::from_secs(wait_s.unwrap_or_default())).await;
                continue;
            }
            match self.quirks.after_refusal(status, &String::from_utf8_lossy(&answer.body)) {
                Some(quirks) => self.quirks = quirks,
                None => {
                    let said = wire::excerpt(&answer.body, self.settings.key.as_ref());
                    return Err(ModelError::Status { status, said });
                }
            }
        }
    }

    async fn send(&self, body: String) -> Result<Answer, ModelError> {
        let mut ask = Ask::post_json(self.settings.url("chat/completions"), body);
        if let Some(key) = &self.settings.key {
            ask = ask.bearer(key.reveal());
        }
        Ok(exchange(ask, self.bounds()).await?)
    }

    pub(crate) const fn bounds(&self) -> Bounds {
        Bounds { deadline: self.settings.deadline, body_bytes_max: self.settings.body_bytes_max }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(self.before_ms)
    }
}

/// Reads the words; that they were cut off is what is wrong, where they do not hold.
fn whole<T>(completion: &Completion, read: &impl Fn(&str) -> Result<T, AnswerError>) -> Result<T, AnswerError> {
    match read(&completion.text) {
        Err(AnswerError::Json(_)) if completion.is_cut => {
            Err(AnswerError::Json("it was cut off; be shorter".to_owned()))
        }
        other => other,
    }
}

/// Seconds of `Retry-After`; a date is taken for the usual pause.
fn retry_after(answer: &Answer) -> Option<u64> {
    let value = answer.header("retry-after")?;
    Some(value.trim().parse().unwrap_or(BUSY_S))
}
