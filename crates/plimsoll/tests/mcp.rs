//! `plimsoll mcp` as another agent meets it: one JSON message a line, in and out.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

struct Agent {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    next: u64,
}

impl Agent {
    fn start(directory: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .arg("mcp")
            .args(args)
            .current_dir(directory)
            .env("XDG_STATE_HOME", directory)
            .env_remove("PLIMSOLL_STATE_DIR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut agent = Self { child, to, from, next: 0 };
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
        });
        let answer = agent.ask("initialize", &hello);
        assert_eq!(answer["result"]["serverInfo"]["name"], "plimsoll", "{answer}");
        assert!(answer["result"]["instructions"].as_str().unwrap().contains("All tools only read"));
        agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        agent
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.to, "{message}").unwrap();
        self.to.flush().unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let mut line = String::new();
            assert!(self.from.read_line(&mut line).unwrap() > 0, "the server ended at {method}");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == id {
                return answer;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// The text of an answer that is none of an error.
    fn told(&mut self, tool: &str, arguments: &Value) -> String {
        let answer = self.call(tool, arguments);
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// What an answer says that refuses.
    fn refused(&mut self, tool: &str, arguments: &Value) -> String {
        let answer = self.call(tool, arguments);
        let of_tool = &answer["result"]["content"][0]["text"];
        assert!(answer["error"].is_object() || answer["result"]["isError"] == true, "{answer}");
        answer["error"]["message"].as_str().or(of_tool.as_str()).unwrap().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_tool_only_reads_and_says_what_it_takes() {
    let directory = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(directory.path(), &[]);
    let listed = agent.ask("tools/list", &json!({}));
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "status",
            "explain",
            "decisions",
            "ask",
            "evidence",
            "diagnose",
            "findings",
            "proposals",
            "decide",
            "check",
            "policies"
        ]
    );
    for tool in tools {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
        assert!(tool["description"].as_str().unwrap().len() > 20);
    }
}

#[test]
fn questions_evidence_and_diagnoses_are_answered_with_their_facts() {
    let directory = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(directory.path(), &[]);
    let answer: Value =
        serde_json::from_str(&agent.told("ask", &json!({"question": "why did web scale?", "scenario": 12}))).unwrap();
    assert_eq!(answer["sentences"][0]["text"], "At 2026-01-05 02:04:30 web went from 8 to 10 replicas [D33].");
    let evidence: Value =
        serde_json::from_str(&agent.told("evidence", &json!({"scenario": 12, "tokens": 256}))).unwrap();
    assert!(evidence["tokens"].as_u64().unwrap() <= 256);
    let diagnosis: Value = serde_json::from_str(&agent.told("diagnose", &json!({"scenario": 12}))).unwrap();
    assert!(diagnosis["diagnosis"]["verdict"].is_string());
    assert!(agent.told("policies", &json!({})).contains("best-fit"));
}

#[test]
fn what_could_do_harm_is_refused_and_the_server_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(directory.path().join("secret.toml"), "password = 1").unwrap();
    std::fs::write(files.join("spec.toml"), "name = 7").unwrap();
    std::os::unix::fs::symlink(directory.path().join("secret.toml"), files.join("link.toml")).unwrap();
    let mut without = Agent::start(directory.path(), &[]);
    assert!(without.refused("check", &json!({"spec": "files/spec.toml"})).contains("reads no files"));
    let mut agent = Agent::start(directory.path(), &["--files", "files"]);
    for path in ["../secret.toml", "link.toml", "/etc/passwd", "none.toml", "."] {
        let told = agent.refused("check", &json!({"spec": path}));
        assert!(told.contains("is no file below the directory of --files"), "{path}: {told}");
        assert!(!told.contains("password"), "{told}");
    }
    assert!(agent.told("check", &json!({"spec": "spec.toml"})).contains("name"));
    // What looks like a flag is a question, and none that is understood.
    let flag = agent.refused("ask", &json!({"question": "--help", "scenario": 12}));
    assert!(flag.contains("not understood"), "{flag}");
    assert!(agent.refused("ask", &json!({"question": "why?", "scenario": "12; rm -rf /"})).contains("whole number"));
    assert!(agent.refused("ask", &json!({"question": "why?", "output": "x"})).contains("there is no field \"output\""));
    assert!(agent.refused("ask", &json!({"scenario": 12})).contains("question is missing"));
    assert!(agent.refused("ask", &json!({"question": "why ".repeat(1_000)})).contains("at most 1000"));
    assert!(agent.refused("scale", &json!({"service": "web"})).contains("there is no tool \"scale\""));
    assert!(agent.refused("status", &json!({})).contains("nothing was ever started"));
    assert!(agent.told("policies", &json!({})).contains("best-fit"));
}
