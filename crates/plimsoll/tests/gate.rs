//! The gate as a person types it, and on a real installation: proposed, proved, approved, on trial, taken back; and a daemon
//! that is killed in between.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod common;

use common::load::RunningLoad;
use common::{Installation, eventually};
use serde_json::{Value, json};
use std::process::{Command, Output};

fn analyst(args: &[&str]) -> Output {
    Command::new(common::PLIMSOLL).arg("analyst").args(args).output().unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A history of a service that has six times the replicas it needs, and its spec.
fn files(directory: &std::path::Path) -> (String, String) {
    let wave = |step: usize| 300.0 + 60.0 * (step as f64 / 9.0).sin() + (step * 7 % 11) as f64;
    let sample =
        |step| json!({ "rate_per_s": wave(step), "cpu_cores": wave(step) / 100.0, "ready": 24.0, "measured": 24.0 });
    let samples: Vec<Value> = (0..200).map(sample).collect();
    let history = json!({ "service": "web", "step_ms": 60_000, "samples": samples,
        "configured": { "replicas_min": 24, "replicas_max": 60, "request_cpu_cores": 1.0 } });
    let spec = "name = \"s\"\n[services.web]\ncommand = [\"true\"]\nrequests = { cpu = \"1\", memory = \"64MiB\" }\n\
                replicas = { min = 24, max = 60 }\nstartup = \"2m\"\nhealth = { startup_max = \"5m\" }\nscaling = { cpu = \"60%\", step = { up = 100, down = 100 } }\n";
    let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
    std::fs::write(path("history.json"), history.to_string()).unwrap();
    std::fs::write(path("spec.toml"), spec).unwrap();
    (path("history.json"), path("spec.toml"))
}

fn proposal(to: u32) -> Value {
    json!({ "service": "web", "cause": "over-provisioned", "evidence": ["C1"], "confidence": 1.0,
        "changes": [{ "field": "replicas_min", "from": 24, "to": to }], "expires_ms": 4_000_000_000_000_i64, "advice": "",
        "claim": { "figure": "C1 median", "now": 0.15, "then": 0.6, "risk": "" },
        "rollback": { "figure": "T1 p99 ms", "above": 500.0, "for_s": 60.0 } })
}

#[test]
fn a_verdict_is_a_table_json_and_an_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let (history, spec) = files(directory.path());
    let path = directory.path().join("p.json");
    let prove = |more: &[&str]| {
        let path = path.to_string_lossy().into_owned();
        analyst(&[&["prove", &path, "--history", &history, "--spec", &spec], more].concat())
    };
    std::fs::write(&path, proposal(3).to_string()).unwrap();
    let good = prove(&[]);
    let said = words(&good.stdout);
    assert_eq!(good.status.code(), Some(0), "{said}{}", words(&good.stderr));
    for part in ["ACCEPTED", "price over the incumbent's", "rare bursts 1", "nodes lost", "needed", "seed "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json = |output: Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let once = json(prove(&["--output", "json"]));
    assert_eq!((&once["accepted"], once["refusals"].as_array().unwrap().len()), (&json!(true), 0));
    assert_eq!(once, json(prove(&["--output", "json"])), "the same to the last byte");
    let schema: Value =
        serde_json::from_slice(&Command::new(common::PLIMSOLL).args(["schema", "verdict"]).output().unwrap().stdout)
            .unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&schema["properties"]), keys(&once), "the schema names what is written");
    assert_eq!(keys(&schema["properties"]["proof"]["properties"]), keys(&once["proof"]));

    let mut bad = proposal(3);
    bad["changes"] = json!([{ "field": "replicas_max", "to": 5 }, { "field": "replicas_min", "to": 1 }]);
    std::fs::write(&path, bad.to_string()).unwrap();
    let refused = prove(&[]);
    let said = words(&refused.stdout);
    assert_eq!(refused.status.code(), Some(3), "{said}{}", words(&refused.stderr));
    assert!(said.contains("REFUSED") && said.contains("stress: in "), "{said}");
    std::fs::write(&path, "{\"colour\": 1}").unwrap();
    let unreadable = prove(&[]);
    assert_eq!(unreadable.status.code(), Some(1));
    assert!(words(&unreadable.stderr).contains("plimsoll schema proposal"), "{}", words(&unreadable.stderr));
}

