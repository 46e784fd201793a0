//! A small model of the Llama family with random weights, written as a GGUF file.

#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "each test file uses a part of it, and one that cannot be set up fails"
)]

use plimsoll_local_llm::gguf::Kind;
use std::sync::OnceLock;

const WIDTH: u64 = 64;
const INNER: u64 = 128;
const LAYERS: u64 = 2;
/// Half of the heads of queries.
const KV: u64 = WIDTH / 2;
const TEMPLATE: &str = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'}}";

/// The bytes of a field's kind and value.
#[derive(Clone)]
pub struct Written(Vec<u8>);

pub fn whole(number: u32) -> Written {
    Written([4_u32.to_le_bytes(), number.to_le_bytes()].concat())
}

pub fn real(number: f32) -> Written {
    Written([6_u32.to_le_bytes(), number.to_le_bytes()].concat())
}

pub fn text(text: &str) -> Written {
    Written([&8_u32.to_le_bytes()[..], &string(text)].concat())
}

fn texts(all: &[String]) -> Written {
    let mut bytes = [&9_u32.to_le_bytes()[..], &8_u32.to_le_bytes(), &(all.len() as u64).to_le_bytes()].concat();
    all.iter().for_each(|text| bytes.extend(string(text)));
    Written(bytes)
}

fn wholes(all: &[i32]) -> Written {
    let mut bytes = [&9_u32.to_le_bytes()[..], &5_u32.to_le_bytes(), &(all.len() as u64).to_le_bytes()].concat();
    all.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    Written(bytes)
}

fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A file in parts.
#[derive(Clone, Default)]
pub struct Gguf {
    fields: Vec<(String, Written)>,
    tensors: Vec<(String, Vec<u64>, u32, Vec<u8>)>,
}

impl Gguf {
    /// With this field in place of one of its name.
    pub fn with(mut self, field: &str, value: Written) -> Self {
        self = self.without(field);
        self.fields.push((field.to_owned(), value));
        self
    }

    pub fn without(mut self, field: &str) -> Self {
        self.fields.retain(|(name, _)| name != field);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.fields.len() as u64).to_le_bytes());
        for (name, value) in &self.fields {
            out.extend(string(name));
            out.extend(&value.0);
        }
        let mut at = 0;
        for (name, shape, kind, bytes) in &self.tensors {
            out.extend(string(name));
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|length| out.extend(length.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend((at as u64).to_le_bytes());
            at += bytes.len().next_multiple_of(32);
        }
        for (_, _, _, bytes) in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(bytes);
        }
        out
    }
}

/// A generator of numbers that look random.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Whole blocks of a kind, with a scale of about 0.01.
    fn blocks(&mut self, kind: Kind, values: u64) -> Vec<u8> {
        let (per_block, size) = kind.block();
        let scale = 0x2000_u16.to_le_bytes();
        let blocks = values as usize / per_block;
        if kind == Kind::F32 {
            let value = |noise: u64| (noise % 2_000) as f32 / 10_000.0 - 0.1;
            return (0..blocks).flat_map(|_| value(self.next()).to_le_bytes()).collect();
        }
        let mut out = Vec::new();
        for _ in 0..blocks {
            out.extend(scale);
            // An offset, where there is one, that keeps the mean near 0: eight scales below it.
            if kind == Kind::Q4One {
                out.extend(0xac00_u16.to_le_bytes());
            }
            let left = size - out.len() % size;
            out.extend((0..left).map(|_| self.next() as u8));
        }
        out
    }
}

const fn number(kind: Kind) -> u32 {
    match kind {
        Kind::F32 => 0,
        Kind::Q4Zero => 2,
        Kind::Q4One => 3,
        Kind::Q5Zero => 6,
        _ => 8,
    }
}

/// Characters as GPT-2 writes the bytes from a blank on, and a few merges.
fn vocabulary() -> (Vec<String>, Vec<i32>, Vec<String>) {
    let mut tokens: Vec<String> = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"].map(str::to_owned).into();
    tokens.push("\u{120}".to_owned());
    tokens.push("\u{10a}".to_owned());
    tokens.extend(('!'..='~').map(String::from));
    let merges = ["t h", "th e", "\u{120} the", "i n", "\u{120} w", "{ \"", "\" :", "\u{120} {"];
    tokens.extend(merges.map(|merge| merge.replace(' ', "")));
    let kinds = (0..tokens.len()).map(|i| if i < 3 { 3 } else { 1 }).collect();
    (tokens, kinds, merges.map(str::to_owned).into())
}

/// A model whose matrices are stored like this.
pub fn model(kind: Kind) -> Gguf {
    let (tokens, kinds, merges) = vocabulary();
    let count = tokens.len() as u64;
    let mut file = Gguf::default();
    for (field, value) in [
        ("general.architecture", text("llama")),
        ("general.name", text("made")),
        ("llama.block_count", whole(LAYERS as u32)),
        ("llama.context_length", whole(512)),
        ("llama.embedding_length", whole(WIDTH as u32)),
        ("llama.feed_forward_length", whole(INNER as u32)),
        ("llama.attention.head_count", whole(4)),
        ("llama.attention.head_count_kv", whole(2)),
        ("llama.rope.freq_base", real(10_000.0)),
        ("llama.attention.layer_norm_rms_epsilon", real(1e-5)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("smollm")),
        ("tokenizer.ggml.tokens", texts(&tokens)),
        ("tokenizer.ggml.token_type", wholes(&kinds)),
        ("tokenizer.ggml.merges", texts(&merges)),
        ("tokenizer.ggml.eos_token_id", whole(2)),
        ("tokenizer.chat_template", text(TEMPLATE)),
    ] {
        file.fields.push((field.to_owned(), value));
    }
    let mut noise = Noise(7);
    let mut matrix = |name: String, rows: u64, columns: u64| {
        (name, vec![columns, rows], number(kind), noise.blocks(kind, rows * columns))
    };
    let ones = |name: String| (name, vec![WIDTH], 0, 1.0_f32.to_le_bytes().repeat(WIDTH as usize));
    file.tensors.push(matrix("token_embd.weight".to_owned(), count, WIDTH));
    file.tensors.push(ones("output_norm.weight".to_owned()));
    for layer in 0..LAYERS {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        file.tensors.extend(["attn_norm", "ffn_norm"].map(|part| ones(name(part))));
        for (part, rows, columns) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", KV, WIDTH),
            ("attn_v", KV, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", INNER, WIDTH),
            ("ffn_up", INNER, WIDTH),
            ("ffn_down", WIDTH, INNER),
        ] {
            file.tensors.push(matrix(name(part), rows, columns));
        }
    }
    file
}

/// The bytes of one, made once.
pub fn cached() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| model(Kind::Q4One).bytes())
}
