//! `plimsoll analyst` as a person types it: evidence, diagnoses and the score, with no model and no network.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Command, Output};

fn analyst(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).arg("analyst").args(args).output().unwrap()
}

fn text(args: &[&str]) -> String {
    let output = analyst(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(args: &[&str]) -> String {
    let output = analyst(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_leak_is_named_with_its_evidence_and_a_proposal() {
    let said = text(&["diagnose", "--scenario", "123"]);
    for part in
        ["leak (confidence", "M5 memory growth with age: growth", "proposes limits.memory from", "taken back when"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json: Value = serde_json::from_str(&text(&["diagnose", "--scenario", "123", "--output", "json"])).unwrap();
    assert_eq!(json["diagnosis"]["hypotheses"][0]["cause"], "leak");
    assert_eq!(json["proposals"][0]["evidence"], json["diagnosis"]["hypotheses"][0]["evidence"]);
    assert!(text(&["diagnose", "--scenario", "0"]).contains("no fault"));
}

#[test]
fn a_history_from_a_file_says_what_it_said_before_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("a.json"), text(&["scenario", "123"])).unwrap();
    std::fs::write(path("a.csv"), text(&["scenario", "123", "--format", "csv"])).unwrap();
    let direct = text(&["diagnose", "--scenario", "123"]);
    assert_eq!(text(&["diagnose", &path("a.json")]), direct);
    // A CSV file knows no limits; that memory grows with age is in its figures.
    let by_csv = text(&["diagnose", &path("a.csv"), "--service", "web"]);
    assert!(by_csv.contains("leak (confidence"), "{by_csv}");
    let spec = "name = \"s\"\n[services.web]\ncommand = [\"true\"]\nrequests = { cpu = \"1\", memory = \"64MiB\" }\nreplicas = { min = 1, max = 4 }\nscaling = { cpu = \"60%\" }\n";
    std::fs::write(path("spec.toml"), spec).unwrap();
    assert!(text(&["evidence", &path("a.csv"), "--spec", &path("spec.toml")]).contains("P1 replica bounds: min="));
}

#[test]
fn evidence_shows_what_would_be_sent_and_no_more_than_may_be() {
    let all = text(&["evidence", "--scenario", "245", "--pseudonyms"]);
    assert!(all.starts_with("Facts about name-a,") && all.contains("-- name-a is web; that stays here"), "{all}");
    let small = text(&["evidence", "--scenario", "245", "--tokens", "256", "--show", "figures"]);
    assert!(small.starts_with("Facts about service,") && small.contains("no room for"), "{small}");
    assert!(!small.contains("web"), "{small}");
    assert_eq!(
        text(&["evidence", "--scenario", "245", "--show", "nothing"]),
        "nothing may be shown, so nothing would be sent\n"
    );
    let json: Value = serde_json::from_str(&text(&["evidence", "--scenario", "245", "--output", "json"])).unwrap();
    assert!(json["tokens"].as_u64().unwrap() <= 2_000 && json["facts"][0]["id"] == "P1");
}

#[test]
fn the_score_is_a_table_with_intervals_and_the_same_on_any_number_of_threads() {
    let args = ["eval", "--limit", "36", "--quiet", "--output", "json", "--threads"];
    let one = text(&[&args[..], &["1"]].concat());
    assert_eq!(one, text(&[&args[..], &["3"]].concat()));
    let json: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((json["scenarios"].as_u64(), json["parts"][0]["score"]["right"]["of"].as_u64()), (Some(36), Some(13)));
    let table = text(&["eval", "--limit", "10", "--quiet", "--misses"]);
    for part in ["surest is true", "false alarms", "noisy-neighbour", "untrue of those named", "intervals (Wilson)"] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

#[test]
fn rungs_that_are_asked_for_add_to_what_the_rules_say() {
    let plain = text(&["diagnose", "--scenario", "123"]);
    let with = text(&["diagnose", "--scenario", "123", "--with", "classifier"]);
    assert!(with.starts_with(&plain), "{with}");
    assert!(with.contains("- rules: leak") && with.contains("- classifier (trees "), "{with}");
    let json: Value =
        serde_json::from_str(&text(&["diagnose", "--scenario", "123", "--with", "classifier", "--output", "json"]))
            .unwrap();
    assert_eq!(json["ladder"]["findings"][0]["named_by"][0]["rung"], "rules");
    let directory = tempfile::tempdir().unwrap();
    let memory = directory.path().join("memory.json").to_string_lossy().into_owned();
    for number in ["122", "124"] {
        let said = text(&[
            "remember",
            "--scenario",
            number,
            "--memory",
            &memory,
            "--id",
            number,
            "--cause",
            "leak",
            "--outcome",
            "helped",
        ]);
        assert!(said.contains(&format!("remembers {number}")), "{said}");
    }
    let few = text(&["diagnose", "--scenario", "123", "--with", "retrieval", "--memory", &memory]);
    assert!(few.contains("- retrieval (2 incidents): abstains; fewer than 10"), "{few}");
    assert!(
        refused(&["remember", "--scenario", "1", "--memory", &memory, "--id", "a", "--cause", "gremlins"])
            .contains("must be one of seasonal")
    );
    assert!(refused(&["diagnose", "--scenario", "1", "--with", "retrieval"]).contains("--memory FILE"));
    assert!(refused(&["diagnose", "--scenario", "1", "--with", "model"]).contains("--endpoint URL"));
}

/// Answers every request with this body, until the test ends.
fn endpoint(body: &'static str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut seen, mut part) = (Vec::new(), [0; 4_096]);
            loop {
                let read = stream.read(&mut part).unwrap();
                seen.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&seen).to_lowercase();
                let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if rest.len() >= length || read == 0 {
                    break;
                }
            }
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    url
}

#[test]
fn a_model_is_listed_tested_and_asked_and_one_that_is_not_there_changes_nothing() {
    let listed = endpoint(r#"{"data":[{"id":"small"}]}"#);
    assert_eq!(text(&["models", "--endpoint", &listed]), "small\n");
    let good = endpoint(
        r#"{"choices":[{"message":{"content":"{\"abstain\":false,\"hypotheses\":[{\"cause\":\"step\",\"confidence\":\"sure\",\"evidence\":[\"L1\"],\"proposal\":null}],\"rationale\":\"so it is\"}"}}]}"#,
    );
    let ran = text(&["test", "--endpoint", &good, "--questions", "2", "--quiet"]);
    assert!(ran.contains("2 of 2 answers hold, 0 of them after a repair; held to the schema by json_schema"), "{ran}");
    let asked = text(&["diagnose", "--scenario", "123", "--with", "model", "--endpoint", &good]);
    assert!(
        asked.contains("- model (default): step; so it is") && asked.contains("step (by model 0.90; not by rules)"),
        "{asked}"
    );
    let plain = text(&["diagnose", "--scenario", "123"]);
    let gone = text(&["diagnose", "--scenario", "123", "--with", "model", "--endpoint", "http://127.0.0.1:1/v1"]);
    assert!(
        gone.starts_with(&plain) && gone.contains("- model (default): no answer that holds; cannot connect to"),
        "{gone}"
    );
    let babble = endpoint(r#"{"choices":[{"message":{"content":"I think so"}}]}"#);
    assert_eq!(analyst(&["test", "--endpoint", &babble, "--questions", "1", "--quiet"]).status.code(), Some(3));
    assert!(refused(&["models", "--endpoint", "ftp://x"]).contains("--endpoint ftp://x"));
    let local = refused(&["models", "--endpoint", "local:/nowhere/x.gguf"]);
    let expected =
        if cfg!(feature = "local-llm") { "/nowhere/x.gguf cannot be read" } else { "--release --features local-llm" };
    assert!(local.contains("/nowhere/x.gguf") && local.contains(expected), "{local}");
    let key = refused(&["models", "--endpoint", "http://192.0.2.1/v1", "--key-env", "PATH"]);
    assert!(key.contains("the key would be readable on the way"), "{key}");
}

#[test]
fn the_score_has_a_row_for_every_rung() {
    let table = text(&["eval", "--limit", "72", "--quiet"]);
    for part in ["named by", "retrieval", "rules, classifier, retrieval", "what two of the three name", "say nothing"] {
        assert!(table.contains(part), "{part}: {table}");
    }
}

#[test]
fn mistakes_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    assert!(refused(&["diagnose", "--scenario", "720"]).contains("there is no scenario 720; they go from 0 to 719"));
    assert!(refused(&["diagnose", "nowhere.json"]).contains("nowhere.json"));
    std::fs::write(path("bad.json"), r#"{"service":"a","step_ms":1,"samples":[{"colour":1}]}"#).unwrap();
    let said = refused(&["diagnose", &path("bad.json")]);
    assert!(said.contains("colour") && said.contains("line 1") && said.contains("plimsoll schema history"), "{said}");
    std::fs::write(path("bad.csv"), "time_ms,rate_per_s\n0,1\n60000,x\n").unwrap();
    assert!(refused(&["diagnose", &path("bad.csv")]).contains("line 3, column rate_per_s: \"x\" is not a number"));
}

#[test]
fn the_schema_of_a_history_is_json_schema() {
    let output = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(["schema", "history"]).output().unwrap();
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["title"], "Plimsoll history");
    assert!(schema["properties"]["samples"]["items"]["properties"]["memory_oldest_mib"].is_object());
}