#[test]
fn without_a_proposal_what_the_rules_propose_is_proved() {
    let directory = tempfile::tempdir().unwrap();
    let (history, spec) = files(directory.path());
    let output = analyst(&["prove", "--history", &history, "--spec", &spec]);
    let said = words(&output.stdout);
    assert!(said.contains("over-provisioned") && said.contains("proposes replicas.min from 24"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
}

/// Six replicas at least where one would do. Ten seconds of trace time are one of ours.
const SPEC: &str = r#"
name = "NAME"
tick = "1s"
clock = { speed = 10 }
analyst = { every = "20s" }
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
[[gateway.routes]]
path = "/"
service = "web"
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}", "--latency-ms", "20"]
replicas = { min = 6, max = 8 }
requests = { cpu = "200m", memory = "16MiB" }
health = { path = "/healthz", interval = "200ms" }
startup = "200ms"
grace = "1s"
analyst = { mode = "advise", trial = "1h", burn = "3s", failed_max = "5%" }
[services.web.balance]
in_flight_max = 2
queue_max = 2
[services.web.scaling]
request_rate = "200/s"
stabilization = { down = "5s" }
"#;

fn proposals(installation: &Installation) -> Vec<Value> {
    let found = installation.get("/v1/proposals").unwrap_or_default();
    found["proposals"].as_array().cloned().unwrap_or_default()
}

fn state(installation: &Installation, id: &str) -> String {
    let found = installation.get(&format!("/v1/proposals/{id}")).unwrap_or_default();
    found["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_bad_policy_gets_a_proposal_that_is_proved_approved_watched_and_taken_back() {
    let mut installation = Installation::start(&SPEC.replace("NAME", "gate"));
    installation.wait_ready("web", 6);
    let load = RunningLoad::constant(&installation.gateway(), 30.0, 600.0, 0.0);
    let waiting = eventually("a proposal that the gate accepted", || {
        let is_it = |it: &Value| it["state"] == "waiting" && it["about"].as_str().unwrap().contains("replicas.min");
        proposals(&installation).into_iter().find(is_it)
    });
    let id = waiting["id"].as_str().unwrap().to_owned();
    let shown = installation.stdout(&["analyst", "proposals", &id]);
    assert!(shown.contains("waiting") && shown.contains("price over the incumbent's"), "{shown}");
    assert!(installation.stdout(&["analyst", "proposals"]).contains(&id));

    // Nothing of it is lost with the daemon.
    installation.kill_daemon();
    installation.up();
    assert_eq!(state(&installation, &id), "waiting");

    let said = installation.stdout(&["analyst", "approve", &id, "--by", "ann"]);
    assert!(said.contains(&id) && said.contains("let by ann"), "{said}");
    assert_eq!(state(&installation, &id), "on-trial");
    let why = installation.stdout(&["explain", "web"]);
    assert!(why.contains(&format!("proposal {id}")) && why.contains("let by ann"), "{why}");
    eventually("fewer replicas than the spec's own minimum", || {
        (installation.service("web")["target"].as_u64()? < 6).then_some(())
    });

    installation.kill_daemon();
    installation.up();
    assert_eq!(state(&installation, &id), "on-trial");
    assert!(installation.stdout(&["explain", "web"]).contains(&format!("proposal {id}")));

    // Far more than the replicas that are left can take: requests are shed, and the policy of the spec comes back.
    let flood = RunningLoad::constant(&installation.gateway(), 900.0, 600.0, 0.0);
    eventually("the proposal to be taken back", || (state(&installation, &id) == "rolled-back").then_some(()));
    let _ = (flood.stop(), load.stop());
    eventually("the spec's own minimum", || (installation.service("web")["target"].as_u64()? >= 6).then_some(()));
    let shown = installation.stdout(&["analyst", "proposals", &id]);
    assert!(shown.contains("is taken back: since"), "{shown}");
    let refused = installation.run(&["analyst", "approve", &id]);
    assert!(words(&refused.stderr).contains("rolled-back"), "{}", words(&refused.stderr));
    let refused = installation.run(&["analyst", "reject", &id, "--by", "ann"]);
    assert!(words(&refused.stderr).contains("rolled-back"), "{}", words(&refused.stderr));
    let replayed = installation.stdout(&["replay"]);
    assert!(replayed.contains(" 0 different"), "{replayed}");
}
