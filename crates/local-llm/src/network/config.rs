//! The sizes of a network, read from a file's fields and bounded.

use super::attention::{Memory, Shape};
use super::rope::Rope;
use crate::LocalError;
use crate::gguf::{Gguf, Source, Value};
use crate::matrix::{BLOCK, Matrix};

/// Sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Layers.
    pub layers: usize,
    /// Values of a token between layers.
    pub width: usize,
    /// Values within a layer's second half.
    pub inner: usize,
    /// Heads.
    pub attention: Shape,
    /// Tokens that there are.
    pub vocabulary: usize,
    /// Tokens that the model was trained to look back.
    pub context: usize,
    /// Base of the rotary positions.
    pub rope_base: f64,
    /// Added below the root of a norm.
    pub epsilon: f32,
    /// The output has weights of its own; else the embeddings are used again.
    pub has_output: bool,
}

impl Config {
    /// Reads it.
    ///
    /// # Errors
    /// [`LocalError::Field`] for what is missing, out of bounds, or of an architecture that is not implemented.
    pub fn of<S: Source>(gguf: &Gguf<S>) -> Result<Self, LocalError> {
        let architecture = gguf.text("general.architecture")?;
        if architecture != "llama" {
            return Err(gguf.wrong("general.architecture", format!("{architecture:?}"), "\"llama\""));
        }
        let whole = |field: &str, most| gguf.whole(&format!("llama.{field}"), 1, most).map(|number| number as usize);
        let layers = whole("block_count", 256)?;
        let width = multiple(gguf, "llama.embedding_length", 16_384, BLOCK)?;
        let inner = multiple(gguf, "llama.feed_forward_length", 65_536, BLOCK)?;
        let (heads, heads_kv) = (whole("attention.head_count", 256)?, whole("attention.head_count_kv", 256)?);
        if !heads.is_multiple_of(heads_kv) {
            let allowed = format!("a divisor of the {heads} heads of queries");
            return Err(gguf.wrong("llama.attention.head_count_kv", heads_kv, allowed));
        }
        let head = width / heads;
        if !width.is_multiple_of(heads) || !head.is_multiple_of(16) || !(16..=256).contains(&head) {
            let allowed = "such that a head has 16 to 256 values, a multiple of 16";
            return Err(gguf.wrong("llama.attention.head_count", format!("{heads} of {width} values"), allowed));
        }
        if !(heads_kv * head).is_multiple_of(BLOCK) {
            return Err(gguf.wrong(
                "llama.attention.head_count_kv",
                heads_kv,
                format!("such that keys have a multiple of {BLOCK} values"),
            ));
        }
        turns(gguf, head)?;
        Ok(Self {
            layers,
            width,
            inner,
            attention: Shape { heads, heads_kv, head },
            vocabulary: gguf.texts("tokenizer.ggml.tokens")?.len(),
            context: whole("context_length", 1 << 20)?,
            rope_base: gguf
                .optional("llama.rope.freq_base")
                .map_or(Ok(10_000.0), |_| gguf.real("llama.rope.freq_base", 1.0, 1e9))?,
            epsilon: gguf.real("llama.attention.layer_norm_rms_epsilon", 1e-12, 1e-2)? as f32,
            has_output: gguf.header.tensors.contains_key("output.weight"),
        })
    }

    /// Bytes that weights, past tokens and the table of positions take for this context.
    #[must_use]
    pub fn bytes(&self, context: usize) -> u64 {
        let (width, inner) = (self.width as u64, self.inner as u64);
        let kv = (self.attention.heads_kv * self.attention.head) as u64;
        let layer =
            [(width, width), (kv, width), (kv, width), (width, width), (inner, width), (inner, width), (width, inner)];
        let layer: u64 = layer.iter().map(|(rows, columns)| Matrix::bytes(*rows, *columns)).sum();
        let ends = Matrix::bytes(self.vocabulary as u64, width) * (1 + u64::from(self.has_output));
        let past = Memory::bytes(self.attention, context);
        let turns = Rope::bytes(context as u64, self.attention.head as u64);
        (layer + past) * self.layers as u64 + ends + turns
    }
}

/// Positions are turned as they are here, and no other way.
fn turns<S: Source>(gguf: &Gguf<S>, head: usize) -> Result<(), LocalError> {
    if let Some(Value::Text(scaling)) = gguf.optional("llama.rope.scaling.type")
        && scaling != "none"
    {
        return Err(gguf.wrong("llama.rope.scaling.type", format!("{scaling:?}"), "\"none\" or missing"));
    }
    if gguf.header.tensors.contains_key("rope_freqs.weight") {
        return Err(gguf.wrong(
            "rope_freqs.weight",
            "there",
            "missing: positions with factors of their own are not implemented",
        ));
    }
    if gguf.optional("llama.rope.dimension_count").is_some() {
        gguf.whole("llama.rope.dimension_count", head as u64, head as u64)?;
    }
    Ok(())
}

fn multiple<S: Source>(gguf: &Gguf<S>, field: &str, most: u64, of: usize) -> Result<usize, LocalError> {
    let number = gguf.whole(field, of as u64, most)? as usize;
    if number.is_multiple_of(of) {
        Ok(number)
    } else {
        Err(gguf.wrong(field, number, format!("a multiple of {of}, at most {most}")))
    }
}
