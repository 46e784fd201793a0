//! `plimsoll forget` on a real installation: what is about the service is gone from every file, and the rest is as it was.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, eventually, get};
use plimsoll_journal::{Kind, Reader, Record, Start};
use serde_json::Value;
use std::path::Path;

/// Two services, each with its own history, logs and orders.
const BOTH: &str = r#"
name = "forget"
tick = "1s"
[api]
listen = "127.0.0.1:0"
[gateway]
listen = "127.0.0.1:PORT"
workers = 1
[[gateway.routes]]
path = "/other"
service = "zebrafish"
[[gateway.routes]]
path = "/"
service = "web"
[users.shop-team]
workloads = ["web"]
[services.web]
command = ["plimsoll", "testbed", "serve", "--port", "{port}"]
replicas = { min = 2, max = 3 }
requests = { cpu = "20m", memory = "16MiB" }
health = { path = "/healthz", interval = "200ms" }
startup = "500ms"
grace = "1s"
[services.zebrafish]
command = ["plimsoll", "testbed", "serve", "--port", "{port}"]
replicas = { min = 1, max = 3 }
requests = { cpu = "20m", memory = "16MiB" }
health = { path = "/healthz", interval = "200ms" }
startup = "500ms"
grace = "1s"
"#;

/// Without it.
fn alone() -> String {
    let (before, rest) = BOTH.split_once("[[gateway.routes]]\npath = \"/other\"").unwrap();
    let (_, rest) = rest.split_once("service = \"zebrafish\"\n").unwrap();
    let (rest, _) = rest.split_once("[services.zebrafish]").unwrap();
    format!("{before}{rest}")
}

/// Files below a directory in which the bytes stand, and records of its journal in which they do.
fn places(dir: &Path, word: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_in_name = path.file_name().unwrap().to_string_lossy().contains(std::str::from_utf8(word).unwrap());
            let about = std::fs::symlink_metadata(&path).unwrap();
            let is_inside = about.is_file() && std::fs::read(&path).unwrap().windows(word.len()).any(|it| it == word);
            if is_in_name || is_inside {
                found.push(path.display().to_string());
            }
            if about.is_dir() {
                folders.push(path);
            }
        }
    }
    // Long payloads are compressed in the file.
    let named = records(dir).into_iter().filter(|record| record.payload.windows(word.len()).any(|it| it == word));
    found.extend(named.map(|record| format!("record {} ({})", record.seq, record.kind)));
    found
}

fn records(state_dir: &Path) -> Vec<Record> {
    Reader::open(state_dir.join("journal"), Start::Oldest).unwrap().map(Result::unwrap).collect()
}

/// What the decisions of a journal say about `web`, step by step, and the state at its end.
fn of_web(records: &[Record]) -> Vec<Value> {
    let decisions = records.iter().filter(|record| record.kind == Kind::DECISION);
    decisions
        .map(|record| {
            let decision: Value = serde_json::from_slice(&record.payload).unwrap();
            let actions = decision["actions"].as_array().unwrap().iter().filter(|it| it.to_string().contains("web/"));
            serde_json::json!([decision["step"], decision["rationale"]["services"]["web"], actions.collect::<Vec<_>>()])
        })
        .collect()
}

fn usage_of_web(installation: &Installation) -> Value {
    let bill: Value =
        serde_json::from_str(&installation.stdout(&["usage", "--by", "service", "--output", "json"])).unwrap();
    bill["rows"].as_array().unwrap().iter().find(|row| row["name"] == "web").unwrap().clone()
}

