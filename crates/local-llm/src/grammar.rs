//! Holds what a model writes to a JSON Schema, token by token.
//!
//! What the schema forces (field names, brackets) is put in without asking the model. White space is not flexible: a small model
//! would write nothing else. Forced text is cut into tokens by the model's own tokenizer, which has to be the right one: with
//! another, the grammar is asked about tokens that it never meant, and ends.
//!
//! # Source
//! llguidance 1.9, `Matcher`.

use crate::LocalError;
use crate::tokenizer::Tokenizer;
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;
use toktrie::{SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};

/// Bytes that begin what ends an answer: ends of texts, lists and objects, and `null` where there is a choice.
const ENDINGS: [u8; 4] = [b']', b'}', b'"', b'n'];
/// Bytes in what begins something further: a token may end one text and begin the next.
const BEGINNINGS: [u8; 3] = [b',', b'[', b'{'];

/// A vocabulary as the grammar wants it.
struct Words {
    tokenizer: Arc<Tokenizer>,
    trie: TokTrie,
}

impl TokenizerEnv for Words {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.tokenizer.encode_bytes(bytes)
    }
}

/// Makes grammars for one vocabulary.
pub struct Grammars {
    factory: ParserFactory,
    tokenizer: Arc<Tokenizer>,
}

impl std::fmt::Debug for Grammars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

impl Grammars {
    /// For this vocabulary.
    ///
    /// # Errors
    /// [`LocalError::Grammar`].
    pub fn new(tokenizer: Arc<Tokenizer>) -> Result<Self, LocalError> {
        let word = |token: u32| -> Vec<u8> {
            let marker = tokenizer.is_special(token).then_some(TokTrie::SPECIAL_TOKEN_MARKER);
            marker.into_iter().chain(tokenizer.token(token).iter().copied()).collect()
        };
        let words: Vec<Vec<u8>> = (0..tokenizer.len() as u32).map(word).collect();
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, tokenizer.end()), &words);
        let environment: TokEnv = Arc::new(Words { tokenizer: Arc::clone(&tokenizer), trie });
        let mut factory = ParserFactory::new_simple(&environment).map_err(failed)?;
        factory.quiet();
        Ok(Self { factory, tokenizer })
    }

    /// A grammar of this schema, at its beginning.
    ///
    /// # Errors
    /// [`LocalError::Grammar`] for what is no schema, or one that is not understood.
    pub fn of(&self, schema: &Value) -> Result<Held, LocalError> {
        let mut schema = schema.clone();
        if let Some(object) = schema.as_object_mut() {
            object.insert("x-guidance".to_owned(), json!({ "whitespace_flexible": false }));
        }
        let parser = self.factory.create_parser(TopLevelGrammar::from_json_schema(schema)).map_err(failed)?;
        let end = self.tokenizer.end();
        Ok(Held { matcher: Matcher::new(Ok(parser)), tokenizer: Arc::clone(&self.tokenizer), end })
    }
}

/// How far an answer is.
pub struct Held {
    matcher: Matcher,
    tokenizer: Arc<Tokenizer>,
    end: u32,
}

/// What may come next.
pub enum Next {
    /// Nothing: the answer is whole.
    End,
    /// These tokens, and nothing else.
    Forced(Vec<u32>),
    /// One of some tokens.
    Choice(Allowed),
}

/// Tokens of which one may come next.
pub struct Allowed(SimpleVob);

impl Allowed {
    /// One of these may.
    #[must_use]
    pub fn has_any(&self, tokens: Range<usize>) -> bool {
        // Runs of sixteen tokens begin at multiples of sixteen, so that each lies within one word of bits.
        let word = self.0.as_slice().get(tokens.start / 32).copied().unwrap_or(0);
        word >> (tokens.start % 32) & 0xffff != 0
    }

    /// The allowed token of the highest score, the first of those.
    #[must_use]
    pub fn best(&self, scores: &[f32]) -> Option<u32> {
        let mut best: Option<(u32, f32)> = None;
        for token in self.0.iter() {
            let Some(score) = scores.get(token as usize) else { continue };
            if best.is_none_or(|(_, most)| *score > most) {
                best = Some((token, *score));
            }
        }
        best.map(|(token, _)| token)
    }

    /// Every one.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter()
    }
}

impl Held {
    /// What may come next. `is_short`: there is little room left, and where the answer can come nearer to its end, it must.
    ///
    /// # Errors
    /// [`LocalError::Grammar`] where the grammar broke.
    pub fn next(&mut self, is_short: bool) -> Result<Next, LocalError> {
        if self.matcher.is_stopped() {
            return match self.matcher.get_error() {
                Some(why) => Err(LocalError::Grammar { why: first_line(&why) }),
                None => Ok(Next::End),
            };
        }
        let forced = self.matcher.consume_ff_tokens();
        if let Some(why) = self.matcher.get_error() {
            return Err(LocalError::Grammar { why: first_line(&why) });
        }
        if !forced.is_empty() {
            return Ok(Next::Forced(forced));
        }
        let mut mask = self.matcher.compute_mask().map_err(failed)?;
        if mask.iter().all(|token| token == self.end) {
            return Ok(Next::End);
        }
        mask.disallow_token(self.end);
        if is_short {
            let mut nearer = SimpleVob::alloc(mask.len());
            let is_end = |token: &u32| {
                let bytes = self.tokenizer.token(*token);
                bytes.first().is_some_and(|byte| ENDINGS.contains(byte))
                    && !bytes.iter().any(|byte| BEGINNINGS.contains(byte))
            };
            mask.iter().filter(is_end).for_each(|token| nearer.allow_token(token));
            if !nearer.is_zero() {
                mask = nearer;
            }
        }
        Ok(Next::Choice(Allowed(mask)))
    }

    /// Takes a token that was allowed.
    ///
    /// # Errors
    /// [`LocalError::Grammar`] for one that was not.
    pub fn take(&mut self, token: u32) -> Result<(), LocalError> {
        self.matcher.consume_token(token).map_err(failed)
    }
}

fn failed(error: impl std::fmt::Display) -> LocalError {
    LocalError::Grammar { why: first_line(&error.to_string()) }
}

/// The rest of such a message is the grammar itself.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(200).collect()
}
