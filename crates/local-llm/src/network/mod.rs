//! A network of the Llama family: tokens in, a score for every possible next token out.
//!
//! Written from the published descriptions. Everything runs on the thread that calls; there is no pool, because threads that wait
//! for each other by spinning are slower than one as soon as a core is shared (measured: 31 tokens per second with one, 3 with
//! two). Between layers it asks whether it is to stop.
//!
//! # Source
//! H. Touvron et al., "LLaMA", 2023, section 2.2, and the papers that the parts name.

mod attention;
mod config;
mod math;
mod rope;

pub use config::Config;

use crate::LocalError;
use crate::gguf::{Gguf, Kind, Source};
use crate::matrix::{self, Activations, Level, Matrix, ROWS};
use attention::Memory;
use math::{add, gated, normed};
use rope::Rope;

/// Tokens that go through the layers together.
const TOGETHER: usize = 64;

#[derive(Debug)]
struct Layer {
    norm: Vec<f32>,
    queries: Matrix,
    keys: Matrix,
    values: Matrix,
    out: Matrix,
    norm_inner: Vec<f32>,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
}

/// A network with what it remembers of the tokens that it was given.
#[derive(Debug)]
pub struct Network {
    config: Config,
    level: Level,
    embeddings: Matrix,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    output: Option<Matrix>,
    rope: Rope,
    past: Vec<Memory>,
    /// Tokens that `past` holds.
    seen: Vec<u32>,
    context: usize,
    room: Room,
}

/// Room to work in.
#[derive(Debug, Default)]
struct Room {
    x: Vec<f32>,
    normed: Vec<f32>,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    mixed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    scores: Vec<f32>,
    eight: Activations,
}

impl Network {
    /// Loads it, for so many tokens of context.
    ///
    /// # Errors
    /// [`LocalError`] for a file that is not what it has to be, or that cannot be read.
    pub fn load<S: Source>(gguf: &Gguf<S>, config: Config, context: usize, level: Level) -> Result<Self, LocalError> {
        let (width, inner, heads) = (config.width, config.inner, config.attention);
        let kv = heads.heads_kv * heads.head;
        let layer = |index: usize| -> Result<Layer, LocalError> {
            let of = |name: &str| format!("blk.{index}.{name}.weight");
            let weights = |name: &str, rows, columns| matrix::load(gguf, &of(name), rows, columns);
            Ok(Layer {
                norm: vector(gguf, &of("attn_norm"), width)?,
                queries: weights("attn_q", width, width)?,
                keys: weights("attn_k", kv, width)?,
                values: weights("attn_v", kv, width)?,
                out: weights("attn_output", width, width)?,
                norm_inner: vector(gguf, &of("ffn_norm"), width)?,
                gate: weights("ffn_gate", inner, width)?,
                up: weights("ffn_up", inner, width)?,
                down: weights("ffn_down", width, inner)?,
            })
        };
        let ends = |name: &str| matrix::load(gguf, name, config.vocabulary, width);
        Ok(Self {
            level,
            embeddings: ends("token_embd.weight")?,
            layers: (0..config.layers).map(layer).collect::<Result<_, _>>()?,
            norm: vector(gguf, "output_norm.weight", width)?,
            output: config.has_output.then(|| ends("output.weight")).transpose()?,
            rope: Rope::new(context, heads.head, config.rope_base),
            past: (0..config.layers).map(|_| Memory::new(heads, context)).collect(),
            seen: Vec::new(),
            context,
            room: Room::default(),
            config,
        })
    }

    /// Its sizes.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The instructions that it uses.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Tokens that there is room for.
    #[must_use]
    pub const fn context(&self) -> usize {
        self.context
    }

    /// Tokens that it remembers.
    #[must_use]
    pub fn seen(&self) -> &[u32] {
        &self.seen
    }

    /// Forgets all but the first so many tokens.
    pub fn keep(&mut self, tokens: usize) {
        self.seen.truncate(tokens);
    }

    /// Reads these tokens, after those that it remembers. They are within the vocabulary and have room. `go_on` is asked before
    /// each layer; when it fails, what was read until then is remembered, and nothing of the part that was cut off.
    ///
    /// # Errors
    /// That of `go_on`.
    pub fn read<E>(&mut self, tokens: &[u32], mut go_on: impl FnMut() -> Result<(), E>) -> Result<(), E> {
        for tokens in tokens.chunks(TOGETHER) {
            self.step(tokens, &mut go_on)?;
        }
        Ok(())
    }

