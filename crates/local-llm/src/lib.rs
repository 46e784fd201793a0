//! A small language model in the process, for a machine that reaches no endpoint: GGUF weights of the Llama family, one thread,
//! answers held to a JSON Schema.
//!
//! It knows nothing of what it is asked: a question is two texts and a schema, an answer is JSON of that schema or an error.
//! Everything from the file is checked and bounded before it is used, and nothing in it can make a panic.
//!
//! - [`gguf`]: the file: fields, tensors, blocks of four to thirty-two bits.
//! - [`matrix`]: weights in eight bits and their products.
//! - [`network`]: tokens in, scores out.
//! - [`tokenizer`], [`chat`]: text to tokens, turns of a conversation.
//! - `grammar` (feature `grammar`): what may come next by the schema.
//! - [`engine`]: an answer within limits of tokens, time, memory and context, which another thread can stop.
//!
//! It must never start a thread, wait by spinning, reach a network, or take a text for a special token.

pub mod chat;
pub mod engine;
mod error;
pub mod gguf;
#[cfg(feature = "grammar")]
pub mod grammar;
mod half;
pub mod matrix;
pub mod network;
pub mod tokenizer;

pub use engine::{Answer, Engine, Head, Limits, Question};
pub use error::LocalError;
