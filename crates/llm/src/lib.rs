//! The ladder's fourth rung, outside: a language model behind any endpoint that speaks OpenAI's chat completions (Ollama, vLLM,
//! llama.cpp's server, a cloud).
//!
//! What is asked and what of an answer is taken is pure code ([`plimsoll_analyst::prompt`]); here is what has to do with the
//! world: connections, deadlines, sizes, keys, budgets, a breaker, a cache. The model is trusted with nothing: every answer is
//! read again by the schema, one repair is asked for with the reader's own message, and then there is no opinion of this
//! rung. The rules' diagnosis never waits for any of this and never depends on it.
//!
//! - [`settings`]: where, which model, how long, how much, what may be shown.
//! - [`key`]: a key from the environment or a file, which nothing prints.
//! - [`model`]: one question through cache, breaker, budget, exchange, reading and repair.
//! - [`voice`]: what a caller that does not care where a model runs sees of it.
//! - [`budget`], [`breaker`], [`cache`], [`quirks`], [`wire`]: one thing each, without I/O.
//! - [`listing`]: which models an endpoint has.
//! - `local` (feature `local-llm`): the same question to a model in the process.
//! - [`conformance`]: a run of questions against an endpoint, with figures.
//!
//! It must never follow a redirect, send a key in the clear to another host, write a key anywhere, or hand out an answer that
//! was not read.

pub mod breaker;
pub mod budget;
pub mod cache;
pub mod conformance;
mod error;
pub mod key;
pub mod listing;
#[cfg(feature = "local-llm")]
pub mod local;
pub mod model;
pub mod quirks;
pub mod settings;
pub mod voice;
pub mod wire;

pub use error::ModelError;
pub use key::Key;
#[cfg(feature = "local-llm")]
pub use local::{LocalModel, LocalSettings};
pub use model::{Asked, Model, Taken};
pub use settings::Settings;
pub use voice::{Remote, Voice, VoiceFigures};
