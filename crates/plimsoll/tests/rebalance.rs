//! `plimsoll rebalance` as a person types it: files in, tables, JSON, an assignment, a plan and errors out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// Two machines, the first far above its safety capacity; three processes of three services; moving costs little.
const MODEL: &str =
    "1\n0 10\n2\n0 0 100 40 0 1\n0 1 100 40 1 0\n3\n1 0\n1 0\n1 0\n3\n0 30 1\n1 30 1\n2 30 1\n0\n1 1 1\n";

fn run(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plimsoll")).current_dir(directory).arg("rebalance").args(args).output().unwrap()
}

fn written(model: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("model_small.txt"), model).unwrap();
    std::fs::write(directory.path().join("assignment_small.txt"), "0 0 0\n").unwrap();
    directory
}

const QUICK: [&str; 5] = ["model_small.txt", "--cpu-seconds", "0.05", "--threads", "2"];

#[test]
fn every_cost_term_is_shown_before_and_after() {
    let directory = written(MODEL);
    let output = run(directory.path(), &[QUICK.as_slice(), &["--reference", "210", "--moves", "5"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let row = |title: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(title)).unwrap_or_else(|| panic!("{text}"));
        line[title.len()..].split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // 90 on one machine is 50 above safety; 60 and 30 leave 20 above it; one process, service and distance moved.
    assert_eq!(row("load of resource 0"), ["500", "200", "-300"]);
    assert_eq!(row("process moves"), ["0", "1", "1"]);
    assert_eq!(row("service moves"), ["0", "1", "1"]);
    assert_eq!(row("machine moves"), ["0", "1", "1"]);
    assert_eq!(row("total"), ["500", "203", "-297"]);
    assert!(text.contains("score 102.4138 % of the gain of 210 (--reference)"), "{text}");
    assert!(text.contains("plan: 1 moves, 500 to 203; every state between keeps every constraint"), "{text}");
}

#[test]
fn what_is_saved_can_be_gone_on_from_and_the_plan_leads_there() {
    let directory = written(MODEL);
    let saving = ["--save", "best.txt", "--plan", "plan.csv", "--output", "json"];
    let output = run(directory.path(), &[QUICK.as_slice(), &saving].concat());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["cost_before"]["total"], 500);
    assert_eq!(said["cost_after"]["total"], 203);
    assert_eq!(said["moved"], 1);
    assert_eq!(said["reference"], Value::Null);
    let saved = std::fs::read_to_string(directory.path().join("best.txt")).unwrap();
    assert_eq!(saved.split_whitespace().filter(|machine| *machine == "1").count(), 1, "{saved}");
    let plan = std::fs::read_to_string(directory.path().join("plan.csv")).unwrap();
    let rows: Vec<&str> = plan.lines().collect();
    assert_eq!(rows.len(), 2, "{plan}");
    assert!(rows[1].ends_with(",0,1,300,3,203,0"), "{plan}");

    let output = run(directory.path(), &[QUICK.as_slice(), &["--best", "best.txt", "--output", "json"]].concat());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["cost_after"]["total"], 203);
}

#[test]
fn what_is_wrong_is_said_with_file_line_and_field() {
    let wrong = |model: &str, args: &[&str]| {
        let directory = written(model);
        let output = run(directory.path(), args);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        wrong(&MODEL.replacen("0 0 100", "0 0 many", 1), &QUICK),
        "error: model_small.txt, line 4, number 7, the capacity of machine 0 in resource 0: \"many\" is not a whole number \
         from 0 to 18446744073709551615\n"
    );
    assert_eq!(
        wrong(&MODEL.replacen("0 0 100", "0 0 80", 1), &QUICK),
        "error: the present assignment cannot be improved before it is feasible: machine 0 would use 90 of resource 0 and \
         has 80\n"
    );
    assert!(wrong(MODEL, &["nowhere"]).contains("nowhere is neither a file nor an instance of the data set"));
}