fn said(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments);
    assert!(!output.status.success(), "{arguments:?} should be refused: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An installation in which `zebrafish` has lived, and is no longer in the spec; nothing of it runs.
fn with_a_past() -> Installation {
    let mut installation = Installation::start(BOTH);
    installation.wait_ready("web", 2);
    installation.wait_ready("zebrafish", 1);
    for _ in 0..20 {
        get(&format!("{}/other", installation.gateway()));
        get(&installation.gateway());
    }
    installation.stdout(&["scale", "zebrafish", "2", "--for", "10m", "--by", "zebrafish team"]);
    installation.stdout(&["pause", "web", "--for", "10m"]);
    installation.wait_ready("zebrafish", 2);
    assert!(said(&installation, &["forget", "zebrafish", "--yes"]).contains("a daemon runs"), "while it runs");
    installation.write_spec(&alone());
    installation.stdout(&["reload"]);
    eventually("its end", || installation.service("zebrafish").is_null().then_some(()));
    let steps = installation.state()["steps"].as_u64().unwrap();
    eventually("two more steps", || (installation.state()["steps"].as_u64()? > steps + 2).then_some(()));
    installation.terminate();
    installation
}

#[test]
fn a_forgotten_service_leaves_no_byte_and_everything_else_is_as_it_was() {
    let mut installation = with_a_past();
    let dir = installation.state_dir();
    let before = records(&dir);
    let (usage, replayed) = (usage_of_web(&installation), installation.stdout(&["replay"]));
    assert!(replayed.contains(", 0 different"), "{replayed}");
    assert!(places(&dir, b"zebrafish").len() > 5, "there is something to forget");
    let audit = installation.stdout(&["audit"]);
    assert!(audit.contains("/v1/services/zebrafish/wheel") && audit.contains("/v1/services/web/wheel"), "{audit}");

    assert!(said(&installation, &["forget", "web", "--yes"]).contains("in the policy in force"), "while it is wanted");
    assert!(said(&installation, &["forget", "zebrafish"]).contains("--yes"), "nobody can be asked");
    let shown = installation.stdout(&["forget", "zebrafish", "--dry-run"]);
    assert!(shown.contains("which would be erased") && shown.contains("series"), "{shown}");
    assert_eq!(records(&dir), before, "a dry run changes nothing");

    let done = installation.stdout(&["forget", "zebrafish", "--yes"]);
    assert!(done.contains("erased"), "{done}");
    assert_eq!(places(&dir, b"zebrafish"), Vec::<String>::new());

    let after = records(&dir);
    assert_eq!(after.len(), before.len() + 2, "a note and a snapshot");
    for (old, new) in before.iter().zip(&after) {
        assert_eq!((old.seq, old.kind, old.at), (new.seq, new.kind, new.at));
        match new.forgotten {
            None => assert_eq!(old.payload, new.payload),
            Some(digest) => assert_eq!(digest, sha256(&old.payload), "record {}", old.seq),
        }
    }
    assert_eq!(of_web(&after), of_web(&before));
    assert_eq!(usage_of_web(&installation), usage);
    let replayed = installation.stdout(&["replay"]);
    assert!(replayed.contains(", 0 different") && replayed.contains("had something forgotten"), "{replayed}");
    let audit = installation.stdout(&["audit"]);
    assert!(!audit.contains("zebrafish") && audit.contains("/v1/services/web/wheel"), "{audit}");
    assert!(installation.stdout(&["forget", "zebrafish", "--yes"]).contains("nothing is kept"));

    // The daemon goes on where it was: the order for the other service stands, and so does the count of steps.
    let last: Value = of_web(&before).pop().unwrap();
    installation.up();
    installation.wait_ready("web", 2);
    let view = installation.service("web");
    assert!(view["order"].as_str().unwrap().contains("no more and no fewer"), "{view}");
    assert!(installation.state()["steps"].as_u64().unwrap() >= last[0].as_u64().unwrap());
    let steps = installation.state()["steps"].as_u64().unwrap();
    eventually("two more steps", || (installation.state()["steps"].as_u64()? > steps + 2).then_some(()));
    installation.terminate();
    let replayed = installation.stdout(&["replay"]);
    assert!(replayed.contains(", 0 different"), "what came after is proved again: {replayed}");
    assert_eq!(places(&dir, b"zebrafish"), Vec::<String>::new());
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    let text = plimsoll_daemon::audit::sha256(bytes);
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    }
    digest
}

/// An hour of samples, a thousand hours an hour, and logs of a service that is long gone.
#[test]
fn what_retention_drops_is_told_here_and_over_the_api() {
    let bounds = "[clock]\nspeed = 3600\n[history]\nraw = \"1h\"\n[retention]\nended_logs = \"1h\"\n[api]";
    let mut installation =
        Installation::prepare(&alone().replace("[api]", bounds).replace("tick = \"1s\"", "tick = \"6m\""), &[]);
    let logs = installation.state_dir().join("driver/logs/long-gone/7");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("out.log"), "last words").unwrap();
    let two_hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7_200);
    std::fs::File::open(logs.join("out.log")).unwrap().set_modified(two_hours_ago).unwrap();
    installation.up();
    let about = |kind: &str| {
        let audit: Value = serde_json::from_str(&installation.stdout(&["audit", "--output", "json"])).unwrap();
        audit["notes"].as_array().unwrap().iter().find(|note| note["what"] == kind).cloned()
    };
    let samples = eventually("a note on samples", || about("samples"));
    assert!(samples["too_old_bytes"].as_u64().unwrap() > 0, "{samples}");
    assert_eq!(samples["raw_max_ms"], 3_600_000);
    let ended = eventually("a note on logs", || about("ended_logs"));
    assert_eq!((ended["workloads"].as_u64(), ended["age_max_ms"].as_u64()), (Some(1), Some(3_600_000)));
    assert!(!logs.exists(), "the logs are gone");

    let api: Value =
        serde_json::from_slice(&std::fs::read(installation.state_dir().join("daemon.json")).unwrap()).unwrap();
    let server = format!("http://{}", api["api"].as_str().unwrap());
    let token = installation.state_dir().join("token").display().to_string();
    for from in [&["audit"][..], &["audit", "--server", &server, "--token-file", &token]] {
        let told = installation.stdout(from);
        assert!(told.contains("the daemon: dropped logs of 1 replicas and runs that ended, older than 1h"), "{told}");
        assert!(told.contains("of samples and summaries older than 1h"), "{told}");
    }
    let of_one = installation.stdout(&["audit", "--service", "web", "--output", "json"]);
    let of_one: Value = serde_json::from_str(&of_one).unwrap();
    assert_eq!(of_one["notes"].as_array().map(Vec::len), Some(0), "no note is about one service");
}
