//! `plimsoll analyst` as a person types it: evidence, diagnoses and the score, with no model and no network.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
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
