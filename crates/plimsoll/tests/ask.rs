//! `plimsoll ask` as a person types it: about a history, and about a running installation whose memory does not reach back so far.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::Installation;
use common::analyst::{in_time, spec};
use common::load::RunningLoad;
use serde_json::Value;
use std::process::{Command, Output};

fn ask(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).arg("ask").args(args).output().unwrap()
}

fn told(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_change_is_explained_with_its_reason_and_what_was_measured() {
    let text = told(&ask(&["why did web scale?", "--scenario", "12", "--facts"]));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "At 2026-01-05 02:04:30 web went from 8 to 10 replicas [D33].");
    assert!(lines[1].starts_with("The controller's reason: \"10 replicas: CPU at 71.1% of the request"), "{text}");
    assert!(text.contains("\nD33 target changed: from=8 to=10\n"), "{text}");
    let json: Value =
        serde_json::from_str(&told(&ask(&["why did web scale?", "--scenario", "12", "--output", "json"]))).unwrap();
    assert_eq!(json["question"]["kind"], "why");
    assert_eq!(json["sentences"][0]["cites"][0], "D33");
    assert_eq!(json["facts"][0]["figures"][1]["value"], 10.0);
}

#[test]
fn what_limits_it_and_what_would_be_better_come_from_the_diagnosis() {
    // The first scenario of the seen half with a cause that a change of policy helps.
    let found = (0..200_u32).find_map(|number| {
        let number = number.to_string();
        let better = told(&ask(&["what would be better?", "--scenario", &number]));
        better.contains("Proposed: ").then(|| (told(&ask(&["what limits web?", "--scenario", &number])), better))
    });
    let (limits, better) = found.unwrap();
    assert!(limits.contains("confidence") && limits.contains("[X1]"), "{limits}");
    assert!(better.contains("which the twin has still to prove"), "{better}");
}

#[test]
fn another_load_is_run_in_the_twin_beside_the_recorded_one() {
    let text = told(&ask(&["what if traffic doubles?", "--scenario", "12"]));
    let number = |line: &str| -> Vec<f64> { line.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
    let line = |with: &str| text.lines().find(|line| line.contains(with)).unwrap_or_else(|| panic!("{with}: {text}"));
    let needed = number(line("would need at most"));
    assert!(needed[0] > 1.5 * needed[1] && needed[1] > 0.0, "{text}");
    let hours = number(line("would pay for"));
    assert!(hours[0] > hours[1], "{text}");
    let same = told(&ask(&["what if we get 1 times the load?", "--scenario", "12"]));
    let same = number(same.lines().find(|line| line.contains("would pay for")).unwrap());
    assert_eq!(same[0], same[1]);
    let directory = tempfile::tempdir().unwrap();
    let history = directory.path().join("history.json");
    let scenario = Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(["analyst", "scenario", "12"]).output().unwrap();
    std::fs::write(&history, scenario.stdout).unwrap();
    let without = ask(&["what if traffic doubles?", history.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&without.stderr).contains("--spec FILE"));
}

#[test]
fn what_is_not_understood_or_never_happened_is_an_error_that_says_what_can_be_asked() {
    let output = ask(&["sing a song", "--scenario", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("not understood") && text.contains("what if Friday brings three times the load?"), "{text}");
    let never = ask(&["why did web scale to 4000?", "--scenario", "12"]);
    assert!(String::from_utf8_lossy(&never.stderr).contains("was never taken to 4000"));
}

/// The first sentence without the ids of its facts, which count from where a history begins.
fn said(text: &str) -> &str {
    text.lines().next().unwrap().split(" [").next().unwrap()
}

#[test]
fn what_is_no_longer_at_hand_is_answered_from_the_journal_by_the_daemon_that_saw_it_and_by_the_next() {
    let text = |mode: &str| spec("past", mode, "samples = 72");
    let mut installation = Installation::start(&text("advise"));
    installation.wait_ready("web", 6);
    let load = RunningLoad::constant(&installation.gateway(), 20.0, 600.0, 0.0);
    let samples = || installation.get("/v1/services/web/record").map(|it| it["samples"].as_array().unwrap().len());
    in_time("samples", || (samples()? >= 30).then_some(()));
    installation.stdout(&["scale", "web", "7", "--for", "1h", "--by", "ann"]);
    let is_at_hand = || {
        let record = installation.get("/v1/services/web/record").unwrap_or_default();
        record["decisions"].as_array().is_some_and(|all| all.iter().any(|it| it["to"] == 7))
    };
    in_time("the change", || is_at_hand().then_some(()));
    let question = ["ask", "why did web scale to 7?"];
    let at_hand = installation.stdout(&question);
    assert!(said(&at_hand).ends_with("web went from 6 to 7 replicas"), "{at_hand}");

    in_time("the change is behind the newest samples", || (!is_at_hand()).then_some(()));
    let read_back = installation.stdout(&question);
    assert_eq!(said(&read_back), said(&at_hand));
    let typed = installation.stdout(&[&question[..], &["--output", "json"]].concat());
    let typed: Value = serde_json::from_str(&typed).unwrap();
    let cited = &typed["sentences"][0]["cites"][0];
    let fact = typed["facts"].as_array().unwrap().iter().find(|fact| fact["id"] == *cited).unwrap();
    assert_eq!((&fact["figures"][0]["value"], &fact["figures"][1]["value"]), (&6.0.into(), &7.0.into()), "{fact}");
    let never = installation.run(&["ask", "why did web scale to 4000?"]);
    assert!(String::from_utf8_lossy(&never.stderr).contains("was never taken to 4000"));

    // One that looks at nothing and was not there has the journal alone.
    let _ = load.stop();
    installation.kill_daemon();
    installation.write_spec(&text("off"));
    installation.up();
    assert_eq!(installation.get("/v1/services/web/record"), None);
    assert_eq!(said(&installation.stdout(&question)), said(&at_hand));
}
