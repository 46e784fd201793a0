//! An upgrade: this program opens what the previous release left after a crash, and goes on where it stopped.
//!
//! `upgrade/session7-base.tar.gz` was recorded with the program of commit bfe7717 (daemon, controller, journal and model as of 3f6cdf1, version 0.1.0) on
//! 2026-11-22 by
//!
//! ```sh
//! env -i PATH=/usr/bin:/bin HOME=/tmp crates/plimsoll/tests/upgrade/record.sh PLIMSOLL crates/plimsoll/tests/upgrade/session7-base.tar.gz
//! ```
//!
//! It holds a spec and a journal: a load that scaled `web` out, an announced event, an operator's order that stands until it is
//! taken back, a job, a reload, and then a crash.

#![allow(clippy::unwrap_used, reason = "a step that does not succeed fails its test")]

mod common;

use common::{Installation, eventually};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The recorded state in a directory of its own; nothing runs yet.
fn recorded() -> Installation {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade/session7-base.tar.gz");
    let installation = Installation::prepare("", &[]);
    let unpacked =
        Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(installation.dir.path()).status().unwrap();
    assert!(unpacked.success());
    let spec = std::fs::read_to_string(installation.spec_path()).unwrap();
    let spec: String = spec
        .lines()
        .map(|line| {
            if line.starts_with("listen = \"127.0.0.1:") && !line.contains(":0\"") {
                "listen = \"127.0.0.1:PORT\"\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    installation.write_spec(&spec);
    installation
}

fn ordinals(service: &Value) -> Vec<u64> {
    let id = |replica: &Value| replica["id"].as_str().unwrap().rsplit_once('/').unwrap().1.parse().unwrap();
    service["replicas"].as_array().unwrap().iter().map(id).collect()
}

#[test]
fn the_journal_of_the_previous_release_can_be_read_and_explained() {
    let installation = recorded();
    let replayed: Value = serde_json::from_slice(&installation.run(&["replay", "--output", "json"]).stdout).unwrap();
    assert!(replayed["compared"].as_u64().unwrap() > 20, "every record is read: {replayed}");
    let told = installation.stdout(&["explain", "web"]);
    assert!(told.contains("ordered: 3 replicas by order of alice until it is taken back"), "{told}");
    let changes = installation.stdout(&["explain", "web", "--changes"]);
    assert!(changes.contains("20/s wanted per replica"), "{changes}");
}

#[test]
fn the_daemon_goes_on_where_the_previous_release_stopped() {
    let mut installation = recorded();
    let before: Value = serde_json::from_str(&installation.stdout(&["explain", "web", "--output", "json"])).unwrap();
    installation.up();
    let service = installation.wait_ready("web", 3);
    assert!(service["order"].as_str().unwrap().contains("by order of alice"), "the operator's order stands: {service}");
    // Replicas 1 to 3 were the crashed ones; a number is never given out twice.
    assert!(ordinals(&service).iter().all(|ordinal| *ordinal > 3), "{service}");
    assert!(installation.state()["steps"].as_u64().unwrap() > before["step"].as_u64().unwrap(), "steps are counted on");
    let events = installation.stdout(&["event"]);
    assert!(events.contains("release") && events.contains("ci"), "{events}");
    installation.stdout(&["resume", "web", "--by", "bob"]);
    eventually("the policies decide again", || installation.service("web")["order"].is_null().then_some(()));
    let replayed: Value = serde_json::from_slice(&installation.run(&["replay", "--output", "json"]).stdout).unwrap();
    assert!(replayed["compared"].as_u64() > before["step"].as_u64(), "old and new records are one journal: {replayed}");
}
