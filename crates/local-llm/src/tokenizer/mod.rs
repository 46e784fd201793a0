//! Text to tokens and back: byte-level pair merging, with the vocabulary and merges that the model file brings.
//!
//! Text is never taken for a special token, whatever it says: those that begin and end a turn are put in by number alone
//! ([`crate::chat`]), so that no fact can end the turn that it stands in.
//!
//! # Source
//! R. Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016; bytes as printable characters and
//! merges by rank as in GPT-2's `encoder.py`.

mod split;

use crate::LocalError;
use crate::gguf::{Gguf, Source, Value};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Kinds of tokens that stand for no text, as GGUF numbers them: unknown, control, unused.
const NO_TEXT: [i64; 3] = [2, 3, 5];

/// Stands for no token.
const NO_TOKEN: u32 = u32::MAX;
/// Longest token, bytes.
const TOKEN_BYTES_MAX: usize = 200;

/// A pair of tokens that may be merged: the two, its rank, what they become.
type Merge = ((u32, u32), (u32, u32));

/// A merge that may be made: its rank, where its left token is, and the two.
type Offer = Reverse<(u32, usize, (u32, u32))>;

/// A vocabulary with its merges.
#[derive(Debug)]
pub struct Tokenizer {
    /// Bytes of each token; of a special one its name.
    tokens: Vec<Box<[u8]>>,
    is_special: Vec<bool>,
    /// The token of each byte, where there is one.
    bytes: [u32; 256],
    /// By pair.
    merges: Vec<Merge>,
    /// Ends an answer.
    end: u32,
}

impl Tokenizer {
    /// Reads it from a file's fields.
    ///
    /// # Errors
    /// [`LocalError::Field`] for a tokenizer of another kind, and for what does not fit together.
    pub fn of<S: Source>(gguf: &Gguf<S>) -> Result<Self, LocalError> {
        expect(gguf, "tokenizer.ggml.model", "gpt2")?;
        expect(gguf, "tokenizer.ggml.pre", "smollm")?;
        for field in ["tokenizer.ggml.add_space_prefix", "tokenizer.ggml.add_bos_token"] {
            if let Some(value) = gguf.optional(field)
                && *value != Value::Flag(false)
            {
                return Err(gguf.wrong(field, format!("{value:?}"), "false or missing"));
            }
        }
        let names = gguf.texts("tokenizer.ggml.tokens")?;
        if names.is_empty() {
            return Err(gguf.wrong("tokenizer.ggml.tokens", "empty", "the vocabulary"));
        }
        let kinds = match gguf.optional("tokenizer.ggml.token_type") {
            Some(Value::Wholes(kinds)) if kinds.len() == names.len() => kinds.as_slice(),
            Some(_) => {
                return Err(gguf.wrong(
                    "tokenizer.ggml.token_type",
                    "another thing",
                    format!("{} numbers", names.len()),
                ));
            }
            None => &[],
        };
        let is_special: Vec<bool> =
            (0..names.len()).map(|i| kinds.get(i).is_some_and(|kind| NO_TEXT.contains(kind))).collect();
        let of_char = alphabet();
        let spelt = |(name, is_special): (&String, &bool)| -> Box<[u8]> {
            let plain: Option<Vec<u8>> = name.chars().map(|c| of_char.get(&c).copied()).collect();
            plain.filter(|_| !is_special).map_or_else(|| name.as_bytes().into(), Vec::into_boxed_slice)
        };
        let tokens: Vec<Box<[u8]>> = names.iter().zip(&is_special).map(spelt).collect();
        distinct(gguf, &tokens, &is_special)?;
        let merges = merges(gguf, names)?;
        let mut bytes = [NO_TOKEN; 256];
        for (index, token) in tokens.iter().enumerate() {
            if let ([byte], false) = (&**token, is_special[index]) {
                bytes[usize::from(*byte)] = index as u32;
            }
        }
        // What forms the answer must be writable; of other bytes some vocabularies have none, and a text loses them.
        if let Some(byte) = (b' '..=b'~').find(|byte| bytes[usize::from(*byte)] == NO_TOKEN) {
            let found = format!("without {:?}", char::from(byte));
            return Err(gguf.wrong("tokenizer.ggml.tokens", found, "a token for every printable character"));
        }
        let end = gguf.whole("tokenizer.ggml.eos_token_id", 0, names.len() as u64 - 1)? as u32;
        Ok(Self { tokens, is_special, bytes, merges, end })
    }

