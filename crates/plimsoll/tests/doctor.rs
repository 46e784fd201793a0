//! `plimsoll doctor`: what it says is what was tried, and what stops `up` ends with exit code 1.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::PLIMSOLL;
use serde_json::Value;
use std::net::TcpListener;
use std::process::{Command, Output};

fn doctor(arguments: &[&str], state: &std::path::Path) -> Output {
    Command::new(PLIMSOLL).arg("doctor").args(arguments).arg("--state-dir").arg(state).output().unwrap()
}

fn checks(output: &Output) -> Vec<Value> {
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all["checks"].as_array().unwrap().clone()
}

fn one<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no check {name}: {checks:?}"))
}

fn spec(directory: &std::path::Path, port: u16, require: &str) -> String {
    let path = directory.join("spec.toml");
    let text = format!(
        "name = \"d\"\n[gateway]\nlisten = \"127.0.0.1:{port}\"\n[[gateway.routes]]\npath = \"/\"\nservice = \"web\"\n\
         [api]\nlisten = \"127.0.0.1:0\"\n[services.web]\ncommand = [\"x\", \"{{port}}\"]\nreplicas = 1\n\
         requests = {{ cpu = \"20m\", memory = \"16MiB\" }}\nlimits = {{ cpu = \"500m\" }}\n\
         sandbox = {{ syscalls = true, filesystem = true, require = [{require}] }}\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn everything_is_tried_and_told_with_its_evidence_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let output = doctor(&["--output", "json"], &state);
    let checks = checks(&output);
    for check in &checks {
        assert!(!check["evidence"].as_str().unwrap().is_empty(), "{check}");
        if !["ok"].contains(&check["status"].as_str().unwrap()) {
            assert!(!check["meaning"].as_str().unwrap().is_empty(), "{check}");
        }
    }
    for name in [
        "kernel",
        "control groups",
        "Landlock",
        "seccomp",
        "user namespace",
        "network namespace",
        "process namespace",
        "file descriptors",
        "clock",
        "state directory",
        "KVM",
        "NVIDIA driver",
    ] {
        one(&checks, name);
    }
    let seccomp = one(&checks, "seccomp");
    if seccomp["status"] == "ok" {
        assert!(seccomp["evidence"].as_str().unwrap().contains("keyctl then answered: Operation not permitted"));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "what was written was removed");
    let problems = checks.iter().filter(|check| check["status"] == "problem").count();
    assert_eq!(output.status.code(), Some(i32::from(problems > 0)), "{checks:?}");
    let text = doctor(&[], &state);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("CHECK") && text.contains("Landlock"), "{text}");
}

#[test]
fn a_port_that_is_taken_stops_up_and_the_remedy_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let spec = spec(directory.path(), port, "");
    let output = doctor(&[&spec, "--output", "json"], &directory.path().join("state"));
    assert_eq!(output.status.code(), Some(1));
    let found = checks(&output);
    let check = one(&found, "gateway port");
    assert_eq!(check["status"], "problem");
    assert!(check["remedy"].as_str().unwrap().contains(&format!(":{port}")), "{check}");
    assert_eq!(one(&found, "API port")["status"], "ok");
}

#[test]
fn a_state_directory_that_cannot_be_written_stops_up() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let long = directory.path().join("x".repeat(120));
    let output = doctor(&["--output", "json"], &long);
    let found = checks(&output);
    let check = one(&found, "state directory");
    assert_eq!((check["status"].as_str(), output.status.code()), (Some("problem"), Some(1)));
    assert!(check["meaning"].as_str().unwrap().contains("socket"), "{check}");
}

#[test]
fn what_a_spec_requires_and_this_machine_lacks_is_a_problem() {
    let directory = tempfile::tempdir().unwrap();
    let spec = spec(directory.path(), common::free_port(), "\"syscalls\", \"filesystem\", \"cpu\"");
    let output = doctor(&[&spec, "--output", "json"], &directory.path().join("state"));
    let found = checks(&output);
    for (name, demand) in [("seccomp", "syscalls"), ("Landlock", "filesystem"), ("control groups", "cpu")] {
        let check = one(&found, name);
        let holds = check["status"] == "ok" || check["evidence"].as_str().unwrap().contains(&format!("{demand} ("));
        let is_problem = check["status"] == "problem";
        assert!(holds || is_problem, "{check}");
        if is_problem {
            assert!(
                check["meaning"].as_str().unwrap().contains(&format!("service web requires \"{demand}\"")),
                "{check}"
            );
        }
    }
}