    fn step<E>(&mut self, tokens: &[u32], go_on: &mut impl FnMut() -> Result<(), E>) -> Result<(), E> {
        let Self { config, level, room, past, rope, .. } = self;
        let (width, inner, first) = (config.width, config.inner, self.seen.len());
        let kv = config.attention.heads_kv * config.attention.head;
        room.make(tokens.len(), width, kv, inner);
        for (token, x) in tokens.iter().zip(room.x.chunks_exact_mut(width)) {
            self.embeddings.row(*token as usize, x);
        }
        for (layer, past) in self.layers.iter().zip(past) {
            go_on()?;
            normed(&room.x, &layer.norm, config.epsilon, &mut room.normed);
            room.eight.set(&room.normed, width);
            let times = |matrix: &Matrix, by: &Activations, out: &mut [f32]| matrix.times(by, out, *level, |_| true);
            times(&layer.queries, &room.eight, &mut room.queries);
            times(&layer.keys, &room.eight, &mut room.keys);
            times(&layer.values, &room.eight, &mut room.values);
            for i in 0..tokens.len() {
                let (queries, keys) = (&mut room.queries[i * width..][..width], &mut room.keys[i * kv..][..kv]);
                rope.turn(queries, first + i);
                rope.turn(keys, first + i);
                past.keep(first + i, keys, &room.values[i * kv..][..kv]);
                past.attend(queries, first + i, &mut room.scores, &mut room.mixed[i * width..][..width]);
            }
            room.eight.set(&room.mixed, width);
            times(&layer.out, &room.eight, &mut room.normed);
            add(&mut room.x, &room.normed);
            normed(&room.x, &layer.norm_inner, config.epsilon, &mut room.normed);
            room.eight.set(&room.normed, width);
            times(&layer.gate, &room.eight, &mut room.gate);
            times(&layer.up, &room.eight, &mut room.up);
            gated(&mut room.gate, &room.up);
            room.eight.set(&room.gate, inner);
            times(&layer.down, &room.eight, &mut room.normed);
            add(&mut room.x, &room.normed);
        }
        self.seen.extend(tokens);
        Ok(())
    }

    /// Scores of the token after the last one that was read. Of sixteen tokens in a row, of which `wanted` wants none, the scores are
    /// left as they are: where a grammar allows few tokens, that saves a fifth of the work.
    pub fn scores(&mut self, out: &mut Vec<f32>, wanted: impl Fn(std::ops::Range<usize>) -> bool) {
        let width = self.config.width;
        out.resize(self.config.vocabulary, f32::NEG_INFINITY);
        let Some(last) = self.room.x.len().checked_sub(width) else { return };
        let mut last_normed = vec![0.0; width];
        normed(&self.room.x[last..], &self.norm, self.config.epsilon, &mut last_normed);
        self.room.eight.set(&last_normed, width);
        let matrix = self.output.as_ref().unwrap_or(&self.embeddings);
        matrix.times(&self.room.eight, out, self.level, |tile| wanted(tile * ROWS..(tile + 1) * ROWS));
    }
}

impl Room {
    fn make(&mut self, tokens: usize, width: usize, kv: usize, inner: usize) {
        for wide in [&mut self.x, &mut self.normed, &mut self.queries, &mut self.mixed] {
            wide.resize(tokens * width, 0.0);
        }
        self.keys.resize(tokens * kv, 0.0);
        self.values.resize(tokens * kv, 0.0);
        self.gate.resize(tokens * inner, 0.0);
        self.up.resize(tokens * inner, 0.0);
    }
}

/// A vector of weights, which are always 32-bit floats.
fn vector<S: Source>(gguf: &Gguf<S>, name: &str, length: usize) -> Result<Vec<f32>, LocalError> {
    let tensor = gguf.tensor(name, &[length as u64])?;
    if tensor.kind != Kind::F32 {
        return Err(gguf.wrong(&format!("kind of {name}"), format!("{:?}", tensor.kind), "F32"));
    }
    let mut bytes = vec![0; length * 4];
    gguf.read(tensor.at, &mut bytes)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
}