    /// How many tokens there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tokens.len()
    }

    /// There are none; never so.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Ends an answer.
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.end
    }

    /// Bytes of a token, or a special one's name.
    #[must_use]
    pub fn token(&self, token: u32) -> &[u8] {
        self.tokens.get(token as usize).map_or(&[], |bytes| bytes)
    }

    /// It stands for no text.
    #[must_use]
    pub fn is_special(&self, token: u32) -> bool {
        self.is_special.get(token as usize).copied().unwrap_or(true)
    }

    /// A special token by its name.
    #[must_use]
    pub fn special(&self, name: &str) -> Option<u32> {
        let place = self.tokens.iter().zip(&self.is_special).position(|(token, is)| *is && **token == *name.as_bytes());
        place.map(|place| place as u32)
    }

    /// Tokens of a text; never special ones.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut all = Vec::with_capacity(text.len() / 3);
        for piece in split::pieces(text) {
            self.merge(piece.as_bytes(), &mut all);
        }
        all
    }

    /// Tokens of bytes that need not be a text.
    #[must_use]
    pub fn encode_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        let chunks = bytes.utf8_chunks();
        chunks
            .flat_map(|chunk| {
                let mut tokens = self.encode(chunk.valid());
                tokens.extend(self.of_bytes(chunk.invalid()));
                tokens
            })
            .collect()
    }

    /// The text of tokens, without special ones; what is no UTF-8 is replaced.
    #[must_use]
    pub fn decode(&self, tokens: &[u32]) -> String {
        let plain = tokens.iter().filter(|token| !self.is_special(**token));
        String::from_utf8_lossy(&plain.flat_map(|token| self.token(*token)).copied().collect::<Vec<u8>>()).into_owned()
    }

    /// The pair of the lowest rank is merged, the first of those, until none can be. A heap keeps a long piece from taking the
    /// square of its length.
    fn merge(&self, piece: &[u8], out: &mut Vec<u32>) {
        /// No neighbour.
        const NONE: usize = usize::MAX;
        let mut tokens: Vec<u32> = self.of_bytes(piece).collect();
        let (mut before, mut after): (Vec<usize>, Vec<usize>) =
            (0..tokens.len()).map(|i| (i.wrapping_sub(1), if i + 1 < tokens.len() { i + 1 } else { NONE })).unzip();
        let mut heap = BinaryHeap::new();
        let offer = |heap: &mut BinaryHeap<Offer>, tokens: &[u32], left: usize, right: usize| {
            if left != NONE
                && right != NONE
                && let Some((rank, _)) = self.merged((tokens[left], tokens[right]))
            {
                heap.push(Reverse((rank, left, (tokens[left], tokens[right]))));
            }
        };
        for left in 1..tokens.len() {
            offer(&mut heap, &tokens, left - 1, left);
        }
        while let Some(Reverse((_, left, pair))) = heap.pop() {
            let right = after[left];
            // One of the two has been merged with another one since.
            if right == NONE || (tokens[left], tokens[right]) != pair {
                continue;
            }
            let Some((_, token)) = self.merged(pair) else { continue };
            (tokens[left], tokens[right]) = (token, NO_TOKEN);
            after[left] = after[right];
            if after[left] != NONE {
                before[after[left]] = left;
            }
            offer(&mut heap, &tokens, before[left], left);
            offer(&mut heap, &tokens, left, after[left]);
        }
        out.extend(tokens.into_iter().filter(|token| *token != NO_TOKEN));
    }

    /// Tokens of single bytes, without those that the vocabulary lacks.
    fn of_bytes(&self, bytes: &[u8]) -> impl Iterator<Item = u32> {
        bytes.iter().map(|byte| self.bytes[usize::from(*byte)]).filter(|token| *token != NO_TOKEN)
    }

    fn merged(&self, pair: (u32, u32)) -> Option<(u32, u32)> {
        self.merges.binary_search_by_key(&pair, |(pair, _)| *pair).ok().map(|place| self.merges[place].1)
    }
}

fn expect<S: Source>(gguf: &Gguf<S>, field: &str, what: &str) -> Result<(), LocalError> {
    let found = gguf.text(field)?;
    if found == what { Ok(()) } else { Err(gguf.wrong(field, format!("{found:?}"), format!("{what:?}"))) }
}

/// No two tokens are the same, and none is longer than a grammar can walk along.
fn distinct<S: Source>(gguf: &Gguf<S>, tokens: &[Box<[u8]>], is_special: &[bool]) -> Result<(), LocalError> {
    let mut sorted: Vec<(&[u8], bool, usize)> =
        tokens.iter().zip(is_special).enumerate().map(|(i, (token, is))| (&**token, *is, i)).collect();
    sorted.sort_unstable();
    for (place, (token, is_special, index)) in sorted.iter().enumerate() {
        let field = || format!("tokenizer.ggml.tokens[{index}]");
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return Err(gguf.wrong(&field(), format!("{} bytes long", token.len()), format!("1 to {TOKEN_BYTES_MAX}")));
        }
        if place > 0 && (sorted[place - 1].0, sorted[place - 1].1) == (*token, *is_special) {
            return Err(gguf.wrong(&field(), format!("the same as token {}", sorted[place - 1].2), "another one"));
        }
    }
    Ok(())
}

/// Merges by pair; each is two names with a blank between them, in the order of their ranks.
fn merges<S: Source>(gguf: &Gguf<S>, names: &[String]) -> Result<Vec<Merge>, LocalError> {
    let mut by_name: Vec<(&str, u32)> = names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)).collect();
    by_name.sort_unstable();
    let of = |name: &str| by_name.binary_search_by_key(&name, |(name, _)| name).ok().map(|place| by_name[place].1);
    let mut merges = Vec::new();
    for (rank, text) in gguf.texts("tokenizer.ggml.merges")?.iter().enumerate() {
        let both = text
            .split_once(' ')
            .and_then(|(left, right)| Some(((of(left)?, of(right)?), (rank as u32, of(&format!("{left}{right}"))?))));
        let field = format!("tokenizer.ggml.merges[{rank}]");
        merges.push(both.ok_or_else(|| gguf.wrong(&field, format!("{text:?}"), "two tokens that make a third"))?);
    }
    merges.sort_unstable();
    merges.dedup_by_key(|(pair, _)| *pair);
    Ok(merges)
}

/// Bytes by the characters that stand for them: printable ones for themselves, the others for characters from 256 on.
fn alphabet() -> BTreeMap<char, u8> {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let others = (0..=u8::MAX).filter(|byte| !is_printable(*byte));
    let moved = others.zip('\u{100}'..).map(|(byte, c)| (c, byte));
    (0..=u8::MAX).filter(|byte| is_printable(*byte)).map(|byte| (char::from(byte), byte)).chain(moved).collect()
}
