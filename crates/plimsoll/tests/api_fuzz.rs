//! Every route of the OpenAPI document against a real daemon, with requests that a fuzzer makes from the document's schemas:
//! no server error, and every answer is one that the document promises.
//!
//! The fuzzer is schemathesis. It is found on the path, in `target/schemathesis` (where `.ci/run` installs it) or where
//! `PLIMSOLL_SCHEMATHESIS` says.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, follower};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn program() -> Option<PathBuf> {
    let named = std::env::var_os("PLIMSOLL_SCHEMATHESIS").map(PathBuf::from);
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/schemathesis/bin/schemathesis");
    let all = named.into_iter().chain([installed, PathBuf::from("schemathesis")]);
    all.into_iter()
        .find(|path| Command::new(path).arg("--version").output().is_ok_and(|output| output.status.success()))
}

#[test]
fn no_request_that_a_fuzzer_makes_up_is_a_server_error() {
    let Some(program) = program() else {
        assert!(std::env::var_os("PLIMSOLL_REQUIRE_ALL").is_none(), "schemathesis is missing");
        println!("did not run: no_request_that_a_fuzzer_makes_up_is_a_server_error: needs schemathesis");
        return;
    };
    let mut installation = Installation::start(&follower("fuzz", 1));
    installation.wait_ready("web", 1);
    let file: Value =
        serde_json::from_slice(&std::fs::read(installation.state_dir().join("daemon.json")).unwrap()).unwrap();
    let url = format!("http://{}", file["api"].as_str().unwrap());
    let token = std::fs::read_to_string(installation.state_dir().join("token")).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api_fuzz");
    let output = Command::new(program)
        .current_dir(&installation.dir)
        .arg("--config-file")
        .arg(folder.join("schemathesis.toml"))
        .args(["run", &format!("{url}/v1/openapi.json"), "--url", &url, "--no-color"])
        .env("PLIMSOLL_FUZZ_TOKEN", token.trim())
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let tail: Vec<&str> = said.lines().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
    assert!(output.status.success(), "{}\n{}", tail.join("\n"), String::from_utf8_lossy(&output.stderr));
    // Whoever adds a route has it fuzzed: all but the stream of events are selected and tested.
    let document = installation.get("/v1/openapi.json").unwrap();
    let is_verb = |key: &&String| matches!(key.as_str(), "get" | "post" | "put" | "delete" | "patch" | "head");
    let of_path = |path: &Value| path.as_object().unwrap().keys().filter(is_verb).count();
    let verbs = document["paths"].as_object().unwrap().values().map(of_path).sum::<usize>();
    let operations = said.lines().find_map(|line| line.trim().strip_prefix("Operations:")).unwrap_or_default();
    let selected: usize = operations.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0);
    // The stream is left out, and the fuzzer may leave out one more.
    assert!(selected + 2 >= verbs, "{selected} of {verbs} operations: {}", tail.join("\n"));
    let count = said.lines().find(|line| line.contains(" generated, ")).unwrap_or_default();
    println!("fuzzed: {selected} of {verbs} operations, {}", count.trim());
    // The daemon is the same one, and it still works.
    assert_eq!(installation.state()["name"], "fuzz");
    assert!(installation.terminate().success(), "{}", installation.log());
}
